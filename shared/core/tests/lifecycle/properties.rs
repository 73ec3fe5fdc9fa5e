//! What holds for every story: thousands of them, on platforms that know what is on the wire and on others.

use std::collections::{BTreeMap, BTreeSet};

use event_schema::words::Mode;
use marketplace_core::{command::MAX_OFFERS, lifecycle::OfferState};
use proptest::prelude::*;

use crate::{
    model::{Model, Wire},
    play::Play,
    steps::{REQUEST, START, Step, Story, batches, create, story},
};

fn config(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config(400))]

    #[test]
    fn no_story_breaks_a_rule_where_the_wire_is_known(story in story(60)) {
        Play::of(&story, Wire::Known);
    }

    #[test]
    fn no_story_breaks_a_rule_where_the_wire_is_unknown(story in story(60)) {
        Play::of(&story, Wire::Unknown);
    }
}

proptest! {
    #![proptest_config(config(100))]

    /// After any story, the router's and the workers' usual work brings the request to an end and nobody is forgotten.
    #[test]
    fn whatever_has_happened_withdrawals_catch_up(mut story in story(40)) {
        story.steps.extend((0..8).map(|_| Step::Withdraw));
        let play = Play::of(&story, Wire::Known);
        if let Some(head) = play.model.head.as_ref().filter(|head| head.cancelled_at.is_some()) {
            let open = |state: OfferState| state.can_be_withdrawn();
            prop_assert!(play.model.offers.values().all(|offer| !open(offer.state)), "{head:?}");
        }
    }

    /// Batches that are repeated, and in any order but for the last, make the same offers.
    #[test]
    fn routing_is_resumable(
        eligible in 0_usize..45,
        order in prop::collection::vec(0_usize..5, 0..12),
    ) {
        let mut model = Model::new(REQUEST, Wire::Known);
        model.apply(&create(Mode::All, START)).unwrap();
        let batches = batches(eligible, START);
        let (last, rest) = batches.split_last().unwrap();
        for place in order.iter().filter(|place| **place < rest.len()) {
            model.apply(&rest[*place]).unwrap();
        }
        // The try that is not broken off.
        for batch in rest.iter().chain([last, last]) {
            prop_assert!(batch.parties.len() <= MAX_OFFERS);
            model.apply(batch).unwrap();
        }
        prop_assert_eq!(model.offers.len(), eligible);
        let routed = model.head.unwrap().routed.unwrap();
        prop_assert_eq!(usize::try_from(routed.offers).unwrap(), eligible);
    }
}

/// A try that is broken off and another, after all parties have left: the offers that were made stand.
#[test]
fn nobody_eligible_any_more_is_not_unmatched_when_offers_were_made() {
    let mut model = Model::new(REQUEST, Wire::Known);
    model.apply(&create(Mode::All, START)).unwrap();
    model.apply(&batches(12, START)[0]).unwrap();
    model.apply(&batches(0, START)[0]).unwrap();
    let head = model.head.clone().unwrap();
    assert_eq!(head.routed.unwrap().offers, 10);
    crate::rules::hold(&model, START);
}

/// The stories are not all dull: what the properties are about does happen in them.
#[test]
fn stories_reach_what_the_properties_are_about() {
    use proptest::{strategy::ValueTree, test_runner::TestRunner};

    let mut runner = TestRunner::deterministic();
    let mut times: BTreeMap<String, usize> = BTreeMap::new();
    for _ in 0..250 {
        let story: Story = story(60).new_tree(&mut runner).unwrap().current();
        let model = Play::of(&story, Wire::Known).model;
        let facts = model.journal.iter().map(|entry| serde_json::to_value(&entry.fact).unwrap());
        let mut kinds: BTreeSet<String> = facts.map(|fact| fact["type"].as_str().unwrap().to_owned()).collect();
        kinds.extend(model.head.as_ref().and_then(|head| head.winner).map(|_| "won".to_owned()));
        kinds.extend(model.head.filter(|head| head.round > 1).map(|_| "again".to_owned()));
        kinds.into_iter().for_each(|kind| *times.entry(kind).or_default() += 1);
    }
    // Every fact but the parties' own, winning, and a second round.
    assert_eq!(times.len(), 20, "{times:?}");
    assert!(times.values().all(|times| *times >= 3), "{times:?}");
}
