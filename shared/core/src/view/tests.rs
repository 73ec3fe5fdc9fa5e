//! Every leak that anybody has thought of, and that what is to be seen is seen.

use event_schema::{delivery_result::Via, words::AnswerStatus};
use serde_json::{Value, json};
use uuid::Uuid;

use super::*;
use crate::{
    fact::{Fact, JournalEntry},
    offer::Outgoing,
};

const SECRETS_OF_OTHERS: [&str; 8] =
    ["other", "their reason", "their details", "their answer", "http-500", "99", "user.told", "email"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + second).unwrap()
}

fn id() -> RequestId {
    RequestId(Uuid::from_u128(7))
}

fn party(slug: &str) -> PartyId {
    slug.parse().unwrap()
}

fn offer(slug: &str, state: OfferState) -> Offer {
    let mut offer = Offer::new(id(), party(slug), Environment::Prod, 1, at(1));
    offer.state = state;
    offer.message = Some(Outgoing::new(MessageType::OfferCreated, at(1)));
    offer
}

fn head(mode: Mode, offers: u32) -> Head {
    Head {
        id: id(),
        user_id: "usr_1".parse().unwrap(),
        environment: Environment::Prod,
        mode,
        category: Some("books".to_owned()),
        created_at: at(0),
        routed: Some(Routed { at: at(1), offers, registry_version: 99 }),
        winner: None,
        cancelled_at: None,
        round: 1,
        closed: 0,
    }
}

fn attempt(outcome: &str) -> Attempt {
    Attempt {
        at: at(2),
        message: MessageType::OfferCreated,
        outcome: outcome.to_owned(),
        status_code: Some(500),
        latency_us: 4_900_125,
        answer: Some("their answer".to_owned()),
    }
}

/// Everything that can happen to one offer.
fn facts(offer: &Offer, reason: &str, details: &str) -> Vec<Fact> {
    let (delivery_id, third_party, environment) = (offer.delivery_id, offer.party.clone(), offer.environment);
    let message = MessageType::OfferCreated;
    let status = AnswerStatus::Accepted;
    let (reason, details) = (reason.to_owned(), Value::from(details));
    let given_back =
        Fact::OfferReleased { delivery_id, third_party: third_party.clone(), environment, reason: reason.clone() };
    vec![
        Fact::offer_created(offer),
        Fact::MessageFailed {
            delivery_id,
            third_party: third_party.clone(),
            environment,
            message,
            reason: "http-500".to_owned(),
            attempts: 185,
        },
        Fact::MessageHeld { delivery_id, third_party: third_party.clone(), environment, message },
        Fact::MessageReplayed { delivery_id, third_party: third_party.clone(), environment, message },
        Fact::delivered(offer, message, Via::Push),
        Fact::OfferAnswered {
            delivery_id,
            third_party: third_party.clone(),
            environment,
            status,
            won: true,
            reason: Some(reason.clone()),
            details: Some(details.clone()),
        },
        Fact::OfferNoted {
            delivery_id,
            third_party: third_party.clone(),
            environment,
            status,
            reason: Some(reason),
            details: Some(details),
        },
        Fact::OfferWithdrawn { delivery_id, third_party: third_party.clone(), environment, told: true },
        given_back,
        Fact::OfferReminded { delivery_id, third_party: third_party.clone(), environment },
        Fact::OfferExpired { delivery_id, third_party: third_party.clone(), environment },
        Fact::MessageMade { delivery_id, third_party, environment, message: MessageType::OfferExpired },
    ]
}

/// A request with an offer to `own` and one to `other`, each with everything that can happen to it.
fn record(own: OfferState, other: OfferState) -> RequestRecord {
    let (own, other) = (offer("own", own), offer("other", other));
    let mut all = vec![Fact::RequestCreated, Fact::RequestUnmatched];
    all.extend(facts(&own, "own reason", "own details"));
    all.extend(facts(&other, "their reason", "their details"));
    all.push(Fact::UserTold { channel: "email".to_owned(), of: 99 });
    all.push(Fact::RequestCancelled);
    let number = |(index, fact): (u64, Fact)| JournalEntry {
        sequence: 990 + index,
        request: Some(id()),
        at: at(3),
        cause: Some(99),
        fact,
    };
    RequestRecord {
        head: head(Mode::All, 2),
        detail: r#"{"user_id":"usr_1","request_status":"new","amount":1.50,"z":1,"a":2}"#.into(),
        journal: (0..).zip(all).map(number).collect(),
        attempts: vec![(own.delivery_id, attempt("timeout")), (other.delivery_id, attempt("http-500"))],
        offers: vec![own, other],
    }
}

