//! A third party: who it is, what it may see, how it is reached, and what can be done to it.

mod acceptance;
mod certify;
mod decision;
mod environment;
mod failing;
pub mod fields;
mod keys;
mod patch;
mod pause;
mod refusals;
mod rotation;
mod route;
pub mod sign_up;
mod state;

use std::slice;

use event_schema::{
    id::{CertificationId, Environment, KeyId, PartyId},
    third_party::ThirdPartyChange,
};
use jiff::Timestamp;

pub use self::{
    acceptance::{AcceptanceClock, MOST_CLOCKS},
    decision::{Known, PartyDecision},
    environment::EnvironmentSettings,
    keys::{ApiKey, KeyScope, MOST_KEYS},
    patch::PartyPatch,
    pause::{GONE, LONGEST_REASON, own_reason},
    rotation::SigningRotation,
    route::concerns_routes,
    sign_up::Approval,
    state::PartyState,
};
use self::{
    decision::{Alteration, decision},
    refusals::{disabled, taken},
};
use crate::{
    certification::{Certification, Ended},
    command::Refusal,
    delivery::DeliverySettings,
    health::Failing,
    mapping::Mapping,
    pattern::Pattern,
};

/// A third party with its settings in every environment.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its slug; never used again, not even after it is disabled.
    pub id: PartyId,
    /// What people call it.
    pub name: String,
    /// Whom to tell when something is wrong.
    pub contact_email: String,
    /// Whether it takes part.
    pub state: PartyState,
    /// What it may ever see; none is everything in its environment. Set by an operator.
    pub scope: Option<Pattern>,
    /// When it joined.
    pub created_at: Timestamp,
    /// Its settings in `prod`, `test` and `dev`, in the order of [`Environment::ALL`].
    pub environments: [EnvironmentSettings; 3],
}

impl Party {
    /// A party that is active, open in every environment, and has set nothing.
    #[must_use]
    pub fn new(id: PartyId, name: String, contact_email: String, now: Timestamp) -> Self {
        let state = PartyState::Active;
        Self { id, name, contact_email, state, scope: None, created_at: now, environments: Default::default() }
    }

    /// Its settings in one environment.
    #[must_use]
    pub fn environment(&self, environment: Environment) -> &EnvironmentSettings {
        &self.environments[environment as usize]
    }

    fn environment_mut(&mut self, environment: Environment) -> &mut EnvironmentSettings {
        &mut self.environments[environment as usize]
    }

    /// Whether requests of this environment are offered to it.
    #[must_use]
    pub fn takes_offers(&self, environment: Environment) -> bool {
        matches!(self.state, PartyState::Active | PartyState::Paused) && self.environment(environment).open
    }

    /// Whether pushes to this environment are made now.
    #[must_use]
    pub fn takes_pushes(&self, environment: Environment) -> bool {
        self.state == PartyState::Active
            && self.environment(environment).open
            && self.environment(environment).paused.is_none()
    }

    /// The state that the party sees in one environment.
    #[must_use]
    pub fn state_in(&self, environment: Environment) -> PartyState {
        match self.state {
            PartyState::Active if self.environment(environment).paused.is_some() => PartyState::Paused,
            state => state,
        }
    }
}

