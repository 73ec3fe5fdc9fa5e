//! The ports: what the services need from a platform, one capability each (DESIGN section 2).
//!
//! The traits say what an implementation must answer; one contract test suite runs against all of them.

use std::{future::Future, sync::Arc, time::Duration};

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId, UserId};
use jiff::Timestamp;

use crate::{
    command::{Command, Refusal},
    confirmation::{PhoneToken, Texting},
    fact::JournalEntry,
    offer::{Attempt, Offer},
    request::Head,
    user::{User, UserPatch},
};

mod changes;
mod contacts;
mod dead_letters;
mod endpoint_tests;
mod health;
mod history;
pub mod identity;
mod notices;
mod parties;
mod past;
mod push;
mod replays;
mod sign_ups;
mod store;
mod system;

pub use self::{
    changes::{ChangeFeed, Changes},
    contacts::Contacts,
    dead_letters::{DeadLetterQuery, DeadLetters},
    endpoint_tests::EndpointTests,
    health::EndpointHealth,
    history::{NoPlace, OfferHistory, OfferPlace, OfferRecord},
    notices::{Notice, NoticeError, Notices, Recipient},
    parties::PartyStore,
    past::{PastRequests, Window},
    push::{Push, PushReport},
    replays::ReplayJobs,
    sign_ups::SignUps,
    store::Store,
    system::{Clock, Randomness},
};

/// Why a platform did not do what it was asked. Nothing was written, in every case.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The rules say no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Others moved first, again and again: try later.
    #[error("others kept changing the same request")]
    Conflict,
    /// The store cannot take it now: queue full, disk full, throttled. Try later.
    #[error("the store cannot take this now: {0}")]
    Unavailable(&'static str),
    /// Something that nobody foresaw.
    #[error("the store failed")]
    Unexpected(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// An answer that is kept, to be given again to a repeat of the same POST. Secrets are left out before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct StoredAnswer {
    /// HTTP status code.
    pub status: u16,
    /// JSON body; empty for none.
    pub body: String,
}

/// Keeps the answer under an idempotency key, in the same transaction as the change.
pub struct Remember<R> {
    /// SHA-256 of principal, route and the caller's key.
    pub key: [u8; 32],
    /// SHA-256 of the body.
    pub fingerprint: [u8; 32],
    /// Until when.
    pub expires_at: Timestamp,
    /// The answer, made from the reply.
    pub answer: Box<dyn Fn(&R) -> StoredAnswer + Send + Sync>,
}

/// Whether a POST with an idempotency key may go ahead.
#[derive(Debug)]
pub enum Admission<G> {
    /// It is new; while the guard lives, a second one with the same key is [`Admission::Running`], or a
    /// [`Admission::Repeat`] once the change and its answer are written.
    Fresh(G),
    /// It was done before; this is what was answered.
    Repeat(StoredAnswer),
    /// The key was used with another body.
    Mismatch,
    /// The first one is still running.
    Running,
}

/// Idempotency keys of inbound POSTs; kept for 24 hours, expiry checked on read.
pub trait IdempotencyStore: Clone + Send + Sync + 'static {
    /// Ends the claim on the key when it is dropped.
    type Guard: Send + Sync + 'static;

    /// Asks whether a POST may go ahead.
    fn admit(
        &self,
        key: [u8; 32],
        fingerprint: [u8; 32],
        now: Timestamp,
    ) -> impl Future<Output = Result<Admission<Self::Guard>, StoreError>> + Send;

    /// Keeps an answer for a POST whose effect spans several changes that are each idempotent.
    fn remember(&self, remember: Remember<()>) -> impl Future<Output = Result<(), StoreError>> + Send;
}

/// Whether work on behalf of a caller may be turned away when the store is busy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Urgency {
    /// A caller waits and can try later: [`StoreError::Unavailable`] when the queue is long.
    Caller,
    /// Work of ours that has to be done: wait for room.
    Ours,
}

/// Everything about one request.
#[derive(Clone, Debug)]
pub struct RequestRecord {
    /// The head.
    pub head: Head,
    /// The request event's `detail`, JSON text.
    pub detail: Arc<str>,
    /// Its offers, oldest first.
    pub offers: Vec<Offer>,
    /// Its journal, oldest first.
    pub journal: Vec<JournalEntry>,
    /// Its offers' attempts, oldest first.
    pub attempts: Vec<(DeliveryId, Attempt)>,
}

