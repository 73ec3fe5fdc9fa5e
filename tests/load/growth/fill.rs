//! Fills a store through the library, as the services would but without HTTP in between.

use std::{path::Path, time::Duration};

use anyhow::Context as _;
use event_schema::{
    id::{Environment, PartyId, RequestId, UserId},
    words::MessageType,
};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::{
        create::Create,
        push::{Disposition, RecordAttempt},
        route::MakeOffers,
    },
    intake,
    offer::{Attempt, delivery_id},
    ports::{Clock as _, Randomness as _, RequestStore as _, Urgency},
};
use platform_base::{clock::SystemClock, randomness::OsRandomness, vault::Vault};
use platform_embedded::{Embedded, Options, secret_file::load_or_make_secret};
use rusqlite::Connection;

use super::POLLER;
use crate::{people, request};

/// How many requests are under way at once.
const AT_ONCE: usize = 1_024;

/// How far back the stored requests go: beyond what retention keeps, so that it has something to do.
const SPAN: SignedDuration = SignedDuration::from_hours(100 * 24);

/// One in so many requests also waits in the polling party's inbox, of those that an inbox still holds.
const ONE_IN: usize = 10;
const INBOX: SignedDuration = SignedDuration::from_hours(13 * 24);

/// How many of the stored requests are asked for later.
const SAMPLES: usize = 10_000;

/// A stored request: the number of its user, and its id.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stored {
    pub(super) user: usize,
    pub(super) id: RequestId,
}

struct Filler {
    store: Embedded,
    randomness: OsRandomness,
    users: Vec<UserId>,
    parties: Vec<PartyId>,
    poller: PartyId,
    newest: Timestamp,
    count: usize,
}

/// Stores requests of these users, each offered to a party and delivered with one attempt, oldest first. Answers
/// some of them.
///
/// # Errors
/// The store cannot take it.
pub(super) async fn fill(data_dir: &Path, users: &[&str], count: usize) -> anyhow::Result<Vec<Stored>> {
    let vault = Vault::new(&load_or_make_secret(&data_dir.join("secret-key"))?)?;
    let filler = Filler {
        store: Embedded::open(Options::new(data_dir.to_owned(), vault))?,
        randomness: OsRandomness::new()?,
        users: users.iter().map(|user| user.parse()).collect::<Result<_, _>>()?,
        parties: (0..people::PARTIES).map(|number| people::party_id(number).parse()).collect::<Result<_, _>>()?,
        poller: POLLER.parse()?,
        newest: SystemClock.now(),
        count,
    };
    let every = count.div_ceil(SAMPLES);
    let filling = (0..count).map(|number| filler.one(number));
    let stored = stream::iter(filling).buffer_unordered(AT_ONCE);
    let sampled = stored.try_filter_map(async |(number, stored)| Ok((number % every == 0).then_some(stored)));
    let sampled = sampled.try_collect().await?;
    filler.store.file().await?;
    drop(filler);
    catch_up(data_dir)?;
    Ok(sampled)
}

impl Filler {
    async fn one(&self, number: usize) -> anyhow::Result<(usize, Stored)> {
        let age = SPAN * i32::try_from(self.count - number)? / i32::try_from(self.count)?;
        let at = self.newest.checked_sub(age)?;
        let user = number % self.users.len();
        let id = RequestId(self.randomness.uuid(at));
        let body = request::body(&request::category(0), number as u64);
        let request = intake::from_api(body.as_bytes(), self.users[user].clone())?;
        self.store.apply(Create { id, request, at }, Urgency::Ours, None).await?;
        let party = &self.parties[number % self.parties.len()];
        let mut parties = vec![party.clone()];
        if age < INBOX && number.is_multiple_of(ONE_IN) {
            parties.push(self.poller.clone());
        }
        let offers = MakeOffers {
            request: id,
            environment: Environment::Prod,
            handed_over: [].into(),
            clocks: [].into(),
            last_of: Some(u32::try_from(parties.len())?),
            parties,
            registry_version: 1,
            cause: None,
            at,
        };
        self.store.apply(offers, Urgency::Ours, None).await?;
        self.store.apply(delivered(id, party, at), Urgency::Ours, None).await?;
        Ok((number, Stored { user, id }))
    }
}

fn delivered(request: RequestId, party: &PartyId, at: Timestamp) -> RecordAttempt {
    let attempt = Attempt {
        at,
        message: MessageType::OfferCreated,
        outcome: "delivered".to_owned(),
        status_code: Some(200),
        latency_us: 700,
        answer: None,
    };
    let delivery_id = delivery_id(request, party, Environment::Prod, 1);
    RecordAttempt { delivery_id, attempt, disposition: Disposition::Delivered, at }
}

/// Tells the consumers that all of this is handled, since it is, and leaves no log behind.
fn catch_up(data_dir: &Path) -> anyhow::Result<()> {
    let connection = connect(data_dir)?;
    // The parties joined before the oldest request: else the journal would begin with young rows, and retention end there.
    connection.execute(
        "UPDATE journal SET at = (SELECT min(at) FROM journal WHERE request IS NOT NULL) WHERE request IS NULL",
        [],
    )?;
    let told = connection.execute("UPDATE consumers SET sequence = (SELECT max(sequence) FROM journal)", [])?;
    anyhow::ensure!(told > 0, "no consumer has ever saved its position");
    let mut ended = connection.prepare("PRAGMA wal_checkpoint(TRUNCATE)")?;
    ended.query_row([], |_| Ok(())).context("the log cannot be moved")
}

/// How much of what retention removes there is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Counts {
    pub(super) journal: i64,
    pub(super) attempts: i64,
}

/// Counts rows.
///
/// # Errors
/// The database cannot be read.
pub(super) fn counts(data_dir: &Path) -> anyhow::Result<Counts> {
    let connection = connect(data_dir)?;
    let count = |table| connection.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0));
    Ok(Counts { journal: count("journal")?, attempts: count("attempts")? })
}

fn connect(data_dir: &Path) -> anyhow::Result<Connection> {
    let connection = Connection::open(platform_embedded::database(data_dir))?;
    connection.busy_timeout(Duration::from_secs(30))?;
    Ok(connection)
}
