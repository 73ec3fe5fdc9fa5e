//! Everything that can be done to a request, by anybody, in any order: what the properties draw from.

use std::collections::BTreeMap;

use event_schema::{
    id::{DeliveryId, Environment, PartyId, RequestId},
    words::{AnswerStatus, Mode},
};
use jiff::Timestamp;
use marketplace_core::{
    command::{create::Create, inbox::InboxAction, push::Disposition, route::MakeOffers},
    intake,
    offer::delivery_id,
    party::AcceptanceClock,
};
use proptest::{prelude::*, sample::select};
use serde_json::{Value, json};
use uuid::Uuid;

/// The request that everything is done to.
pub(crate) const REQUEST: RequestId = RequestId(Uuid::from_u128(0x0192_f0c1_2233_7000_8000_0000_0000_0007));

/// When the story begins.
pub(crate) const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

/// One thing that happens. Parties are numbers: how many are eligible is the story's, the rest are strangers.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Create,
    /// One of the batches of the routing.
    Offer(usize),
    Answer {
        party: usize,
        by_request: bool,
        elsewhere: bool,
        status: AnswerStatus,
        reason: Option<String>,
        details: Option<Value>,
    },
    /// A party gives back what it has accepted.
    Release {
        party: usize,
        stranger: bool,
    },
    /// The router deals with what came back; whether a party has joined since the request was routed.
    Reoffer {
        party: usize,
        newcomer: bool,
    },
    /// From now on everybody speaks of the oldest offer that they have, or of the newest again.
    LookBack(bool),
    Cancel(Caller),
    Withdraw,
    /// A worker takes what is due.
    Send(usize),
    /// What came of it. With nothing on the wire: an attempt that is recorded late, or again.
    Arrive {
        party: usize,
        ending: Ending,
    },
    /// Somebody else, who was handed the offer, says that it arrived, or that it was given up.
    Told {
        party: usize,
        arrived: bool,
    },
    Inbox {
        party: usize,
        stranger: bool,
        action: Action,
    },
    /// An operator has a dead letter sent again.
    Replay(usize),
    /// A party has its own offer sent again.
    ReplayOwn {
        party: usize,
        stranger: bool,
    },
    Expire(usize),
    /// Somebody looks at the clock of an offer.
    Clock(usize),
    Notice {
        sequence: u64,
        channel: &'static str,
    },
    Pass(i64),
}

/// Who cancels.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Owner,
    Operator,
    Stranger,
}

/// How an attempt ends.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending {
    Delivered,
    Retry(i64),
    Dead,
    Hold,
}

/// What is done with an inbox.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Action {
    Lease(i64),
    Extend(i64),
    Acknowledge,
    Release,
}

impl Ending {
    pub(crate) fn disposition(self, now: Timestamp) -> Disposition {
        match self {
            Self::Delivered => Disposition::Delivered,
            Self::Retry(seconds) => Disposition::RetryAt(later(now, seconds)),
            Self::Dead => Disposition::Dead("status_not_retried".to_owned()),
            Self::Hold => Disposition::Hold,
        }
    }
}

impl Action {
    pub(crate) fn at(self, now: Timestamp) -> InboxAction {
        match self {
            Self::Lease(seconds) => InboxAction::Lease(later(now, seconds)),
            Self::Extend(seconds) => InboxAction::Extend(later(now, seconds)),
            Self::Acknowledge => InboxAction::Acknowledge,
            Self::Release => InboxAction::Release,
        }
    }
}

pub(crate) fn later(now: Timestamp, seconds: i64) -> Timestamp {
    now + jiff::SignedDuration::from_secs(seconds)
}

pub(crate) fn party(number: usize) -> PartyId {
    format!("party-{number:02}").parse().expect("a slug")
}

pub(crate) fn offer_id(number: usize) -> DeliveryId {
    delivery_id(REQUEST, &party(number), Environment::Prod, 1)
}

pub(crate) fn create(mode: Mode, at: Timestamp) -> Create {
    let body = json!({ "mode": mode, "category": "books", "amount": 12.5, "note": "two \"lines\"\nof text" });
    let request = intake::from_api(body.to_string().as_bytes(), "user-1".parse().expect("an id"));
    Create { id: REQUEST, request: request.expect("a request"), at }
}

/// The clocks of so many parties: each is reminded after half a minute, and has a minute.
pub(crate) fn clocks(eligible: usize) -> BTreeMap<PartyId, AcceptanceClock> {
    let clock = AcceptanceClock { category: None, remind_after_seconds: Some(30), expire_after_seconds: 60 };
    (0..eligible).map(|number| (party(number), clock.clone())).collect()
}

pub(crate) fn batches(eligible: usize, at: Timestamp) -> Vec<MakeOffers> {
    MakeOffers::batches(MakeOffers {
        request: REQUEST,
        environment: Environment::Prod,
        parties: (0..eligible).map(party).collect(),
        handed_over: [].into(),
        clocks: [].into(),
        last_of: None,
        registry_version: 3,
        cause: Some(1),
        at,
    })
}

