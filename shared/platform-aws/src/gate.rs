//! What all senders share of the way to one party's environment: its rate, and who leads its backlog.
//!
//! It is one row. A message that has just become due takes a turn there. When there is none, nothing is written of the
//! message: it stays due, and from then on until nothing is due any more one sender at a time, the one that has the
//! lease, pushes what is due in the order of the index. Everybody else leaves the messages to that one, so that no late
//! comer is before those who wait.

use std::time::Duration;

use event_schema::id::{Environment, PartyId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    delivery::RateLimit,
    pace::{Spacing, Turns},
};

use crate::{
    item::{Item, Key},
    table::{Table, TableError, Update},
};

/// The queue that wakes senders knows no less than a second: so much may be sent at once.
const SECOND: Duration = Duration::from_secs(1);

/// So late is whoever leads a backlog woken at worst: a wait is rounded up to a second, and the queue takes its time. It
/// is made up for.
const LATE: Duration = Duration::from_secs(2);

/// How long after it should have come the leader of a backlog is taken for lost.
const LOST: SignedDuration = SignedDuration::from_secs(60);

/// How often a change is tried that others come before.
const TRIES: usize = 10;

/// When the next attempt would be made if all were spaced evenly, in nanoseconds since 1970.
const NEXT: &str = "next_ns";

/// Until when a backlog is led, in microseconds since 1970.
const LEASE: &str = "lease";

/// Nobody leads the backlog.
const NO_BACKLOG: &str = "(attribute_not_exists(lease) OR lease < :now_us)";

/// How a party's attempts are spaced on AWS.
#[must_use]
pub fn spacing(limit: Option<RateLimit>) -> Spacing {
    let even = Spacing::of(limit.unwrap_or(RateLimit::UNSET_ON_AWS), Duration::ZERO);
    Spacing { ahead: SECOND.saturating_sub(even.interval), ..even }
}

/// The gates of all parties.
#[derive(Clone, Debug)]
pub struct Gates(Table);

/// What messages that have just become due got.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Taken {
    /// So many may be pushed now; the others stay due.
    pub granted: u64,
    /// What the caller has to see to, if from now on there is a backlog.
    pub backlog: Option<Lead>,
}

/// Whoever has this leads a backlog.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Lead {
    /// The lease, which changes with each turn of the lead.
    pub lease: u64,
    /// When there is something to be done again.
    pub at: Timestamp,
}

/// The row, as somebody who may lead the backlog has read it.
#[derive(Clone, Copy, Debug)]
pub struct Standing {
    next: u64,
    lease: Option<u64>,
}

impl Gates {
    /// In this table.
    #[must_use]
    pub fn new(table: Table) -> Self {
        Self(table)
    }

