//! One event in, at most one message on each channel out.

use std::sync::Arc;

use event_schema::{kind::EventKind, status_update::StatusUpdateDetail};
use marketplace_core::{
    command::notice::RecordNotice,
    ports::{
        Clock, Contacts, Notice, Notices, PartyStore, Randomness, Recipient, RequestStore, SignUps, Urgency, UserStore,
    },
    publish::BusEvent,
    user::User,
};
use sha2::{Digest, Sha256};
use tokio::sync::{Mutex, MutexGuard};
use uuid::Uuid;

use crate::{Channel, Config, NotifierError, Silence, contacts, recipients::recipients, templates::Story};

/// The events that the notifier consumes.
pub const KINDS: &[EventKind] = &[EventKind::StatusUpdate, EventKind::ThirdParty];

/// What the notifier needs.
pub struct Deps<S, N> {
    /// Users, parties, and what was told before.
    pub store: S,
    /// Sends messages to people.
    pub notices: N,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// Makes the tokens of links.
    pub randomness: Arc<dyn Randomness>,
    /// What can be configured.
    pub config: Config,
    turns: Turns,
}

impl<S, N> Deps<S, N> {
    /// All of it.
    pub fn new(store: S, notices: N, clock: Arc<dyn Clock>, randomness: Arc<dyn Randomness>, config: Config) -> Self {
        Self { store, notices, clock, randomness, config, turns: Turns::default() }
    }

    /// Waits for those who send this notice.
    pub(crate) async fn turn(&self, notice: Uuid) -> MutexGuard<'_, ()> {
        self.turns.take(notice).await
    }
}

/// Copies of one event that come at the same time wait for each other, so that the second finds what the first did.
#[derive(Default)]
struct Turns([Mutex<()>; 32]);

impl Turns {
    async fn take(&self, notice: Uuid) -> MutexGuard<'_, ()> {
        let place = usize::from(notice.as_bytes()[0]) % self.0.len();
        self.0[place].lock().await
    }
}

/// What became of an event.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Done {
    /// The user, or the party's contact, was told by these channels, now; by those that are missing, before.
    Told(Vec<Channel>),
    /// Nobody is told.
    Silent(Silence),
}

/// Handles one event; other kinds than [`KINDS`] are done at once.
///
/// # Errors
/// [`NotifierError`] says whether to try again. What was sent on other channels is recorded all the same.
pub async fn handle<S, N>(event: &BusEvent, deps: &Deps<S, N>) -> Result<Done, NotifierError>
where
    S: RequestStore + UserStore + PartyStore + Contacts + SignUps,
    N: Notices,
{
    let update: StatusUpdateDetail = match EventKind::from_detail_type(&event.detail_type) {
        Some(EventKind::StatusUpdate) => serde_json::from_str(event.detail.get())?,
        Some(EventKind::ThirdParty) => return contacts::tell(&serde_json::from_str(event.detail.get())?, deps).await,
        _ => return Ok(Done::Silent(Silence::NotForPeople)),
    };
    let user = deps.store.user(&update.user_id).await?;
    match recipients(user.as_ref(), update.metadata.environment) {
        Ok(mut recipients) => {
            recipients.retain(|(_, to)| deps.notices.reaches(to));
            if recipients.is_empty() {
                return Ok(Done::Silent(Silence::NoWay));
            }
            tell(&update, user.as_ref(), recipients, deps).await.map(Done::Told)
        }
        Err(silence) => Ok(Done::Silent(silence)),
    }
}

async fn tell<S, N>(
    update: &StatusUpdateDetail,
    user: Option<&User>,
    recipients: Vec<(Channel, Recipient)>,
    deps: &Deps<S, N>,
) -> Result<Vec<Channel>, NotifierError>
where
    S: RequestStore + PartyStore,
    N: Notices,
{
    let party = match &update.third_party {
        Some(id) => deps.store.party(id).await?,
        None => None,
    };
    let story = Story {
        update,
        party_name: party.as_ref().map(|party| party.name.as_str()),
        user_name: user.and_then(|user| user.name.as_deref()),
        public_url: &deps.config.public_url,
    };
    let (mut told, mut failed) = (Vec::new(), None::<NotifierError>);
    for (channel, to) in recipients {
        match tell_once(&story, channel, to, deps).await {
            Ok(true) => told.push(channel),
            Ok(false) => {}
            Err(error) => {
                failed = Some(match failed {
                    Some(earlier) => earlier.graver(error),
                    None => error,
                });
            }
        }
    }
    failed.map_or(Ok(told), Err)
}

/// Whether this sent it; an earlier time may have.
async fn tell_once<S, N>(
    story: &Story<'_>,
    channel: Channel,
    to: Recipient,
    deps: &Deps<S, N>,
) -> Result<bool, NotifierError>
where
    S: RequestStore,
    N: Notices,
{
    let (request, sequence) = (story.update.request_id, story.update.metadata.sequence);
    let notice = notice(story, channel, to);
    let _turn = deps.turn(notice.id).await;
    if deps.store.was_told(request, sequence, channel.as_str()).await? {
        return Ok(false);
    }
    deps.notices.send(&notice).await?;
    tracing::info!(correlation.id = %request, event.id = %story.update.metadata.event_id, %channel, "the user was told");
    let record = RecordNotice { request, sequence, channel: channel.as_str(), at: deps.clock.now() };
    deps.store.apply(record, Urgency::Ours, None).await?;
    Ok(true)
}

fn notice(story: &Story<'_>, channel: Channel, to: Recipient) -> Notice {
    let (subject, body) = match channel {
        Channel::Email => (story.subject(), story.body()),
        Channel::Sms => (String::new(), story.sms()),
    };
    Notice { id: notice_id(story.update, channel), to, subject, body }
}

/// Derived from what it tells, so that telling it again is the same message.
fn notice_id(update: &StatusUpdateDetail, channel: Channel) -> Uuid {
    let mut hash = Sha256::new();
    hash.update(update.request_id.0);
    hash.update(update.metadata.sequence.to_be_bytes());
    hash.update(channel.as_str());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

#[cfg(test)]
mod tests;