/// What can be done to a party.
#[derive(Clone, Debug)]
pub enum PartyCommand {
    /// It joins, with its first key.
    Join(Box<Party>, ApiKey),
    /// Somebody signs it up, or again, to be sent another link.
    SignUp(Box<Party>),
    /// Its contact followed the link; these are its first keys.
    ConfirmSignUp(Vec<ApiKey>, Approval),
    /// An operator lets it take part that has signed up.
    Approve,
    /// An operator changes what is given; the rest stays.
    Patch(PartyPatch),
    /// The party narrows what it sees.
    SetFilter(Environment, Option<Pattern>),
    /// The party says how messages look to it, and what its words mean.
    SetMapping(Environment, Option<Box<Mapping>>),
    /// The party says how offers get to it. Keys that sign messages already stay.
    SetDelivery(Environment, Box<DeliverySettings>),
    /// Messages are signed with a new key; those before it go on for so long.
    RotateSigningKey(Environment, SigningRotation),
    /// The managed transport has a route for these settings; nothing if they have changed since.
    RouteMade(Environment, Box<DeliverySettings>),
    /// Pushes to one environment stop, for this reason.
    Pause(Environment, String),
    /// The party has them go on.
    Resume(Environment),
    /// Nothing but failures has come of attempts for so long that its contact is told, and at the last that it is paused.
    Fail(Environment, Failing),
    /// An attempt has succeeded after that.
    Recover(Environment),
    /// A certification begins.
    BeginCertification(Box<Certification>),
    /// The certification with this id is over; if it was passed, `prod` opens.
    EndCertification(CertificationId, Ended),
    /// A key is added.
    AddKey(ApiKey),
    /// The party makes the first key of an environment that has been opened to it.
    MoveIn(ApiKey),
    /// A key stops working.
    RevokeKey(KeyId),
    /// The party takes one of its own keys in an environment away, though not the last one that it can manage with.
    GiveUpKey(Environment, KeyId),
    /// It is disabled, for good.
    Disable,
}

impl PartyCommand {
    /// Whether it is decided on the keys that the party has.
    #[must_use]
    pub fn asks_for_keys(&self) -> bool {
        matches!(
            self,
            Self::AddKey(_) | Self::MoveIn(_) | Self::RevokeKey(_) | Self::GiveUpKey(..) | Self::ConfirmSignUp(..)
        )
    }

    /// Decides, given what there is, who asks, and when.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when there is no such party or key, [`Refusal::State`] when the party exists already or is
    /// disabled, has no signing key to rotate, has too many keys, or would be left without one.
    pub fn decide(&self, id: &PartyId, known: Known<'_>, by: &str, at: Timestamp) -> Result<PartyDecision, Refusal> {
        if let Self::Join(..) | Self::SignUp(_) = self {
            return self.begin(id, known.party, by, at);
        }
        let mut party = known.party.ok_or(Refusal::NotFound)?.clone();
        if self.is_done(&party) {
            return Ok(PartyDecision { party, add_keys: vec![], revoke_keys: vec![], fact: None });
        }
        if party.state == PartyState::Disabled {
            return Err(disabled());
        }
        let (add_keys, revoked) = self.keys(&party, known.keys, at)?;
        match self {
            Self::RotateSigningKey(environment, rotation) => {
                rotation.apply(&mut party.environment_mut(*environment).delivery)?;
            }
            Self::Resume(environment) => pause::may_resume(&party, *environment)?,
            Self::Patch(patch) => patch.admit(&party)?,
            _ => {}
        }
        let mut change = match self {
            Self::ConfirmSignUp(_, approval) => sign_up::confirm(&mut party, *approval, &revoked)?,
            Self::Approve => sign_up::approve(&mut party)?,
            Self::BeginCertification(run) => certify::begin(&mut party, run, at)?,
            _ => self.alter(&mut party),
        };
        if let [key] = *revoked {
            change.1 = Some(key.environment);
        }
        let (kind, environment, fields) = &change;
        if concerns_routes(*kind, fields) {
            route::unmark(&mut party, *environment);
        }
        let mut decided = decision(id, party, change, by, add_keys);
        decided.revoke_keys = revoked.into_iter().cloned().collect();
        Ok(decided)
    }

    /// Somebody becomes a party.
    fn begin(&self, id: &PartyId, current: Option<&Party>, by: &str, at: Timestamp) -> Result<PartyDecision, Refusal> {
        match (self, current) {
            (Self::Join(party, key), None) => {
                let joined = (ThirdPartyChange::Joined, None, vec![]);
                Ok(decision(id, (**party).clone(), joined, by, slice::from_ref(key)))
            }
            (Self::SignUp(new), current) => {
                Ok(decision(id, sign_up::sign_up(new, current, at)?, sign_up::told(), by, &[]))
            }
            _ => Err(taken()),
        }
    }

