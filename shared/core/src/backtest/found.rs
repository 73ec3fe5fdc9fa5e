//! What a back-test has found so far: counts, and a few requests of each kind in summary.

use event_schema::id::RequestId;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{BackTest, PastRequest, Verdict};

/// What a back-test has found so far.
#[derive(Clone, Debug)]
pub struct Found {
    /// How many would be offered.
    pub would_match: usize,
    /// How many would not.
    pub would_not_match: usize,
    /// The newest of those that would be offered.
    pub matching: Vec<Sample>,
    /// The newest of those that would not.
    pub not_matching: Vec<Sample>,
    /// When the oldest of both was accepted.
    pub oldest: Option<Timestamp>,
    samples: usize,
}

/// A request in summary: nothing of whose it is, and none of their own words.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample {
    /// Its id.
    pub id: RequestId,
    /// When it was accepted.
    pub created_at: Timestamp,
    /// What kind of thing is asked for.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub category: Value,
    /// Where.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub region: Value,
    /// How much.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub amount: Value,
}

impl Found {
    /// Nothing yet; at most so many samples of each kind.
    #[must_use]
    pub fn new(samples: usize) -> Self {
        Self { would_match: 0, would_not_match: 0, matching: vec![], not_matching: vec![], oldest: None, samples }
    }

    /// How many requests were found.
    #[must_use]
    pub fn requests(&self) -> usize {
        self.would_match + self.would_not_match
    }

    /// Looks at one more request, older than those before.
    ///
    /// # Errors
    /// As [`PastRequest::event`].
    pub fn look_at(&mut self, request: &PastRequest, test: &BackTest) -> serde_json::Result<()> {
        let event = request.event(test.environment)?;
        let (count, samples) = match test.verdict(&event) {
            Verdict::OutOfSight => return Ok(()),
            Verdict::Offered => (&mut self.would_match, &mut self.matching),
            Verdict::PassedOver => (&mut self.would_not_match, &mut self.not_matching),
        };
        *count += 1;
        if samples.len() < self.samples {
            samples.push(Sample::of(request, &event));
        }
        self.oldest = Some(request.created_at);
        Ok(())
    }
}

impl Sample {
    fn of(request: &PastRequest, event: &Value) -> Self {
        let field = |name: &str| event["detail"][name].clone();
        Self {
            id: request.id,
            created_at: request.created_at,
            category: field("category"),
            region: field("region"),
            amount: field("amount"),
        }
    }
}
