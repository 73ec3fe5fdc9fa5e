//! Back-tests against routing: for any scopes, filters and requests they say what routing did.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

#[path = "patterns/generate.rs"]
mod generate;

use std::sync::Arc;

use event_schema::{
    envelope::Metadata,
    id::{Environment, PartyId, RequestId},
};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    backtest::{BackTest, Found, PastRequest, Verdict},
    fact::{Fact, JournalEntry},
    intake,
    party::{EnvironmentSettings, Party},
    pattern::{Fields, Pattern},
    publish::{self, About, Happened},
    routing::RoutingTable,
};
use proptest::{collection::vec, option, prelude::*, sample::select};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 123_456_000);
const PROD: Environment = Environment::Prod;

/// A pattern over requests, most of them over what is in their free part.
fn pattern() -> impl Strategy<Value = Pattern> {
    let category = select(&["books", "pens", "ink"][..]);
    let whole = prop_oneof![
        4 => generate::pattern().prop_map(|inner| json!({ "detail": { "attributes": inner } })),
        2 => category.prop_map(|category| json!({ "detail": { "category": [category] } })),
        1 => (0..20).prop_map(|least| json!({ "detail": { "amount": [{ "numeric": [">=", least] }] } })),
        1 => Just(json!({ "detail": { "metadata": { "environment": ["prod"], "version": [1] } } })),
        1 => Just(json!({ "source": ["com.marketplace.market"], "detail": { "region": [{ "exists": false }] } })),
        1 => Just(json!({ "time": [{ "prefix": "2027-01-15T08:00:0" }], "id": [{ "anything-but": "x" }] })),
    ];
    whole.prop_filter_map("two `$or`s on one field", |pattern| Pattern::from_value(&pattern).ok())
}

/// The detail of a request as somebody outside would send it.
fn detail() -> impl Strategy<Value = Value> {
    const ADDRESSEES: [&str; 6] = ["party-0", "party-1", "party-2", "nobody", "Not A Slug!", ""];
    let members = (
        option::of(select(&["books", "pens", "ink"][..])),
        option::of(select(&["eu", "us"][..])),
        option::of(0..20),
        option::weighted(0.3, select(&ADDRESSEES[..])),
        generate::event(),
    );
    members.prop_map(|(category, region, amount, addressee, attributes)| {
        let members = json!({
            "user_id": "ann", "request_status": "new", "category": category, "region": region, "amount": amount,
            "3rdparty": addressee, "attributes": attributes,
        });
        let members = members.as_object().expect("an object").clone();
        members.into_iter().filter(|(_, value)| !value.is_null()).collect()
    })
}

fn party(number: usize, scope: Option<Pattern>, filter: Option<Pattern>) -> Party {
    let settings = || EnvironmentSettings { filter: filter.clone(), ..EnvironmentSettings::new() };
    let id = format!("party-{number}").parse().expect("a slug");
    let new = Party::new(id, "A party".to_owned(), "party@example.com".to_owned(), NOW);
    Party { scope, environments: [settings(), settings(), settings()], ..new }
}

fn stored(number: usize, detail: &Value) -> PastRequest {
    let new = intake::from_event_detail(&detail.to_string()).expect("a request");
    let created_at = NOW + SignedDuration::from_secs(i64::try_from(number).expect("a number"));
    PastRequest {
        id: RequestId(Uuid::from_u128(number as u128)),
        created_at,
        sequence: 100 + number as u64,
        detail: new.detail,
    }
}

/// Whom routing chooses, the way that the router goes: the journal's row becomes an event, and that is taken in.
fn routed(table: &RoutingTable, request: &PastRequest) -> Vec<PartyId> {
    #[derive(Deserialize)]
    struct Origin {
        metadata: Metadata,
    }
    let entry = JournalEntry {
        sequence: request.sequence,
        request: Some(request.id),
        at: request.created_at,
        cause: None,
        fact: Fact::RequestCreated,
    };
    let about = About { user_id: "ann".parse().expect("an id"), environment: PROD };
    let happened = Happened { entry, request: Some(about), detail: Some(request.detail.clone()) };
    let event = publish::event(&happened).expect("an event").expect("a request event");
    let new = intake::from_event_detail(event.detail.get()).expect("a request");
    let Origin { metadata } = serde_json::from_str(event.detail.get()).expect("metadata");
    let whole = intake::request_event(event.id, event.time, &new.detail, Some(&metadata)).expect("JSON");
    table.route(&Fields::new(&whole), PROD, new.addressed_to.as_deref())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_back_test_says_what_routing_did(
        settings in vec((option::of(pattern()), option::weighted(0.9, pattern())), 3),
        details in vec(detail(), 12),
    ) {
        let mut table = RoutingTable::default();
        let mut tests = vec![];
        for (number, (scope, filter)) in settings.into_iter().enumerate() {
            let party = party(number, scope.clone(), filter.clone());
            tests.push(BackTest { party: party.id.clone(), environment: PROD, scope, filter });
            table.set(1 + number as u64, Arc::new(party));
        }
        let requests: Vec<_> = details.iter().enumerate().map(|(number, detail)| stored(number, detail)).collect();
        let mut found: Vec<_> = tests.iter().map(|_| Found::new(2)).collect();
        let mut offered = vec![0; tests.len()];
        for request in &requests {
            let chosen = routed(&table, request);
            let event = request.event(PROD).expect("JSON");
            for (number, test) in tests.iter().enumerate() {
                let is_chosen = chosen.contains(&test.party);
                let verdict = test.verdict(&event);
                prop_assert_eq!(verdict == Verdict::Offered, is_chosen, "{} to {:?}", event, test);
                let explained = test.explain(&event);
                prop_assert_eq!(explained.is_none(), verdict == Verdict::OutOfSight);
                prop_assert!(explained.is_none_or(|explained| explained.matches == is_chosen));
                found[number].look_at(request, test).expect("JSON");
                offered[number] += usize::from(is_chosen);
            }
        }
        for (found, offered) in found.iter().zip(offered) {
            prop_assert_eq!(found.would_match, offered);
            prop_assert!(found.requests() <= requests.len());
            prop_assert_eq!(found.matching.len(), offered.min(2));
            prop_assert_eq!(found.not_matching.len(), found.would_not_match.min(2));
        }
    }
}

