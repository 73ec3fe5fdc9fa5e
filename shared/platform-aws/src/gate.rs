//! What all senders share of the way to one party's environment: its rate, its endpoint's health, and who leads its
//! backlog.
//!
//! It is one row. A message that has just become due takes a turn there. When there is none, because the rate is used up
//! or the endpoint's breaker is open, nothing is written of the message: it stays due, and from then on until nothing is
//! due any more one sender at a time, the one that has the lease, pushes what is due in the order of the index. Everybody
//! else leaves the messages to that one, so that no late comer is before those who wait.

mod row;

use std::time::Duration;

use event_schema::id::{Environment, PartyId};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    delivery::RateLimit,
    health::{Admission, Ended, Health, HealthRules},
    pace::{Spacing, Turns},
    ports::{EndpointHealth, StoreError},
};

pub use self::row::Place;
use self::row::Row;
use crate::{
    Aws,
    table::{Table, TableError},
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
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Taken {
    /// So many may be pushed now; the others stay due.
    pub granted: u64,
    /// What the caller has to see to, if from now on there is a backlog.
    pub backlog: Option<Lead>,
    /// The endpoint's health.
    pub health: Health,
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
#[derive(Clone, Debug)]
pub struct Standing(Row);

impl Standing {
    /// The endpoint's health.
    #[must_use]
    pub fn health(&self) -> &Health {
        &self.0.health
    }
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
        place: Place<'_>,
        spacing: Spacing,
        wanted: u64,
        now: Timestamp,
    ) -> Result<Taken, TableError> {
        let burst = spacing.take(Duration::ZERO, since_1970(now), Duration::ZERO, wanted);
        if burst.granted == wanted
            && let Some(row) = row::take_all(&self.0, place, spacing, burst, now).await?
        {
            return Ok(Taken { granted: wanted, backlog: None, health: row.health });
        }
        for _ in 0..TRIES {
            let row = Row::read(&self.0, place).await?;
            if row.is_led(now) {
                return Ok(Taken { granted: 0, backlog: None, health: row.health });
            }
            let turns = spacing.take(row.next, since_1970(now), Duration::ZERO, row.admitted(wanted));
            let lead = (turns.granted < wanted).then(|| match row.health.next_probe_at() {
                Some(probe) => row.lead(probe.max(now)),
                None => row.lead_after(turns, now),
            });
            let lease = lead.map(|lead| lead.lease).or(row.lease);
            let changed = Row { next: turns.next, lease, ..row.clone() };
            if row.write(&self.0, place, &changed).await? {
                return Ok(Taken { granted: turns.granted, backlog: lead, health: row.health });
            }
        }
        Err(TableError::Conflict { failed: vec![] })
    }

    /// The row, for whoever comes with this lease to lead the backlog; none when somebody else leads it.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn standing(
        &self,
        place: Place<'_>,
        lease: Option<u64>,
        now: Timestamp,
    ) -> Result<Option<Standing>, TableError> {
        let row = Row::read(&self.0, place).await?;
        Ok((row.lease == lease || !row.is_led(now)).then_some(Standing(row)))
    }

    /// Takes turns for so many messages that wait, and the lead; none when somebody else came first.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn lead(
        &self,
        place: Place<'_>,
        Standing(row): &Standing,
        spacing: Spacing,
        wanted: u64,
        now: Timestamp,
    ) -> Result<Option<(u64, Lead)>, TableError> {
        // Who has led before has had messages to push all the while.
        let credit = row.lease.map_or(Duration::ZERO, |_| LATE);
        let turns = spacing.take(row.next, since_1970(now), credit, wanted);
        let lead = row.lead_after(turns, now);
        let changed = Row { next: turns.next, lease: Some(lead.lease), ..row.clone() };
        Ok(row.write(&self.0, place, &changed).await?.then_some((turns.granted, lead)))
    }

    /// Begins the probe of an open breaker, if it is time and there is a turn for it, and takes the lead; none when
    /// somebody else came first.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn probe(
        &self,
        place: Place<'_>,
        Standing(row): &Standing,
        spacing: Spacing,
        rules: &HealthRules,
        now: Timestamp,
    ) -> Result<Option<(u64, Lead)>, TableError> {
        let wanted = u64::from(row.health.admits(now) == Admission::Probe);
        let turns = spacing.take(row.next, since_1970(now), Duration::ZERO, wanted);
        let mut changed = Row { next: turns.next, ..row.clone() };
        if turns.granted > 0 {
            changed.health.begin_probe(now, rules);
        }
        let lead = match changed.health.next_probe_at().filter(|until| *until > now) {
            Some(until) => row.lead(until),
            None => row.lead_after(turns, now),
        };
        changed.lease = Some(lead.lease);
        Ok(row.write(&self.0, place, &changed).await?.then_some((turns.granted, lead)))
    }

    /// Takes in what came of an attempt: the endpoint's health from now on, and the lead if by this the breaker has
    /// turned.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn record(
        &self,
        place: Place<'_>,
        ended: &Ended,
        rules: &HealthRules,
    ) -> Result<(Health, Option<Lead>), TableError> {
        let mut patience = self.0.patience();
        loop {
            let row = Row::read(&self.0, place).await?;
            let mut changed = row.clone();
            changed.health.record(ended, rules);
            if changed.health == row.health {
                return Ok((row.health, None));
            }
            let turned = ended.probe || changed.health.is_shut() != row.health.is_shut();
            let lead = turned.then(|| row.lead(changed.health.next_probe_at().unwrap_or(ended.at)));
            changed.lease = lead.map(|lead| lead.lease).or(row.lease);
            if row.write(&self.0, place, &changed).await? {
                return Ok((changed.health, lead));
            }
            if !patience.again().await {
                return Err(TableError::Conflict { failed: vec![] });
            }
        }
    }

    /// Nothing is due any more: gives this lead back. Whether it was there to be given back.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn end(&self, place: Place<'_>, lease: u64) -> Result<bool, TableError> {
        row::end(&self.0, place, lease).await
    }

    /// Forgets an endpoint's health, and whoever leads the backlog: another endpoint is in its place, or the party says
    /// that it works again.
    ///
    /// # Errors
    /// The table could not be written.
    pub async fn forget(&self, place: Place<'_>) -> Result<(), TableError> {
        row::forget(&self.0, place).await
    }
}

impl EndpointHealth for Aws {
    async fn health(&self, party: &PartyId, environment: Environment) -> Result<Health, StoreError> {
        Ok(Row::read(&self.table, (party, environment)).await?.health)
    }
}

impl Row {
    /// The lead after these turns. Less than a second from now is not worth being woken for.
    fn lead_after(&self, turns: Turns, now: Timestamp) -> Lead {
        let wait = turns.free_at.saturating_sub(since_1970(now)).max(SECOND);
        self.lead(now.saturating_add(wait).unwrap_or(Timestamp::MAX))
    }

    /// The lead of whoever comes at this time; no lease is that of the one before.
    fn lead(&self, at: Timestamp) -> Lead {
        let lease = micros(at.saturating_add(LOST).unwrap_or(Timestamp::MAX));
        Lead { lease: lease + u64::from(self.lease == Some(lease)), at }
    }
}

fn since_1970(time: Timestamp) -> Duration {
    Duration::try_from(time.duration_since(Timestamp::UNIX_EPOCH)).unwrap_or_default()
}

fn micros(time: Timestamp) -> u64 {
    u64::try_from(time.as_microsecond()).unwrap_or(0)
}