/// As if nobody else had ever been offered it.
fn without_others(mut record: RequestRecord) -> RequestRecord {
    let own = party("own");
    record.offers.retain(|offer| offer.party == own);
    record.attempts.retain(|(delivery, _)| record.offers.iter().any(|offer| offer.delivery_id == *delivery));
    record.journal.retain(|entry| entry.fact.concerns().is_none_or(|(party, _)| *party == own));
    record.journal.retain(|entry| !matches!(entry.fact, Fact::UserTold { .. } | Fact::RequestUnmatched));
    record.head.routed = Some(Routed { at: at(50), offers: 1, registry_version: 1 });
    for (sequence, entry) in (0..).zip(&mut record.journal) {
        entry.sequence = sequence;
        entry.cause = None;
    }
    record
}

fn seen_by(record: &RequestRecord, reader: Reader<'_>) -> Value {
    serde_json::to_value(request(record, reader).unwrap()).unwrap()
}

fn types(view: &Value) -> Vec<&str> {
    view["timeline"].as_array().unwrap().iter().map(|entry| entry["type"].as_str().unwrap()).collect()
}

#[test]
fn to_a_party_it_is_as_if_there_were_nobody_else() {
    let own = party("own");
    for mine in OfferState::ALL {
        for theirs in OfferState::ALL {
            let record = record(mine, theirs);
            let reader = Reader::Party(&own, Environment::Prod);
            let seen = seen_by(&record, reader);
            assert_eq!(seen, seen_by(&without_others(record), reader), "{mine} beside {theirs}");
            let text = seen["timeline"].to_string() + &seen["offers"].to_string();
            for secret in SECRETS_OF_OTHERS.iter().filter(|secret| **secret != "http-500") {
                assert!(!text.contains(secret), "{secret} in {text}");
            }
        }
    }
}

#[test]
fn a_party_is_not_told_who_won_or_how_many_there_were() {
    let own = party("own");
    let mut record = record(OfferState::Delivered, OfferState::Accepted);
    record.head.mode = Mode::FirstAccept;
    record.head.winner = Some(record.offers[1].delivery_id);
    let seen = seen_by(&record, Reader::Party(&own, Environment::Prod));
    assert_eq!(seen["offers"][0]["status"], "withdrawn");
    for member in ["winner", "routed"] {
        assert_eq!(seen.get(member), None);
    }
    for entry in seen["timeline"].as_array().unwrap() {
        for member in ["won", "told", "sequence", "cause", "of", "channel"] {
            assert_eq!(entry.get(member), None, "{entry}");
        }
    }
}

#[test]
fn a_party_without_an_offer_cannot_tell_that_there_is_a_request() {
    let record = record(OfferState::Delivered, OfferState::Accepted);
    assert!(request(&record, Reader::Party(&party("third"), Environment::Prod)).is_none());
    for environment in [Environment::Test, Environment::Dev] {
        assert!(request(&record, Reader::Party(&party("own"), environment)).is_none());
    }
}

#[test]
fn a_partys_environments_do_not_see_each_other() {
    let own = party("own");
    let mut record = record(OfferState::Delivered, OfferState::Delivered);
    let elsewhere = Offer::new(id(), own.clone(), Environment::Test, 1, at(1));
    for (sequence, fact) in (0..).zip(facts(&elsewhere, "test reason", "test details")) {
        record.journal.push(JournalEntry { sequence, request: Some(id()), at: at(9), cause: None, fact });
    }
    record.attempts.push((elsewhere.delivery_id, attempt("test-outcome")));
    record.offers.push(elsewhere.clone());
    let seen = seen_by(&record, Reader::Party(&own, Environment::Prod)).to_string();
    for secret in ["test reason", "test details", "test-outcome", &elsewhere.delivery_id.to_string()] {
        assert!(!seen.contains(secret), "{secret} in {seen}");
    }
}