fn test_of(scope: Option<Value>, filter: Option<Value>) -> BackTest {
    let pattern = |pattern: Value| Pattern::from_value(&pattern).expect("a pattern");
    BackTest {
        party: "party-0".parse().expect("a slug"),
        environment: PROD,
        scope: scope.map(pattern),
        filter: filter.map(pattern),
    }
}

#[test]
fn what_is_out_of_scope_or_anothers_is_not_there() {
    let scope = json!({ "detail": { "category": ["books"] } });
    let test = test_of(Some(scope), Some(json!({ "detail": { "region": ["eu"] } })));
    let verdict = |more: Value| {
        let mut detail = json!({ "user_id": "ann", "request_status": "new" });
        detail.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        let event = stored(1, &detail).event(PROD).expect("JSON");
        (test.verdict(&event), test.explain(&event).map(|explained| explained.addressed))
    };
    let books = |more: Value| {
        let mut books = json!({ "category": "books" });
        books.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
        verdict(books)
    };
    assert_eq!(books(json!({ "region": "eu" })), (Verdict::Offered, Some(false)));
    assert_eq!(books(json!({ "region": "us" })), (Verdict::PassedOver, Some(false)));
    assert_eq!(books(json!({ "region": "us", "3rdparty": "party-0" })), (Verdict::Offered, Some(true)));
    assert_eq!(books(json!({ "region": "eu", "3rdparty": "party-1" })), (Verdict::OutOfSight, None));
    assert_eq!(verdict(json!({ "region": "eu" })), (Verdict::OutOfSight, None));
    assert_eq!(verdict(json!({ "region": "eu", "3rdparty": "party-0" })), (Verdict::OutOfSight, None));
}

#[test]
fn an_explanation_says_which_condition_failed_and_shows_nothing_of_the_user() {
    let filter = json!({ "detail": {
        "category": ["books", { "prefix": "b" }],
        "note": [{ "prefix": "please" }],
        "user_id": ["bob"],
        "$or": [{ "amount": [{ "numeric": ["<", 10] }] }, { "attributes": { "gift": [true] } }],
    } });
    let test = test_of(None, Some(filter));
    let detail = json!({
        "user_id": "ann", "request_status": "new", "category": "books", "amount": 12, "note": "please, a secret",
        "attributes": { "gift": "no" },
    });
    let explained = test.explain(&stored(1, &detail).event(PROD).expect("JSON"));
    let explained = serde_json::to_value(explained).expect("JSON");
    assert_eq!(explained["matches"], false);
    assert_eq!(explained.get("addressed"), None);
    let condition = |pointer: &str| {
        let all = explained["conditions"].as_array().expect("a list");
        let found = all.iter().find(|condition| condition["pointer"] == pointer);
        found.unwrap_or_else(|| panic!("{pointer}: {explained:#}")).clone()
    };
    let category = json!({
        "pointer": "/detail/category", "holds": true, "condition": ["books", { "prefix": "b" }], "found": ["books"],
    });
    assert_eq!(condition("/detail/category"), category);
    let note = json!({ "pointer": "/detail/note", "holds": true, "condition": [{ "prefix": "please" }] });
    assert_eq!(condition("/detail/note"), note);
    assert_eq!(condition("/detail/$or")["holds"], false);
    assert_eq!(condition("/detail/$or/0/amount")["found"], json!([12]));
    assert_eq!(condition("/detail/$or/1/attributes/gift").get("found"), None);
    let text = explained.to_string();
    assert!(!text.contains("secret") && !text.contains("ann"), "{text}");
}

#[test]
fn a_sample_is_a_summary() {
    let test = test_of(None, None);
    let mut found = Found::new(1);
    let detail = json!({
        "user_id": "ann", "request_status": "new", "category": "books", "amount": 1.5, "note": "mine",
        "attributes": { "name": "Ann" }, "items": [{ "name": "Dune" }],
    });
    found.look_at(&stored(2, &detail), &test).expect("JSON");
    found.look_at(&stored(1, &detail), &test).expect("JSON");
    assert_eq!((found.would_match, found.would_not_match), (0, 2));
    assert_eq!(found.oldest, Some(NOW + SignedDuration::from_secs(1)));
    let sample = json!([{
        "id": "req_00000000-0000-0000-0000-000000000002", "created_at": "2027-01-15T08:00:02.123456Z",
        "category": "books", "amount": 1.5,
    }]);
    assert_eq!(serde_json::to_value(&found.not_matching).expect("JSON"), sample);
}
