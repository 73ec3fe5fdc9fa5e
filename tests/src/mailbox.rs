//! What the gateway writes to people where no mail server is configured: files in `outbox/`.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::eventually;

/// The outbox of a gateway.
#[derive(Clone, Debug)]
pub struct Mailbox {
    folder: PathBuf,
}

/// One notice.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Letter {
    /// `email` or `sms`.
    pub channel: String,
    /// Whom it is to.
    pub to: String,
    /// Empty for SMS.
    pub subject: String,
    /// What it says.
    pub body: String,
}

impl Mailbox {
    /// The outbox in a data folder.
    pub(crate) fn of(data_dir: &Path) -> Self {
        Self { folder: data_dir.join("outbox") }
    }

    /// Everything that was written to somebody, the oldest first.
    ///
    /// # Panics
    /// When a file is not a notice.
    #[must_use]
    pub fn to(&self, address: &str) -> Vec<Letter> {
        let mut files: Vec<_> = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            Err(error) => panic!("{}: {error}", self.folder.display()),
        };
        files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
        // Not by name: the ids of notices are derived, and say nothing about time.
        files.sort_by_key(|file| file.metadata().and_then(|file| file.modified()).ok());
        files.iter().map(|file| read(file)).filter(|letter| letter.to == address).collect()
    }

    /// The token in the link that was sent to an address to confirm it.
    pub async fn confirmation_token(&self, address: &str) -> String {
        let token = |letter: Letter| {
            let (_, after) = letter.body.split_once("#token=")?;
            after.split_whitespace().next().map(str::to_owned)
        };
        let what = format!("a link to confirm {address}");
        eventually(what, async || self.to(address).into_iter().find_map(token)).await
    }

    /// What was written to somebody about a request, once there are so many letters about it.
    pub async fn about(&self, request: &str, address: &str, count: usize) -> Vec<Letter> {
        let what = format!("{count} letters to {address} about {request}");
        eventually(what, async || Some(self.so_far_about(request, address)).filter(|found| found.len() >= count)).await
    }

    /// What was written to somebody about a request so far.
    #[must_use]
    pub fn so_far_about(&self, request: &str, address: &str) -> Vec<Letter> {
        self.to(address).into_iter().filter(|letter| letter.body.contains(request)).collect()
    }
}

fn read(file: &Path) -> Letter {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let letter: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let field = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
    Letter { channel: field("channel"), to: field("to"), subject: field("subject"), body: field("body") }
}
