//! Filters are tried on past requests before they are set, and what that says is what routing does.

use std::collections::BTreeSet;

use futures::future::join_all;
use serde_json::{Value, json};
use tests::{
    Caller, Party,
    market::{offered_to, text},
};

use crate::place::in_both_modes;

async fn back_test(party: &Caller, body: Value) -> Value {
    party.post("/v1/me/filter/test", body).await.must_be(200)
}

fn ids(samples: &Value) -> BTreeSet<String> {
    samples.as_array().expect("samples").iter().map(|sample| text(&sample["id"])).collect()
}

#[tokio::test]
async fn a_filter_is_tried_on_what_the_party_may_know_of() {
    in_both_modes(async |market| {
        let scope = json!({ "detail": { "category": [{ "anything-but": "weapons" }] } });
        let party = market.join_as(json!({ "id": "shop", "scope": scope })).await;
        market.join("rival").await;
        let user = market.register().await;
        let place = async |request: Value| {
            let id = user.place(request).await;
            market.routed(&id).await;
            id
        };
        let secret =
            json!({ "category": "books", "amount": 12, "note": "a secret note", "attributes": { "x": "mine" } });
        let cheap = place(secret).await;
        let dear = place(json!({ "category": "books", "amount": 120.5, "region": "eu" })).await;
        let mine = place(json!({ "category": "pens", "third_party": "shop" })).await;
        let out_of_scope = place(json!({ "category": "weapons", "amount": 5 })).await;
        let out_of_scope_and_addressed = place(json!({ "category": "weapons", "third_party": "shop" })).await;
        let anothers = place(json!({ "category": "books", "amount": 1, "third_party": "rival" })).await;

        let filter = json!({ "detail": { "category": ["books"], "amount": [{ "numeric": ["<", 100] }] } });
        let tested = back_test(&party.api, json!({ "pattern": filter, "request_id": dear })).await;
        assert_eq!((&tested["would_match"], &tested["would_not_match"]), (&json!(2), &json!(1)), "{tested:#}");
        assert_eq!((&tested["window"]["requests"], &tested["window"]["complete"]), (&json!(3), &json!(true)));
        assert_eq!(ids(&tested["samples"]["matching"]), [cheap.clone(), mine.clone()].into());
        assert_eq!(tested["samples"]["matching"][0]["id"], *mine, "newest first");
        let not_matching = &tested["samples"]["not_matching"][0];
        let summary = json!({
            "id": dear, "created_at": not_matching["created_at"], "category": "books", "region": "eu", "amount": 120.5,
        });
        assert_eq!(*not_matching, summary);
        assert!(!tested.to_string().contains("secret") && !tested.to_string().contains("mine"), "{tested:#}");

        let explained = &tested["explanation"];
        assert_eq!((&explained["request_id"], &explained["matches"]), (&json!(dear), &json!(false)));
        let mut conditions = explained["conditions"].as_array().expect("conditions").clone();
        conditions.sort_by_key(|condition| text(&condition["pointer"]));
        let amount = json!([{ "numeric": ["<", 100] }]);
        let expected = [
            json!({ "pointer": "/detail/amount", "holds": false, "condition": amount, "found": [120.5] }),
            json!({ "pointer": "/detail/category", "holds": true, "condition": ["books"], "found": ["books"] }),
        ];
        assert_eq!(conditions, expected);
        let tested = back_test(&party.api, json!({ "pattern": filter, "request_id": mine, "samples": 0 })).await;
        assert_eq!(
            (&tested["explanation"]["matches"], &tested["explanation"]["addressed"]),
            (&json!(true), &json!(true))
        );
        assert_eq!(tested["samples"], json!({ "matching": [], "not_matching": [] }));
        let in_test = market.key_for("shop", "test").await;
        let unknown = "req_00000000-0000-7000-8000-000000000000".to_owned();
        for id in [&out_of_scope, &out_of_scope_and_addressed, &anothers, &unknown] {
            party.api.post("/v1/me/filter/test", json!({ "pattern": filter, "request_id": id })).await.refused(404);
        }
        in_test.post("/v1/me/filter/test", json!({ "pattern": filter, "request_id": cheap })).await.refused(404);

        let nothing = back_test(&party.api, json!({ "pattern": null })).await;
        assert_eq!((&nothing["would_match"], &nothing["would_not_match"]), (&json!(1), &json!(2)));
        let elsewhere = back_test(&in_test, json!({ "pattern": filter })).await;
        assert_eq!(elsewhere["window"]["requests"], 0, "another environment has another past");
    })
    .await;
}

