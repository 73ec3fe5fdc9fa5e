//! The article's way in: the real `aws` client puts events, and tries patterns (DESIGN section 6, "AWS wire").

use serde_json::{Value, json};
use tests::{
    PartyServer, Reply,
    market::{offered_to, text},
};

use crate::place::{Setup, in_both_modes, on_a_good_day};

/// The article's own file, unmodified.
const ARTICLE: &str = concat!("file://", env!("CARGO_MANIFEST_DIR"), "/../schemas/examples/new-request.json");

#[tokio::test]
async fn the_articles_event_is_delivered_to_its_third_party_and_to_nobody_else() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        for name in ["3rdparty1", "3rdparty2", "3rdparty3"] {
            market.join_pushed(name, &server.url(&format!("/{name}"))).await.wants_everything().await;
        }
        let polling = market.join("polling").await;
        polling.wants_everything().await;

        let put = market.aws().events(&["put-events", "--entries", ARTICLE]).await.result();
        assert_eq!(put["FailedEntryCount"], 0);
        let id = format!("req_{}", text(&put["Entries"][0]["EventId"]));
        let view = market.until_offer(&id, "3rdparty1", "delivered").await;
        assert_eq!(offered_to(&view), ["3rdparty1"]);
        assert_eq!(view["user_id"], "123456789");

        let [message] = &server.received()[..] else { panic!("one message to one party") };
        assert_eq!(message.path, "/3rdparty1");
        let expected = json!({
            "id": id, "user_id": "123456789", "request_status": "new", "3rdparty": "3rdparty1",
            "requests1": "books", "requests2": "pens",
        });
        assert_eq!(message.json()["data"]["request"], expected);
        assert_eq!(polling.lease(json!({})).await.len(), 0);

        // It is a request like any other.
        let delivery = message.delivery_id();
        let party = market.key_for("3rdparty1", "prod").await;
        let answer = party.post(&format!("/v1/deliveries/{delivery}/status"), json!({ "status": "completed" })).await;
        answer.must_be(200);
        assert_eq!(market.request(&id).await["status"], "completed");
    })
    .await;
}

#[tokio::test]
async fn a_wrong_secret_is_refused_and_nothing_is_put() {
    on_a_good_day(Setup::default(), async |market| {
        let party = market.join("3rdparty1").await;
        let stranger = market.aws().with_secret("not the secret access key");
        let refused = stranger.events(&["put-events", "--entries", ARTICLE]).await;
        assert!(!refused.succeeded);
        assert!(refused.complaint.contains("InvalidSignatureException"), "{}", refused.complaint);
        // What is put afterwards comes alone.
        let put = market.aws().events(&["put-events", "--entries", ARTICLE]).await;
        assert_eq!(put.result()["FailedEntryCount"], 0);
        assert_eq!(party.lease_some().await.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn each_entry_has_its_own_result() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        party.wants_everything().await;
        let good = |user: &str| {
            json!({
                "Source": "com.marketplace.market", "DetailType": "marketplace requests", "EventBusName": "marketplace",
                "Detail": json!({ "user_id": user, "request_status": "new", "anything": { "else": 1 } }).to_string(),
            })
        };
        let but = |field: &str, value: &str| {
            let mut entry = good("mallory");
            entry[field] = value.into();
            entry
        };
        let mut without_bus = good("mallory");
        without_bus.as_object_mut().unwrap().remove("EventBusName");
        let entries = json!([
            good("ann"),
            but("Source", "com.marketplace.3rdparty1"),
            but("DetailType", "marketplace status update"),
            but("EventBusName", "another"),
            without_bus,
            but("Detail", "no JSON"),
            but("Detail", r#"{"user_id": 7}"#),
            but("EventBusName", "arn:aws:events:eu-west-1:123456789012:event-bus/marketplace"),
        ]);
        let put = market.aws().events(&["put-events", "--entries", &entries.to_string()]).await.result();
        let results = put["Entries"].as_array().unwrap();
        let failed: Vec<bool> = results.iter().map(|result| result["ErrorCode"].is_string()).collect();
        assert_eq!(failed, [false, true, true, true, true, true, true, false], "{put:#}");
        assert_eq!(put["FailedEntryCount"], 6);
        for result in results {
            assert_ne!(result["ErrorCode"].is_string(), result["EventId"].is_string(), "{result}");
            assert_eq!(result["ErrorCode"].is_string(), result["ErrorMessage"].is_string(), "{result}");
        }
        for (result, user) in [(&results[0], "ann"), (&results[7], "mallory")] {
            let id = format!("req_{}", text(&result["EventId"]));
            let view = market.routed(&id).await;
            assert_eq!(view["user_id"], user);
            assert_eq!(view["request"]["anything"], json!({ "else": 1 }));
        }
        assert_eq!(party.lease(json!({})).await.len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_pattern_is_tried_as_aws_tries_it() {
    on_a_good_day(Setup::default(), async |market| {
        let event = json!({
            "id": "1", "account": "123456789012", "region": "eu-west-1", "time": "2026-01-02T03:04:05Z", "resources": [],
            "source": "com.marketplace.market", "detail-type": "marketplace requests",
            "detail": { "3rdparty": "3rdparty1", "requests1": "books", "amount": 12.5 },
        })
        .to_string();
        let aws = market.aws();
        let try_pattern = async |pattern: Value| {
            aws.events(&["test-event-pattern", "--event-pattern", &pattern.to_string(), "--event", &event]).await
        };
        let (matching, other, malformed) = futures::join!(
            try_pattern(json!({ "detail": { "3rdparty": ["3rdparty1"], "amount": [{ "numeric": ["<", 13] }] } })),
            try_pattern(json!({ "detail": { "requests1": [{ "anything-but": "books" }] } })),
            try_pattern(json!({ "detail": { "requests1": "books" } })),
        );
        assert_eq!(matching.result()["Result"], true);
        assert_eq!(other.result()["Result"], false);
        assert!(!malformed.succeeded);
        assert!(malformed.complaint.contains("InvalidEventPatternException"), "{}", malformed.complaint);
    })
    .await;
}
