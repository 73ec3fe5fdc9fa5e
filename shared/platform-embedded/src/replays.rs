//! Jobs that send a party's offers again: a row each, and a wake for whoever does them.

use event_schema::id::{Environment, PartyId, ReplayId};
use marketplace_core::{
    command::Refusal,
    ports::{Remember, ReplayJobs, StoreError, Urgency},
    replay::ReplayJob,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};

use crate::{Embedded, error::corrupt, idempotency, rows, writer::Transaction};

impl ReplayJobs for Embedded {
    async fn start_replay(&self, job: ReplayJob, remember: Option<Remember<()>>) -> Result<(), StoreError> {
        let start = move |transaction: &mut Transaction<'_>| {
            let connection = transaction.connection;
            let running = "SELECT 1 FROM replays WHERE open AND party = ?1 AND environment = ?2";
            if connection.prepare_cached(running)?.exists(params![job.party.as_str(), job.environment as i64])? {
                let detail = "another replay is running in this environment".to_owned();
                return Ok(Err(Refusal::State { current_status: "running", detail }));
            }
            write(connection, &job)?;
            if let Some(remember) = &remember {
                idempotency::write(connection, remember, &())?;
            }
            Ok(Ok(()))
        };
        self.write_or_refuse(Urgency::Caller, start).await?;
        self.shared.replay_started.notify_one();
        Ok(())
    }

    async fn replay(
        &self,
        party: &PartyId,
        environment: Environment,
        id: ReplayId,
    ) -> Result<Option<ReplayJob>, StoreError> {
        let found = self.shared.readers.read(move |connection| read(connection, id)).await?;
        Ok(found.filter(|job| job.party == *party && job.environment == environment))
    }

    async fn running_replays(&self, most: usize) -> Result<Vec<ReplayJob>, StoreError> {
        let read = move |connection: &Connection| {
            let select = "SELECT document FROM replays WHERE open ORDER BY party, environment LIMIT ?1";
            let mut statement = connection.prepare_cached(select)?;
            statement.query_map([i64::try_from(most).unwrap_or(i64::MAX)], job)?.collect()
        };
        self.shared.readers.read(read).await
    }

    async fn keep_replay(&self, before: &ReplayJob, after: ReplayJob) -> Result<bool, StoreError> {
        let (id, steps) = (before.id, before.progress.steps);
        let keep = move |transaction: &mut Transaction<'_>| {
            let unchanged = read(transaction.connection, id)?.is_some_and(|job| job.progress.steps == steps);
            if unchanged {
                write(transaction.connection, &after)?;
            }
            Ok(Ok(unchanged))
        };
        self.write_or_refuse(Urgency::Ours, keep).await
    }
}

impl Embedded {
    /// Waits until a job was started, if none was since this was asked last.
    pub async fn until_a_replay_starts(&self) {
        self.shared.replay_started.notified().await;
    }
}

fn read(connection: &Connection, id: ReplayId) -> rusqlite::Result<Option<ReplayJob>> {
    let select = "SELECT document FROM replays WHERE id = ?1";
    connection.prepare_cached(select)?.query_row([id.0.as_bytes()], job).optional()
}

fn job(row: &Row<'_>) -> rusqlite::Result<ReplayJob> {
    serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|error| corrupt(0, error))
}

fn write(connection: &Connection, job: &ReplayJob) -> rusqlite::Result<()> {
    let document = serde_json::to_string(job).map_err(|error| corrupt(4, error))?;
    let insert = "INSERT OR REPLACE INTO replays (id, party, environment, open, document, expires_at) \
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
    connection.prepare_cached(insert)?.execute(params![
        job.id.0.as_bytes(),
        job.party.as_str(),
        job.environment as i64,
        job.is_running(),
        document,
        rows::micros(job.expires_at()),
    ])?;
    Ok(())
}
