//! All of a platform's store together.

use super::{
    ChangeFeed, Contacts, DeadLetters, EndpointHealth, EndpointTests, IdempotencyStore, Inbox, OfferHistory,
    PartyStore, PastRequests, ReplayJobs, RequestStore, SignUps, UserStore,
};

/// Everything that the services need of a platform's store; each platform says of its own that it is one.
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
