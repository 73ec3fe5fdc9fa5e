//! The notifier on the embedded platform: what reaches the outbox, what does not, and what happens when sending
//! fails.

use std::{
    fs,
    path::PathBuf,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};

use event_schema::{
    envelope::{Event, Metadata},
    id::{Environment, RequestId, UserId},
    names,
    status_update::UpdateStatus,
};
use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::{
    command::create::Create,
    confirmation::PhoneToken,
    intake,
    ports::NoticeError,
    user::{Notifications, NotificationsPatch, UserPatch},
};
use platform_base::{clock::SystemClock, randomness::OsRandomness, vault::Vault};
use platform_embedded::{Embedded, Options, notices::LocalNotices};
use serde_json::{Value, json, value::to_raw_value};
use tempfile::TempDir;

use super::*;

/// Notices that go to an outbox, after as many failures as a test wants.
#[derive(Clone)]
struct Unreliable {
    outbox: LocalNotices,
    sent: Arc<AtomicUsize>,
    /// What sending by e-mail answers instead, first to last.
    failures: Arc<Mutex<Vec<NoticeError>>>,
}

impl Notices for Unreliable {
    async fn send(&self, notice: &Notice) -> Result<(), NoticeError> {
        let is_email = matches!(notice.to, Recipient::Email(_));
        let failure = if is_email { self.failures.lock().unwrap().pop() } else { None };
        if let Some(failure) = failure {
            return Err(failure);
        }
        self.sent.fetch_add(1, Ordering::Relaxed);
        self.outbox.send(notice).await
    }
}

struct World {
    deps: Deps<Embedded, Unreliable>,
    request: RequestId,
    user: UserId,
    outbox: PathBuf,
    _folder: TempDir,
}

impl World {
    /// A confirmed user with a request in `prod`, who wants e-mail and SMS.
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let vault = Vault::new(&"0123456789abcdef0123456789abcdef".into()).unwrap();
        let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
        let outbox = folder.path().join("outbox");
        let notices = Unreliable {
            outbox: LocalNotices::open(&outbox, None).unwrap(),
            sent: Arc::default(),
            failures: Arc::default(),
        };
        let user = UserId::account(Uuid::from_u128(1));
        let request = RequestId(Uuid::from_u128(7));
        store.create_user(account(&user), [0; 32], None).await.unwrap();
        let (phone, at) = ("+15551234567".to_owned(), Timestamp::UNIX_EPOCH);
        let by_sms = PhoneToken { user: user.clone(), phone, hash: [1; 32], at };
        store.keep_phone_token(by_sms).await.unwrap();
        for token in [[0; 32], [1; 32]] {
            store.confirm_user(token, at).await.unwrap();
        }
        let new = intake::from_api(br#"{"category": "books"}"#, user.clone()).unwrap();
        let create = Create { id: request, request: new, at: SystemClock.now() };
        store.apply(create, Urgency::Caller, None).await.unwrap();
        let randomness = Arc::new(OsRandomness::new().unwrap());
        let config = Config { public_url: "https://market.example".into() };
        let deps = Deps::new(store, notices, Arc::new(SystemClock), randomness, config);
        Self { deps, request, user, outbox, _folder: folder }
    }

    fn event(&self, status: UpdateStatus, sequence: u64, environment: Environment) -> BusEvent {
        let now = SystemClock.now();
        let detail = StatusUpdateDetail {
            metadata: Metadata {
                event_id: Uuid::from_u128(sequence.into()),
                version: Metadata::VERSION,
                sequence,
                correlation_id: self.request.to_string(),
                causation_id: None,
                environment,
                occurred_at: now,
            },
            request_id: self.request,
            user_id: self.user.clone(),
            third_party: Some("acme".parse().unwrap()),
            delivery_id: None,
            status,
            reason: None,
            details: None,
            won: None,
        };
        Event {
            id: Uuid::from_u128(9),
            source: "com.marketplace.acme".into(),
            detail_type: names::STATUS_UPDATE.into(),
            time: now,
            detail: to_raw_value(&detail).unwrap(),
        }
    }