/// A story: how many are eligible, in which mode, and what happens.
#[derive(Clone, Debug)]
pub(crate) struct Story {
    pub(crate) mode: Mode,
    pub(crate) eligible: usize,
    /// Whether somebody else delivers to all of them.
    pub(crate) handed_over: bool,
    /// Whether all of them have only so long to answer.
    pub(crate) clocked: bool,
    pub(crate) steps: Vec<Step>,
}

/// Any story of at most this many steps.
pub(crate) fn story(steps: usize) -> impl Strategy<Value = Story> {
    let eligible = prop_oneof![1 => Just(0_usize), 5 => 1_usize..4, 4 => 9_usize..24];
    (select(Mode::ALL.to_vec()), eligible, prop::bool::weighted(0.3), prop::bool::weighted(0.4)).prop_flat_map(
        move |(mode, eligible, handed_over, clocked)| {
            let usual = prop_oneof![
                3 => Just(vec![Step::Create, Step::Offer(0), Step::Offer(1), Step::Offer(2)]),
                2 => Just(vec![Step::Create, Step::Offer(0)]),
                1 => Just(reminded()),
                1 => Just(vec![]),
            ];
            (usual, prop::collection::vec(step(eligible), 1..steps)).prop_map(move |(mut story, steps)| {
                story.extend(steps);
                Story { mode, eligible, handed_over, clocked, steps: story }
            })
        },
    )
}

/// An offer arrives and, if it has a clock, its party is reminded of it.
fn reminded() -> Vec<Step> {
    let arrives = Step::Arrive { party: 0, ending: Ending::Delivered };
    vec![Step::Create, Step::Offer(0), Step::Send(0), arrives, Step::Pass(40), Step::Clock(0)]
}

fn step(eligible: usize) -> impl Strategy<Value = Step> {
    // One more than there are, so that a stranger is among them; the first are busier than the others.
    let any_party = || prop_oneof![5 => Just(0_usize), 2 => 0..(eligible + 1).min(2), 1 => 0..=eligible];
    prop_oneof![
        1 => Just(Step::Create),
        6 => (0_usize..3).prop_map(Step::Offer),
        8 => answer(any_party()),
        5 => (any_party(), prop::bool::weighted(0.1)).prop_map(|(party, stranger)| Step::Release { party, stranger }),
        6 => (any_party(), any::<bool>()).prop_map(|(party, newcomer)| Step::Reoffer { party, newcomer }),
        2 => prop::bool::weighted(0.3).prop_map(Step::LookBack),
        1 => select(vec![Caller::Owner, Caller::Operator, Caller::Stranger]).prop_map(Step::Cancel),
        5 => Just(Step::Withdraw),
        18 => any_party().prop_map(Step::Send),
        18 => (any_party(), ending()).prop_map(|(party, ending)| Step::Arrive { party, ending }),
        6 => (any_party(), any::<bool>()).prop_map(|(party, arrived)| Step::Told { party, arrived }),
        18 => (any_party(), prop::bool::weighted(0.1), action())
            .prop_map(|(party, stranger, action)| Step::Inbox { party, stranger, action }),
        12 => any_party().prop_map(Step::Replay),
        4 => (any_party(), prop::bool::weighted(0.1))
            .prop_map(|(party, stranger)| Step::ReplayOwn { party, stranger }),
        5 => any_party().prop_map(Step::Expire),
        8 => any_party().prop_map(Step::Clock),
        3 => (1_u64..4, select(vec!["email", "sms"])).prop_map(|(sequence, channel)| Step::Notice { sequence, channel }),
        10 => prop_oneof![6 => 0_i64..120, 1 => Just(15 * 24 * 3_600)].prop_map(Step::Pass),
    ]
}

fn answer(party: impl Strategy<Value = usize>) -> impl Strategy<Value = Step> {
    let reason = prop_oneof![2 => Just(None), 1 => Just(Some("busy".to_owned())), 1 => Just(Some("rain".to_owned()))];
    let details = prop_oneof![3 => Just(None), 1 => Just(Some(json!({ "price": 1.50 })))];
    let elsewhere = prop::bool::weighted(0.05);
    (party, any::<bool>(), elsewhere, select(AnswerStatus::ALL.to_vec()), reason, details).prop_map(
        |(party, by_request, elsewhere, status, reason, details)| Step::Answer {
            party,
            by_request,
            elsewhere,
            status,
            reason,
            details,
        },
    )
}

fn ending() -> impl Strategy<Value = Ending> {
    prop_oneof![
        3 => Just(Ending::Delivered),
        3 => (0_i64..900).prop_map(Ending::Retry),
        3 => Just(Ending::Dead),
        1 => Just(Ending::Hold),
    ]
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (10_i64..300).prop_map(Action::Lease),
        1 => (10_i64..300).prop_map(Action::Extend),
        3 => Just(Action::Acknowledge),
        1 => Just(Action::Release),
    ]
}
