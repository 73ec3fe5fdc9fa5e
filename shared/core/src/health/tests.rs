//! When a breaker opens and closes, and what follows for a party from nothing but failures.

use proptest::prelude::*;

use super::*;
use crate::party::{Known, PartyPatch, PartyState};

const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn at(seconds: i64) -> Timestamp {
    NOW + SignedDuration::from_secs(seconds)
}

fn ended(well: bool, probe: bool, at: Timestamp) -> Ended {
    Ended { well, probe, not_before: None, at }
}

fn rules() -> HealthRules {
    HealthRules::default()
}

/// Ten failures at this time.
fn opened(seconds: i64) -> Health {
    let mut health = Health::default();
    (0..10).for_each(|_| health.record(&ended(false, false, at(seconds)), &rules()));
    health
}

/// The probe at this time comes to this.
fn probed(health: &mut Health, well: bool, seconds: i64) {
    assert_eq!(health.admits(at(seconds)), Admission::Probe);
    health.begin_probe(at(seconds), &rules());
    health.record(&ended(well, true, at(seconds)), &rules());
}

#[test]
fn it_opens_when_half_of_at_least_ten_attempts_in_a_minute_failed() {
    let mut health = Health::default();
    for _ in 0..9 {
        health.record(&ended(false, false, NOW), &rules());
        assert_eq!(health.admits(NOW), Admission::Attempts);
    }
    health.record(&ended(true, false, NOW), &rules());
    assert_eq!(health.admits(NOW), Admission::Nothing(at(5)), "ten, nine of them failures");

    let mut mixed = Health::default();
    for number in 0..1_000 {
        // Four of ten, evenly.
        mixed.record(&ended(number % 5 < 3, false, at(number / 30)), &rules());
        assert!(!mixed.is_shut(), "{number}");
    }
    let mut rare = Health::default();
    for number in 0..100 {
        rare.record(&ended(false, false, at(number * 10)), &rules());
        assert!(!rare.is_shut(), "six a minute are too few to tell");
    }
}

#[test]
fn what_is_long_ago_is_forgotten() {
    let mut health = Health::default();
    (0..9).for_each(|_| health.record(&ended(false, false, NOW), &rules()));
    health.record(&ended(false, false, at(61)), &rules());
    assert!(!health.is_shut());
    let document = serde_json::to_string(&health).unwrap();
    assert!(document.len() < 200, "{document}");
}

#[test]
fn waits_double_to_five_minutes_and_a_success_closes_it() {
    let mut health = opened(0);
    let (mut now, mut waits) = (0, vec![]);
    for _ in 0..9 {
        let Admission::Nothing(until) = health.admits(at(now)) else { panic!("it is open") };
        waits.push(until.duration_since(at(now)).as_secs());
        now += waits[waits.len() - 1];
        probed(&mut health, false, now);
    }
    assert_eq!(waits, [5, 10, 20, 40, 80, 160, 300, 300, 300]);
    assert_eq!(health.view().failing_since, Some(NOW));
    probed(&mut health, true, now + 300);
    assert_eq!(health, Health::default(), "and all is forgotten");
    assert_eq!(opened(now + 400).admits(at(now + 400)), Admission::Nothing(at(now + 405)), "it begins anew");
}

#[test]
fn half_open_lets_one_through_until_that_one_is_lost() {
    let mut health = opened(0);
    health.begin_probe(at(5), &rules());
    assert_eq!(health.view().state, HealthState::HalfOpen);
    assert_eq!(health.admits(at(6)), Admission::Nothing(at(20)));
    assert_eq!(health.admits(at(20)), Admission::Probe, "nobody heard of it again");
    // What began before it opened says nothing of now.
    health.record(&ended(true, false, at(7)), &rules());
    assert_eq!(health.view().state, HealthState::HalfOpen);
    assert_eq!(health.since(), None, "but it was a success");
    health.record(&ended(false, true, at(8)), &rules());
    assert_eq!(health.admits(at(8)), Admission::Nothing(at(18)), "the second wait");
}