    fn accepted(&self) -> BusEvent {
        self.event(UpdateStatus::Accepted, 3, Environment::Prod)
    }

    async fn patch(&self, patch: UserPatch) {
        self.deps.store.patch_user(&self.user, patch).await.unwrap();
    }

    fn fail(&self, failures: Vec<NoticeError>) {
        *self.deps.notices.failures.lock().unwrap() = failures;
    }

    fn sent(&self) -> usize {
        self.deps.notices.sent.load(Ordering::Relaxed)
    }

    fn outbox(&self) -> Vec<Value> {
        let files = fs::read_dir(&self.outbox).unwrap().map(|file| fs::read(file.unwrap().path()).unwrap());
        let mut notices: Vec<Value> = files.map(|file| serde_json::from_slice(&file).unwrap()).collect();
        notices.sort_by_key(|notice| notice["channel"].to_string());
        notices
    }

    /// How the request's timeline says that the user was told.
    async fn timeline(&self) -> Vec<Value> {
        let record = self.deps.store.request(self.request, false).await.unwrap().unwrap();
        let facts = record.journal.iter().map(|entry| serde_json::to_value(&entry.fact).unwrap());
        facts.filter(|fact| fact["type"] == "user.told").collect()
    }
}

fn account(id: &UserId) -> User {
    User {
        id: id.clone(),
        email: "ann@example.com".to_owned(),
        password_hash: "-".to_owned(),
        name: Some("Ann".to_owned()),
        phone: Some("+15551234567".to_owned()),
        confirmed_at: None,
        phone_confirmed_at: None,
        notifications: Notifications { email: true, sms: true },
        test_account: false,
        created_at: Timestamp::UNIX_EPOCH,
    }
}

fn retry() -> NoticeError {
    NoticeError::Retry("try later".into())
}

fn permanent() -> NoticeError {
    NoticeError::Permanent("no such mailbox".into())
}

#[tokio::test]
async fn a_change_is_told_once_on_each_channel_however_often_it_is_heard() {
    let world = World::new().await;
    let both = Done::Told(vec![Channel::Email, Channel::Sms]);
    assert_eq!(handle(&world.accepted(), &world.deps).await.unwrap(), both);
    for _ in 0..3 {
        assert_eq!(handle(&world.accepted(), &world.deps).await.unwrap(), Done::Told(vec![]));
    }
    assert_eq!(world.sent(), 2);
    let outbox = world.outbox();
    assert_eq!(outbox.len(), 2);
    assert_eq!((&outbox[0]["to"], &outbox[1]["to"]), (&json!("ann@example.com"), &json!("+15551234567")));
    assert_eq!(outbox[0]["subject"], "acme accepted your request");
    let told = [
        json!({"type": "user.told", "channel": "email", "of": 3}),
        json!({"type": "user.told", "channel": "sms", "of": 3}),
    ];
    assert_eq!(world.timeline().await, told);

    let next = world.event(UpdateStatus::Completed, 4, Environment::Prod);
    assert_eq!(handle(&next, &world.deps).await.unwrap(), both);
    assert_eq!(world.outbox().len(), 4);
}

#[tokio::test]
async fn copies_that_come_at_the_same_time_tell_once() {
    let world = World::new().await;
    let event = world.accepted();
    let copies = (0..8).map(|_| handle(&event, &world.deps));
    for result in join_all(copies).await {
        result.unwrap();
    }
    assert_eq!((world.sent(), world.timeline().await.len()), (2, 2));
}

#[tokio::test]
async fn a_crash_between_sending_and_recording_repeats_the_same_message() {
    let world = World::new().await;
    let story = Story {
        update: &serde_json::from_str(world.accepted().detail.get()).unwrap(),
        party_name: None,
        user_name: Some("Ann"),
        public_url: &world.deps.config.public_url,
    };
    let before_the_crash = notice(&story, Channel::Email, Recipient::Email("ann@example.com".to_owned()));
    world.deps.notices.send(&before_the_crash).await.unwrap();
    handle(&world.accepted(), &world.deps).await.unwrap();
    assert_eq!(world.sent(), 3);
    assert_eq!(world.outbox().len(), 2, "one e-mail and one SMS");
}

