//! Phone numbers: confirmed of their own, and told nothing before.

use serde_json::{Value, json};
use tests::{
    Market, Party, User,
    market::{delivery_of, entries},
};

use crate::place::in_both_modes;

const NUMBER: &str = "+15551234567";
const OTHER: &str = "+15557654321";

/// A new request that the party accepts.
async fn accepted(market: &Market, user: &User, party: &Party) -> String {
    let id = user.place(json!({ "third_party": party.id })).await;
    let view = market.routed(&id).await;
    party.answer(&delivery_of(&view, &party.id), "accepted").await.must_be(200);
    id
}

async fn profile(user: &User) -> Value {
    user.api.get("/v1/users/me").await.must_be(200)
}

#[tokio::test]
async fn only_a_confirmed_number_is_told() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register_confirmed().await;
        let wish = json!({ "phone": NUMBER, "notifications": { "sms": true } });
        let set = user.api.patch("/v1/users/me", wish).await.must_be(200);
        assert_eq!(set["notifications"], json!({ "email": true, "sms": true }), "what is not given stays");
        assert!(set["phone_confirmed_at"].is_null());
        let before = accepted(&market, &user, &party).await;
        market.until(&before, "told once", |view| entries(view, "user.told").len() == 1).await;
        market.mailbox.about(&before, &user.email, 1).await;
        assert_eq!(market.mailbox.to(NUMBER).await.len(), 1, "nothing but the link");

        let token = market.mailbox.confirmation_token(NUMBER).await;
        market.anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        assert!(profile(&user).await["phone_confirmed_at"].is_string());
        let after = accepted(&market, &user, &party).await;
        let [text] = &market.mailbox.about(&after, NUMBER, 1).await[..] else { panic!("one text") };
        assert_eq!(text.channel, "sms");
        assert_eq!(market.mailbox.so_far_about(&before, NUMBER).await.len(), 0);

        // Another number has to be confirmed again, and not with the first one's link.
        user.api.patch("/v1/users/me", json!({ "phone": OTHER })).await.must_be(200);
        market.anyone.post("/v1/users/confirm", json!({ "token": token })).await.refused(404);
        assert!(profile(&user).await["phone_confirmed_at"].is_null());
    })
    .await;
}

#[tokio::test]
async fn a_phone_is_texted_a_few_times_and_no_more() {
    in_both_modes(async |market| {
        let user = market.register().await;
        for _ in 0..3 {
            user.api.patch("/v1/users/me", json!({ "phone": NUMBER })).await.must_be(200);
        }
        let stranger = market.register().await;
        for (who, phone) in [(&user, OTHER), (&stranger, NUMBER)] {
            let refused = who.api.patch("/v1/users/me", json!({ "phone": phone, "name": "Eve" })).await;
            refused.refused(429);
            let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
            assert!((3_500..=3_600).contains(&wait), "{wait}");
            assert_ne!(profile(who).await["name"], "Eve", "nothing is changed");
        }
        assert_eq!(market.mailbox.to(NUMBER).await.len(), 3);
    })
    .await;
}
