//! What cannot be done to a party, in words.

use super::PartyState;
use crate::command::Refusal;

pub(super) fn taken() -> Refusal {
    Refusal::State {
        current_status: "taken",
        detail: "a third party with this id exists; ids are never reused".to_owned(),
    }
}

pub(super) fn disabled() -> Refusal {
    Refusal::State {
        current_status: PartyState::Disabled.as_str(),
        detail: "this third party is disabled for good".to_owned(),
    }
}
