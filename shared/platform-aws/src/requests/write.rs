//! What a command decided, as the parts of one transaction.

use jiff::Timestamp;
use marketplace_core::{
    command::{Change, Command},
    fact::{Fact, JournalEntry},
    lifecycle::OfferState,
    offer::Offer,
    publish::About,
};

use super::{journal, load::Loaded, rows};
use crate::{
    item::{Item, ItemError},
    outbox::Message,
    table::{Condition, Write},
};

/// The parts of a transaction.
pub(super) struct Writes {
    pub(super) parts: Vec<Write>,
    /// Which part records a notice: if it was recorded already, somebody else did all of this.
    pub(super) notice: Option<usize>,
}

impl Writes {
    pub(super) fn push(&mut self, part: Write) {
        self.parts.push(part);
    }
}

/// The transaction that makes this change, on the condition that nothing that was read has changed.
pub(super) fn writes<C: Command>(
    command: &C,
    loaded: &Loaded,
    change: Change,
    now: Timestamp,
) -> Result<Writes, ItemError> {
    let mut writes = Writes { parts: vec![], notice: None };
    if change.is_empty() {
        return Ok(writes);
    }
    let request = command.request();
    let first = journal::next_sequence(now, loaded.last_sequence().max(change.cause.unwrap_or(0)));
    // A change that tells nothing takes no sequence.
    let last = (first..).zip(&change.facts).last().map_or(loaded.last_sequence(), |(sequence, _)| sequence);
    write_state(&mut writes, loaded, &change, last, command.at())?;
    if let (Some(head), Some(detail)) = (&change.head, &change.body) {
        writes.push(Write::insert(rows::body_item(head, detail, first)));
    }
    if let Some((sequence, channel)) = change.notice {
        writes.notice = Some(writes.parts.len());
        writes.push(Write::insert(Item::new(&rows::notice_key(request, sequence, channel))));
    }
    let head = change.head.as_ref().or(loaded.head.as_ref().map(|head| &head.value));
    let about = head.map(|head| About { user_id: head.user_id.clone(), environment: head.environment });
    for (sequence, fact) in (first..).zip(change.facts) {
        let handed_over = is_handed_over(&fact, &change.offers, loaded);
        let entry = JournalEntry { sequence, request: Some(request), at: command.at(), cause: change.cause, fact };
        let item = journal::item(&journal::pk(request), &entry, about.as_ref(), now)?;
        writes.push(Write::insert(if handed_over { journal::handed_over(item) } else { item }));
    }
    Ok(writes)
}

/// Whether a fact is a message about an offer that is in somebody else's hands, or was until now.
fn is_handed_over(fact: &Fact, written: &[Offer], loaded: &Loaded) -> bool {
    let Some(message) = Message::of(fact) else {
        return false;
    };
    let mut offers = written.iter().chain(loaded.offers.iter().map(|offer| &offer.value));
    offers.any(|offer| offer.delivery_id == message.delivery_id && offer.state == OfferState::Sent)
}

/// The head, the offers and the attempt. A head that was only read is a part of the condition, so that no
/// answer is accepted past a winner or a cancellation.
fn write_state(
    writes: &mut Writes,
    loaded: &Loaded,
    change: &Change,
    last_sequence: u64,
    at: Timestamp,
) -> Result<(), ItemError> {
    let read = loaded.head.as_ref().map(|head| head.revision);
    match &change.head {
        Some(head) => writes.push(unchanged(read, |next| rows::head_item(head, next, last_sequence))?),
        // That somebody was told is so whatever the head says now.
        None if change.notice.is_some() => {}
        None => writes.parts.extend(
            loaded
                .head
                .as_ref()
                .map(|head| Write::check(rows::head_key(head.value.id), Condition::Revision(head.revision))),
        ),
    }
    for offer in &change.offers {
        let read = loaded.revision_of(offer.delivery_id);
        let offer = &Offer { changed_at: Some(at), ..offer.clone() };
        writes.push(unchanged(read, |next| rows::offer_item(offer, next, last_sequence))?);
        if let Some((_, attempt)) = change.attempt.as_ref().filter(|(delivery, _)| *delivery == offer.delivery_id) {
            writes.push(Write::put(rows::attempt_item(offer.delivery_id, offer.attempts, attempt)?));
        }
    }
    Ok(())
}

/// Writes a row that was read with this revision, or was not there.
fn unchanged(read: Option<u64>, item: impl FnOnce(u64) -> Result<Item, ItemError>) -> Result<Write, ItemError> {
    Ok(Write::put(item(read.unwrap_or(0) + 1)?).when(Condition::unchanged(read)))
}