#[test]
fn an_endpoint_that_asks_for_more_gets_it_within_the_longest_wait() {
    let opened_with = |not_before| {
        let mut health = opened(0);
        health.begin_probe(at(5), &rules());
        health.record(&Ended { not_before: Some(not_before), ..ended(false, true, at(5)) }, &rules());
        health.next_probe_at().unwrap()
    };
    assert_eq!([at(6), at(60), at(9_999)].map(opened_with), [at(15), at(60), at(305)]);
}

#[test]
fn warnings_come_after_an_hour_at_half_time_and_at_the_pause() {
    let health = opened(0);
    let warning =
        |hours: i64, less: i64| health.warning(at(hours * 3_600 - less), None, &rules()).map(|failing| failing.warning);
    assert_eq!([warning(1, 1), warning(1, 0)], [None, Some(Warning::First)]);
    assert_eq!([warning(60, 1), warning(60, 0)], [Some(Warning::First), Some(Warning::Half)]);
    assert_eq!([warning(120, 1), warning(120, 0)], [Some(Warning::Half), Some(Warning::Pause)]);
    let soon = health.warning(at(1_800), PauseAfter::try_from(1).ok(), &rules());
    assert_eq!(soon, Some(Failing { since: NOW, warning: Warning::Half }), "half an hour comes before an hour");

    let mut two = Health::default();
    two.record(&ended(false, false, NOW), &rules());
    two.record(&ended(false, false, at(200 * 3_600)), &rules());
    assert_eq!(two.warning(at(200 * 3_600), None, &rules()), None, "two failures in a week");
    let restored = Health::failing_since(Some(NOW));
    assert_eq!(restored.since(), Some(NOW));
}

