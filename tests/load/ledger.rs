//! Which requests were accepted and which of their deliveries arrived, so that nothing that is lost counts.

use std::sync::atomic::{AtomicU16, AtomicU64, Ordering::Relaxed};

/// Most deliveries of one request.
pub(crate) const MOST_FAN_OUT: usize = 15;

/// The mark of a request that was accepted; the bits below it are its deliveries.
const ACCEPTED: u16 = 1 << MOST_FAN_OUT;

/// Every request of a benchmark by its number.
pub(crate) struct Ledger {
    marks: Box<[AtomicU16]>,
    fan_out: usize,
    next: AtomicU64,
    accepted: AtomicU64,
    refused: AtomicU64,
    delivered: AtomicU64,
    repeated: AtomicU64,
    unknown: AtomicU64,
}

/// What has happened up to some moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Counts {
    /// Requests that were accepted.
    pub(crate) accepted: u64,
    /// Deliveries that arrived, each counted once.
    pub(crate) delivered: u64,
}

/// What a ledger says in the end.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Audit {
    /// Requests that were not accepted.
    pub(crate) refused: u64,
    /// Deliveries of accepted requests that never arrived.
    pub(crate) lost: u64,
    /// Deliveries that arrived again.
    pub(crate) repeated: u64,
    /// Deliveries of nothing that was ever sent.
    pub(crate) unknown: u64,
}

impl Audit {
    /// Whether everything accepted arrived, and nothing was refused or made up.
    pub(crate) fn is_clean(&self) -> bool {
        self.refused + self.lost + self.unknown == 0
    }
}

impl Ledger {
    /// Room for this many requests, each with this many deliveries.
    pub(crate) fn new(requests: usize, fan_out: usize) -> Self {
        assert!((1..=MOST_FAN_OUT).contains(&fan_out));
        let zero = || AtomicU64::new(0);
        Self {
            marks: (0..requests).map(|_| AtomicU16::new(0)).collect(),
            fan_out,
            next: zero(),
            accepted: zero(),
            refused: zero(),
            delivered: zero(),
            repeated: zero(),
            unknown: zero(),
        }
    }

    /// The number of the next request; none when there is no more room.
    pub(crate) fn next(&self) -> Option<u64> {
        let number = self.next.fetch_add(1, Relaxed);
        (number < self.marks.len() as u64).then_some(number)
    }

    /// What was said of a request: whether it is accepted.
    pub(crate) fn answered(&self, number: u64, accepted: bool) {
        if accepted {
            self.mark(number).fetch_or(ACCEPTED, Relaxed);
            self.accepted.fetch_add(1, Relaxed);
        } else {
            self.refused.fetch_add(1, Relaxed);
        }
    }

    /// A delivery of a request arrived at one of its places, which begin with 0.
    pub(crate) fn arrived(&self, number: u64, place: usize) {
        if number >= self.next.load(Relaxed).min(self.marks.len() as u64) || place >= self.fan_out {
            self.unknown.fetch_add(1, Relaxed);
            return;
        }
        let bit = 1 << place;
        let before = self.mark(number).fetch_or(bit, Relaxed);
        let counter = if before & bit == 0 { &self.delivered } else { &self.repeated };
        counter.fetch_add(1, Relaxed);
    }

    /// What has happened so far.
    pub(crate) fn counts(&self) -> Counts {
        Counts { accepted: self.accepted.load(Relaxed), delivered: self.delivered.load(Relaxed) }
    }

    /// Deliveries of accepted requests that have not arrived yet.
    pub(crate) fn backlog(&self) -> u64 {
        let counts = self.counts();
        (counts.accepted * self.fan_out as u64).saturating_sub(counts.delivered)
    }

    /// Looks at every request.
    pub(crate) fn audit(&self) -> Audit {
        let all = (1 << self.fan_out) - 1;
        let lost = |mark: &AtomicU16| {
            let mark = mark.load(Relaxed);
            let missing = all & !mark;
            if mark & ACCEPTED == 0 { 0 } else { u64::from(missing.count_ones()) }
        };
        Audit {
            refused: self.refused.load(Relaxed),
            lost: self.marks.iter().map(lost).sum(),
            repeated: self.repeated.load(Relaxed),
            unknown: self.unknown.load(Relaxed),
        }
    }

    fn mark(&self, number: u64) -> &AtomicU16 {
        #[expect(clippy::cast_possible_truncation, reason = "numbers are given out up to the length of `marks`")]
        &self.marks[number as usize]
    }
}
