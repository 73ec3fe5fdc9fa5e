//! E-mail through an SMTP server (RFC 5321), over a small pool of connections.

use std::{net::IpAddr, time::Duration};

use lettre::{
    Address, AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor,
    message::{
        Mailbox,
        header::{ContentType, HeaderName, HeaderValue},
    },
    transport::smtp::{
        Error as SmtpError, PoolConfig,
        response::{Category, Code},
    },
};
use marketplace_core::ports::{Notice, NoticeError};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time;
use url::Url;

use super::NoticesFault;

/// How long the server may take over one command.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

/// How long one message may take in all.
const MESSAGE_TIMEOUT: Duration = Duration::from_secs(30);

/// Most connections at the same time.
pub(super) const CONNECTIONS: u32 = 4;

/// Sends e-mail from one address through one server.
pub(super) struct Mailer {
    transport: AsyncSmtpTransport<Tokio1Executor>,
    sender: Mailbox,
}

impl Mailer {
    pub(super) fn new(url: &SecretString) -> Result<Self, NoticesFault> {
        let text = url.expose_secret();
        let transport = AsyncSmtpTransport::<Tokio1Executor>::from_url(text)
            .map_err(NoticesFault::SmtpUrl)?
            .timeout(Some(COMMAND_TIMEOUT))
            .pool_config(PoolConfig::new().max_size(CONNECTIONS))
            .build();
        let sender = Mailbox::new(Some("Marketplace".to_owned()), sender_of(text)?);
        Ok(Self { transport, sender })
    }

    /// Sends a notice. A repeat has the same `Message-ID`, so that mail programs can show one of the two.
    pub(super) async fn send(&self, notice: &Notice, address: &str) -> Result<(), NoticeError> {
        let message = self.message(notice, address)?;
        match time::timeout(MESSAGE_TIMEOUT, self.transport.send(message)).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if is_permanent(&error) => Err(NoticeError::Permanent(Box::new(error))),
            Ok(Err(error)) => Err(NoticeError::Retry(Box::new(error))),
            Err(elapsed) => Err(NoticeError::Retry(Box::new(elapsed))),
        }
    }

    fn message(&self, notice: &Notice, address: &str) -> Result<Message, NoticeError> {
        let to: Address = address.parse().map_err(|error| NoticeError::Permanent(Box::new(error)))?;
        // RFC 3834: asks out-of-office programs not to answer.
        let automatic = HeaderName::new_from_ascii_str("Auto-Submitted");
        Message::builder()
            .from(self.sender.clone())
            .to(to.into())
            .subject(notice.subject.replace(char::is_control, " "))
            .message_id(Some(format!("<{}@{}>", notice.id, self.sender.email.domain())))
            .raw_header(HeaderValue::new(automatic, "auto-generated".to_owned()))
            .header(ContentType::TEXT_PLAIN)
            .body(notice.body.clone())
            .map_err(|error| NoticeError::Permanent(Box::new(error)))
    }
}

/// Whether trying again cannot help. Refusals about us and not about the message (RFC 5321 section 4.2.1: x2x
/// connections, x3x authentication) end when somebody mends the configuration, so those are tried again.
fn is_permanent(error: &SmtpError) -> bool {
    let about_us = |code: Code| matches!(code.category, Category::Connections | Category::Unspecified3);
    error.is_permanent() && error.status().is_some_and(|code| !about_us(code))
}

fn sender_of(url: &str) -> Result<Address, NoticesFault> {
    let url = Url::parse(url).ok();
    let given = url.as_ref().and_then(|url| url.query_pairs().find(|(name, _)| name == "from"));
    match given {
        Some((_, address)) => Ok(address.parse()?),
        None => {
            let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
            // A server that is named by its number is one's own.
            let is_number = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
            Ok(Address::new("marketplace", if is_number { "localhost" } else { host })?)
        }
    }
}
