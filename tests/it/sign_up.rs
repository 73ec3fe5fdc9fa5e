//! Third parties join with nobody's help: they sign up, follow the link, and take part, or wait for an operator.

use serde_json::{Value, json};
use tests::{
    Caller, eventually,
    market::{offered_to, text},
};

use crate::place::{Setup, TestGateway, in_both_modes, in_both_modes_with};

const SIGN_UP: &str = "/v1/third-parties/signup";
const CONFIRM: &str = "/v1/third-parties/confirm";
const CONTACT: &str = "dev@shop.example";

fn shop() -> Value {
    json!({ "id": "shop", "name": "The Shop", "contact_email": CONTACT })
}

/// Signs up and follows the link; what that answers.
async fn confirmed(market: &TestGateway) -> Value {
    let signed_up = market.anyone.post(SIGN_UP, shop()).await.must_be(202);
    assert_eq!(signed_up, json!({ "id": "shop", "state": "unconfirmed" }));
    let token = market.mailbox.confirmation_token(CONTACT).await;
    market.anyone.post(CONFIRM, json!({ "token": token })).await.must_be(200)
}

/// Its keys, `test` first.
fn keys(market: &TestGateway, confirmed: &Value) -> [Caller; 2] {
    let keys = confirmed["keys"].as_array().expect("keys");
    assert_eq!((&keys[0]["environment"], &keys[1]["environment"]), (&json!("test"), &json!("dev")));
    [0, 1].map(|place: usize| market.anyone.with_key(&text(&keys[place]["api_key"])))
}

#[tokio::test]
async fn who_signs_up_takes_part_at_once_where_nobody_has_to_approve() {
    in_both_modes_with(Setup::default().variable("MARKETPLACE_SIGNUP", "open"), async |market| {
        let answer = confirmed(&market).await;
        assert_eq!((&answer["id"], &answer["state"]), (&json!("shop"), &json!("active")));
        let [test, dev] = keys(&market, &answer);
        let everything = json!({ "pattern": { "source": ["com.marketplace.market"] } });
        for api in [&test, &dev] {
            assert_eq!(api.get("/v1/me").await.must_be(200)["open"], true);
            api.put("/v1/me/filter", everything.clone()).await.must_be(200);
        }
        let view = market.operator.get("/v1/third-parties/shop").await.must_be(200);
        assert_eq!(view["environments"]["prod"]["open"], false, "that comes later");

        let user = market.register().await;
        let mark = json!({ "test_account": true });
        market.operator.patch(&format!("/v1/users/{}", user.id), mark).await.must_be(200);
        let trial = user.place(json!({ "environment": "test" })).await;
        assert_eq!(offered_to(&market.routed(&trial).await), ["shop"]);
        let real = user.place(json!({ "third_party": "shop" })).await;
        market.until_status(&real, "unmatched").await;
    })
    .await;
}

#[tokio::test]
async fn who_has_to_be_approved_waits_and_its_keys_work_from_then_on() {
    in_both_modes(async |market| {
        let answer = confirmed(&market).await;
        assert_eq!(answer["state"], "pending");
        let apis = keys(&market, &answer);
        for api in &apis {
            assert!(text(&api.get("/v1/me").await.refused(403)["detail"]).contains("approval"));
            api.post("/v1/inbox/lease", json!({})).await.refused(403);
        }
        let path = "/v1/third-parties/shop";
        let resumed = market.operator.patch(path, json!({ "state": "active" })).await;
        assert_eq!(resumed.refused(409)["current_status"], "pending", "nobody is let in by mistake");
        for _ in 0..2 {
            let view = market.operator.post(&format!("{path}/approve"), json!({})).await.must_be(200);
            assert_eq!(view["state"], "active");
        }
        for api in &apis {
            api.get("/v1/me").await.must_be(200);
        }
        let welcome = "shop: welcome to the marketplace";
        eventually("the contact is told", async || {
            let letters = market.mailbox.to(CONTACT).await;
            letters.iter().any(|letter| letter.subject == welcome).then_some(())
        })
        .await;
        // No key goes by mail.
        for letter in market.mailbox.to(CONTACT).await {
            assert!(!letter.body.contains("mk_test_") && !letter.body.contains("mk_dev_"), "{}", letter.body);
        }
    })
    .await;
}