#[test]
fn a_party_sees_how_its_own_deliveries_went() {
    let own = party("own");
    let record = record(OfferState::Delivered, OfferState::Accepted);
    let seen = seen_by(&record, Reader::Party(&own, Environment::Prod));
    assert_eq!(
        seen["offers"],
        json!([{
            "delivery_id": record.offers[0].delivery_id, "third_party": "own", "status": "delivered",
            "attempts": [{
                "at": "2027-01-15T08:00:02Z", "message": "offer.created", "outcome": "timeout",
                "status_code": 500, "latency_ms": 4_900.125,
            }],
        }])
    );
    let failed = seen["timeline"].as_array().unwrap().iter().find(|entry| entry["type"] == "message.failed").unwrap();
    assert_eq!((&failed["reason"], &failed["attempts"]), (&json!("http-500"), &json!(185)));
    assert_eq!(
        types(&seen),
        [
            "request.created",
            "offer.created",
            "message.failed",
            "message.held",
            "message.replayed",
            "message.delivered",
            "offer.answered",
            "offer.noted",
            "offer.withdrawn",
            "offer.released",
            "offer.reminded",
            "offer.expired",
            "message.made",
            "request.cancelled",
        ]
    );
}

#[test]
fn a_user_sees_every_offer_and_not_how_delivering_went() {
    let record = record(OfferState::Delivered, OfferState::Accepted);
    let seen = seen_by(&record, Reader::User);
    assert_eq!(seen["status"], "accepted");
    assert_eq!(
        seen["offers"],
        json!([
            { "delivery_id": record.offers[0].delivery_id, "third_party": "own", "status": "delivered" },
            { "delivery_id": record.offers[1].delivery_id, "third_party": "other", "status": "accepted" },
        ])
    );
    let timeline = seen["timeline"].to_string();
    for secret in ["http-500", "attempts", "via", "told\":", "sequence", "cause", "latency", "timeout"] {
        assert!(!timeline.contains(secret), "{secret} in {timeline}");
    }
    for member in ["winner", "routed"] {
        assert_eq!(seen.get(member), None);
    }
    assert!(timeline.contains("their reason") && timeline.contains("their details"));
    assert!(types(&seen).contains(&"user.told") && !types(&seen).contains(&"message.held"));
    assert!(!types(&seen).contains(&"message.made"), "what the party is told is between it and the marketplace");
}

#[test]
fn an_operator_sees_everything() {
    let record = record(OfferState::Delivered, OfferState::Accepted);
    let seen = seen_by(&record, Reader::Operator);
    assert_eq!(seen["timeline"].as_array().unwrap().len(), record.journal.len());
    let text = seen.to_string();
    for expected in
        SECRETS_OF_OTHERS.iter().chain(&["timeout", "sequence", "cause", "registry_version", "\"won\":true"])
    {
        assert!(text.contains(expected), "{expected} not in {text}");
    }
    assert_eq!(seen["offers"][1]["attempts"][0]["answer"], "their answer");
}

#[test]
fn what_was_asked_is_passed_on_as_it_was_written() {
    let record = record(OfferState::Delivered, OfferState::Accepted);
    let text = serde_json::to_string(&request(&record, Reader::User)).unwrap();
    assert!(text.ends_with(&format!(r#""request":{}}}"#, record.detail)), "{text}");
}

#[test]
fn a_detail_that_is_no_json_is_an_error_and_not_an_answer() {
    let mut record = record(OfferState::Delivered, OfferState::Accepted);
    record.detail = r#"{"user_id":"#.into();
    assert!(serde_json::to_string(&request(&record, Reader::User)).is_err());
}

#[test]
fn a_summary_says_where_a_request_stands() {
    let record = record(OfferState::Declined, OfferState::Completed);
    assert_eq!(
        serde_json::to_value(summary(&record.head, &record.offers)).unwrap(),
        json!({
            "id": id(), "status": "completed", "category": "books", "environment": "prod", "mode": "all",
            "created_at": "2027-01-15T08:00:00Z", "offers": 2,
        })
    );
}
