//! The user is told: once for each change, at confirmed addresses only, by the channels that they chose.

use platform_embedded::bus::Mischief;
use serde_json::json;
use tests::{
    Market, Party, User,
    mail_server::MailServer,
    market::{delivery_of, entries},
};

use crate::place::{Setup, TestGateway, in_both_modes, on_a_good_day};

/// Waits until a request's user was told so many times, as its timeline says.
async fn told(market: &Market, id: &str, times: usize) {
    let what = format!("told {times} times");
    let view = market.until(id, what, |view| entries(view, "user.told").len() >= times).await;
    assert_eq!(entries(&view, "user.told").len(), times);
}

/// Places a request to a party and has it accepted.
async fn accepted(market: &TestGateway, user: &User, party: &Party) -> String {
    let id = user.place(json!({ "third_party": party.id })).await;
    let delivery = delivery_of(&market.routed(&id).await, &party.id);
    party.answer(&delivery, "accepted").await.must_be(200);
    id
}

#[tokio::test]
async fn each_change_is_told_once() {
    in_both_modes(async |market| {
        let party = market.join_as(json!({ "id": "shop", "name": "The Shop" })).await;
        let user = market.register_confirmed().await;
        let id = user.place(json!({ "third_party": "shop" })).await;
        let delivery = delivery_of(&market.routed(&id).await, "shop");
        let path = format!("/v1/deliveries/{delivery}/status");
        for (status, note) in [
            ("in-progress", "please call +1 900"),
            ("in-progress", "please call +1 900"),
            ("in-progress", "another note"),
            ("accepted", "https://evil.example"),
            ("in-progress", "late"),
            ("completed", "all is done"),
            ("completed", "all is done"),
        ] {
            let body = json!({ "status": status, "reason": note, "details": { "note": note } });
            party.api.post(&path, body).await.must_be(200);
        }
        let letters = market.mailbox.about(&id, &user.email, 3).await;
        told(&market, &id, 3).await;

        // Another request's letter comes after whatever else could have been written about this one.
        let fence = accepted(&market, &user, &party).await;
        market.mailbox.about(&fence, &user.email, 1).await;
        told(&market, &fence, 1).await;
        assert_eq!(market.mailbox.so_far_about(&id, &user.email).await.len(), 3, "{letters:#?}");
        told(&market, &id, 3).await;

        for word in ["looking", "accepted", "completed"] {
            let about_it: Vec<_> = letters.iter().filter(|letter| letter.subject.contains(word)).collect();
            let [letter] = about_it[..] else { panic!("one letter that says {word}: {letters:#?}") };
            assert_eq!(letter.channel, "email");
            assert!(letter.subject.contains("The Shop"), "{letter:?}");
            for written_by_the_party in ["please call", "evil.example", "all is done"] {
                assert!(!letter.body.contains(written_by_the_party), "{letter:?}");
            }
        }
    })
    .await;
}

#[tokio::test]
async fn each_change_is_mailed_once() {
    // A file that is written twice is one file; a mail that is sent twice is two.
    let mails = MailServer::start().await;
    let seed = Mischief::seeded(2_026);
    let setup = Setup::default().variable("MARKETPLACE_SMTP_URL", &mails.url()).mischief(Some(seed));
    on_a_good_day(setup, async |market| {
        let party = market.join("shop").await;
        let user = market.register().await;
        let token = tests::eventually("the link", async || {
            let link = mails.mails().into_iter().find(|mail| mail.contains(&user.email))?;
            // Long lines are folded (RFC 2045 section 6.7).
            let unfolded = link.replace("=\r\n", "").replace("=3D", "=");
            let (_, token) = unfolded.split_once("#token=")?;
            token.split_whitespace().next().map(str::to_owned)
        })
        .await;
        market.anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        let mut ids = Vec::new();
        for _ in 0..10 {
            let id = accepted(&market, &user, &party).await;
            party.api.post(&format!("/v1/requests/{id}/status"), json!({ "status": "completed" })).await.must_be(200);
            ids.push(id);
        }
        for id in &ids {
            told(&market, id, 2).await;
            let about_it: Vec<_> = mails.mails().into_iter().filter(|mail| mail.contains(id.as_str())).collect();
            assert_eq!(about_it.len(), 2, "{about_it:#?}");
        }
        assert_eq!(mails.mails().len(), 1 + 20);
    })
    .await;
}

