//! A gate's row: read whole, written on the condition that what it changes is still as it was read.

use std::time::Duration;

use event_schema::id::{Environment, PartyId};
use jiff::Timestamp;
use marketplace_core::{
    health::Health,
    pace::{Spacing, Turns},
};

use super::{micros, since_1970};
use crate::{
    item::{DOCUMENT, Item, Key, REVISION},
    table::{Table, TableError, Update},
};

/// A party's environment.
pub type Place<'a> = (&'a PartyId, Environment);

/// When the next attempt would be made if all were spaced evenly, in nanoseconds since 1970.
const NEXT: &str = "next_ns";

/// Until when a backlog is led, in microseconds since 1970.
const LEASE: &str = "lease";

/// There while messages wait for the endpoint to work again.
const SHUT: &str = "shut";

/// Nobody leads a backlog, and the endpoint works.
const OPEN: &str = "(attribute_not_exists(lease) OR lease < :now_us) AND attribute_not_exists(shut)";

/// What is in the row. Health is the document, and has its revision.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub(super) next: Duration,
    pub(super) lease: Option<u64>,
    pub(super) health: Health,
    pub(super) revision: u64,
}

impl Row {
    pub(super) async fn read(table: &Table, place: Place<'_>) -> Result<Self, TableError> {
        Self::of(&table.get(&key(place)).await?.unwrap_or_default())
    }

    fn of(item: &Item) -> Result<Self, TableError> {
        let number = |attribute| item.optional(attribute, Item::get_number);
        let health = item.optional(DOCUMENT, |item, _| item.get_document())?.unwrap_or_default();
        let next = Duration::from_nanos(number(NEXT)?.unwrap_or(0));
        Ok(Self { next, lease: number(LEASE)?, health, revision: item.revision()? })
    }

    /// Whether somebody leads a backlog.
    pub(super) fn is_led(&self, now: Timestamp) -> bool {
        self.lease.is_some_and(|until| until >= micros(now))
    }

    /// How many of so many messages the breaker admits.
    pub(super) fn admitted(&self, wanted: u64) -> u64 {
        if self.health.is_shut() { 0 } else { wanted }
    }

    /// Writes what is different in `changed`, if that is still as it was read; whether it was.
    pub(super) async fn write(&self, table: &Table, place: Place<'_>, changed: &Self) -> Result<bool, TableError> {
        let mut change = Change::default();
        if changed.next != self.next {
            let was = (!self.next.is_zero()).then(|| nanos(self.next));
            change.swap(NEXT, [":next", ":next_was"], was, nanos(changed.next));
        }
        if let Some(lease) = changed.lease.filter(|_| changed.lease != self.lease) {
            change.swap(LEASE, [":lease", ":lease_was"], self.lease, lease);
        }
        if changed.health != self.health {
            let was = (self.revision > 0).then_some(self.revision);
            change.swap(REVISION, [":revision", ":revision_was"], was, self.revision + 1);
            change.health(&changed.health)?;
        }
        match change.update() {
            Some(update) => Ok(updated(table.update(&key(place), &update).await)?.is_some()),
            None => Ok(true),
        }
    }
}

/// A change of some attributes, and the condition that they are as they were.
#[derive(Default)]
struct Change {
    set: Vec<String>,
    same: Vec<String>,
    numbers: Vec<(&'static str, u64)>,
    health: Option<String>,
    opens: bool,
}

impl Change {
    /// From this number, or none, to that one; `names` stand for the two.
    fn swap(&mut self, attribute: &str, [name, name_was]: [&'static str; 2], was: Option<u64>, number: u64) {
        self.set.push(format!("{attribute} = {name}"));
        self.numbers.push((name, number));
        match was {
            Some(was) => {
                self.same.push(format!("{attribute} = {name_was}"));
                self.numbers.push((name_was, was));
            }
            None => self.same.push(format!("attribute_not_exists({attribute})")),
        }
    }

    fn health(&mut self, health: &Health) -> Result<(), TableError> {
        let text = serde_json::to_string(health).map_err(|error| TableError::Unexpected(Box::new(error)))?;
        self.health = Some(text);
        self.set.push(format!("{DOCUMENT} = :health"));
        match health.next_probe_at() {
            Some(until) => {
                self.set.push(format!("{SHUT} = :shut"));
                self.numbers.push((":shut", micros(until)));
            }
            None => self.opens = true,
        }
        Ok(())
    }

    /// None when nothing changes.
    fn update(self) -> Option<Update> {
        if self.set.is_empty() {
            return None;
        }
        let remove = if self.opens { format!(" REMOVE {SHUT}") } else { String::new() };
        let update = Update::new(format!("SET {}{remove}", self.set.join(", ")), self.same.join(" AND "));
        let update = self.numbers.into_iter().fold(update, |update, (name, number)| update.number(name, number));
        Some(match self.health {
            Some(health) => update.text(":health", health),
            None => update,
        })
    }
}

/// Takes all of these turns in one write, whoever else writes: the first while the party was idle, the second while its
/// turns are not used up. None when there are not so many.
pub(super) async fn take_all(
    table: &Table,
    place: Place<'_>,
    spacing: Spacing,
    burst: Turns,
    now: Timestamp,
) -> Result<Option<Row>, TableError> {
    let now_ns = since_1970(now);
    let length = burst.next.saturating_sub(now_ns);
    let latest = (now_ns + spacing.ahead + spacing.interval).saturating_sub(length);
    let idle = format!("(attribute_not_exists({NEXT}) OR {NEXT} <= :now_ns) AND {OPEN}");
    let idle = Update::new(format!("SET {NEXT} = :next"), idle).number(":next", nanos(burst.next));
    let busy = format!("{NEXT} > :now_ns AND {NEXT} <= :latest AND {OPEN}");
    let busy = Update::new(format!("SET {NEXT} = {NEXT} + :length"), busy).number(":length", nanos(length));
    for change in [idle, busy.number(":latest", nanos(latest))] {
        let change = change.number(":now_ns", nanos(now_ns)).number(":now_us", micros(now));
        if let Some(item) = updated(table.update(&key(place), &change).await)? {
            return Row::of(&item).map(Some);
        }
    }
    Ok(None)
}

/// Takes this lease away, if it is there.
pub(super) async fn end(table: &Table, place: Place<'_>, lease: u64) -> Result<bool, TableError> {
    let end = Update::new(format!("REMOVE {LEASE}"), format!("{LEASE} = :lease")).number(":lease", lease);
    Ok(updated(table.update(&key(place), &end).await)?.is_some())
}

/// Takes the health and any lease away, if there is any.
pub(super) async fn forget(table: &Table, place: Place<'_>) -> Result<(), TableError> {
    let forget = format!("SET {REVISION} = {REVISION} + :one REMOVE {DOCUMENT}, {SHUT}, {LEASE}");
    let forget = Update::new(forget, format!("attribute_exists({DOCUMENT})")).number(":one", 1);
    updated(table.update(&key(place), &forget).await).map(|_| ())
}

fn updated(updated: Result<Item, TableError>) -> Result<Option<Item>, TableError> {
    match updated {
        Ok(item) => Ok(Some(item)),
        Err(TableError::Conflict { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

fn key((party, environment): Place<'_>) -> Key {
    Key::new(format!("GATE#{party}#{environment}"), "GATE")
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
