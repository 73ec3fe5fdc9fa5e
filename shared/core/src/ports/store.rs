//! All of a platform's store together.

use super::{
    Contacts, DeadLetters, EndpointHealth, EndpointTests, IdempotencyStore, Inbox, PartyStore, PastRequests,
    RequestStore, SignUps, UserStore,
};

/// Everything that the services need of a platform's store.
pub trait Store:
    RequestStore
    + PastRequests
    + Inbox
    + DeadLetters
    + PartyStore
    + Contacts
    + SignUps
    + EndpointTests
    + EndpointHealth
    + UserStore
    + IdempotencyStore
{
}

impl<S> Store for S where
    S: RequestStore
        + PastRequests
        + Inbox
        + DeadLetters
        + PartyStore
        + Contacts
        + SignUps
        + EndpointTests
        + EndpointHealth
        + UserStore
        + IdempotencyStore
{
}
