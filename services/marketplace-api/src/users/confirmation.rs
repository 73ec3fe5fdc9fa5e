//! The link that shows that an address belongs to whoever registered with it.

use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;
use event_schema::id::UserId;
use http_edge::edge::Edge;
use jiff::Timestamp;
use marketplace_core::{
    ports::{Notice, NoticeError, Notices, Recipient},
    user::User,
};
use sha2::{Digest, Sha256};
use tokio::{task, time};

/// How long whoever registers waits for the first try; the others are made behind their back.
const PATIENCE: Duration = Duration::from_secs(2);

/// The waits before further tries. The account is stored already, so a message that is lost with the process is
/// only a nuisance: sign-in works, and nothing is sent to an address that is not confirmed.
const WAITS: [Duration; 4] =
    [Duration::from_secs(1), Duration::from_secs(10), Duration::from_secs(60), Duration::from_secs(600)];

/// A token that goes to an address, and what is kept of it.
pub(super) struct Confirmation {
    /// SHA-256 of the token.
    pub(super) hash: [u8; 32],
    user: UserId,
    notice: Notice,
}

/// What is kept of a token. It has 256 random bits, so a fast hash is safe.
pub(super) fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl Confirmation {
    pub(super) fn new<S>(edge: &Edge<S>, user: &User, public_url: &str, now: Timestamp) -> Self {
        let token = BASE64URL_NOPAD.encode(&edge.randomness.secret());
        let notice = Notice {
            id: edge.randomness.uuid(now),
            to: Recipient::Email(user.email.clone()),
            subject: "Confirm your e-mail address".to_owned(),
            body: text(public_url, &token),
        };
        Self { hash: hash(&token), user: user.id.clone(), notice }
    }

    /// Sends the link. Answers when it has gone out, or after a short while; then it is tried again meanwhile.
    pub(super) async fn send<N: Notices>(self, notices: N) {
        let sending = task::spawn(self.send_until_it_works(notices));
        // The task goes on when this stops waiting for it.
        time::timeout(PATIENCE, sending).await.ok();
    }

    async fn send_until_it_works<N: Notices>(self, notices: N) {
        let mut waits = WAITS.into_iter();
        loop {
            let error = match notices.send(&self.notice).await {
                Ok(()) => return,
                Err(error) => error,
            };
            let wait = waits.next().filter(|_| matches!(error, NoticeError::Retry(_)));
            let again = wait.is_some();
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            tracing::warn!(user.id = %self.user, again, cause, "a confirmation link was not sent");
            match wait {
                Some(wait) => time::sleep(wait).await,
                None => return,
            }
        }
    }
}

/// The token stands behind a `#`, which browsers do not send: it is in no server's log.
fn text(public_url: &str, token: &str) -> String {
    format!(
        "Somebody, probably you, registered at the marketplace with this address.\n\
         \n\
         To confirm that it is yours, open this link:\n\
         {public_url}/confirm#token={token}\n\
         \n\
         Programs can send {{\"token\": \"{token}\"}} to {public_url}/v1/users/confirm instead.\n\
         \n\
         If it was not you, ignore this message; nothing more will be sent to you.\n"
    )
}
