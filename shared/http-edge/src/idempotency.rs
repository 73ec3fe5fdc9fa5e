//! `Idempotency-Key`: a POST that is sent again is answered again and done once (DESIGN section 4, invariant 3).
//!
//! Only what was done is kept: a refusal changed nothing, so a repeat of it is decided anew.

use axum::{
    extract::FromRequestParts,
    http::{HeaderValue, StatusCode, header::HeaderMap, request::Parts},
    response::{IntoResponse, Response},
};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    causes::Causes,
    ports::{Admission, IdempotencyStore, Remember, StoreError, StoredAnswer},
};
use serde::Serialize;
use sha2::{Digest, Sha256};
use tracing::Instrument;

use crate::{caller::Principal, problem::Problem, reply};

/// The header (`draft-ietf-httpapi-idempotency-key-header`).
const HEADER: &str = "idempotency-key";

/// Most characters of a key.
const MAX_CHARS: usize = 255;

/// How long an answer is kept.
const KEPT: SignedDuration = SignedDuration::from_hours(24);

/// The key that a POST was sent with, if any, and the route that it was sent to.
#[derive(Clone, Debug)]
pub struct IdempotencyKey(Option<OnRoute>);

#[derive(Clone, Debug)]
struct OnRoute {
    key: String,
    path: String,
}

/// Whether a POST goes ahead.
#[derive(Debug)]
pub enum Admitted<G> {
    /// It does; the ticket must live until it is done.
    New(Ticket<G>),
    /// It was done before, and this is the answer.
    Done(Response),
}

/// Leave to do a POST.
#[derive(Debug)]
pub struct Ticket<G>(Option<(Stamp, G)>);

/// What a POST's answer is kept under, if its caller gave a key.
#[derive(Clone, Copy, Debug)]
pub struct Stamp {
    key: [u8; 32],
    fingerprint: [u8; 32],
    expires_at: Timestamp,
}

impl<T: Send + Sync> FromRequestParts<T> for IdempotencyKey {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Problem> {
        let key = key_of(&parts.headers)?;
        Ok(Self(key.map(|key| OnRoute { key, path: parts.uri.path().to_owned() })))
    }
}

fn key_of(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(HEADER).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let visible =
        |text: &&str| (1..=MAX_CHARS).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    let key = value.to_str().ok().filter(visible).filter(|_| values.next().is_none());
    key.map(|key| Some(key.to_owned()))
        .ok_or_else(|| Problem::malformed("`idempotency-key` must be 1 to 255 visible ASCII characters, given once"))
}

impl IdempotencyKey {
    /// Asks whether this caller's POST with this body goes ahead.
    ///
    /// # Errors
    /// 422 when the key was used with another body, 409 when the first POST with it is still running.
    pub async fn admit<S: IdempotencyStore>(
        self,
        store: &S,
        caller: &impl Principal,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Admitted<S::Guard>, Problem> {
        let Some(on_route) = self.0 else {
            return Ok(Admitted::New(Ticket(None)));
        };
        let key = on_route.hash(&caller.principal());
        let fingerprint = Sha256::digest(body).into();
        match store.admit(key, fingerprint, now).await? {
            Admission::Fresh(guard) => {
                let expires_at = now.saturating_add(KEPT).map_err(Problem::internal)?;
                Ok(Admitted::New(Ticket(Some((Stamp { key, fingerprint, expires_at }, guard)))))
            }
            Admission::Repeat(answer) => Ok(Admitted::Done(again(answer))),
            Admission::Mismatch => Err(Problem::unprocessable("this `idempotency-key` was used with another body")),
            Admission::Running => {
                Err(Problem::conflict("the first request with this `idempotency-key` is still running"))
            }
        }
    }
}

impl OnRoute {
    /// Every part with its length before it, so that no two triples run together into the same bytes.
    fn hash(&self, principal: &str) -> [u8; 32] {
        let mut hash = Sha256::new();
        for part in [principal, &self.path, &self.key] {
            hash.update((part.len() as u64).to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }
}

impl<G: Send + 'static> Ticket<G> {
    /// What the answer is to be kept under; none when the caller gave no key.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        self.0.as_ref().map(|(stamp, _)| *stamp)
    }

    /// What makes a single change keep its answer, in the same transaction. The answer must hold no secret.
    #[must_use]
    pub fn remember<R>(&self, answer: impl Fn(&R) -> StoredAnswer + Send + Sync + 'static) -> Option<Remember<R>> {
        self.stamp().map(|stamp| stamp.remember(answer))
    }

    /// Keeps the answer to a POST that made several changes, each of them idempotent.
    ///
    /// # Errors
    /// When the answer could not be kept.
    pub async fn keep<S: IdempotencyStore>(self, store: &S, answer: &StoredAnswer) -> Result<(), StoreError> {
        keep(store, self.stamp(), answer).await
    }

    /// Does the work. If there is a key, the work goes on when the caller hangs up: a caller that tries again
    /// must find it running or done, and never half forgotten.
    ///
    /// # Errors
    /// 500 when the work panicked.
    pub async fn hold<R: Send + 'static>(self, work: impl Future<Output = R> + Send + 'static) -> Result<R, Problem> {
        let Some((_, guard)) = self.0 else {
            return Ok(work.await);
        };
        let held = async move {
            let result = work.await;
            drop(guard);
            result
        };
        tokio::spawn(held.in_current_span()).await.map_err(Problem::internal)
    }
}

