//! The person who asks: registers, confirms their address as anybody would, and reads what the marketplace writes.

use std::{io, path::PathBuf, time::Duration};

use anyhow::Context as _;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use uuid::Uuid;

use super::api::{Api, Credential, text};

/// How often a person looks for the letter with the link.
const LOOKS: u32 = 20;

/// Between two looks.
const LOOK_AGAIN_AFTER: Duration = Duration::from_millis(100);

/// A user of the demo.
pub(super) struct Person {
    /// Where letters go.
    pub(super) email: String,
    /// Made for this run.
    pub(super) password: String,
    /// Signed in.
    pub(super) token: Credential,
    mailbox: Option<PathBuf>,
}

/// An e-mail.
pub(super) struct Letter {
    body: String,
}

impl Person {
    /// Registers and signs in a new user each time, so that a folder with an earlier demo in it is no hindrance.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub(super) async fn register(api: &Api, mailbox: Option<PathBuf>) -> anyhow::Result<Self> {
        let email = format!("ada-{}@example.com", Uuid::now_v7().simple());
        let password = Uuid::now_v7().simple().to_string();
        let nobody = &Credential::Nobody;
        let account = json!({"email": email, "password": password, "name": "Ada"});
        api.post(nobody, "/v1/users", &account).await?.expect(StatusCode::CREATED)?;
        let session = json!({"email": email, "password": password});
        let session = api.post(nobody, "/v1/sessions", &session).await?.expect(StatusCode::OK)?;
        let token = Credential::Bearer(text(&session, "access_token")?.into());
        let person = Self { email, password, token, mailbox };
        if person.has_mailbox() {
            person.confirm(api).await?;
        }
        Ok(person)
    }

    /// Whether letters can be read.
    pub(super) fn has_mailbox(&self) -> bool {
        self.mailbox.is_some()
    }

    /// Opens the link of the first letter: only then is anything else written to this address.
    async fn confirm(&self, api: &Api) -> anyhow::Result<()> {
        for _ in 0..LOOKS {
            if let Some(token) = self.letters().await?.iter().find_map(Letter::token) {
                let reply = api.post(&Credential::Nobody, "/v1/users/confirm", &json!({"token": token})).await?;
                return reply.expect(StatusCode::NO_CONTENT).map(drop);
            }
            tokio::time::sleep(LOOK_AGAIN_AFTER).await;
        }
        anyhow::bail!("no letter with a link came")
    }

    /// Every letter to this person, in the order of their names.
    ///
    /// # Errors
    /// When the mailbox cannot be read.
    pub(super) async fn letters(&self) -> anyhow::Result<Vec<Letter>> {
        let Some(folder) = self.mailbox.clone() else {
            return Ok(Vec::new());
        };
        let address = self.email.clone();
        let read = spawn_blocking(move || letters_to(&address, &folder));
        read.await?.context("the mailbox cannot be read")
    }
}

fn letters_to(address: &str, folder: &PathBuf) -> io::Result<Vec<Letter>> {
    let mut paths: Vec<_> =
        std::fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<io::Result<_>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    paths.sort();
    let mut letters = Vec::new();
    for path in paths {
        let letter: Value = serde_json::from_slice(&std::fs::read(path)?)?;
        if letter["to"] == address {
            letters.push(Letter { body: letter["body"].as_str().unwrap_or_default().to_owned() });
        }
    }
    Ok(letters)
}

impl Letter {
    /// The token of the link that confirms an address; none in any other letter.
    pub(super) fn token(&self) -> Option<&str> {
        let (_, rest) = self.body.split_once("/confirm#token=")?;
        rest.split_whitespace().next()
    }
}
