//! The notifier records that the user was told, so that a repeated event tells nobody twice.

use event_schema::id::RequestId;
use jiff::Timestamp;

use super::{Change, Command, Decision, Needs, Refusal};
use crate::{fact::Fact, request::Aggregate};

/// Records that a notice went out; a repeat changes nothing (see [`Change::notice`]).
#[derive(Clone, Debug)]
pub struct RecordNotice {
    /// The request that it was about.
    pub request: RequestId,
    /// The journal sequence that it told of.
    pub sequence: u64,
    /// `email` or `sms`.
    pub channel: &'static str,
    /// Now.
    pub at: Timestamp,
}

impl Command for RecordNotice {
    type Reply = ();

    fn request(&self) -> RequestId {
        self.request
    }

    fn at(&self) -> Timestamp {
        self.at
    }

    fn needs(&self) -> Needs {
        Needs::Head
    }

    fn decide(&self, state: &Aggregate) -> Result<Decision<()>, Refusal> {
        state.head.as_ref().ok_or(Refusal::NotFound)?;
        let change = Change {
            notice: Some((self.sequence, self.channel)),
            facts: vec![Fact::UserTold { channel: self.channel.to_owned(), of: self.sequence }],
            cause: Some(self.sequence),
            ..Change::default()
        };
        Ok(Decision { change, reply: () })
    }
}