    /// The keys that are added, and those that are revoked.
    fn keys<'a>(
        &'a self,
        party: &Party,
        keys: &'a [ApiKey],
        now: Timestamp,
    ) -> Result<(&'a [ApiKey], Vec<&'a ApiKey>), Refusal> {
        Ok(match self {
            Self::AddKey(key) => keys::admit(keys, key).map(|()| (slice::from_ref(key), vec![]))?,
            Self::MoveIn(key) => (slice::from_ref(key), keys::moved_in_with(party, keys, key, now)?),
            Self::ConfirmSignUp(first, _) => (first, sign_up::replaced(party, keys)),
            Self::RevokeKey(key_id) => (&[], vec![keys::named(keys, *key_id)?]),
            Self::GiveUpKey(environment, key_id) => (&[], vec![keys::given_up(keys, *environment, *key_id, now)?]),
            _ => (&[], vec![]),
        })
    }

    /// Whether it was done before, so that doing it again is nothing to tell: ten answers of 410 are one pause. A route
    /// for settings that are no more is nothing to tell, either.
    fn is_done(&self, party: &Party) -> bool {
        match self {
            Self::Disable => party.state == PartyState::Disabled,
            Self::Approve => matches!(party.state, PartyState::Active | PartyState::Paused),
            Self::Pause(environment, _) => party.environment(*environment).paused.is_some(),
            Self::Resume(environment) => party.environment(*environment).paused.is_none(),
            Self::Fail(environment, failing) => failing.is_told(party.environment(*environment)),
            Self::Recover(environment) => party.environment(*environment).failing.is_none(),
            Self::EndCertification(id, _) => !certify::is_running(party, *id),
            Self::RouteMade(environment, made_for) => !route::is_wanted(party, *environment, made_for),
            _ => false,
        }
    }

    fn alter(&self, party: &mut Party) -> Alteration {
        use ThirdPartyChange::{Changed, Disabled, Paused, Resumed};
        match self {
            Self::Patch(patch) => patch.alter(party),
            Self::SetFilter(environment, filter) => {
                (Changed, Some(*environment), party.environment_mut(*environment).set_filter(filter.as_ref()))
            }
            Self::SetMapping(environment, mapping) => {
                (Changed, Some(*environment), party.environment_mut(*environment).set_mapping(mapping.clone()))
            }
            Self::SetDelivery(environment, delivery) => {
                (Changed, Some(*environment), party.environment_mut(*environment).set_delivery(delivery))
            }
            Self::Pause(environment, reason) => {
                party.environment_mut(*environment).paused = Some(reason.clone());
                (Paused, Some(*environment), vec!["state".to_owned()])
            }
            Self::Resume(environment) => {
                party.environment_mut(*environment).resume();
                (Resumed, Some(*environment), vec!["state".to_owned()])
            }
            Self::RouteMade(environment, _) => route::mark(party, *environment),
            Self::Fail(environment, failing) => failing.alter(party, *environment),
            Self::Recover(environment) => failing::recover(party, *environment),
            Self::RotateSigningKey(environment, _) => (Changed, Some(*environment), vec!["signing_keys".to_owned()]),
            Self::EndCertification(_, ended) => certify::end(party, ended),
            Self::AddKey(key) | Self::MoveIn(key) => (Changed, Some(key.environment), vec![fields::KEYS.to_owned()]),
            Self::RevokeKey(_) | Self::GiveUpKey(..) => (Changed, None, vec![fields::REVOKED_KEYS.to_owned()]),
            // Those before the last were decided on before.
            Self::Join(..)
            | Self::SignUp(_)
            | Self::ConfirmSignUp(..)
            | Self::Approve
            | Self::BeginCertification(_)
            | Self::Disable => {
                party.state = PartyState::Disabled;
                (Disabled, None, vec![])
            }
        }
    }
}
