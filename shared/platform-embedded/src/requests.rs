//! The request store: a command decides on the writer's thread, so it never conflicts, and commits with others.

mod history;
mod past;
mod read;

use event_schema::id::{DeliveryId, RequestId, UserId};
use marketplace_core::{
    command::{Change, Command, Needs, Refusal},
    fact::JournalEntry,
    offer::Offer,
    ports::{Page, PageQuery, Remember, RequestRecord, RequestStore, StoreError, Urgency},
    publish::{About, Happened},
    request::{Aggregate, Head},
};
use tokio::sync::oneshot;

pub(crate) use self::read::{next_cursor, read_about};
use self::read::{read_list, read_request};
use crate::{
    Embedded, idempotency,
    push::queues::Due,
    rows,
    writer::{Job, Transaction},
};

impl RequestStore for Embedded {
    async fn apply<C: Command>(
        &self,
        command: C,
        urgency: Urgency,
        remember: Option<Remember<C::Reply>>,
    ) -> Result<C::Reply, StoreError> {
        let (answer, answered) = oneshot::channel();
        let job = Apply { command, remember, decided: None, answer };
        self.writer.queue(Box::new(job), urgency).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }

    async fn request(&self, id: RequestId, attempts: bool) -> Result<Option<RequestRecord>, StoreError> {
        self.shared.readers.read(move |connection| read_request(connection, id, attempts)).await
    }

    async fn requests_of(&self, user: &UserId, page: PageQuery) -> Result<Page<(Head, Vec<Offer>)>, StoreError> {
        let user = user.clone();
        self.shared.readers.read(move |connection| read_list(connection, &user, &page)).await
    }

    async fn was_told(&self, request: RequestId, sequence: u64, channel: &'static str) -> Result<bool, StoreError> {
        let told = "SELECT 1 FROM notices WHERE request = ?1 AND sequence = ?2 AND channel = ?3";
        self.shared
            .readers
            .read(move |connection| {
                connection.prepare_cached(told)?.exists((request.0.as_bytes(), rows::sequence(sequence), channel))
            })
            .await
    }
}

struct Apply<C: Command> {
    command: C,
    remember: Option<Remember<C::Reply>>,
    decided: Option<Result<C::Reply, Refusal>>,
    answer: oneshot::Sender<Result<C::Reply, StoreError>>,
}

impl<C: Command> Job for Apply<C> {
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        let state = load(transaction, self.command.request(), &self.command.needs())?;
        self.decided = Some(match self.command.decide(&state) {
            Ok(decision) => {
                write(transaction, &self.command, state.head, decision.change)?;
                if let Some(remember) = &self.remember {
                    idempotency::write(transaction.connection, remember, &decision.reply)?;
                }
                Ok(decision.reply)
            }
            Err(refusal) => Err(refusal),
        });
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let decided = self.decided.ok_or(StoreError::Unavailable("the store is closed"));
        let answer = committed.and(decided).and_then(|decided| decided.map_err(StoreError::Refused));
        // A caller that has gone away needs no answer; what it asked for is done all the same.
        let _ = self.answer.send(answer);
    }
}

fn load(transaction: &Transaction<'_>, request: RequestId, needs: &Needs) -> rusqlite::Result<Aggregate> {
    let connection = transaction.connection;
    let one = |id: &DeliveryId| {
        // An id of another request's offer is nobody's here.
        if id.request() == request { rows::read_offer(connection, *id) } else { Ok(None) }
    };
    let mut offers: Vec<Offer> = match needs {
        Needs::Head => vec![],
        Needs::OfferAlone(id) => one(id)?.into_iter().collect(),
        Needs::Offers(ids) => ids.iter().filter_map(|id| one(id).transpose()).collect::<rusqlite::Result<_>>()?,
        Needs::PartyOffers(party, environment) => {
            let mut offers = rows::read_offers(connection, request)?;
            offers.retain(|offer| offer.party == *party && offer.environment == *environment);
            offers
        }
        Needs::AllOffers => rows::read_offers(connection, request)?,
    };
    for offer in &mut offers {
        offer.told = offer.told || transaction.shared.may_be_known(offer);
    }
    let head = match needs {
        Needs::OfferAlone(_) => None,
        _ => rows::read_head(connection, request)?,
    };
    Ok(Aggregate { head, offers })
}

fn write<C: Command>(
    transaction: &mut Transaction<'_>,
    command: &C,
    old_head: Option<Head>,
    change: Change,
) -> rusqlite::Result<()> {
    if change.is_empty() {
        return Ok(());
    }
    let (request, at) = (command.request(), command.at());
    if let Some((sequence, channel)) = change.notice
        && !write_notice(transaction, request, sequence, channel)?
    {
        return Ok(());
    }
    if let Some(head) = &change.head {
        rows::write_head(transaction.connection, head, old_head.is_none())?;
    }
    if let Some(detail) = &change.body {
        transaction
            .connection
            .prepare_cached("INSERT INTO bodies (id, detail) VALUES (?1, ?2)")?
            .execute((request.0.as_bytes(), &**detail))?;
        transaction.remember_body(request, detail);
    }
    for offer in change.offers {
        write_offer(transaction, request, offer, &change.attempt, at)?;
    }
    let head = change.head.or(old_head);
    let about = head.map(|head| About { user_id: head.user_id, environment: head.environment });
    for fact in change.facts {
        let sequence = transaction.next_sequence();
        let entry = JournalEntry { sequence, request: Some(request), at, cause: change.cause, fact };
        write_journal(transaction, Happened { entry, request: about.clone(), detail: change.body.clone() })?;
    }
    Ok(())
}

/// Appends a row that has its place already.
pub(crate) fn write_journal(transaction: &mut Transaction<'_>, happened: Happened) -> rusqlite::Result<()> {
    rows::write_journal(transaction.connection, &happened.entry)?;
    transaction.effects.happened.push(happened);
    Ok(())
}

/// Records a notice; false if it is recorded already.
fn write_notice(
    transaction: &Transaction<'_>,
    request: RequestId,
    sequence: u64,
    channel: &str,
) -> rusqlite::Result<bool> {
    let insert = "INSERT OR IGNORE INTO notices (request, sequence, channel) VALUES (?1, ?2, ?3)";
    let inserted = transaction.connection.prepare_cached(insert)?.execute((
        request.0.as_bytes(),
        rows::sequence(sequence),
        channel,
    ))?;
    Ok(inserted > 0)
}

fn write_offer(
    transaction: &mut Transaction<'_>,
    request: RequestId,
    offer: Offer,
    attempt: &Option<(DeliveryId, marketplace_core::offer::Attempt)>,
    at: jiff::Timestamp,
) -> rusqlite::Result<()> {
    rows::write_offer(transaction.connection, &offer, at)?;
    if let Some(deadline) = &offer.deadline {
        let alarm = rows::micros(deadline.next());
        transaction.effects.alarm = Some(transaction.effects.alarm.map_or(alarm, |earlier| earlier.min(alarm)));
    }
    if let Some((id, attempt)) = attempt {
        rows::write_attempt(transaction.connection, *id, offer.attempts, attempt)?;
        transaction.effects.settled.push(*id);
    }
    let id = offer.delivery_id;
    transaction.effects.due.remove(&id);
    let due = offer.message.as_ref().and_then(|message| message.next_attempt_at);
    if due.is_some_and(|due| due <= at)
        && let Some(detail) = transaction.body(request)?
    {
        transaction.effects.due.insert(id, Due { offer, detail });
    }
    Ok(())
}
