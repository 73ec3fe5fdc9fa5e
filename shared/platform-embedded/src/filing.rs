//! Rows that are found by party are filed by party: after they were written, and many at once.
//!
//! A commit is about offers to many parties, and an index by party would have each of them change a page of its own:
//! half of what the log takes. So a task files what has come since it was last there, in the parties' order, and whoever
//! reads by party has the rest filed first. How far that is done is filed with it, so nothing is left out after a crash.

use std::time::Duration;

use marketplace_core::{causes::Causes, fact::Fact, ports::StoreError};
use rusqlite::{Connection, params};

use crate::{Embedded, background::Background, rows, writer::Transaction};

/// Most rows of the journal that are filed in one commit, which holds up others for a millisecond or two.
const STEP: usize = 2_048;

/// How long rows gather before they are filed.
const GATHER: Duration = Duration::from_millis(250);

/// How long to wait before trying again what the store could not take.
const STORE_PAUSE: Duration = Duration::from_secs(1);

/// Starts the task that files what nobody asks for.
#[must_use]
pub fn start(store: Embedded) -> Background {
    Background::start(async move {
        let mut end = store.shared.tail.end();
        loop {
            let pause = match store.file().await {
                Ok(()) => GATHER,
                Err(error) => {
                    tracing::warn!(error = %Causes(&error), "rows will be filed later");
                    STORE_PAUSE
                }
            };
            tokio::time::sleep(pause).await;
            if end.changed().await.is_err() {
                return;
            }
        }
    })
}

impl Embedded {
    /// Files everything that was committed before this was called.
    ///
    /// # Errors
    /// The store cannot take it now; what was filed stays filed.
    pub async fn file(&self) -> Result<(), StoreError> {
        let _turn = self.shared.filing.lock().await;
        loop {
            let step = self.shared.readers.read(Step::read).await?;
            if step.rows == 0 {
                return Ok(());
            }
            let is_last = step.rows < STEP;
            self.write_bus(move |transaction| step.write(transaction)).await?;
            if is_last {
                return Ok(());
            }
        }
    }

    /// The same for whoever is about to read: where nothing can be written, what is filed can still be read.
    pub(crate) async fn file_for_a_reader(&self) {
        if let Err(error) = self.file().await {
            tracing::warn!(error = %Causes(&error), "what is newest is not filed, and not read");
        }
    }
}

/// Rows of the journal, and what is filed of them, in the order in which it lies there.
struct Step {
    rows: usize,
    /// The place of the last one.
    to: u64,
    journal: Vec<(String, i64, i64)>,
    offers: Vec<(String, i64, i64, [u8; 26])>,
}

impl Step {
    fn read(connection: &Connection) -> rusqlite::Result<Self> {
        let select = format!(
            "SELECT {} FROM journal WHERE sequence > (SELECT sequence FROM filed) ORDER BY sequence LIMIT {STEP}",
            rows::JOURNAL
        );
        let mut step = Self { rows: 0, to: 0, journal: vec![], offers: vec![] };
        let mut statement = connection.prepare_cached(&select)?;
        for entry in statement.query_map([], rows::journal_entry)? {
            let entry = entry?;
            (step.rows, step.to) = (step.rows + 1, entry.sequence);
            let Some((party, environment)) = entry.fact.of_an_offer_to() else { continue };
            let (party, environment) = (party.to_string(), environment as i64);
            if let Fact::OfferCreated { delivery_id, .. } = &entry.fact
                && let Some(offer) = rows::read_offer(connection, *delivery_id)?
            {
                step.offers.push((party.clone(), environment, rows::micros(offer.created_at), delivery_id.0));
            }
            step.journal.push((party, environment, rows::sequence(entry.sequence)));
        }
        step.journal.sort_unstable();
        step.offers.sort_unstable();
        Ok(step)
    }

    fn write(&self, transaction: &Transaction<'_>) -> rusqlite::Result<()> {
        let connection = transaction.connection;
        let insert = "INSERT OR IGNORE INTO party_journal (party, environment, sequence) VALUES (?1, ?2, ?3)";
        let mut insert = connection.prepare_cached(insert)?;
        for row in &self.journal {
            insert.execute(params![row.0, row.1, row.2])?;
        }
        let insert = "INSERT OR IGNORE INTO party_offers (party, environment, created_at, id) VALUES (?1, ?2, ?3, ?4)";
        let mut insert = connection.prepare_cached(insert)?;
        for row in &self.offers {
            insert.execute(params![row.0, row.1, row.2, row.3])?;
        }
        connection.prepare_cached("UPDATE filed SET sequence = ?1")?.execute([rows::sequence(self.to)]).map(drop)
    }
}
