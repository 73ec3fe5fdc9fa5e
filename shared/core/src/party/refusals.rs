//! What cannot be done to a party, in words.

use super::PartyState;
use crate::command::Refusal;

pub(super) fn taken() -> Refusal {
    Refusal::State {
        current_status: "taken",
        detail: "a third party with this id exists; ids are never reused".to_owned(),
    }
}

/// For who has signed up and does not take part yet.
pub(super) fn unapproved(state: PartyState) -> Refusal {
    let detail = match state {
        PartyState::Unconfirmed => "it has not followed the link that was sent to its contact".to_owned(),
        _ => "an operator has to approve it first".to_owned(),
    };
    Refusal::State { current_status: state.as_str(), detail }
}

pub(super) fn disabled() -> Refusal {
    Refusal::State {
        current_status: PartyState::Disabled.as_str(),
        detail: "this third party is disabled for good".to_owned(),
    }
}
