//! A user, or an event from outside, asks for something.

use event_schema::id::RequestId;
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal, route::FIRST_ROUND};
use crate::{
    fact::Fact,
    intake::NewRequest,
    request::{Aggregate, Head},
};

/// Stores a new request; a repeat with the same id changes nothing.
#[derive(Clone, Debug)]
pub struct Create {
    /// The new request's id.
    pub id: RequestId,
    /// What was asked, parsed.
    pub request: NewRequest,
    /// Now.
    pub at: Timestamp,
}

impl Command for Create {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.id
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Head
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        if state.head.is_some() {
            return Ok(Decision::unchanged(()));
        }
        let head = Head {
            id: self.id,
            user_id: self.request.user_id.clone(),
            environment: self.request.environment,
            mode: self.request.mode,
            category: self.request.category.clone(),
            created_at: self.at,
            routed: None,
            winner: None,
            cancelled_at: None,
            round: FIRST_ROUND,
            closed: 0,
        };
        let change = Change {
            head: Some(head),
            body: Some(self.request.detail.clone()),
            facts: vec![Fact::RequestCreated],
            ..Change::default()
        };
        Ok(Decision { change, reply: () })
    }
}