#[tokio::test]
async fn a_link_is_good_until_its_keys_are_used_and_is_sent_again_for_the_asking() {
    in_both_modes(async |market| {
        market.anyone.post(SIGN_UP, shop()).await.must_be(202);
        let first = market.mailbox.confirmation_token(CONTACT).await;
        let other = json!({ "id": "shop", "name": "Another", "contact_email": "eve@example.com" });
        assert_eq!(market.anyone.post(SIGN_UP, other.clone()).await.refused(409)["current_status"], "taken");
        market.operator.post("/v1/third-parties/shop/approve", json!({})).await.refused(409);
        market.anyone.post(SIGN_UP, shop()).await.must_be(202);
        let links = eventually("another link", async || {
            let letters = market.mailbox.to(CONTACT).await;
            (letters.len() >= 2).then_some(letters)
        });
        let second = links.await.iter().find_map(|letter| {
            let token = letter.body.split("#token=").nth(1)?.split_whitespace().next()?.to_owned();
            (token != first).then_some(token)
        });
        let second = second.expect("it has a token of its own");
        // Not in clear where it is kept.
        let stored = market.stored_bytes().await;
        assert!(!stored.windows(second.len()).any(|window| window == second.as_bytes()));

        market.anyone.post(CONFIRM, json!({ "token": "nonsense" })).await.refused(404);
        let lost = market.anyone.post(CONFIRM, json!({ "token": second })).await.must_be(200);
        let answer = market.anyone.post(CONFIRM, json!({ "token": first })).await.must_be(200);
        market.operator.post("/v1/third-parties/shop/approve", json!({})).await.must_be(200);
        for key in keys(&market, &lost) {
            key.get("/v1/me").await.refused(401);
        }
        keys(&market, &answer)[0].get("/v1/me").await.must_be(200);
        for used in [&first, &second] {
            market.anyone.post(CONFIRM, json!({ "token": used })).await.refused(404);
        }
        market.anyone.post(SIGN_UP, shop()).await.refused(409);
        market.anyone.post(SIGN_UP, other).await.refused(409);
    })
    .await;
}

#[tokio::test]
async fn the_link_opens_a_page_that_sends_the_token_only_when_asked() {
    in_both_modes(async |market| {
        let page = market.anyone.get("/third-parties/confirm").await;
        assert_eq!(page.status, 200);
        assert_eq!(page.header("content-type"), Some("text/html; charset=utf-8"));
        assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
        assert!(page.text.contains(CONFIRM) && page.text.contains("<button"), "{}", page.text);
        assert!(!page.text.contains("//"), "it loads nothing from anywhere: {}", page.text);
    })
    .await;
}

#[tokio::test]
async fn who_signs_up_all_the_time_waits() {
    in_both_modes(async |market| {
        for number in 0..10 {
            let new = json!({ "id": format!("shop-{number}"), "name": "Shop", "contact_email": CONTACT });
            market.anyone.post(SIGN_UP, new).await.must_be(202);
        }
        let refused = market.anyone.post(SIGN_UP, shop()).await;
        refused.refused(429);
        let wait: u64 = refused.header("retry-after").expect("how long").parse().unwrap();
        assert!((1..=3_600).contains(&wait), "{wait}");
        assert_eq!(market.operator.get("/v1/third-parties/shop").await.status, 404);
    })
    .await;
}

#[tokio::test]
async fn where_nobody_signs_up_nobody_does() {
    in_both_modes_with(Setup::default().variable("MARKETPLACE_SIGNUP", "off"), async |market| {
        market.anyone.post(SIGN_UP, shop()).await.refused(403);
        market.anyone.post(CONFIRM, json!({ "token": "nonsense" })).await.refused(403);
        for id in ["confirm", "signup"] {
            let body = json!({ "id": id, "name": "Shop", "contact_email": CONTACT });
            market.operator.post("/v1/third-parties", body).await.refused(422);
        }
    })
    .await;
}
