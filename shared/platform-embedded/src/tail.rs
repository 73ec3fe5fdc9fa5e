//! The newest journal rows in memory, so that a consumer that keeps up with the writer reads no database.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, PoisonError},
};

use marketplace_core::publish::Happened;
use tokio::sync::watch;

/// Most rows kept, and most bytes of requests with them; a consumer that is further behind reads the database.
const MOST_ROWS: usize = 32_768;
const MOST_BYTES: usize = 32 * 1024 * 1024;

/// The end of the journal.
pub(crate) struct Tail {
    rows: Mutex<Rows>,
    end: watch::Sender<u64>,
}

#[derive(Default)]
struct Rows {
    /// Every row with a sequence from here on is in `kept`.
    from: u64,
    kept: VecDeque<Arc<Happened>>,
    bytes: usize,
}

impl Tail {
    /// A tail of a journal whose next row will have this sequence.
    pub(crate) fn new(next_sequence: u64) -> Self {
        let rows = Rows { from: next_sequence, ..Rows::default() };
        Self { rows: Mutex::new(rows), end: watch::Sender::new(next_sequence) }
    }

    /// Takes rows over, in order and without a gap, once they are durable; `to` is what the next row will have.
    pub(crate) fn append(&self, to: u64, happened: Vec<Happened>) {
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        rows.bytes += happened.iter().map(bytes).sum::<usize>();
        rows.kept.extend(happened.into_iter().map(Arc::new));
        while (rows.kept.len() > MOST_ROWS || rows.bytes > MOST_BYTES)
            && let Some(oldest) = rows.kept.pop_front()
        {
            rows.from = oldest.entry.sequence + 1;
            rows.bytes -= bytes(&oldest);
        }
        drop(rows);
        self.end.send_replace(to);
    }

    /// Up to `most` rows after `sequence`; none if some of them are no longer kept here.
    pub(crate) fn after(&self, sequence: u64, most: usize) -> Option<Vec<Arc<Happened>>> {
        let rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        if sequence + 1 < rows.from {
            return None;
        }
        let start = rows.kept.partition_point(|row| row.entry.sequence <= sequence);
        Some(rows.kept.range(start..).take(most).cloned().collect())
    }

    /// Tells the sequence that the next row will have, whenever it rises.
    pub(crate) fn end(&self) -> watch::Receiver<u64> {
        self.end.subscribe()
    }
}

fn bytes(happened: &Happened) -> usize {
    happened.detail.as_ref().map_or(0, |detail| detail.len())
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use marketplace_core::fact::{Fact, JournalEntry};

    use super::*;

    fn rows(sequences: std::ops::Range<u64>, detail: Option<&Arc<str>>) -> Vec<Happened> {
        let row = |sequence| Happened {
            entry: JournalEntry {
                sequence,
                request: None,
                at: Timestamp::UNIX_EPOCH,
                cause: None,
                fact: Fact::RequestCreated,
            },
            request: None,
            detail: detail.cloned(),
        };
        sequences.map(row).collect()
    }

    fn after(tail: &Tail, sequence: u64, most: usize) -> Option<Vec<u64>> {
        let rows = tail.after(sequence, most)?;
        Some(rows.iter().map(|row| row.entry.sequence).collect())
    }

    #[test]
    fn a_consumer_that_keeps_up_reads_on_without_a_gap() {
        let tail = Tail::new(5);
        assert_eq!(after(&tail, 4, 10), Some(vec![]), "nothing has happened since the start");
        assert_eq!(after(&tail, 3, 10), None, "what was before the start is in the database only");
        tail.append(8, rows(5..8, None));
        assert_eq!(after(&tail, 4, 10), Some(vec![5, 6, 7]));
        assert_eq!(after(&tail, 4, 2), Some(vec![5, 6]));
        assert_eq!(after(&tail, 6, 10), Some(vec![7]));
        assert_eq!(after(&tail, 7, 10), Some(vec![]));
    }

    #[test]
    fn whoever_waits_hears_of_the_end() {
        let tail = Tail::new(1);
        let mut end = tail.end();
        assert_eq!(*end.borrow_and_update(), 1);
        tail.append(3, rows(1..3, None));
        assert!(end.has_changed().unwrap());
        assert_eq!(*end.borrow_and_update(), 3);
    }

    #[test]
    fn only_so_many_rows_are_kept_and_never_one_less_than_is_said() {
        let tail = Tail::new(1);
        let last = MOST_ROWS as u64 + 100;
        for first in (1..=last).step_by(1_000) {
            let next = (first + 1_000).min(last + 1);
            tail.append(next, rows(first..next, None));
        }
        assert_eq!(after(&tail, 99, 1), None, "row 100 is no longer kept");
        assert_eq!(after(&tail, 100, 1), Some(vec![101]));
    }

    #[test]
    fn only_so_many_bytes_are_kept() {
        let mebibyte: Arc<str> = "x".repeat(1024 * 1024).into();
        let most = (MOST_BYTES / mebibyte.len()) as u64;
        let tail = Tail::new(1);
        tail.append(most + 1, rows(1..most + 1, Some(&mebibyte)));
        assert_eq!(after(&tail, 0, 1), Some(vec![1]), "as many as may be");
        tail.append(most + 3, rows(most + 1..most + 3, Some(&mebibyte)));
        assert_eq!(after(&tail, 1, 1), None);
        assert_eq!(after(&tail, 2, 1), Some(vec![3]));
        tail.append(most + 4, rows(most + 3..most + 4, None));
        assert_eq!(after(&tail, 2, 1), Some(vec![3]), "a row without a request weighs nothing");
    }
}