impl Stamp {
    fn remember<R>(self, answer: impl Fn(&R) -> StoredAnswer + Send + Sync + 'static) -> Remember<R> {
        Remember { key: self.key, fingerprint: self.fingerprint, expires_at: self.expires_at, answer: Box::new(answer) }
    }
}

/// As [`Ticket::keep`], for work that a ticket [holds](Ticket::hold).
///
/// # Errors
/// When the answer could not be kept.
pub async fn keep<S: IdempotencyStore>(
    store: &S,
    stamp: Option<Stamp>,
    answer: &StoredAnswer,
) -> Result<(), StoreError> {
    let Some(stamp) = stamp else {
        return Ok(());
    };
    let answer = answer.clone();
    store.remember(stamp.remember(move |(): &()| answer.clone())).await
}

/// An answer of this status and with this body, to be kept and to be given.
#[must_use]
pub fn answer(status: StatusCode, body: String) -> StoredAnswer {
    StoredAnswer { status: status.as_u16(), body }
}

/// The same with something as its JSON body.
#[must_use]
pub fn json(status: StatusCode, body: &impl Serialize) -> StoredAnswer {
    match serde_json::to_string(body) {
        Ok(text) => answer(status, text),
        Err(error) => {
            tracing::error!(error = %Causes(&error), "an answer cannot be written as JSON");
            answer(StatusCode::INTERNAL_SERVER_ERROR, String::new())
        }
    }
}

/// The response that says what a stored answer says.
#[must_use]
pub fn response(answer: StoredAnswer) -> Response {
    match StatusCode::from_u16(answer.status) {
        Ok(status) if answer.body.is_empty() => status.into_response(),
        Ok(status) => reply::json_text(status, answer.body),
        Err(error) => Problem::internal(error).into_response(),
    }
}

/// Says of itself that it is a repeat.
fn again(answer: StoredAnswer) -> Response {
    let mut response = response(answer);
    response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    fn on_route(path: &str, key: &str) -> OnRoute {
        OnRoute { key: key.to_owned(), path: path.to_owned() }
    }

    #[test]
    fn a_key_belongs_to_one_caller_on_one_route() {
        let first = on_route("/v1/requests", "k").hash("user a");
        assert_eq!(first, on_route("/v1/requests", "k").hash("user a"));
        for other in [
            on_route("/v1/requests", "k").hash("user b"),
            on_route("/v1/requests/x/cancel", "k").hash("user a"),
            on_route("/v1/requests", "l").hash("user a"),
            on_route("/v1/requestsk", "").hash("user a"),
            on_route("", "k").hash("user a/v1/requests"),
        ] {
            assert_ne!(first, other);
        }
    }

    #[test]
    fn a_key_is_visible_ascii_and_given_once() {
        let with = |values: &[&str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(HEADER, HeaderValue::from_str(value).unwrap());
            }
            key_of(&headers).map_err(|problem| problem.status().as_u16())
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&["\"9b1d\""]), Ok(Some("\"9b1d\"".to_owned())));
        assert_eq!(with(&["x".repeat(255).as_str()]), Ok(Some("x".repeat(255))));
        for refused in [&[""][..], &["a b"], &["x".repeat(256).as_str()], &["a", "a"], &["ä"]] {
            assert_eq!(with(refused), Err(400), "{refused:?}");
        }
    }

    #[test]
    fn a_post_without_a_key_keeps_nothing() {
        assert!(Ticket::<()>(None).stamp().is_none());
    }

    fn ticket<G>(guard: G) -> Ticket<G> {
        let stamp = Stamp { key: [1; 32], fingerprint: [2; 32], expires_at: Timestamp::UNIX_EPOCH };
        Ticket(Some((stamp, guard)))
    }

    #[tokio::test]
    async fn work_with_a_key_goes_on_when_its_caller_hangs_up() {
        let (begin, begun) = tokio::sync::oneshot::channel::<()>();
        let (end, ended) = tokio::sync::oneshot::channel::<()>();
        let claim = std::sync::Arc::new(());
        let mut call = Box::pin(ticket(claim.clone()).hold(async move {
            begun.await.unwrap();
            end.send(()).unwrap();
        }));
        let pending = std::future::poll_fn(|context| std::task::Poll::Ready(call.as_mut().poll(context).is_pending()));
        assert!(pending.await);
        drop(call);
        assert_eq!(std::sync::Arc::strong_count(&claim), 2, "the claim is held while the work goes on");
        begin.send(()).unwrap();
        ended.await.unwrap();
    }

    #[tokio::test]
    async fn a_claim_ends_with_its_work() {
        let claim = std::sync::Arc::new(());
        assert_eq!(ticket(claim.clone()).hold(async { 7 }).await.unwrap(), 7);
        assert_eq!(std::sync::Arc::strong_count(&claim), 1);
    }

    #[test]
    fn a_repeat_is_the_same_answer() {
        let stored = answer(StatusCode::CREATED, r#"{"id":"x"}"#.to_owned());
        let repeated = again(stored);
        assert_eq!(repeated.status(), 201);
        assert_eq!(repeated.headers()["content-type"], "application/json");
        assert_eq!(again(answer(StatusCode::NO_CONTENT, String::new())).status(), 204);
    }
}
