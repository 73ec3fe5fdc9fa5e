//! The notifier behind its queue.

use event_schema::names;
use functions::notify;
use marketplace_core::{
    fact::Fact,
    ports::{Clock as _, RequestStore as _},
};
use notifier::{Config, Deps};
use platform_aws::notices::AwsNotices;
use serde_json::{Value, json};

use crate::{
    payload::{event, failed, sqs},
    user_confirmed::confirmed,
    world::World,
};

const MAIL: &str = "POST /v2/email/outbound-emails";

fn deps(world: &World, mail: bool) -> Deps<platform_aws::Aws, AwsNotices> {
    let (ses, sns) = (aws_sdk_sesv2::Client::new(world.config()), aws_sdk_sns::Client::new(world.config()));
    let notices = AwsNotices::new(ses, sns, mail.then_some("market@example.com"));
    let config = Config { public_url: "https://market.example".into() };
    let parts = world.parts();
    Deps::new(parts.store_without_secrets(), notices, parts.clock, parts.randomness, config)
}

async fn accepted(world: &World) -> String {
    let user = confirmed(world, "a1b2", "ann@example.com").await;
    // A party with a secret, which the notifier has no key for.
    let auth = json!({ "auth": { "type": "api-key", "name": "x-key", "value": "hunter2" } });
    world.join("books", &crate::world::push("https://books.example/", &auth)).await;
    let request = world.asked().await;
    let detail = json!({
        "metadata": {
            "event_id": "00000000-0000-8000-8000-000000000005", "version": 1, "sequence": 7,
            "correlation_id": request.to_string(), "environment": "prod", "occurred_at": world.clock.now(),
        },
        "request_id": request, "user_id": user, "3rdparty": "books", "status": "accepted",
    });
    event("com.marketplace.books", names::STATUS_UPDATE, &detail)
}

#[tokio::test]
async fn a_user_is_told_once() {
    let world = World::new().await;
    let event = accepted(&world).await;
    let deps = deps(&world, true);
    for _ in 0..2 {
        let response = notify::handle(&sqs(&[&event]), &deps).await;
        assert!(failed(&response).is_empty());
    }
    let mails = world.cloud.calls(MAIL);
    assert_eq!(mails.len(), 1);
    assert_eq!(mails[0]["Destination"]["ToAddresses"], json!(["ann@example.com"]));
    assert!(mails[0].to_string().contains("Party books"), "{}", mails[0]);
    let response = notify::handle(&sqs(&["{}"]), &deps).await;
    assert_eq!(failed(&response), ["message-0"]);
}

#[tokio::test]
async fn where_no_mail_can_be_sent_nothing_is_sent_or_said_to_be_and_nothing_fails() {
    let world = World::new().await;
    let event = accepted(&world).await;
    let response = notify::handle(&sqs(&[&event]), &deps(&world, false)).await;
    assert!(failed(&response).is_empty());
    assert!(world.cloud.calls(MAIL).is_empty());
    let event: Value = serde_json::from_str(&event).unwrap();
    let request = event["detail"]["request_id"].as_str().unwrap().parse().unwrap();
    let record = world.store.request(request, false).await.unwrap().unwrap();
    assert!(!record.journal.iter().any(|entry| matches!(entry.fact, Fact::UserTold { .. })), "{:?}", record.journal);
}
