//! Jobs that send a party's offers again: one at a time, a step once, and after a restart too.

use event_schema::{
    id::{DeliveryId, Environment, ReplayId},
    words::AnswerStatus,
};
use jiff::Timestamp;
use marketplace_core::{
    command::{
        Refusal,
        inbox::InboxAction,
        push::Disposition,
        replay::{ReplayOwn, Replayed},
    },
    lifecycle::OfferState,
    ports::{Inbox as _, ReplayJobs, RequestStore as _, StoreError, Urgency},
    replay::{CHOOSABLE, Progress, ReplayJob, Selection, Step},
};

use crate::{
    fixture::{START, answer, at, attempted, offered, party_id, the_offer, timeline, use_inbox, uuid},
    platform::PlatformUnderTest,
};

fn again(delivery_id: DeliveryId, party: &str, now: Timestamp) -> ReplayOwn {
    ReplayOwn { delivery_id, party: party_id(party), environment: Environment::Prod, at: now }
}

fn job(party: &str, environment: Environment) -> ReplayJob {
    let selection = Selection { since: START, until: at(60), states: CHOOSABLE.to_vec() };
    let (id, party) = (ReplayId(uuid()), party_id(party));
    ReplayJob { id, party, environment, selection, started_at: at(1), progress: Progress::default() }
}

fn refused_as<T: std::fmt::Debug>(result: Result<T, StoreError>) -> &'static str {
    match result {
        Err(StoreError::Refused(Refusal::State { current_status, .. })) => current_status,
        other => panic!("{other:?}"),
    }
}

pub(crate) async fn a_party_has_its_own_offers_sent_again<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let polled = offered(&store, "books", START).await;
    let acknowledged = use_inbox(polled, "books", InboxAction::Acknowledge, at(1));
    store.apply(acknowledged, Urgency::Ours, None).await.expect("acknowledged");
    let failed = offered(&store, "books", START).await;
    let died = attempted(failed, Disposition::Dead("status_not_retried".to_owned()), at(1));
    store.apply(died, Urgency::Ours, None).await.expect("recorded");
    for (delivery, state) in [(polled, OfferState::Delivered), (failed, OfferState::Pending)] {
        for _ in 0..2 {
            let replayed = store.apply(again(delivery, "books", at(2)), Urgency::Caller, None).await;
            assert_eq!(replayed.expect("replayed"), Replayed { state });
        }
        let offer = the_offer(&store, delivery).await;
        let message = offer.message.expect("it waits");
        assert_eq!((message.created_at, message.next_attempt_at), (START, Some(at(2))));
        let replays =
            timeline(&store, delivery.request()).await.iter().filter(|word| *word == "message.replayed").count();
        assert_eq!(replays, 1, "what is on its way is left alone");
        let others = store.apply(again(delivery, "pens", at(2)), Urgency::Caller, None).await;
        assert!(matches!(others, Err(StoreError::Refused(Refusal::NotFound))), "{others:?}");
    }
    let leased = store.lease(&party_id("books"), Environment::Prod, 9, at(3), at(60)).await.expect("leased");
    assert_eq!(leased.len(), 2, "both are in the inbox");
    store.apply(answer(polled, "books", AnswerStatus::Declined), Urgency::Ours, None).await.expect("answered");
    assert_eq!(refused_as(store.apply(again(polled, "books", at(11)), Urgency::Caller, None).await), "declined");
}

pub(crate) async fn one_replay_runs_at_a_time<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = job("books", Environment::Prod);
    store.start_replay(first.clone(), None).await.expect("started");
    assert_eq!(refused_as(store.start_replay(job("books", Environment::Prod), None).await), "running");
    for other in [job("books", Environment::Test), job("pens", Environment::Prod)] {
        store.start_replay(other, None).await.expect("started");
    }
    assert_eq!(store.running_replays(9).await.expect("read").len(), 3);
    assert_eq!(store.running_replays(2).await.expect("read").len(), 2);
    let done = first.after(Step::default(), None, at(2));
    assert!(store.keep_replay(&first, done).await.expect("kept"));
    let running = store.running_replays(9).await.expect("read");
    assert!(running.len() == 2 && running.iter().all(|job| job.id != first.id));
    store.start_replay(job("books", Environment::Prod), None).await.expect("started");
}

pub(crate) async fn a_step_is_taken_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = job("books", Environment::Prod);
    store.start_replay(first.clone(), None).await.expect("started");
    let step = Step { replayed: 3, refused: 1 };
    let second = first.after(step, Some("a place".to_owned()), at(2));
    assert!(store.keep_replay(&first, second.clone()).await.expect("kept"));
    assert!(!store.keep_replay(&first, second.clone()).await.expect("not kept"), "somebody else was first");
    assert_eq!(store.running_replays(9).await.expect("read"), std::slice::from_ref(&second));
    let third = second.after(step, None, at(3));
    assert!(store.keep_replay(&second, third.clone()).await.expect("kept"));
    let found = store.replay(&first.party, first.environment, first.id).await.expect("read").expect("there");
    assert_eq!((found.progress.matched, found.progress.replayed, found.progress.refused), (8, 6, 2));
    assert_eq!((&found, found.progress.finished_at), (&third, Some(at(3))));
}

pub(crate) async fn replays_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mine = job("books", Environment::Prod);
    store.start_replay(mine.clone(), None).await.expect("started");
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(store.running_replays(9).await.expect("read"), std::slice::from_ref(&mine));
    let found = async |party: &str, environment| store.replay(&party_id(party), environment, mine.id).await.unwrap();
    assert_eq!(found("books", Environment::Prod).await, Some(mine.clone()));
    assert_eq!(found("pens", Environment::Prod).await, None);
    assert_eq!(found("books", Environment::Test).await, None);
}
