//! A request's rows: keys, what is in them, and the indexes that they are found by.

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId, UserId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    offer::{Attempt, Offer},
    request::Head,
};
use serde::de::DeserializeOwned;

use crate::{
    item::{DOCUMENT, Item, ItemError, Key, REVISION, SK, number_text, shard, time_text},
    table::Index,
};

/// What the sort keys of a request's offers begin with.
pub(crate) const OFFER_PREFIX: &str = "O#";

/// What the partition keys of requests begin with.
pub(super) const REQUEST_PREFIX: &str = "R#";

/// The sort key of a head.
pub(super) const HEAD: &str = "HEAD";

/// The sort key of a body.
pub(super) const BODY: &str = "BODY";

/// The highest journal sequence that a row's last change wrote.
const LAST_SEQUENCE: &str = "last_sequence";

/// How long attempts are kept.
const ATTEMPTS_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// A row as it was read.
#[derive(Clone, Debug)]
pub(crate) struct Stored<T> {
    /// What it holds.
    pub(crate) value: T,
    /// What the condition of the next write asks for.
    pub(crate) revision: u64,
    /// The highest journal sequence that its last change wrote.
    pub(crate) last_sequence: u64,
}

/// Reads a head or an offer.
pub(crate) fn stored<T: DeserializeOwned>(item: &Item) -> Result<Stored<T>, ItemError> {
    Ok(Stored {
        value: item.get_document()?,
        revision: item.revision()?,
        last_sequence: item.get_number(LAST_SEQUENCE)?,
    })
}

/// The partition of everything about a request.
pub(crate) fn request_pk(request: RequestId) -> String {
    format!("{REQUEST_PREFIX}{request}")
}

/// The partition of an offer's attempts.
pub(super) fn attempts_pk(delivery: DeliveryId) -> String {
    format!("D#{delivery}")
}

/// The partition of a user's requests in [`Index::ByUser`].
pub(super) fn user_pk(user: &UserId) -> String {
    format!("U#{user}")
}

/// The partition of an inbox in [`Index::Inbox`].
pub(crate) fn inbox_pk(party: &PartyId, environment: Environment) -> String {
    format!("P#{party}#{environment}")
}

/// The partition of a party's pushes in [`Index::Due`]. One for each, since messages of polling parties wait there as
/// well, and only the party's settings say whether anything is pushed.
pub(crate) fn due_pk(party: &PartyId, environment: Environment) -> String {
    format!("DUE#{party}#{environment}")
}

/// The partition of what a party was offered in [`Index::ByParty`]. One for all days, as of an environment's requests.
pub(super) fn history_pk(party: &PartyId, environment: Environment) -> String {
    format!("O#{party}#{environment}")
}

/// An offer's place in it.
pub(super) fn history_sk(created_at: Timestamp, id: DeliveryId) -> String {
    format!("{}#{id}", time_text(created_at))
}

/// The partition of an environment's requests in [`Index::ByEnvironment`]. One for all days: it splits by the sort key
/// as it grows, and takes a thousand requests a second.
pub(super) fn environment_pk(environment: Environment) -> String {
    format!("E#{environment}")
}

/// A request's head.
pub(crate) fn head_key(request: RequestId) -> Key {
    Key::new(request_pk(request), HEAD)
}

/// Which offer an item of an index is the key of.
pub(crate) fn delivery_of(item: &Item) -> Result<DeliveryId, ItemError> {
    item.get_parsed_after(SK, OFFER_PREFIX)
}

/// A request's body.
pub(crate) fn body_key(request: RequestId) -> Key {
    Key::new(request_pk(request), BODY)
}

/// An offer.
pub(crate) fn offer_key(delivery: DeliveryId) -> Key {
    Key::new(request_pk(delivery.request()), format!("{OFFER_PREFIX}{delivery}"))
}

/// That somebody was told.
pub(super) fn notice_key(request: RequestId, sequence: u64, channel: &str) -> Key {
    Key::new(request_pk(request), format!("N#{}#{channel}", number_text(sequence)))
}

/// A head, to be written.
pub(super) fn head_item(head: &Head, revision: u64, last_sequence: u64) -> Result<Item, ItemError> {
    let item = Item::new(&head_key(head.id)).number(REVISION, revision).number(LAST_SEQUENCE, last_sequence);
    let item = indexed(item, Index::ByUser, user_pk(&head.user_id), head.id.to_string());
    item.document(head)
}

/// The body of a new request, to be written, where the index of past requests finds it. The entry says all that there
/// is to know of the request besides its body, and never changes.
pub(super) fn body_item(head: &Head, detail: &str, sequence: u64) -> Item {
    let place = format!("{}#{}#{}", time_text(head.created_at), head.id, number_text(sequence));
    let item = Item::new(&body_key(head.id)).text(DOCUMENT, detail);
    indexed(item, Index::ByEnvironment, environment_pk(head.environment), place)
}

/// An offer, to be written, where the indexes find it and its message. Its place in its party's history never changes.
pub(super) fn offer_item(offer: &Offer, revision: u64, last_sequence: u64) -> Result<Item, ItemError> {
    let id = offer.delivery_id.to_string();
    let at = |time| format!("{}#{id}", time_text(time));
    let mut item =
        Item::new(&offer_key(offer.delivery_id)).number(REVISION, revision).number(LAST_SEQUENCE, last_sequence);
    let (history, place) =
        (history_pk(&offer.party, offer.environment), history_sk(offer.created_at, offer.delivery_id));
    item = indexed(item, Index::ByParty, history, place);
    if let Some(message) = &offer.message {
        let inbox = inbox_pk(&offer.party, offer.environment);
        item = indexed(item, Index::Inbox, inbox, at(message.available_at));
        if let Some(next) = message.next_attempt_at {
            item = indexed(item, Index::Due, due_pk(&offer.party, offer.environment), at(next));
        }
        if let Some(dead) = &message.dead {
            item = indexed(item, Index::Dead, shard("DEAD", &id), at(dead.at));
        }
    }
    if let Some(deadline) = &offer.deadline {
        item = indexed(item, Index::Alarms, shard("ALARM", &id), at(deadline.next()));
    }
    item.document(offer)
}

/// The partition of an index over the clocks of offers.
pub(super) fn alarms_pk(shard: u8) -> String {
    format!("ALARM#{shard}")
}

/// An attempt, to be written.
pub(super) fn attempt_item(delivery: DeliveryId, number: u32, attempt: &Attempt) -> Result<Item, ItemError> {
    let key = Key::new(attempts_pk(delivery), format!("A#{number:06}"));
    let kept_until = attempt.at.checked_add(ATTEMPTS_KEPT).unwrap_or(attempt.at);
    Item::new(&key).expiring(kept_until).document(attempt)
}

/// An item that an index finds.
pub(super) fn indexed(item: Item, index: Index, pk: String, sk: String) -> Item {
    item.text(index.pk(), pk).text(index.sk(), sk)
}
