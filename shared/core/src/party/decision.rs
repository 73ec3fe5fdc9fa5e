//! What a command is decided on, and what it decides.

use event_schema::{
    id::{Environment, PartyId},
    third_party::ThirdPartyChange,
};

use super::{ApiKey, Party};
use crate::fact::Fact;

/// What there is when something is to be done to a party.
#[derive(Clone, Copy, Debug, Default)]
pub struct Known<'a> {
    /// The party as it is; none when there is no such party.
    pub party: Option<&'a Party>,
    /// Its keys, if [the command asks for them](super::PartyCommand::asks_for_keys).
    pub keys: &'a [ApiKey],
}

/// What a [`PartyCommand`](super::PartyCommand) decided.
#[derive(Clone, Debug)]
pub struct PartyDecision {
    /// The party's new value.
    pub party: Party,
    /// Keys to store.
    pub add_keys: Vec<ApiKey>,
    /// Keys to remove.
    pub revoke_keys: Vec<ApiKey>,
    /// What to write in the journal, with who did it; none when nothing changes, and then nothing else is written.
    pub fact: Option<Fact>,
}

/// What happened, in which environment if in one alone, and to which settings.
pub(super) type Alteration = (ThirdPartyChange, Option<Environment>, Vec<String>);

pub(super) fn decision(
    id: &PartyId,
    party: Party,
    (change, environment, fields): Alteration,
    by: &str,
    add_keys: &[ApiKey],
) -> PartyDecision {
    let fact = Fact::PartyChanged { third_party: id.clone(), environment, change, fields, by: by.to_owned() };
    PartyDecision { party, add_keys: add_keys.to_vec(), revoke_keys: vec![], fact: Some(fact) }
}