    /// Takes turns for so many messages that have just become due.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn take(
        &self,
        (party, environment): (&PartyId, Environment),
        spacing: Spacing,
        wanted: u64,
        now: Timestamp,
    ) -> Result<Taken, TableError> {
        let key = key(party, environment);
        let burst = spacing.take(Duration::ZERO, since_1970(now), Duration::ZERO, wanted);
        if burst.granted == wanted && self.take_all(&key, spacing, burst, now).await? {
            return Ok(Taken { granted: wanted, backlog: None });
        }
        for _ in 0..TRIES {
            let standing = self.read(&key).await?;
            if standing.is_led(now) {
                return Ok(Taken { granted: 0, backlog: None });
            }
            let turns = spacing.take(Duration::from_nanos(standing.next), since_1970(now), Duration::ZERO, wanted);
            let lead = (turns.granted < wanted).then(|| lead(turns, now));
            if self.swap(&key, standing, turns.next, lead.map(|lead| lead.lease)).await? {
                return Ok(Taken { granted: turns.granted, backlog: lead });
            }
        }
        Err(TableError::Conflict { failed: vec![] })
    }

    /// One write, whoever else writes: the first while the party was idle, the second while its turns are not used up.
    async fn take_all(&self, key: &Key, spacing: Spacing, burst: Turns, now: Timestamp) -> Result<bool, TableError> {
        let now_ns = since_1970(now);
        let length = burst.next.saturating_sub(now_ns);
        let latest = (now_ns + spacing.ahead + spacing.interval).saturating_sub(length);
        let idle = format!("(attribute_not_exists({NEXT}) OR {NEXT} <= :now_ns) AND {NO_BACKLOG}");
        let idle = Update::new(format!("SET {NEXT} = :next"), idle).number(":next", nanos(burst.next));
        let busy = format!("{NEXT} > :now_ns AND {NEXT} <= :latest AND {NO_BACKLOG}");
        let busy = Update::new(format!("SET {NEXT} = {NEXT} + :length"), busy).number(":length", nanos(length));
        for change in [idle, busy.number(":latest", nanos(latest))] {
            let change = change.number(":now_ns", nanos(now_ns)).number(":now_us", micros(now));
            if changed(self.0.update(key, &change).await)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The row, for whoever comes with this lease to lead the backlog; none when somebody else leads it.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn standing(
        &self,
        (party, environment): (&PartyId, Environment),
        lease: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Standing>, TableError> {
        let standing = self.read(&key(party, environment)).await?;
        Ok((standing.lease == lease || !standing.is_led(now)).then_some(standing))
    }

    /// Takes turns for so many messages that wait, and the lead; none when somebody else came first.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn lead(
        &self,
        (party, environment): (&PartyId, Environment),
        standing: Standing,
        spacing: Spacing,
        wanted: u64,
        now: Timestamp,
    ) -> Result<Option<(u64, Lead)>, TableError> {
        // Who has led before has had messages to push all the while.
        let credit = standing.lease.map_or(Duration::ZERO, |_| LATE);
        let turns = spacing.take(Duration::from_nanos(standing.next), since_1970(now), credit, wanted);
        let lead = lead(turns, now);
        let swapped = self.swap(&key(party, environment), standing, turns.next, Some(lead.lease)).await?;
        Ok(swapped.then_some((turns.granted, lead)))
    }

    /// Nothing is due any more: gives this lead back. Whether it was there to be given back.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn end(&self, (party, environment): (&PartyId, Environment), lease: u64) -> Result<bool, TableError> {
        let end = Update::new(format!("REMOVE {LEASE}"), format!("{LEASE} = :lease")).number(":lease", lease);
        changed(self.0.update(&key(party, environment), &end).await)
    }

    async fn read(&self, key: &Key) -> Result<Standing, TableError> {
        let row = self.0.get(key).await?.unwrap_or_default();
        let number = |attribute| row.optional(attribute, Item::get_number);
        Ok(Standing { next: number(NEXT)?.unwrap_or(0), lease: number(LEASE)? })
    }

    async fn swap(&self, key: &Key, from: Standing, next: Duration, lease: Option<u64>) -> Result<bool, TableError> {
        let same_next = if from.next == 0 { format!("attribute_not_exists({NEXT})") } else { format!("{NEXT} = :was") };
        let same_lease = from.lease.map_or(format!("attribute_not_exists({LEASE})"), |_| format!("{LEASE} = :led"));
        let set_lease = lease.map_or(String::new(), |_| format!(", {LEASE} = :lease"));
        let mut swap = Update::new(format!("SET {NEXT} = :next{set_lease}"), format!("{same_next} AND {same_lease}"));
        swap = swap.number(":next", nanos(next));
        for (name, number) in
            [(":was", Some(from.next).filter(|next| *next > 0)), (":led", from.lease), (":lease", lease)]
        {
            if let Some(number) = number {
                swap = swap.number(name, number);
            }
        }
        changed(self.0.update(key, &swap).await)
    }
}

impl Standing {
    fn is_led(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|until| until >= micros(now))
    }
}

/// The lead after these turns. Less than a second from now is not worth being woken for.
fn lead(turns: Turns, now: Timestamp) -> Lead {
    let wait = turns.free_at.saturating_sub(since_1970(now)).max(SECOND);
    let at = now.saturating_add(wait).unwrap_or(Timestamp::MAX);
    Lead { lease: micros(at.saturating_add(LOST).unwrap_or(Timestamp::MAX)), at }
}

fn changed(updated: Result<Item, TableError>) -> Result<bool, TableError> {
    match updated {
        Ok(_) => Ok(true),
        Err(TableError::Conflict { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

fn key(party: &PartyId, environment: Environment) -> Key {
    Key::new(format!("GATE#{party}#{environment}"), "GATE")
}

fn since_1970(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn micros(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}
