//! Certifications: kept with their party, and played by offers that are made, sent again, and taken back.

use event_schema::{
    id::{CertificationId, DeliveryId, Environment, PartyId},
    words::AnswerStatus,
};
use futures::future::join_all;
use marketplace_core::{
    certification::{self, Certification, CertificationState, ENVIRONMENT, Ended, Fault, Scene, Step},
    command::{
        Command, Refusal,
        answer::{Answer, Target},
        inbox::{InboxAction, UseInbox},
        rehearse::Rehearse,
        repeat::Repeat,
        withdraw::WithdrawLosers,
        witness::Witness,
    },
    lifecycle::OfferState,
    party::PartyState,
    party::{Party, PartyCommand, sign_up::signing_up},
    ports::{Inbox, PartyStore, RequestStore, StoreError, Urgency},
};

use crate::{
    fixture::{at, change, join, offered, party, party_id, the_offer, timeline, uuid},
    platform::PlatformUnderTest,
};

fn run() -> Certification {
    Certification { id: CertificationId(uuid()), began_at: at(0), signed: true, ended: None }
}

async fn apply<S: RequestStore, C: Command>(store: &S, command: C) -> C::Reply {
    store.apply(command, Urgency::Ours, None).await.expect("done")
}

/// Begins a scene at a party that polls; its offer.
async fn begun<S: RequestStore>(store: &S, run: &Certification, scene: Scene) -> DeliveryId {
    let party: PartyId = party_id("books");
    let request = run.asks(&party).expect("a request");
    let delivery = run.delivery(&party, scene);
    let command = Rehearse { scene, certification: run.clone(), party, request, at: at(0) };
    for _ in 0..2 {
        apply(store, command.clone()).await;
    }
    delivery
}

fn uses(delivery_id: DeliveryId, action: InboxAction, seconds: i64) -> UseInbox {
    UseInbox { delivery_id, party: party_id("books"), environment: ENVIRONMENT, action, at: at(seconds) }
}

/// Leases whatever is there and acknowledges it; how many there were.
async fn fetched<S: Inbox + RequestStore>(store: &S, seconds: i64) -> usize {
    let leased = store.lease(&party_id("books"), ENVIRONMENT, 10, at(seconds), at(seconds + 60)).await.unwrap();
    for one in &leased {
        apply(store, uses(one.offer.delivery_id, InboxAction::Acknowledge, seconds)).await;
    }
    leased.len()
}

pub(crate) async fn a_certification_is_kept_with_its_party_and_ends_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    join(&store, Party { state: PartyState::Active, ..signing_up(party("books")) }).await;
    // Many begin at once: one does.
    let tries = (0..5).map(|_| {
        let (run, store) = (run(), &store);
        async move {
            let begin = PartyCommand::BeginCertification(Box::new(run.clone()));
            (run, store.apply_to_party(party_id("books"), begin, "party".to_owned(), at(1), None).await)
        }
    });
    let mut begun = vec![];
    for (run, outcome) in join_all(tries).await {
        match outcome {
            Ok(_) => begun.push(run),
            Err(StoreError::Refused(Refusal::State { current_status: "running", .. })) => {}
            other => panic!("{other:?}"),
        }
    }
    let [run] = begun.try_into().expect("one has begun");
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    let kept = store.party(&party_id("books")).await.unwrap().unwrap();
    assert_eq!(kept.environment(ENVIRONMENT).certification.as_deref(), Some(&run));

    let fault = Fault { step: Step::Answers, reason: "no status was posted".to_owned() };
    let ended = |faults: Vec<Fault>| PartyCommand::EndCertification(run.id, Ended { at: at(9), faults });
    let failed = change(&store, "books", ended(vec![fault.clone()])).await;
    let again = change(&store, "books", ended(vec![])).await;
    for party in [failed, again] {
        let kept = party.environment(ENVIRONMENT).certification.as_ref().expect("it is kept");
        assert_eq!((kept.state(), party.takes_offers(Environment::Prod)), (CertificationState::Failed, false));
        assert_eq!(kept.ended.as_ref().map(|ended| &*ended.faults), Some(&[fault.clone()][..]));
    }
    let next = Certification { id: CertificationId(uuid()), ..run };
    change(&store, "books", PartyCommand::BeginCertification(Box::new(next.clone()))).await;
    let passed = PartyCommand::EndCertification(next.id, Ended { at: at(9), faults: vec![] });
    assert!(change(&store, "books", passed).await.takes_offers(Environment::Prod));
    let platform = platform.reopen_after(store).await;
    assert!(platform.store().party(&party_id("books")).await.unwrap().unwrap().takes_offers(Environment::Prod));
}

