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
