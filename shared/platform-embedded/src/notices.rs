//! Messages to people from one machine: e-mail by SMTP where that is configured, and files in an outbox otherwise.
//!
//! There is no way to send an SMS from here, so those are always files; on AWS they go through SNS.

mod outbox;
mod smtp;

use std::{io, path::Path, sync::Arc};

use marketplace_core::ports::{Notice, NoticeError, Notices, Recipient};
use secrecy::SecretString;

use self::{outbox::Outbox, smtp::Mailer};

/// Why notices cannot be sent as configured.
#[derive(Debug, thiserror::Error)]
pub enum NoticesFault {
    /// The outbox cannot be made.
    #[error("the outbox cannot be used")]
    Outbox(#[from] io::Error),
    /// The SMTP URL is none that can be used. It is not repeated here, because it may hold a password.
    #[error("not an SMTP URL such as smtps://user:password@mail.example.com")]
    SmtpUrl(#[source] lettre::transport::smtp::Error),
    /// The sender is not an e-mail address.
    #[error("the sender is not an e-mail address")]
    Sender(#[from] lettre::address::AddressError),
}

/// Sends notices. Clones are one and the same.
#[derive(Clone)]
pub struct LocalNotices {
    ways: Arc<Ways>,
}

struct Ways {
    outbox: Outbox,
    mailer: Option<Mailer>,
}

impl LocalNotices {
    /// Makes the folder if need be, and the mailer if there is a URL. Has to be called on a tokio runtime.
    ///
    /// The URL is of the form `smtp[s]://[user:password@]host[:port][?tls=required][&from=address]`: `smtps` is TLS
    /// from the start (port 465), `tls=required` is STARTTLS (587), and plain `smtp` is for a relay on the same
    /// machine (25). The sender is `from`, else `marketplace@<host>`.
    ///
    /// # Errors
    /// A [`NoticesFault`] that says what is wrong with the folder or the URL.
    pub fn open(outbox: &Path, smtp_url: Option<&SecretString>) -> Result<Self, NoticesFault> {
        let outbox = Outbox::open(outbox)?;
        let mailer = smtp_url.map(Mailer::new).transpose()?;
        Ok(Self { ways: Arc::new(Ways { outbox, mailer }) })
    }
}

impl Notices for LocalNotices {
    async fn send(&self, notice: &Notice) -> Result<(), NoticeError> {
        match (&notice.to, &self.ways.mailer) {
            (Recipient::Email(address), Some(mailer)) => mailer.send(notice, address).await,
            (Recipient::Email(_) | Recipient::Sms(_), _) => self.ways.outbox.put(notice).await,
        }
    }
}

#[cfg(test)]
mod tests;
