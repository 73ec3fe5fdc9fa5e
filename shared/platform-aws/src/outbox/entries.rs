//! Events as entries of a `PutEvents`, and how many of them go into one.

use aws_sdk_eventbridge::{primitives::DateTime, types::PutEventsRequestEntry};
use marketplace_core::publish::BusEvent;

use crate::item::Key;

/// Most entries of one `PutEvents` (EventBridge User Guide, "Adding events with PutEvents").
const MOST_ENTRIES: usize = 10;

/// Most bytes of one `PutEvents`: all entries together have to be smaller than 1 MB, by AWS's way of counting.
const MOST_BYTES: usize = 1_000_000;

/// What AWS counts for an entry's time.
const TIME_BYTES: usize = 14;

/// A row's event on its way out.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    pub(super) key: Key,
    pub(super) entry: PutEventsRequestEntry,
    bytes: usize,
}

impl Outgoing {
    pub(super) fn new(key: Key, bus: &str, event: &BusEvent) -> Self {
        let entry = PutEventsRequestEntry::builder()
            .event_bus_name(bus)
            .source(&*event.source)
            .detail_type(&*event.detail_type)
            .time(DateTime::from_secs(event.time.as_second()))
            .detail(event.detail.get());
        let bytes = TIME_BYTES + event.source.len() + event.detail_type.len() + event.detail.get().len();
        Self { key, entry: entry.build(), bytes }
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
        Outgoing { key: Key::new("R#1", bytes.to_string()), entry: PutEventsRequestEntry::builder().build(), bytes }
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
