//! Jobs that send many of a party's offers again.

use event_schema::id::{Environment, PartyId, ReplayId};

use super::{Remember, StoreError};
use crate::replay::ReplayJob;

/// Jobs, as they are kept.
pub trait ReplayJobs: Clone + Send + Sync + 'static {
    /// Keeps a new job; refused as `running` while the party has another that runs in the same environment.
    fn start_replay(
        &self,
        job: ReplayJob,
        remember: Option<Remember<()>>,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// A party's job in one environment.
    fn replay(
        &self,
        party: &PartyId,
        environment: Environment,
        id: ReplayId,
    ) -> impl Future<Output = Result<Option<ReplayJob>, StoreError>> + Send;

    /// Jobs that run, of all parties, at most so many.
    fn running_replays(&self, most: usize) -> impl Future<Output = Result<Vec<ReplayJob>, StoreError>> + Send;

    /// Keeps what a job has come to; false, and nothing is kept, when another step was taken from the same place
    /// meanwhile.
    fn keep_replay(
        &self,
        before: &ReplayJob,
        after: ReplayJob,
    ) -> impl Future<Output = Result<bool, StoreError>> + Send;
}
