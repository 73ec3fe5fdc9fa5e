//! Events as entries of a `PutEvents`, and how many of them go into one.

use aws_sdk_eventbridge::{primitives::DateTime, types::PutEventsRequestEntry};
use jiff::Timestamp;
use marketplace_core::publish::BusEvent;

use super::evidence::Message;
use crate::item::Key;

/// Most entries of one `PutEvents` (EventBridge User Guide, "Adding events with PutEvents").
const MOST_ENTRIES: usize = 10;

/// Most bytes of one `PutEvents`: all entries together have to be smaller than 1 MB, by AWS's way of counting.
const MOST_BYTES: usize = 1_000_000;

/// In the `resources` of the deliveries that are ours to make: what the doorbell's rule looks for.
pub const DOORBELL: &str = "marketplace:doorbell";

/// In the `resources` of the deliveries that EventBridge makes: what the rules of parties' routes look for.
pub const HANDED_OVER: &str = "marketplace:handed-over";

/// What AWS counts for an entry's time.
const TIME_BYTES: usize = 14;

/// Who delivers a message to a party.
#[derive(Clone, Copy, Debug)]
pub(super) enum Carrier {
    /// A rule of the bus; its log will speak of this message.
    Bus(Message),
    /// A push of ours, or the party itself, from its inbox.
    Us,
}

/// A row's event on its way out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) key: Key,
    /// Who delivers it, if it is a message to a party.
    pub(super) carrier: Option<Carrier>,
    /// When it happened.
    pub(super) at: Timestamp,
    pub(super) entry: PutEventsRequestEntry,
    bytes: usize,
}

impl Outgoing {
    pub(super) fn new(key: Key, carrier: Option<Carrier>, bus: &str, event: &BusEvent) -> Self {
        let resource = carrier.map(|carrier| match carrier {
            Carrier::Bus(_) => HANDED_OVER,
            Carrier::Us => DOORBELL,
        });
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(&*event.source)
            .detail_type(&*event.detail_type)
            .time(DateTime::from_secs(event.time.as_second()))
            .detail(event.detail.get())
            .set_resources(resource.map(|resource| vec![resource.to_owned()]));
        let resource = resource.map_or(0, str::len);
        let bytes = TIME_BYTES + event.source.len() + event.detail_type.len() + event.detail.get().len() + resource;
        Self { key, carrier, at: event.time, entry: entry.build(), bytes }
    }
}

/// Cuts a list into as many `PutEvents` as it takes, in order.
pub(super) fn batches(all: Vec<Outgoing>) -> Vec<Vec<Outgoing>> {
    let (mut batches, mut bytes) = (Vec::<Vec<Outgoing>>::new(), 0);
    for outgoing in all {
        bytes += outgoing.bytes;
        match batches.last_mut().filter(|batch| batch.len() < MOST_ENTRIES && bytes <= MOST_BYTES) {
            Some(batch) => batch.push(outgoing),
            None => {
                bytes = outgoing.bytes;
                batches.push(vec![outgoing]);
            }
        }
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(bytes: usize) -> Outgoing {
        Outgoing {
            key: Key::new("R#1", bytes.to_string()),
            carrier: None,
            at: Timestamp::UNIX_EPOCH,
            entry: PutEventsRequestEntry::builder().build(),
            bytes,
        }
    }

    fn sizes(all: &[usize]) -> Vec<Vec<usize>> {
        let batches = batches(all.iter().copied().map(of).collect());
        batches.iter().map(|batch| batch.iter().map(|outgoing| outgoing.bytes).collect()).collect()
    }

    #[test]
    fn a_batch_is_ten_entries_and_a_megabyte_at_most() {
        assert!(sizes(&[]).is_empty());
        assert_eq!(sizes(&[5; 21]), [vec![5; 10], vec![5; 10], vec![5]]);
        assert_eq!(sizes(&[600_000, 400_000, 1]), [vec![600_000, 400_000], vec![1]]);
        assert_eq!(sizes(&[999_999, 2, 999_999]), [vec![999_999], vec![2], vec![999_999]], "in order");
    }
}
