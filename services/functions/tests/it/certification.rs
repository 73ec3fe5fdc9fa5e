//! A certification on AWS: a party's change rings for it, and it rings for itself until it is over.

use event_schema::id::{CertificationId, Environment};
use functions::push as doorbell;
use marketplace_core::{
    certification::{Certification, CertificationState, ENVIRONMENT, Step},
    party::PartyCommand,
    ports::{Clock as _, PartyStore as _},
};
use serde_json::{Value, json};
use tests::{PartyServer, Reply};
use uuid::Uuid;

use crate::{
    payload::{failed, sqs},
    push::deps,
    tick::{changed, changes},
    world::{World, id, push},
};

/// What was rung since: what each ring says, and its delay in seconds.
fn rung(world: &World, before: &mut usize) -> Vec<(Value, i64)> {
    let calls = world.cloud.calls("AmazonSQS.SendMessageBatch").split_off(*before);
    *before += calls.len();
    let entries = calls.iter().flat_map(|call| call["Entries"].as_array().cloned().unwrap());
    let ring = |entry: Value| {
        let body = serde_json::from_str(entry["MessageBody"].as_str().unwrap()).unwrap();
        (body, entry["DelaySeconds"].as_i64().unwrap())
    };
    entries.map(ring).collect()
}

async fn certification(world: &World) -> Certification {
    let party = world.store.party(&id("books")).await.unwrap().unwrap();
    *party.environment(ENVIRONMENT).certification.clone().expect("it has begun")
}

#[tokio::test]
async fn it_rings_until_it_is_over() {
    let world = World::new().await;
    let endpoint = PartyServer::always(Reply::status(204)).await;
    world.join("books", &push(&endpoint.url("/hook"), &json!({}))).await;
    let party = world.store.party(&id("books")).await.unwrap().unwrap();
    let run = Certification::new(CertificationId(Uuid::from_u128(9)), &party, world.clock.now());
    world.change("books", PartyCommand::BeginCertification(Box::new(run))).await;

    let mut before = 0;
    let begun = changed("books", Some("test"), "changed", &["certification"]);
    assert!(changes(&world, &[&begun]).await.is_empty());
    let ring = json!({ "certification": "books" });
    assert_eq!(rung(&world, &mut before), [(ring.clone(), 0)]);

    let (deps, text) = (deps(&world), ring.to_string());
    // Two rings are as good as one.
    assert!(failed(&doorbell::handle(&sqs(&[&text, &text]), &deps).await).is_empty());
    let again = rung(&world, &mut before);
    assert!(again.iter().all(|(body, delay)| *body == ring && *delay == 1), "{again:?}");
    let backlog = json!({ "third_party": "books", "environment": Environment::Test }).to_string();
    assert!(failed(&doorbell::handle(&sqs(&[&backlog]), &deps).await).is_empty());
    assert_eq!(endpoint.received().len(), 3, "an offer in each scene but the one with a wrong signature");
    assert_eq!(certification(&world).await.state(), CertificationState::Running);

    world.clock.pass(121);
    rung(&world, &mut before);
    assert!(failed(&doorbell::handle(&sqs(&[&text]), &deps).await).is_empty());
    assert!(rung(&world, &mut before).is_empty(), "it is over");
    let ended = certification(&world).await.ended.expect("it is over");
    let faults: Vec<_> = ended.faults.iter().map(|fault| fault.step).collect();
    assert_eq!(faults, [Step::Answers, Step::Retry, Step::Duplicate, Step::Withdrawn]);
    assert!(failed(&doorbell::handle(&sqs(&[&text]), &deps).await).is_empty(), "a late ring is nothing");
}
