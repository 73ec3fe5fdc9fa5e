//! What the records of one scene show.

use event_schema::{
    delivery_result::Via,
    words::{AnswerStatus, MessageType},
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    fact::Fact,
    offer::{Attempt, Offer},
    ports::RequestRecord,
};

/// Something that a party posted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Post {
    pub(super) at: Timestamp,
    pub(super) status: Option<AnswerStatus>,
    pub(super) status_code: u16,
}

/// See the module.
#[derive(Clone, Copy)]
pub(super) struct Evidence<'a>(pub(super) &'a RequestRecord);

impl<'a> Evidence<'a> {
    /// The scene's one offer.
    pub(super) fn offer(self) -> Option<&'a Offer> {
        self.0.offers.first()
    }

    /// Attempts to push messages of this kind, oldest first.
    pub(super) fn attempts(self, kind: MessageType) -> impl DoubleEndedIterator<Item = &'a Attempt> {
        self.0.attempts.iter().map(|(_, attempt)| attempt).filter(move |attempt| attempt.message == kind)
    }

    /// When messages of this kind that were sent from then on arrived, oldest first: pushes that were answered with 2xx,
    /// and acknowledgements in the inbox.
    pub(super) fn arrivals(self, kind: MessageType, since: Timestamp) -> Vec<Timestamp> {
        let sent = |attempt: &&Attempt| attempt.at >= since && is_success(attempt);
        let pushed = self.attempts(kind).filter(sent).map(ended);
        let fetched = self.0.journal.iter().filter_map(|entry| match &entry.fact {
            Fact::MessageDelivered { message, via: Via::Inbox, .. } if *message == kind => Some(entry.at),
            _ => None,
        });
        let mut arrivals: Vec<_> = pushed.chain(fetched.filter(|at| *at >= since)).collect();
        arrivals.sort_unstable();
        arrivals
    }

    /// Whether the offer has arrived. To who polls, an answer acknowledges it, too.
    pub(super) fn acknowledged(self, since: Timestamp) -> bool {
        let answered = self.0.attempts.is_empty() && self.answered().is_some();
        answered || !self.arrivals(MessageType::OfferCreated, since).is_empty()
    }

    /// When it was first sent again.
    pub(super) fn repeated(self) -> Option<Timestamp> {
        let repeated = |fact: &Fact| matches!(fact, Fact::MessageReplayed { .. });
        self.0.journal.iter().find(|entry| repeated(&entry.fact)).map(|entry| entry.at)
    }

    /// When the first legal status came.
    pub(super) fn answered(self) -> Option<Timestamp> {
        let answered = |fact: &Fact| matches!(fact, Fact::OfferAnswered { .. });
        self.0.journal.iter().find(|entry| answered(&entry.fact)).map(|entry| entry.at)
    }

    /// What was posted, oldest first.
    pub(super) fn posts(self) -> impl Iterator<Item = Post> + 'a {
        self.0.journal.iter().filter_map(|entry| match entry.fact {
            Fact::AnswerSeen { status, status_code, .. } => Some(Post { at: entry.at, status, status_code }),
            _ => None,
        })
    }

    /// A status that was posted again though it said all: two orders were made of one offer. Progress may be told often.
    pub(super) fn posted_twice(self) -> Option<AnswerStatus> {
        let mut seen = Vec::new();
        for status in self.posts().filter(|post| post.status_code < 300).filter_map(|post| post.status) {
            if status != AnswerStatus::InProgress && seen.contains(&status) {
                return Some(status);
            }
            seen.push(status);
        }
        None
    }

    /// Why nothing of this kind has arrived since then.
    pub(super) fn silence(self, kind: MessageType, since: Timestamp) -> String {
        match self.attempts(kind).rfind(|attempt| attempt.at >= since) {
            None => format!("`{kind}` was neither taken by the endpoint nor acknowledged in the inbox"),
            Some(Attempt { status_code: Some(code), .. }) => {
                format!("`{kind}` was answered with {code}, and only 2xx acknowledges it")
            }
            Some(attempt) => format!("`{kind}` was not answered within 5 s: `{}`", attempt.outcome),
        }
    }
}

pub(super) fn is_success(attempt: &Attempt) -> bool {
    attempt.status_code.is_some_and(|code| (200..300).contains(&code))
}

/// When an attempt was over.
pub(super) fn ended(attempt: &Attempt) -> Timestamp {
    let latency = SignedDuration::from_micros(i64::try_from(attempt.latency_us).unwrap_or(0));
    attempt.at.saturating_add(latency).unwrap_or(attempt.at)
}