/// One page of a list, newest first.
#[derive(Clone, Debug)]
pub struct Page<T> {
    /// The items.
    pub items: Vec<T>,
    /// Where the next page begins; none when this is the last.
    pub next_cursor: Option<String>,
}

/// Which page of a list.
#[derive(Clone, Debug)]
pub struct PageQuery {
    /// Where it begins, as an earlier page said; none for the newest.
    pub cursor: Option<String>,
    /// At most this many items.
    pub limit: usize,
}

/// Requests: changed through commands, read whole.
pub trait RequestStore: Clone + Send + Sync + 'static {
    /// Lets the command decide on the request's present state and writes what it decided, all or nothing.
    /// When it answers, the change is durable.
    fn apply<C: Command>(
        &self,
        command: C,
        urgency: Urgency,
        remember: Option<Remember<C::Reply>>,
    ) -> impl Future<Output = Result<C::Reply, StoreError>> + Send;

    /// One request with everything about it, attempts too if asked for.
    fn request(
        &self,
        id: RequestId,
        attempts: bool,
    ) -> impl Future<Output = Result<Option<RequestRecord>, StoreError>> + Send;

    /// A user's requests with their offers, newest first. An unknown cursor is the first page.
    fn requests_of(
        &self,
        user: &UserId,
        page: PageQuery,
    ) -> impl Future<Output = Result<Page<(Head, Vec<Offer>)>, StoreError>> + Send;

    /// Whether the user was already told of this journal sequence by this channel.
    fn was_told(
        &self,
        request: RequestId,
        sequence: u64,
        channel: &'static str,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}

/// An offer that was leased from an inbox, with what its message is made of.
#[derive(Clone, Debug)]
pub struct LeasedOffer {
    /// The offer, its message leased.
    pub offer: Offer,
    /// The request event's `detail`, JSON text.
    pub detail: Arc<str>,
}

/// The inboxes of polling parties.
pub trait Inbox: Clone + Send + Sync + 'static {
    /// Leases up to `max` available messages until `until`, oldest first: pending ones and dead letters, of
    /// offers at most 14 days old, and none that a push has in its hands.
    fn lease(
        &self,
        party: &PartyId,
        environment: Environment,
        max: usize,
        now: Timestamp,
        until: Timestamp,
    ) -> impl Future<Output = Result<Vec<LeasedOffer>, StoreError>> + Send;

    /// Offers of a party whose message waits to reach it: due, leased, handed over, dead or given back, longest first.
    /// An offer that has just been made may still be missing.
    fn waiting(
        &self,
        party: &PartyId,
        environment: Environment,
        page: PageQuery,
    ) -> impl Future<Output = Result<Page<DeliveryId>, StoreError>> + Send;

    /// Waits until something may have become available, but not longer than this. May return early.
    fn wait(&self, party: &PartyId, environment: Environment, at_most: Duration) -> impl Future<Output = ()> + Send;
}

/// Local accounts.
pub trait UserStore: Clone + Send + Sync + 'static {
    /// Stores a new account with the hash of the token that goes to its e-mail address; refused when the address is
    /// taken.
    fn create_user(
        &self,
        user: User,
        confirmation: [u8; 32],
        remember: Option<Remember<()>>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The account with this address.
    fn user_by_email(&self, email: &str) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// The account with this id.
    fn user(&self, id: &UserId) -> impl Future<Output = Result<Option<User>, StoreError>> + Send;

    /// Changes an account and answers what it is now; [`Refusal::NotFound`] if there is none.
    fn patch_user(&self, id: &UserId, patch: UserPatch) -> impl Future<Output = Result<User, StoreError>> + Send;

    /// Keeps the hash of a token that is about to go to a phone number, unless enough were sent lately.
    fn keep_phone_token(&self, token: PhoneToken) -> impl Future<Output = Result<Texting, StoreError>> + Send;

    /// Confirms the address or the phone number that the token with this hash went to, as
    /// [`Confirmation::confirm`](crate::confirmation::Confirmation::confirm) says; [`Refusal::NotFound`] if there is
    /// none. Confirming twice is once.
    fn confirm_user(&self, token: [u8; 32], at: Timestamp) -> impl Future<Output = Result<(), StoreError>> + Send;
}
