//! The request store: a command decides on what was read, and is asked again when somebody else was first.

mod history;
pub(crate) mod journal;
mod load;
mod past;
mod read;
pub(crate) mod rows;
mod write;

use event_schema::id::{DeliveryId, Environment, PartyId, RequestId, UserId};
use jiff::Timestamp;
use marketplace_core::{
    command::{Command, Refusal},
    offer::Offer,
    ports::{Page, PageQuery, Remember, RequestRecord, RequestStore, StoreError, Urgency},
    request::Head,
};

pub(crate) use self::read::next_cursor;
use self::{load::load, write::writes};
use crate::{Aws, changes::WRITTEN_WITHIN, idempotency, table::TableError};

impl RequestStore for Aws {
    /// Urgency makes no difference here: nobody queues, and what DynamoDB cannot take now is tried again a dozen times
    /// for everybody.
    async fn apply<C: Command>(
        &self,
        command: C,
        _: Urgency,
        remember: Option<Remember<C::Reply>>,
    ) -> Result<C::Reply, StoreError> {
        let mut patience = self.table.patience();
        loop {
            match self.try_to_apply(&command, remember.as_ref()).await {
                Ok(decided) => return decided.map_err(StoreError::Refused),
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn request(&self, id: RequestId, attempts: bool) -> Result<Option<RequestRecord>, StoreError> {
        Ok(read::request(&self.table, id, attempts).await?)
    }

    async fn requests_of(&self, user: &UserId, page: PageQuery) -> Result<Page<(Head, Vec<Offer>)>, StoreError> {
        Ok(read::requests_of(&self.table, user, &page).await?)
    }

    async fn was_told(&self, request: RequestId, sequence: u64, channel: &'static str) -> Result<bool, StoreError> {
        Ok(self.table.get(&rows::notice_key(request, sequence, channel)).await?.is_some())
    }
}

impl Aws {
    /// Offers of a party whose message has been due since before this time, longest first, at most so many. Whether
    /// anything is pushed to the party at all, and by whom, is for its settings to say; and an index lags behind, so a
    /// [`Claim`](marketplace_core::command::push::Claim) has the last word.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when DynamoDB cannot take it, [`StoreError::Unexpected`] else.
    pub async fn overdue(
        &self,
        party: &PartyId,
        environment: Environment,
        before: Timestamp,
        most: usize,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        Ok(read::overdue(&self.table, party, environment, before, most).await?)
    }

    /// Offers whose clock has something due before this time, and when; at most some thousands. An index lags behind, so
    /// a [`KeepDeadline`](marketplace_core::command::deadline::KeepDeadline) has the last word.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when DynamoDB cannot take it, [`StoreError::Unexpected`] else.
    pub async fn alarms(&self, before: Timestamp) -> Result<Vec<(DeliveryId, Timestamp)>, StoreError> {
        Ok(read::alarms(&self.table, before).await?)
    }

    /// Reads, lets the command decide, and writes on the condition that nothing has changed meanwhile.
    async fn try_to_apply<C: Command>(
        &self,
        command: &C,
        remember: Option<&Remember<C::Reply>>,
    ) -> Result<Result<C::Reply, Refusal>, TableError> {
        let loaded = load(&self.table, command.request(), &command.needs()).await?;
        let decision = match command.decide(&loaded.aggregate()) {
            Ok(decision) => decision,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let reply = decision.reply;
        let mut writes = writes(command, &loaded, decision.change, self.clock.now())?;
        if let Some(remember) = remember {
            writes.push(idempotency::answered(remember, &reply));
        }
        if writes.parts.is_empty() {
            return Ok(Ok(reply));
        }
        match self.table.write_within(writes.parts, WRITTEN_WITHIN).await {
            Err(error) if writes.notice.is_some_and(|notice| error.refused(notice)) => Ok(Ok(reply)),
            written => written.map(|()| Ok(reply)),
        }
    }
}