#[test]
fn hours_have_bounds() {
    for (hours, taken) in [(0, false), (1, true), (720, true), (721, false), (-1, false)] {
        assert_eq!(PauseAfter::try_from(hours).is_ok(), taken, "{hours}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Pass(i64),
    Attempt(bool),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![(0_i64..400_000).prop_map(Step::Pass), any::<bool>().prop_map(Step::Attempt)];
    proptest::collection::vec(step, 1..400)
}

proptest! {
    #[test]
    fn whatever_happens_it_lets_attempts_through_again_and_never_two_probes_at_once(steps in steps()) {
        let (mut health, mut now, mut probe_since) = (Health::default(), NOW, None::<Timestamp>);
        for step in steps {
            match step {
                Step::Pass(millis) => now += SignedDuration::from_millis(millis),
                Step::Attempt(well) => match health.admits(now) {
                    Admission::Attempts => health.record(&ended(well, false, now), &rules()),
                    Admission::Probe => {
                        prop_assert!(probe_since.is_none_or(|since| now.duration_since(since) >= rules().probe));
                        health.begin_probe(now, &rules());
                        probe_since = Some(now);
                        if well {
                            health.record(&ended(well, true, now), &rules());
                            probe_since = None;
                        }
                    }
                    Admission::Nothing(until) => {
                        prop_assert!(until > now && until.duration_since(now) <= rules().longest_wait);
                        if !well && probe_since.take().is_some() {
                            health.record(&ended(well, true, now), &rules());
                        }
                    }
                },
            }
            let stored = serde_json::to_string(&health).unwrap();
            prop_assert_eq!(&serde_json::from_str::<Health>(&stored).unwrap(), &health);
        }
        let later = now + rules().longest_wait;
        prop_assert!(!matches!(health.admits(later), Admission::Nothing(_)));
    }
}

/// A party that pushes to this transport.
fn party(transport: &str) -> Party {
    let mut party = Party::new("books".parse().unwrap(), "Books".to_owned(), "books@example.com".to_owned(), NOW);
    let delivery = serde_json::json!({
        "mode": "push", "url": "https://books.example/", "transport": transport, "signed": false,
        "auth": { "type": "none" }, "max_age_hours": 24, "auto_pause_after_hours": 4,
    });
    party.environments[0].delivery = serde_json::from_value(delivery).unwrap();
    party
}

fn known(party: &Party) -> Known<'_> {
    Known { party: Some(party), ..Known::default() }
}

/// What is done to a party after an attempt so many hours after ten failures, and what it is then.
fn after(party: &Party, well: bool, hours: i64) -> (bool, Party) {
    let mut health = opened(0);
    let ended = ended(well, true, at(hours * 3_600));
    health.record(&ended, &rules());
    let command = health.consequence(&ended, party, Environment::Prod, &rules());
    let decided = command.as_ref().map(|command| command.decide(&party.id, known(party), "delivery", NOW).unwrap());
    (
        decided.as_ref().is_some_and(|decided| decided.fact.is_some()),
        decided.map_or(party.clone(), |decided| decided.party),
    )
}

#[test]
fn a_party_is_told_once_of_each_level_and_a_success_ends_it() {
    let prod = |party: &Party| party.environments[0].clone();
    let told = |party: &Party| prod(party).failing.map(|failing| failing.warning);
    let mut books = party("direct");
    for (hours, news, warning) in [
        (0, false, None),
        (1, true, Some(Warning::First)),
        (1, false, Some(Warning::First)),
        (2, true, Some(Warning::Half)),
        (3, false, Some(Warning::Half)),
        (1, false, Some(Warning::Half)),
        (4, true, Some(Warning::Pause)),
        (9, false, Some(Warning::Pause)),
    ] {
        let was_news;
        (was_news, books) = after(&books, false, hours);
        assert_eq!((was_news, told(&books)), (news, warning), "{hours}");
        assert_eq!(prod(&books).paused.is_some(), warning == Some(Warning::Pause));
    }
    let (news, recovered) = after(&after(&party("direct"), false, 2).1, true, 3);
    assert_eq!((news, told(&recovered)), (true, None));
    assert!(!after(&recovered, true, 3).0, "there was nothing to tell");

    let resume =
        PartyPatch { state: Some(PartyState::Active), environment: Some(Environment::Prod), ..Default::default() };
    let resumed = PartyCommand::Patch(resume).decide(&books.id, known(&books), "operator", NOW).unwrap().party;
    assert_eq!((told(&resumed), prod(&resumed).paused), (None, None));
}

#[test]
fn another_endpoint_has_not_been_failing() {
    let warned = after(&party("direct"), false, 2).1;
    let set = |url: &str, rate: f64| {
        let delivery = serde_json::json!({
            "mode": "push", "url": url, "transport": "direct", "signed": false, "auth": { "type": "none" },
            "max_age_hours": 24, "rate_limit_per_second": rate,
        });
        let command = PartyCommand::SetDelivery(Environment::Prod, Box::new(serde_json::from_value(delivery).unwrap()));
        command.decide(&warned.id, known(&warned), "books", NOW).unwrap().party.environments[0].failing
    };
    assert!(set("https://books.example/", 5.0).is_some());
    assert!(set("https://books.example/new", 5.0).is_none());
}

#[test]
fn the_managed_transport_and_a_wish_to_be_paused_say_nothing() {
    let outcome = |status| Outcome::Answered { status, retry_after: None };
    let of = |transport, status| {
        let DeliverySettings::Push(push) = party(transport).environments[0].delivery.clone() else {
            panic!("it pushes")
        };
        Ended::of(&push, &outcome(status), false, NOW).map(|ended| ended.well)
    };
    assert_eq!([of("direct", 204), of("direct", 404), of("direct", 410)], [Some(true), Some(false), None]);
    assert_eq!([of("managed", 204), of("managed", 500)], [None, None]);
}