#[tokio::test]
async fn what_cannot_be_sent_now_is_sent_later_and_the_other_channel_does_not_wait() {
    let world = World::new().await;
    world.fail(vec![retry(), retry()]);
    for _ in 0..2 {
        assert!(matches!(handle(&world.accepted(), &world.deps).await, Err(NotifierError::Retry(_))));
        assert_eq!(world.outbox().len(), 1, "the SMS");
    }
    let told = handle(&world.accepted(), &world.deps).await.unwrap();
    assert_eq!(told, Done::Told(vec![Channel::Email]));
    assert_eq!((world.sent(), world.timeline().await.len()), (2, 2));
}

#[tokio::test]
async fn a_mailbox_that_does_not_exist_ends_among_the_dead_letters() {
    let world = World::new().await;
    world.fail(vec![permanent()]);
    assert!(matches!(handle(&world.accepted(), &world.deps).await, Err(NotifierError::Poison(_))));
    assert_eq!(world.timeline().await, [json!({"type": "user.told", "channel": "sms", "of": 3})]);
}

#[test]
fn what_can_still_be_done_outweighs_what_cannot() {
    let (retried, dead) = (|| NotifierError::from(retry()), || NotifierError::from(permanent()));
    assert!(matches!(retried().graver(dead()), NotifierError::Retry(_)));
    assert!(matches!(dead().graver(retried()), NotifierError::Retry(_)));
    assert!(matches!(dead().graver(dead()), NotifierError::Poison(_)));
}

#[tokio::test]
async fn trials_reach_test_accounts_only() {
    let world = World::new().await;
    let trial = world.event(UpdateStatus::Accepted, 3, Environment::Test);
    let silent = handle(&trial, &world.deps).await.unwrap();
    assert_eq!(silent, Done::Silent(Silence::NotATestAccount));
    assert_eq!(world.sent(), 0);
    world.patch(UserPatch { test_account: Some(true), ..UserPatch::default() }).await;
    assert!(matches!(handle(&trial, &world.deps).await.unwrap(), Done::Told(_)));
}

#[tokio::test]
async fn who_does_not_want_to_be_told_or_has_no_account_is_not() {
    let world = World::new().await;
    let notifications = NotificationsPatch { email: Some(false), sms: Some(false) };
    world.patch(UserPatch { notifications, ..UserPatch::default() }).await;
    assert_eq!(handle(&world.accepted(), &world.deps).await.unwrap(), Done::Silent(Silence::NotWanted));

    let mut stranger = World::new().await;
    stranger.user = "123456789".parse().unwrap();
    let silent = handle(&stranger.accepted(), &stranger.deps).await.unwrap();
    assert_eq!(silent, Done::Silent(Silence::NoAccount));
    assert_eq!((world.sent(), stranger.sent()), (0, 0));
}

#[tokio::test]
async fn no_text_goes_to_a_number_that_nobody_confirmed() {
    let world = World::new().await;
    let phone = Some(Some("+15557654321".to_owned()));
    world.patch(UserPatch { phone, ..UserPatch::default() }).await;
    assert_eq!(handle(&world.accepted(), &world.deps).await.unwrap(), Done::Told(vec![Channel::Email]));
}

#[tokio::test]
async fn other_events_are_done_and_unreadable_ones_are_dead() {
    let world = World::new().await;
    let mut event = world.accepted();
    event.detail = to_raw_value(&json!({ "status": "accepted" })).unwrap();
    assert!(matches!(handle(&event, &world.deps).await, Err(NotifierError::Poison(_))));
    event.detail_type = names::DELIVERY.into();
    let silent = handle(&event, &world.deps).await.unwrap();
    assert_eq!(silent, Done::Silent(Silence::NotForPeople));
}