pub(crate) async fn a_scene_is_offered_once_and_sent_again_under_the_same_id<P: PlatformUnderTest>(platform: P) {
    let (store, run) = (platform.store(), run());
    join(&store, party("books")).await;
    let delivery_id = begun(&store, &run, Scene::Offered).await;
    let repeat = |seconds| Repeat { delivery_id, at: at(seconds) };
    apply(&store, repeat(1)).await;
    assert_eq!(fetched(&store, 2).await, 1, "what is on its way is not sent twice");
    apply(&store, repeat(3)).await;
    assert_eq!(fetched(&store, 4).await, 1);
    let kinds = timeline(&store, run.request(Scene::Offered)).await;
    let read = ["message.leased", "message.delivered"];
    let expected = [&["request.created", "offer.created"][..], &read, &["message.replayed"], &read].concat();
    assert_eq!(kinds, expected);
    let record = certification::plays(&run, &store).await.unwrap().remove(&Scene::Offered).expect("it is played");
    let offer = &record.offers[0];
    assert_eq!((offer.state, offer.environment), (OfferState::Delivered, Environment::Test));
    begun(&store, &run, Scene::Forged).await;
    assert_eq!(fetched(&store, 5).await, 0, "nobody finds in an inbox what is only forged");
}

pub(crate) async fn what_a_party_posts_of_a_scene_is_seen<P: PlatformUnderTest>(platform: P) {
    let (store, run) = (platform.store(), run());
    join(&store, party("books")).await;
    let delivery = begun(&store, &run, Scene::Offered).await;
    let answer = Answer {
        target: Target::Delivery(delivery),
        party: party_id("books"),
        environment: ENVIRONMENT,
        status: AnswerStatus::Accepted,
        reason: None,
        details: None,
        at: at(1),
    };
    apply(&store, answer).await;
    let seen = |target, environment, status_code| Witness {
        target,
        party: party_id("books"),
        environment,
        status: (status_code == 200).then_some(AnswerStatus::Accepted),
        status_code,
        at: at(2),
    };
    apply(&store, seen(Target::Delivery(delivery), ENVIRONMENT, 200)).await;
    apply(&store, seen(Target::Request(delivery.request()), ENVIRONMENT, 422)).await;
    let kinds = timeline(&store, delivery.request()).await;
    assert_eq!(kinds[2..], ["offer.answered", "answer.seen", "answer.seen"]);
    assert_eq!(the_offer(&store, delivery).await.state, OfferState::Accepted);
    // What others post, and of other requests, is nobody's business.
    let others = offered(&store, "books", at(0)).await;
    apply(&store, seen(Target::Delivery(others), Environment::Prod, 200)).await;
    let stranger = Witness { party: party_id("pens"), ..seen(Target::Delivery(delivery), ENVIRONMENT, 409) };
    apply(&store, stranger).await;
    assert_eq!(timeline(&store, others.request()).await, ["request.created", "offer.created"]);
    assert_eq!(timeline(&store, delivery.request()).await.len(), kinds.len());
}

pub(crate) async fn an_offer_that_was_cancelled_before_is_told_and_taken_back<P: PlatformUnderTest>(platform: P) {
    let (store, run) = (platform.store(), run());
    join(&store, party("books")).await;
    let delivery = begun(&store, &run, Scene::Cancelled).await;
    assert_eq!(fetched(&store, 1).await, 1);
    let answer = Answer {
        target: Target::Delivery(delivery),
        party: party_id("books"),
        environment: ENVIRONMENT,
        status: AnswerStatus::Accepted,
        reason: None,
        details: None,
        at: at(2),
    };
    let refused = store.apply(answer, Urgency::Caller, None).await;
    assert!(
        matches!(refused, Err(StoreError::Refused(Refusal::State { current_status: "withdrawn", .. }))),
        "{refused:?}"
    );
    for _ in 0..2 {
        apply(&store, WithdrawLosers { request: delivery.request(), cause: None, at: at(3) }).await;
    }
    assert_eq!(fetched(&store, 4).await, 1, "it is told once");
    assert_eq!(the_offer(&store, delivery).await.state, OfferState::Withdrawn);
}
