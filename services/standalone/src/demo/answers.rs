//! What `GET /v1/requests/{id}` answers an operator, written down from the contract (DESIGN section 6).
//!
//! On purpose not the server's own types: the demo reads what any client could read.

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

/// A request with everything that became of it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct RequestAnswer {
    /// `req_…`.
    pub(super) id: String,
    /// Derived by the gateway from how the offers stand.
    pub(super) status: String,
    /// One for each party that may see it.
    pub(super) offers: Vec<OfferAnswer>,
    /// What happened, in order.
    pub(super) timeline: Vec<Entry>,
    /// What the user asked for.
    pub(super) request: Value,
}

/// An offer with every attempt to push it.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct OfferAnswer {
    /// `dlv_…`.
    pub(super) delivery_id: String,
    /// To whom.
    pub(super) third_party: String,
    /// How it stands.
    pub(super) status: String,
    /// HTTP attempts.
    #[serde(default)]
    pub(super) attempts: Vec<AttemptAnswer>,
}

/// One HTTP attempt.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct AttemptAnswer {
    /// Which message it carried.
    #[serde(default)]
    pub(super) message: String,
    /// `delivered`, or a word for what went wrong.
    pub(super) outcome: String,
}

/// One thing that happened.
#[derive(Clone, Debug, Deserialize)]
pub(super) struct Entry {
    /// When.
    pub(super) at: Timestamp,
    /// What kind of thing.
    #[serde(rename = "type")]
    pub(super) kind: String,
    /// Its place in the order of things.
    pub(super) sequence: u64,
    /// About which offer.
    #[serde(default)]
    pub(super) delivery_id: String,
    /// Whose offer.
    #[serde(default)]
    pub(super) third_party: String,
    /// What a party answered.
    #[serde(default)]
    pub(super) status: String,
    /// Why.
    pub(super) reason: Option<String>,
    /// Whether this answer won the request.
    #[serde(default)]
    pub(super) won: bool,
    /// Which message arrived or failed.
    #[serde(default)]
    pub(super) message: String,
    /// How a message arrived.
    #[serde(default)]
    pub(super) via: String,
    /// Attempts until then.
    #[serde(default)]
    pub(super) attempts: u32,
    /// Whether a party that lost an offer had been told of it.
    #[serde(default)]
    pub(super) told: bool,
    /// How the user was told.
    pub(super) channel: Option<String>,
}

/// The message that makes an offer.
pub(super) const CREATED: &str = "offer.created";
/// The message that takes it back.
pub(super) const WITHDRAWN: &str = "offer.withdrawn";

impl OfferAnswer {
    /// Whether a party answered it, and with what may be its last word or not.
    pub(super) fn is_answered(&self) -> bool {
        matches!(self.status.as_str(), "in-progress" | "accepted" | "completed" | "declined" | "released")
    }

    /// Whether nobody has answered it and it still may be.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.status.as_str(), "pending" | "sent" | "delivered")
    }

    /// Whether nothing more is to come of it.
    fn is_over(&self) -> bool {
        !self.is_open() && !matches!(self.status.as_str(), "in-progress" | "accepted")
    }
}

impl RequestAnswer {
    /// Whether it has reached its end (DESIGN section 5).
    pub(super) fn has_reached_its_end(&self) -> bool {
        match self.status.as_str() {
            // What came back is still to be offered to others.
            "new" | "offered" => false,
            "unmatched" | "cancelled" => true,
            _ => self.offers.iter().all(|offer| !offer.is_open()),
        }
    }

    /// Whether nothing more is to come: its end, everybody's last word, and whoever lost it has been told.
    pub(super) fn is_settled(&self) -> bool {
        let withdrawn = self.offers.iter().filter(|offer| offer.status == "withdrawn").count();
        let told = self.entries("offer.withdrawn").filter(|entry| entry.told).count();
        let heard = self.timeline.iter().filter(|entry| entry.is_end_of_message(WITHDRAWN)).count();
        self.has_reached_its_end()
            && self.offers.iter().all(OfferAnswer::is_over)
            && self.entries("offer.withdrawn").count() >= withdrawn
            && heard >= told
    }

    /// The timeline's entries of a kind.
    pub(super) fn entries<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a Entry> {
        self.timeline.iter().filter(move |entry| entry.kind == kind)
    }
}

impl Entry {
    fn is_end_of_message(&self, message: &str) -> bool {
        matches!(self.kind.as_str(), "message.delivered" | "message.failed") && self.message == message
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(status: &str, offer: &str) -> RequestAnswer {
        let offers = json!([{"delivery_id": "dlv_1", "third_party": "a", "status": offer}]);
        let answer = json!({"id": "req_1", "status": status, "request": {}, "offers": offers, "timeline": []});
        serde_json::from_value(answer).unwrap()
    }

    #[test]
    fn the_end_is_reached_with_an_answer_and_settled_with_the_last_one() {
        let stages = [
            ("offered", "delivered", false, false),
            ("in-progress", "in-progress", true, false),
            ("accepted", "accepted", true, false),
            ("completed", "completed", true, true),
            ("declined", "declined", true, true),
            ("failed", "failed", true, true),
        ];
        for (status, offer, ended, settled) in stages {
            let answer = answer(status, offer);
            assert_eq!((answer.has_reached_its_end(), answer.is_settled()), (ended, settled), "{status}");
        }
    }

    #[test]
    fn a_cancelled_request_is_settled_once_whoever_knew_of_it_has_heard() {
        let mut answer = answer("cancelled", "withdrawn");
        let entry = |kind: &str| json!({"at": "2026-01-02T12:00:00Z", "sequence": 1, "type": kind, "message": WITHDRAWN, "told": true});
        assert!(answer.has_reached_its_end() && !answer.is_settled());
        answer.timeline.push(serde_json::from_value(entry("offer.withdrawn")).unwrap());
        assert!(!answer.is_settled());
        answer.timeline.push(serde_json::from_value(entry("message.delivered")).unwrap());
        assert!(answer.is_settled());
    }
}