#[tokio::test]
async fn every_end_of_a_request_is_told() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register_confirmed().await;
        let declined = user.place(json!({ "third_party": "shop" })).await;
        let delivery = delivery_of(&market.routed(&declined).await, "shop");
        party.answer(&delivery, "declined").await.must_be(200);
        let unmatched = user.place(json!({ "third_party": "nobody" })).await;
        let cancelled = user.place(json!({ "third_party": "shop" })).await;
        user.cancel(&cancelled).await.must_be(200);
        for (id, word) in [(declined, "declined"), (unmatched, "Nobody"), (cancelled, "cancelled")] {
            let [letter] = &market.mailbox.about(&id, &user.email, 1).await[..] else { panic!("one letter") };
            assert!(letter.subject.contains(word), "{letter:?}");
            told(&market, &id, 1).await;
        }
    })
    .await;
}

#[tokio::test]
async fn nothing_goes_to_an_address_that_nobody_confirmed() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let (unconfirmed, confirmed) = (market.register().await, market.register_confirmed().await);
        let before = accepted(&market, &unconfirmed, &party).await;
        let fence = accepted(&market, &confirmed, &party).await;
        market.mailbox.about(&fence, &confirmed.email, 1).await;
        let letters = market.mailbox.to(&unconfirmed.email).await;
        assert_eq!(letters.len(), 1, "nothing but the link: {letters:#?}");

        // From the confirmation on, what happens is told.
        let token = market.mailbox.confirmation_token(&unconfirmed.email).await;
        for _ in 0..2 {
            market.anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        }
        market.anyone.post("/v1/users/confirm", json!({ "token": "guessed" })).await.refused(404);
        let after = accepted(&market, &unconfirmed, &party).await;
        market.mailbox.about(&after, &unconfirmed.email, 1).await;
        assert_eq!(market.mailbox.so_far_about(&before, &unconfirmed.email).await.len(), 0);
        assert_eq!(market.mailbox.so_far_about(&after, &confirmed.email).await.len(), 0);
    })
    .await;
}

#[tokio::test]
async fn the_user_chooses_the_channels() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register_confirmed().await;
        let number = "+15551234567";
        user.api.patch("/v1/users/me", json!({ "phone": number })).await.must_be(200);
        let token = market.mailbox.confirmation_token(number).await;
        market.anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        for (email, sms) in [(false, true), (true, true), (true, false)] {
            let change = json!({ "phone": number, "notifications": { "email": email, "sms": sms } });
            user.api.patch("/v1/users/me", change).await.must_be(200);
            let id = accepted(&market, &user, &party).await;
            told(&market, &id, usize::from(email) + usize::from(sms)).await;
            assert_eq!(market.mailbox.so_far_about(&id, &user.email).await.len(), usize::from(email));
            let texts = market.mailbox.so_far_about(&id, number).await;
            assert_eq!(texts.len(), usize::from(sms));
            assert!(texts.iter().all(|text| text.channel == "sms" && text.body.len() <= 160), "{texts:?}");
        }
        let nothing = json!({ "notifications": { "email": false, "sms": false } });
        user.api.patch("/v1/users/me", nothing).await.must_be(200);
        let silent = accepted(&market, &user, &party).await;
        let other = market.register_confirmed().await;
        let fence = accepted(&market, &other, &party).await;
        market.mailbox.about(&fence, &other.email, 1).await;
        told(&market, &silent, 0).await;
        assert_eq!(market.mailbox.so_far_about(&silent, &user.email).await.len(), 0);
    })
    .await;
}
