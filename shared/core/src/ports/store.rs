//! All of a platform's store together.

use super::{
    ChangeFeed, Contacts, DeadLetters, EndpointHealth, EndpointTests, IdempotencyStore, Inbox, OfferHistory,
    PartyStore, PastRequests, ReplayJobs, RequestStore, SignUps, UserStore,
};

/// Everything that the services need of a platform's store.
pub trait Store:
    RequestStore
    + PastRequests
    + OfferHistory
    + ChangeFeed
    + ReplayJobs
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
        + OfferHistory
        + ChangeFeed
        + ReplayJobs
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
