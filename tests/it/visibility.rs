//! A third party sees its own offers and nothing from which it could learn of others (DESIGN section 4, invariant 7).

use serde_json::json;
use tests::market::{delivery_of, entries, offered_to};

use crate::place::in_both_modes;

#[tokio::test]
async fn a_party_sees_its_own_part_of_a_request() {
    in_both_modes(async |market| {
        let (own, other) = (market.join("own").await, market.join("other").await);
        let outsider = market.join("outsider").await;
        for party in [&own, &other] {
            party.wants_everything().await;
        }
        let user = market.register_confirmed().await;
        let id = user.place(json!({ "mode": "first-accept", "note": "a wish" })).await;
        let view = market.routed(&id).await;
        let path = format!("/v1/requests/{id}");
        outsider.api.get(&path).await.refused(404);

        let body = json!({ "status": "accepted", "reason": "other's reason", "details": { "price": "other's price" } });
        let answered = format!("/v1/deliveries/{}/status", delivery_of(&view, "other"));
        // Another party's offer cannot be answered, not even by somebody who knows its id.
        own.api.post(&answered, body.clone()).await.refused(404);
        outsider.api.post(&answered, body.clone()).await.refused(404);
        other.api.post(&answered, body).await.must_be(200);
        market.until(&id, "the loser's row follows", |view| !entries(view, "offer.withdrawn").is_empty()).await;
        market.mailbox.about(&id, &user.email, 1).await;

        let seen = own.api.get(&path).await;
        for hidden in ["other", "price", "winner", "user.told", &user.email] {
            assert!(!seen.text.contains(hidden), "{hidden}: {}", seen.text);
        }
        let seen = seen.must_be(200);
        assert_eq!(offered_to(&seen), ["own"]);
        assert_eq!(seen["request"]["note"], "a wish");

        let by_user = user.request(&id).await;
        assert_eq!(offered_to(&by_user), ["other", "own"]);
        assert_eq!(entries(&by_user, "offer.answered")[0]["reason"], "other's reason");
        let by_operator = market.request(&id).await;
        let timeline = by_operator["timeline"].as_array().unwrap();
        let sequence = |entry: &serde_json::Value| entry["sequence"].as_u64().unwrap();
        assert!(timeline.iter().map(sequence).is_sorted(), "{timeline:#?}");
        // Each entry that something caused names an earlier one.
        assert!(
            timeline.iter().filter_map(|entry| Some((entry["cause"].as_u64()?, sequence(entry)))).all(|(a, b)| a < b)
        );
        assert_eq!(timeline[0]["type"], "request.created");
        assert_eq!(by_operator["winner"], delivery_of(&view, "other").as_str());
    })
    .await;
}
