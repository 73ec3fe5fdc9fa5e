//! Jobs that send a party's offers again: a row each, which expires, and one for each that runs. The latter are few and
//! lie in one partition, where the clock finds them.

use event_schema::id::{Environment, PartyId, ReplayId};
use marketplace_core::{
    command::Refusal,
    ports::{Remember, ReplayJobs, StoreError},
    replay::ReplayJob,
};

use crate::{
    Aws, idempotency,
    item::{Item, ItemError, Key, REVISION},
    table::{Condition, Query, Range, TableError, Write},
};

/// The partition of those that run.
const RUNNING: &str = "REPLAYS";

/// The one row of a job's partition.
const META: &str = "META";

const ID: &str = "replay_id";

impl ReplayJobs for Aws {
    async fn start_replay(&self, job: ReplayJob, remember: Option<Remember<()>>) -> Result<(), StoreError> {
        let mut patience = self.table.patience();
        let running = Item::new(&running_key(&job.party, job.environment)).text(ID, job.id.to_string());
        loop {
            let mut writes = vec![Write::insert(running.clone()), Write::insert(item(&job).map_err(TableError::from)?)];
            writes.extend(remember.as_ref().map(|remember| idempotency::answered(remember, &())));
            match self.table.write(writes).await {
                Err(error) if error.refused(0) => {
                    let detail = "another replay is running in this environment".to_owned();
                    return Err(Refusal::State { current_status: "running", detail }.into());
                }
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                started => return Ok(started?),
            }
        }
    }

    async fn replay(
        &self,
        party: &PartyId,
        environment: Environment,
        id: ReplayId,
    ) -> Result<Option<ReplayJob>, StoreError> {
        let found = self.table.get(&key(id)).await?;
        let job = found.map(|item| item.get_document::<ReplayJob>()).transpose().map_err(TableError::from)?;
        Ok(job.filter(|job| job.party == *party && job.environment == environment))
    }

    async fn running_replays(&self, most: usize) -> Result<Vec<ReplayJob>, StoreError> {
        let running = self.table.first(&Query::partition(RUNNING, Range::All), most).await?;
        let keys = running.iter().map(|item| Ok(key(item.get_parsed(ID)?))).collect::<Result<Vec<_>, ItemError>>();
        let jobs = self.table.get_all(&keys.map_err(TableError::from)?).await?;
        let jobs = jobs.iter().map(Item::get_document).collect::<Result<_, _>>();
        Ok(jobs.map_err(TableError::from)?)
    }

    async fn keep_replay(&self, before: &ReplayJob, after: ReplayJob) -> Result<bool, StoreError> {
        let mut patience = self.table.patience();
        loop {
            let put = Write::put(item(&after).map_err(TableError::from)?);
            let mut writes = vec![put.when(Condition::Revision(revision(before)))];
            if !after.is_running() {
                writes.push(Write::delete(running_key(&after.party, after.environment)));
            }
            match self.table.write(writes).await {
                Err(error) if error.refused(0) => return Ok(false),
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                kept => return Ok(kept.map(|()| true)?),
            }
        }
    }
}

fn key(id: ReplayId) -> Key {
    Key::new(format!("REPLAY#{id}"), META)
}

fn running_key(party: &PartyId, environment: Environment) -> Key {
    Key::new(RUNNING, format!("{party}#{environment}"))
}

fn revision(job: &ReplayJob) -> u64 {
    job.progress.steps + 1
}

fn item(job: &ReplayJob) -> Result<Item, ItemError> {
    Item::new(&key(job.id)).number(REVISION, revision(job)).expiring(job.expires_at()).document(job)
}
