//! The link that shows that an e-mail address or a phone number belongs to whoever gave it.

use std::time::Duration;

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use data_encoding::{BASE32_NOPAD, BASE64URL_NOPAD};
use event_schema::id::UserId;
use http_edge::{
    body::JsonBody,
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
};
use jiff::Timestamp;
use marketplace_core::{
    confirmation::{PhoneToken, Texting},
    ports::{Notice, NoticeError, Notices, Recipient, Store},
    user::User,
};
use sha2::{Digest, Sha256};
use tokio::{task, time};

use super::{Anyone, rules::Confirm};
use crate::people::People;

/// How long whoever registers waits for the first try; the others are made behind their back.
const PATIENCE: Duration = Duration::from_secs(2);

/// How much of the randomness is in the token of an SMS, in bytes: 128 bits are out of reach of guessing for a day, and
/// with a link of the usual length the text is one message.
const SHORT: usize = 16;

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

pub(crate) fn routes<S: Store, N: Notices>() -> Router<People<S, N>> {
    Router::new().route("/v1/users/confirm", post(confirm::<S, N>))
}

/// Confirming twice is once, with and without an idempotency key.
async fn confirm<S: Store, N: Notices>(
    State(people): State<People<S, N>>,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let Confirm { token } = body.parse()?;
    let (store, now) = (people.edge.store, people.edge.clock.now());
    let ticket = match key.admit(&store, &Anyone, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let stamp = ticket.stamp();
    let work = async move {
        store.confirm_user(hash(token.expose()), now).await?;
        let answer = idempotency::answer(StatusCode::NO_CONTENT, String::new());
        idempotency::keep(&store, stamp, &answer).await?;
        Ok::<_, Problem>(answer)
    };
    Ok(idempotency::response(ticket.hold(work).await??))
}

/// What is kept of a token. It has at least 128 random bits, so a fast hash is safe.
fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token).into()
}

impl Confirmation {
    /// For the e-mail address of a new account, which the hash has still to be stored with.
    pub(super) fn by_email<S, N>(people: &People<S, N>, user: &User, now: Timestamp) -> Self {
        let token = BASE64URL_NOPAD.encode(&people.edge.randomness.secret());
        let notice = Notice {
            id: people.edge.randomness.uuid(now),
            to: Recipient::Email(user.email.clone()),
            subject: "Confirm your e-mail address".to_owned(),
            body: letter(&people.public_url, &token),
        };
        Self { hash: hash(&token), user: user.id.clone(), notice }
    }

    /// For a phone number that somebody says is theirs; the hash is stored already.
    ///
    /// # Errors
    /// 429 when enough were sent lately, or the store's.
    pub(super) async fn by_sms<S: Store, N>(
        people: &People<S, N>,
        user: UserId,
        phone: String,
        now: Timestamp,
    ) -> Result<Self, Problem> {
        // No `-` and no `_`: phones leave those out of a link that ends with them.
        let token = BASE32_NOPAD.encode(&people.edge.randomness.secret()[..SHORT]);
        let hash = hash(&token);
        let kept = PhoneToken { user: user.clone(), phone: phone.clone(), hash, at: now };
        if let Texting::After(wait) = people.edge.store.keep_phone_token(kept).await? {
            return Err(Problem::too_many("this account or this number was texted too often", wait));
        }
        let notice = Notice {
            id: people.edge.randomness.uuid(now),
            to: Recipient::Sms(phone),
            subject: String::new(),
            body: text(&people.public_url, &token),
        };
        Ok(Self { hash, user, notice })
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
fn letter(public_url: &str, token: &str) -> String {
    format!(
        "Somebody, probably you, registered at the marketplace with this address.\n\
         \n\
         To confirm that it is yours, open this link:\n\
         {public_url}/confirm#token={token}\n\
         \n\
         Programs can send {{\"token\": \"{token}\"}} to {public_url}/v1/users/confirm instead.\n\
         It is good for a day.\n\
         \n\
         If it was not you, ignore this message; nothing more will be sent to you.\n"
    )
}

/// At most 160 characters of the GSM alphabet with an address of up to 60.
fn text(public_url: &str, token: &str) -> String {
    format!("Marketplace: confirm your number: {public_url}/confirm#token={token} Not you? Ignore this.")
}