#[tokio::test]
async fn a_window_is_a_part_of_the_past() {
    in_both_modes(async |market| {
        let party = market.join("shop").await;
        let user = market.register().await;
        let mut placed = vec![];
        for amount in 0..4 {
            let id = user.place(json!({ "amount": amount })).await;
            placed.push((text(&market.routed(&id).await["timeline"][0]["at"]), id));
        }
        let everything = json!({ "source": ["com.marketplace.market"] });
        let window = async |window: Value| {
            back_test(&party.api, json!({ "pattern": everything, "window": window, "samples": 20 })).await
        };
        let between = window(json!({ "from": placed[1].0, "to": placed[3].0 })).await;
        let expected: BTreeSet<_> = placed[1..3].iter().map(|(_, id)| id.clone()).collect();
        assert_eq!(ids(&between["samples"]["matching"]), expected, "its first moment, and not its last");
        assert_eq!(between["window"]["requests"], 2);
        assert_eq!(window(json!({ "from": placed[2].0 })).await["would_match"], 2);
        assert_eq!(window(json!({ "to": placed[1].0 })).await["would_match"], 1);
        assert_eq!(window(json!({ "from": placed[0].0, "to": placed[0].0 })).await["would_match"], 0);
        assert_eq!(window(json!({})).await["would_match"], 4);
    })
    .await;
}

/// Numbers that look random, the same in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % bound as u64).expect("below the bound")
    }

    fn one<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.below(of.len())]
    }

    fn condition(&mut self) -> (&'static str, Value) {
        let words = ["books", "pens", "ink"];
        match self.below(7) {
            0 => ("category", json!([self.one(&words), self.one(&words)])),
            1 => ("category", json!([{ "anything-but": [self.one(&words)] }])),
            2 => ("region", json!([{ "exists": self.below(2) == 0 }, "eu"])),
            3 => ("amount", json!([{ "numeric": [">=", self.below(100)] }])),
            4 => ("amount", json!([{ "numeric": [">", 10, "<", 20 + self.below(80)] }, { "exists": false }])),
            5 => ("attributes", json!({ "colour": [{ "prefix": self.one(&["r", "b", ""]) }] })),
            _ => ("items", json!({ "name": [self.one(&words)], "quantity": [self.below(3)] })),
        }
    }

    fn conditions(&mut self) -> Value {
        (0..=self.below(3)).map(|_| self.condition()).map(|(name, asked)| (name.to_owned(), asked)).collect()
    }

    fn pattern(&mut self) -> Value {
        match self.below(3) {
            0 => json!({ "detail": { "$or": [self.conditions(), self.conditions()] } }),
            _ => json!({ "detail": self.conditions() }),
        }
    }

    fn request(&mut self, parties: &[Party]) -> Value {
        let words = ["books", "pens", "ink"];
        let mut request = json!({});
        if self.below(5) > 0 {
            request["category"] = json!(self.one(&words));
        }
        if self.below(2) > 0 {
            request["region"] = json!(self.one(&["eu", "us"]));
        }
        if self.below(4) > 0 {
            request["amount"] = json!(self.below(100));
        }
        if self.below(2) > 0 {
            request["attributes"] = json!({ "colour": self.one(&["red", "blue", "green"]) });
        }
        let items = (0..self.below(3)).map(|_| json!({ "name": self.one(&words), "quantity": 1 + self.below(2) }));
        request["items"] = items.collect();
        if self.below(5) == 0 {
            request["third_party"] = json!(self.one(parties).id);
        }
        request
    }
}

#[tokio::test]
async fn a_back_test_agrees_with_what_routing_did() {
    in_both_modes(async |market| {
        let mut dice = Dice(7);
        let mut parties = vec![];
        for number in 0..8 {
            let scope = if dice.below(2) == 0 { Value::Null } else { dice.pattern() };
            let party = market.join_as(json!({ "id": format!("party-{number}"), "scope": scope })).await;
            let filter = if number == 0 { Value::Null } else { dice.pattern() };
            party.api.put("/v1/me/filter", json!({ "pattern": filter })).await.must_be(200);
            parties.push((party, filter));
        }
        let (parties, filters): (Vec<_>, Vec<_>) = parties.into_iter().unzip();
        let user = market.register().await;
        let requests: Vec<_> = (0..20).map(|_| dice.request(&parties)).collect();
        let ids_of_requests = join_all(requests.into_iter().map(|request| user.place(request))).await;
        let views = join_all(ids_of_requests.iter().map(|id| market.routed(id))).await;

        let mut offers = 0;
        for (party, filter) in parties.iter().zip(filters) {
            let offered: BTreeSet<_> = ids_of_requests
                .iter()
                .zip(&views)
                .filter(|(_, view)| offered_to(view).contains(&party.id))
                .map(|(id, _)| id.clone())
                .collect();
            let tested = back_test(&party.api, json!({ "pattern": filter, "samples": 20 })).await;
            assert_eq!(tested["would_match"], offered.len(), "{filter}: {tested:#}");
            assert_eq!(ids(&tested["samples"]["matching"]), offered, "{filter}");
            assert!(ids(&tested["samples"]["not_matching"]).is_disjoint(&offered), "{filter}");
            let one = offered.first().or(ids(&tested["samples"]["not_matching"]).first()).cloned();
            if let Some(id) = one {
                let asked = json!({ "pattern": filter, "request_id": id, "samples": 0 });
                let explained = back_test(&party.api, asked).await["explanation"].clone();
                assert_eq!(explained["matches"], offered.contains(&id), "{filter}: {explained:#}");
            }
            offers += offered.len();
        }
        assert!((20..140).contains(&offers), "{offers} offers: too few, or nearly all");
    })
    .await;
}
