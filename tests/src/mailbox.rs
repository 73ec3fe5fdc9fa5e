//! What the gateway writes to people: where no mail server is configured, files in `outbox/`; on AWS, what the emulator
//! was asked to send.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::{eventually, stack::Services};

/// The outbox of a gateway.
#[derive(Clone, Debug)]
pub struct Mailbox(Source);

#[derive(Clone, Debug)]
enum Source {
    Folder(PathBuf),
    Services(Services),
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
        Self(Source::Folder(data_dir.join("outbox")))
    }

    /// What these services sent.
    pub(crate) fn of_services(services: Services) -> Self {
        Self(Source::Services(services))
    }

    /// Everything that was written to somebody, the oldest first.
    ///
    /// # Panics
    /// When a file is not a notice.
    pub async fn to(&self, address: &str) -> Vec<Letter> {
        let mut letters = match &self.0 {
            Source::Folder(folder) => in_folder(folder),
            Source::Services(services) => sent_by(services).await,
        };
        letters.retain(|letter| letter.to == address);
        letters
    }

    /// The token in the link that was sent to an address to confirm it.
    pub async fn confirmation_token(&self, address: &str) -> String {
        let token = |letter: Letter| {
            let (_, after) = letter.body.split_once("#token=")?;
            after.split_whitespace().next().map(str::to_owned)
        };
        let what = format!("a link to confirm {address}");
        eventually(what, async || self.to(address).await.into_iter().find_map(token)).await
    }

    /// What was written to somebody about a request, once there are so many letters about it.
    pub async fn about(&self, request: &str, address: &str, count: usize) -> Vec<Letter> {
        let what = format!("{count} letters to {address} about {request}");
        let look = async || self.so_far_about(request, address).await;
        eventually(what, async || Some(look().await).filter(|found| found.len() >= count)).await
    }

    /// What was written to somebody about a request so far.
    pub async fn so_far_about(&self, request: &str, address: &str) -> Vec<Letter> {
        self.to(address).await.into_iter().filter(|letter| letter.body.contains(request)).collect()
    }
}

fn in_folder(folder: &Path) -> Vec<Letter> {
    let mut files: Vec<_> = match fs::read_dir(folder) {
        Ok(entries) => entries.map(|entry| entry.expect("an entry").path()).collect(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => panic!("{}: {error}", folder.display()),
    };
    files.retain(|file| file.extension().is_some_and(|extension| extension == "json"));
    // Not by name: the ids of notices are derived, and say nothing about time.
    files.sort_by_key(|file| file.metadata().and_then(|file| file.modified()).ok());
    files.iter().map(|file| read(file)).collect()
}

/// The mails that the emulator's SES was asked to send, and the texts that its SNS was.
async fn sent_by(services: &Services) -> Vec<Letter> {
    let (mails, texts) = (services.inside("ses/messages").await, services.inside("sns/sms-messages").await);
    let field = |of: &Value, name: &str| of[name].as_str().unwrap_or_default().to_owned();
    let mails = each(&mails["messages"]).map(|(_, mail)| Letter {
        channel: "email".to_owned(),
        to: mail["To"][0].as_str().unwrap_or_default().to_owned(),
        subject: field(mail, "Subject"),
        body: field(mail, "BodyText"),
    });
    let texts = each(&texts["sms_messages"]).map(|(number, text)| Letter {
        channel: "sms".to_owned(),
        to: number.clone(),
        subject: String::new(),
        body: field(text, "Message"),
    });
    mails.chain(texts).collect()
}

/// Every item of the lists in an object, with its list's name.
fn each(lists: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let lists = lists.as_object().into_iter().flatten();
    lists.flat_map(|(name, list)| list.as_array().into_iter().flatten().map(move |item| (name, item)))
}

fn read(file: &Path) -> Letter {
    let text = fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let letter: Value = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    let field = |name: &str| letter[name].as_str().unwrap_or_default().to_owned();
    Letter { channel: field("channel"), to: field("to"), subject: field("subject"), body: field("body") }
}
