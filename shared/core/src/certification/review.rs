//! All of it together: what is known at a time, and what is to be done then.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::{
    Certification, Fault, LIMIT, Scene, Step, Verdict,
    evidence::Evidence,
    judge::{self, Hour},
};
use crate::ports::RequestRecord;

/// The requests of a certification's scenes, with everything about them; those that have begun.
pub type Plays = BTreeMap<Scene, RequestRecord>;

/// What is to be done; done twice, it is as done once.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// The scene's request is made, and offered.
    Begin(Scene),
    /// The scene's offer is sent again.
    Repeat(Scene),
    /// The party is told that the scene's offer is taken back.
    Withdraw(Scene),
    /// The scene's offer is told of with a wrong signature.
    Forge,
    /// It is over: the scene's request is cancelled.
    Clear(Scene),
}

/// What is known, and what follows.
#[derive(Clone, Debug)]
pub struct Review {
    /// Each step with what is known of it.
    pub steps: Vec<(Step, Verdict)>,
    /// What is to be done now.
    pub actions: Vec<Action>,
    /// What was not shown, once everything is decided.
    pub end: Option<Vec<Fault>>,
}

/// Judges what there is.
#[must_use]
pub fn review(run: &Certification, plays: &Plays, now: Timestamp) -> Review {
    let over = now.duration_since(run.began_at) >= LIMIT;
    let hour = Hour { began: run.began_at, now, over };
    let mut actions: Vec<_> = scenes(run).filter(|scene| !plays.contains_key(scene)).map(Action::Begin).collect();
    let steps: Vec<_> = Step::ALL
        .into_iter()
        .map(|step| {
            let Some(record) = plays.get(&step.scene()) else {
                return (step, unplayed(run, step, over));
            };
            let (verdict, action) = judged(run, step, Evidence(record), hour);
            actions.extend(action);
            (step, verdict)
        })
        .collect();
    if steps.iter().any(|(_, verdict)| *verdict == Verdict::Waiting) {
        return Review { steps, actions, end: None };
    }
    let open = |(_, record): &(&Scene, &RequestRecord)| record.head.cancelled_at.is_none();
    let actions = plays.iter().filter(open).map(|(scene, _)| Action::Clear(*scene)).collect();
    let faults = steps.iter().filter_map(|(step, verdict)| match verdict {
        Verdict::Failed(reason) => Some(Fault { step: *step, reason: reason.clone() }),
        _ => None,
    });
    Review { end: Some(faults.collect()), actions, steps }
}

/// Those that are played: nothing is forged for who has no signatures.
fn scenes(run: &Certification) -> impl Iterator<Item = Scene> {
    let signed = run.signed;
    Scene::ALL.into_iter().filter(move |scene| *scene != Scene::Forged || signed)
}

fn unplayed(run: &Certification, step: Step, over: bool) -> Verdict {
    if step == Step::BadSignature && !run.signed {
        Verdict::Skipped(super::step::UNSIGNED)
    } else if over {
        Verdict::Failed("it was never played: certify again".to_owned())
    } else {
        Verdict::Waiting
    }
}

fn judged(run: &Certification, step: Step, scene: Evidence<'_>, hour: Hour) -> judge::Judged {
    match step {
        Step::Acknowledges => judge::acknowledges(scene, hour),
        Step::Answers => judge::answers(scene, hour),
        Step::Retry => judge::retry(scene, hour),
        Step::Duplicate => judge::duplicate(scene, hour),
        Step::Conflict => judge::conflict(scene, hour),
        Step::Withdrawn => judge::withdrawn(scene, hour),
        Step::BadSignature => judge::bad_signature(scene, hour, run.signed),
    }
}
