//! One step at a time: what its evidence proves, and what has to be done for there to be more.

use event_schema::words::MessageType;
use jiff::Timestamp;

use super::{
    Action, QUIET, Scene,
    evidence::{Evidence, ended, is_success},
    step::{UNSIGNED, Verdict},
};
use crate::lifecycle::OfferState;

/// A refused answer may be posted again this often, for whatever was under way; then it is no accident.
const MOST_REFUSED: usize = 3;

const OFFER: MessageType = MessageType::OfferCreated;
const WITHDRAWAL: MessageType = MessageType::OfferWithdrawn;

/// When it is, and whether the party's time is over.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) began: Timestamp,
    pub(super) now: Timestamp,
    pub(super) over: bool,
}

impl Hour {
    /// Whether the party was watched for long enough since then.
    fn is_quiet_since(self, at: Timestamp) -> bool {
        self.now.duration_since(at) >= QUIET
    }

    /// Nothing yet, and at the end this.
    fn or_at_last(self, reason: impl FnOnce() -> String) -> Verdict {
        if self.over { Verdict::Failed(reason()) } else { Verdict::Waiting }
    }
}

/// A verdict, and what is to be done.
pub(super) type Judged = (Verdict, Option<Action>);

pub(super) fn acknowledges(scene: Evidence<'_>, hour: Hour) -> Judged {
    if scene.acknowledged(hour.began) {
        return (Verdict::Passed, None);
    }
    (hour.or_at_last(|| scene.silence(OFFER, hour.began)), None)
}

pub(super) fn answers(scene: Evidence<'_>, hour: Hour) -> Judged {
    if scene.answered().is_some() {
        return (Verdict::Passed, None);
    }
    let verdict = hour.or_at_last(|| match scene.posts().last() {
        Some(post) => format!("no legal status came: the last that was posted was refused with {}", post.status_code),
        None => "no status was posted".to_owned(),
    });
    (verdict, None)
}

/// Sent again once it is answered.
pub(super) fn retry(scene: Evidence<'_>, hour: Hour) -> Judged {
    again(scene, hour, Scene::Offered, scene.answered().is_some())
}

/// Sent again as soon as it has arrived.
pub(super) fn duplicate(scene: Evidence<'_>, hour: Hour) -> Judged {
    again(scene, hour, Scene::Doubled, scene.acknowledged(hour.began))
}

/// An offer arrives again: that is acknowledged as well, and answered once.
fn again(scene: Evidence<'_>, hour: Hour, which: Scene, due: bool) -> Judged {
    if let Some(status) = scene.posted_twice() {
        let reason = format!("`{status}` was posted twice: keep the `webhook-id`s that you have seen");
        return (Verdict::Failed(reason), None);
    }
    if scene.posts().any(|post| post.status_code == 409) {
        return (Verdict::Failed("a status was posted that contradicts the one before (409)".to_owned()), None);
    }
    let Some(repeated) = scene.repeated() else {
        let verdict = hour.or_at_last(|| "it was not sent again, since the step before was not done".to_owned());
        return (verdict, (due && !hour.over).then_some(Action::Repeat(which)));
    };
    let refused = scene
        .attempts(OFFER)
        .filter(|attempt| ended(attempt) > repeated)
        .find_map(|attempt| attempt.status_code.filter(|code| (400..500).contains(code) && *code != 429));
    if let Some(code) = refused {
        let reason = format!("when it came again, it was answered with {code}: acknowledge what you have already");
        return (Verdict::Failed(reason), None);
    }
    match (scene.arrivals(OFFER, repeated).first().copied(), scene.answered()) {
        (None, _) => {
            // An answer takes what is on its way with it.
            let lost = scene.offer().is_some_and(|offer| offer.message.is_none());
            let verdict = hour.or_at_last(|| scene.silence(OFFER, repeated));
            (verdict, (lost && !hour.over).then_some(Action::Repeat(which)))
        }
        (Some(arrived), Some(answered)) if hour.is_quiet_since(arrived.max(answered)) => (Verdict::Passed, None),
        (Some(_), Some(_)) => (Verdict::Waiting, None),
        (Some(_), None) => (hour.or_at_last(|| "it was acknowledged and never answered".to_owned()), None),
    }
}

/// Answers to what was cancelled are refused, and that is that.
pub(super) fn conflict(scene: Evidence<'_>, hour: Hour) -> Judged {
    let refused = scene.posts().filter(|post| post.status_code == 409).count();
    if refused > MOST_REFUSED {
        let reason = format!("{refused} answers were posted to an offer that was cancelled: 409 is final");
        return (Verdict::Failed(reason), None);
    }
    if scene.arrivals(OFFER, hour.began).is_empty() {
        return (hour.or_at_last(|| scene.silence(OFFER, hour.began)), None);
    }
    let told = scene.arrivals(WITHDRAWAL, hour.began).last().copied();
    let passed = hour.over || told.is_some_and(|told| hour.is_quiet_since(told));
    (if passed { Verdict::Passed } else { Verdict::Waiting }, None)
}

pub(super) fn withdrawn(scene: Evidence<'_>, hour: Hour) -> Judged {
    if !scene.arrivals(WITHDRAWAL, hour.began).is_empty() {
        return (Verdict::Passed, None);
    }
    let arrived = scene.arrivals(OFFER, hour.began).first().copied();
    let untold = scene.offer().is_some_and(|offer| offer.state != OfferState::Withdrawn);
    // Until then the party has time to answer, and to hear that it is too late.
    let due = untold && !hour.over && arrived.is_some_and(|arrived| hour.is_quiet_since(arrived));
    let missing = if arrived.is_some() { WITHDRAWAL } else { OFFER };
    let verdict = hour.or_at_last(|| scene.silence(missing, hour.began));
    (verdict, due.then_some(Action::Withdraw(Scene::Cancelled)))
}

pub(super) fn bad_signature(scene: Evidence<'_>, hour: Hour, signed: bool) -> Judged {
    if !signed {
        return (Verdict::Skipped(UNSIGNED), None);
    }
    if scene.posts().next().is_some() || scene.answered().is_some() {
        return (Verdict::Failed("a message with a wrong signature was answered with a status".to_owned()), None);
    }
    let Some(last) = scene.attempts(OFFER).next_back() else {
        let verdict = hour.or_at_last(|| "nothing could be sent".to_owned());
        return (verdict, (!hour.over).then_some(Action::Forge));
    };
    match last.status_code {
        Some(400..500) if hour.is_quiet_since(ended(last)) => (Verdict::Passed, None),
        Some(400..500) => (Verdict::Waiting, None),
        Some(code) if is_success(last) => {
            (Verdict::Failed(format!("a message with a wrong signature was acknowledged with {code}")), None)
        }
        Some(code) => {
            let reason =
                format!("a message with a wrong signature was answered with {code}, and 4xx is what refuses it");
            (Verdict::Failed(reason), None)
        }
        // Nobody was there. Perhaps somebody is now.
        None => {
            let due = !hour.over && hour.is_quiet_since(ended(last));
            (hour.or_at_last(|| scene.silence(OFFER, hour.began)), due.then_some(Action::Forge))
        }
    }
}
