//! Simulated parties, each with one habit, are certified in simulated time.

mod world;

use event_schema::words::AnswerStatus;
use jiff::SignedDuration;
use proptest::prelude::*;

use self::world::{Habits, certify};
use super::*;

/// The steps that a party with these habits has not shown.
fn failed(habits: Habits) -> Vec<Step> {
    let (ended, _) = certify(habits);
    ended.faults.iter().map(|fault| fault.step).collect()
}

#[test]
fn who_does_everything_right_passes_and_soon() {
    let (ended, took) = certify(Habits::default());
    assert_eq!(ended.faults, []);
    assert!(took < SignedDuration::from_secs(20), "{took}");
    let polls = Habits { polls: true, signed: false, ..Habits::default() };
    assert_eq!(failed(polls), []);
}

#[test]
fn each_bad_habit_is_named() {
    use Step::{Acknowledges, Answers, BadSignature, Conflict, Duplicate, Retry, Withdrawn};
    let good = Habits::default;
    for (habits, steps) in [
        (Habits { forgets_ids: true, ..good() }, vec![Retry, Duplicate]),
        (Habits { refuses_duplicates: Some(409), ..good() }, vec![Retry, Duplicate]),
        (Habits { refuses_duplicates: Some(503), ..good() }, vec![Retry, Duplicate]),
        (Habits { verifies: false, ..good() }, vec![BadSignature]),
        (Habits { refuses_forgeries_with: 500, ..good() }, vec![BadSignature]),
        (Habits { posts_refused_again: 20, ..good() }, vec![Conflict]),
        (Habits { takes_withdrawals: false, ..good() }, vec![Withdrawn]),
        (Habits { answers: None, ..good() }, vec![Answers, Retry, Duplicate]),
        (
            Habits { acknowledges_with: 500, ..good() },
            vec![Acknowledges, Answers, Retry, Duplicate, Conflict, Withdrawn],
        ),
    ] {
        assert_eq!(failed(habits), steps, "{habits:?}");
    }
}

#[test]
fn a_report_says_what_failed_and_why() {
    let (ended, _) = certify(Habits { verifies: false, ..Habits::default() });
    let party: PartyId = "books".parse().unwrap();
    let run = Certification { ended: Some(ended), signed: true, ..world::run() };
    let told = serde_json::to_value(Report::ended(&run, &party)).unwrap();
    assert_eq!((&told["state"], &told["steps"][0]["result"]), (&json!("failed"), &json!("passed")));
    let last = &told["steps"][6];
    assert_eq!((&last["name"], &last["result"]), (&json!("bad-signature"), &json!("failed")));
    assert!(last["reason"].as_str().is_some_and(|reason| reason.contains("wrong signature")), "{told:#}");
    let unsigned = Certification { ended: Some(Ended { at: run.began_at, faults: vec![] }), signed: false, ..run };
    let told = serde_json::to_value(Report::ended(&unsigned, &party)).unwrap();
    assert_eq!((&told["state"], &told["steps"][6]["result"]), (&json!("passed"), &json!("skipped")));
}

#[test]
fn scenes_are_requests_of_their_own_that_ask_for_the_same() {
    let (run, party) = (world::run(), "books".parse().unwrap());
    let mut requests: Vec<_> = Scene::ALL.map(|scene| run.request(scene)).to_vec();
    requests.dedup();
    assert_eq!(requests.len(), Scene::ALL.len());
    let asked = run.asks(&party).unwrap();
    assert_eq!((asked.environment, asked.addressed_to.as_deref()), (Environment::Test, Some("books")));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn how_slowly_it_answers_makes_no_difference(
        think_ms in 0_i64..25_000,
        polls in any::<bool>(),
        answer in prop::sample::select(vec![AnswerStatus::Accepted, AnswerStatus::Declined, AnswerStatus::Completed]),
    ) {
        let answers = Some(answer);
        let habits = Habits { think_ms, polls, signed: !polls, answers, ..Habits::default() };
        prop_assert_eq!(failed(habits), vec![]);
    }
}
