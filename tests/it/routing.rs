//! Who gets to see a request: scopes, filters and addresses (DESIGN section 5).

use std::{cell::Cell, collections::BTreeSet, time::Instant};

use futures::future::{join, join_all};
use serde_json::json;
use tests::{
    PartyServer, Reply,
    market::{entries, offered_to},
};

use crate::place::in_both_modes;

#[tokio::test]
async fn a_request_reaches_those_whose_filter_matches_and_nobody_else() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        for (party, category) in [("books", "books"), ("pens", "pens")] {
            let party = market.join_pushed(party, &server.url(&format!("/{party}"))).await;
            party.wants(json!({ "detail": { "category": [category] } })).await;
        }
        market.join_pushed("unfiltered", &server.url("/unfiltered")).await;
        let user = market.register().await;

        let books = user.place(json!({ "category": "books" })).await;
        let view = market.until_offer(&books, "books", "delivered").await;
        assert_eq!(offered_to(&view), ["books"]);
        let pens = user.place(json!({ "category": "pens" })).await;
        let view = market.until_offer(&pens, "pens", "delivered").await;
        assert_eq!(offered_to(&view), ["pens"]);

        let seen = |path: &str| server.received_at(path).iter().map(tests::Received::request_id).collect::<Vec<_>>();
        assert_eq!(seen("/books"), [books]);
        assert_eq!(seen("/pens"), [pens]);
        assert_eq!(server.received().len(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_filter_may_use_every_part_of_the_request_event() {
    in_both_modes(async |market| {
        let party = market.join("choosy").await;
        party
            .wants(json!({
                "source": ["com.marketplace.market"],
                "detail-type": [{ "prefix": "marketplace" }],
                "detail": {
                    "$or": [{ "category": ["books"] }, { "amount": [{ "numeric": [">=", 100] }] }],
                    "region": [{ "anything-but": { "prefix": "us-" } }],
                    "items": { "name": [{ "wildcard": "*pen*" }] },
                    "attributes": { "gift": [{ "exists": false }] },
                },
            }))
            .await;
        let user = market.register().await;
        let items = json!([{ "name": "ink" }, { "name": "fountain pen", "quantity": 2 }]);
        for (request, matches) in [
            (json!({ "category": "books", "region": "eu-west", "items": items }), true),
            (json!({ "category": "paper", "region": "eu-west", "items": items, "amount": 100.0 }), true),
            (json!({ "category": "paper", "region": "eu-west", "items": items, "amount": 99.99 }), false),
            (json!({ "category": "books", "region": "us-east", "items": items }), false),
            (json!({ "category": "books", "region": "eu-west", "items": [{ "name": "ink" }] }), false),
            (json!({ "category": "books", "region": "eu-west", "items": items, "attributes": { "gift": 1 } }), false),
        ] {
            let id = user.place(request.clone()).await;
            let view = market.routed(&id).await;
            assert_eq!(!offered_to(&view).is_empty(), matches, "{request}");
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_that_nobody_may_see_is_unmatched() {
    in_both_modes(async |market| {
        let party = market.join("books").await;
        party.wants(json!({ "detail": { "category": ["books"] } })).await;
        let user = market.register().await;
        let id = user.place(json!({ "category": "pens" })).await;
        let view = market.until_status(&id, "unmatched").await;
        assert_eq!(view["offers"], json!([]));
        assert_eq!(entries(&view, "request.unmatched").len(), 1);
        assert_eq!(user.request(&id).await["status"], "unmatched");
    })
    .await;
}

#[tokio::test]
async fn an_addressed_request_reaches_that_party_only_and_whatever_its_filter_says() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(200)).await;
        market.join_pushed("curious", &server.url("/curious")).await.wants_everything().await;
        let addressee = market.join_pushed("addressee", &server.url("/addressee")).await;
        addressee.wants(json!({ "detail": { "category": ["nothing of the kind"] } })).await;
        let user = market.register().await;

        let id = user.place(json!({ "category": "books", "third_party": "addressee" })).await;
        let view = market.until_offer(&id, "addressee", "delivered").await;
        assert_eq!(offered_to(&view), ["addressee"]);
        let [message] = &server.received()[..] else { panic!("one message to one party") };
        assert_eq!(message.path, "/addressee");
        assert_eq!(message.json()["data"]["request"]["3rdparty"], "addressee");

        for unknown in ["nobody", "Not A Slug!"] {
            let id = user.place(json!({ "third_party": unknown })).await;
            assert_eq!(offered_to(&market.until_status(&id, "unmatched").await), [""; 0]);
        }
    })
    .await;
}

#[tokio::test]
async fn a_request_fans_out_to_twenty_parties_once_each() {
    in_both_modes(async |market| {
        let server = PartyServer::always(Reply::status(202)).await;
        let mut expected: Vec<_> = (0..20).map(|number| format!("party-{number:02}")).collect();
        for name in &expected {
            market.join_pushed(name, &server.url(&format!("/{name}"))).await.wants_everything().await;
        }
        let user = market.register().await;

        let id = user.place(json!({ "category": "books" })).await;
        let all_delivered = |view: &serde_json::Value| {
            let offers = view["offers"].as_array().unwrap();
            offers.len() == 20 && offers.iter().all(|offer| offer["status"] == "delivered")
        };
        let view = market.until(&id, "delivered to all", all_delivered).await;
        expected.sort();
        assert_eq!(offered_to(&view), expected);

        let received = server.received();
        let mut paths: Vec<_> =
            received.iter().map(|message| message.path.trim_start_matches('/').to_owned()).collect();
        paths.sort();
        assert_eq!(paths, expected, "one message each");
        for message in &received {
            assert_eq!(format!("/{}", tests::market::text(&message.json()["data"]["third_party"])), message.path);
            assert_eq!(message.request_id(), id);
        }
        let distinct = |mut of: Vec<String>| {
            of.sort();
            of.dedup();
            of.len()
        };
        assert_eq!(distinct(received.iter().map(tests::Received::delivery_id).collect()), 20);
        assert_eq!(distinct(received.iter().map(|message| message.webhook_id().to_owned()).collect()), 20);
        assert_eq!(entries(&view, "offer.created").len(), 20);
    })
    .await;
}

#[tokio::test]
async fn a_scope_overrules_a_filter_and_an_address() {
    in_both_modes(async |market| {
        let scope = json!({ "detail": { "category": ["books"] } });
        let scoped = market.join_as(json!({ "id": "scoped", "scope": scope })).await;
        scoped.wants_everything().await;
        let user = market.register().await;
        let reaches = async |request: serde_json::Value| {
            let id = user.place(request).await;
            !offered_to(&market.routed(&id).await).is_empty()
        };
        assert!(reaches(json!({ "category": "books" })).await);
        assert!(!reaches(json!({ "category": "pens" })).await);
        assert!(reaches(json!({ "category": "books", "third_party": "scoped" })).await);
        assert!(!reaches(json!({ "category": "pens", "third_party": "scoped" })).await);

        // Both must match: the filter narrows what the scope allows.
        scoped.wants(json!({ "detail": { "region": ["eu"] } })).await;
        assert!(reaches(json!({ "category": "books", "region": "eu" })).await);
        assert!(!reaches(json!({ "category": "books", "region": "us" })).await);
        assert!(!reaches(json!({ "category": "pens", "region": "eu" })).await);

        let path = "/v1/third-parties/scoped";
        market.operator.patch(path, json!({ "scope": { "detail": { "category": ["pens"] } } })).await.must_be(200);
        assert!(!reaches(json!({ "category": "books", "region": "eu" })).await);
        assert!(reaches(json!({ "category": "pens", "region": "eu" })).await);
        market.operator.patch(path, json!({ "scope": null })).await.must_be(200);
        assert!(reaches(json!({ "category": "anything", "region": "eu" })).await);
    })
    .await;
}

#[tokio::test]
async fn a_filter_is_in_force_for_every_request_accepted_after_its_answer() {
    in_both_modes(async |market| {
        let party = market.join("fickle").await;
        let user = market.register().await;
        for round in 0..12 {
            let category = format!("category {round}");
            party.wants(json!({ "detail": { "category": [category] } })).await;
            let wanted = user.place(json!({ "category": category })).await;
            let left = user.place(json!({ "category": format!("category {}", round - 1) })).await;
            assert_eq!(offered_to(&market.routed(&wanted).await), ["fickle"], "round {round}");
            assert_eq!(offered_to(&market.routed(&left).await), [""; 0], "round {round}");
        }
        // Without a filter only what is addressed to it.
        party.api.put("/v1/me/filter", json!({ "pattern": null })).await.must_be(200);
        let id = user.place(json!({ "category": "category 11" })).await;
        market.until_status(&id, "unmatched").await;
        let id = user.place(json!({ "category": "category 11", "third_party": "fickle" })).await;
        assert_eq!(offered_to(&market.routed(&id).await), ["fickle"]);
    })
    .await;
}

/// Which requests the party wanted, and when it said so.
struct Wanted {
    category: &'static str,
    said: Instant,
    acknowledged: Instant,
}

/// A request, and what became of it.
struct Placed {
    category: &'static str,
    sent: Instant,
    routed: Instant,
    offered: bool,
}

#[tokio::test]
async fn a_filter_that_changes_under_load_neither_loses_nor_misroutes_a_request() {
    const CATEGORIES: [&str; 2] = ["odd", "even"];
    in_both_modes(async |market| {
        let party = market.join("fickle").await;
        let users = join_all((0..4).map(|_| market.register())).await;
        let (count, over) = (Cell::new(0), Cell::new(false));
        let change = async |category: &'static str| {
            let said = Instant::now();
            party.wants(json!({ "detail": { "category": [category] } })).await;
            Wanted { category, said, acknowledged: Instant::now() }
        };
        let mut wanted = vec![change(CATEGORIES[0]).await];
        let changing = async {
            for round in 1..10 {
                let enough = count.get() + 6;
                tests::eventually("some more requests", async || (count.get() >= enough).then_some(())).await;
                wanted.push(change(CATEGORIES[round % 2]).await);
            }
            over.set(true);
        };
        let placing = join_all(users.iter().map(async |user| {
            let mut placed = vec![];
            while !over.get() {
                let (category, sent) = (CATEGORIES[placed.len() % 2], Instant::now());
                let id = user.place(json!({ "category": category })).await;
                let offered = !offered_to(&market.routed(&id).await).is_empty();
                placed.push(Placed { category, sent, routed: Instant::now(), offered });
                count.set(count.get() + 1);
            }
            placed
        }));
        let ((), placed) = join(changing, placing).await;
        let mut certain = 0;
        for request in placed.into_iter().flatten() {
            // A filter is in force from somewhere between its call and its answer, until the next one is.
            let in_force = wanted.iter().enumerate().filter(|(number, filter)| {
                let until = wanted.get(number + 1).map(|next| next.acknowledged);
                filter.said <= request.routed && until.is_none_or(|until| until >= request.sent)
            });
            let verdicts: BTreeSet<_> = in_force.map(|(_, filter)| filter.category == request.category).collect();
            assert!(verdicts.contains(&request.offered), "{}: {:?}", request.category, verdicts);
            certain += usize::from(verdicts.len() == 1);
        }
        assert!(wanted.is_sorted_by(|a, b| a.acknowledged <= b.said), "one after the other");
        assert!(certain > 20, "only {certain} requests lay between two changes");
    })
    .await;
}
