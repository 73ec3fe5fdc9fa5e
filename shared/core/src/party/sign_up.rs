//! A third party signs up by itself: it is told of a link, follows it, and takes part, at once or when an operator has
//! approved it.

use event_schema::{
    id::{Environment, PartyId},
    third_party::ThirdPartyChange,
};
use jiff::{SignedDuration, Timestamp};

use super::{
    ApiKey, Party, PartyState,
    decision::Alteration,
    fields::{KEYS, SIGN_UP},
    refusals::{taken, unapproved},
};
use crate::command::Refusal;

/// How long a link is good for, and how long an id is kept for who has not followed it.
pub const LINK_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// The environments that are open to who has signed up; the other opens with its certification, or by an operator.
pub const OPEN_FROM_THE_START: [Environment; 2] = [Environment::Test, Environment::Dev];

/// Whether an operator has to approve who has confirmed the address.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Approval {
    /// Until then its keys open nothing.
    ByAnOperator,
    /// It takes part at once.
    NotNeeded,
}

/// A party as it signs up.
#[must_use]
pub fn signing_up(mut party: Party) -> Party {
    party.state = PartyState::Unconfirmed;
    for environment in Environment::ALL {
        party.environment_mut(environment).open = OPEN_FROM_THE_START.contains(&environment);
    }
    party
}

/// What becomes of a sign-up, given who has the id already. The same again has another link sent.
///
/// # Errors
/// [`Refusal::State`] when the id is another's. Who has not confirmed within a day has lost it.
pub(super) fn sign_up(new: &Party, current: Option<&Party>, at: Timestamp) -> Result<Party, Refusal> {
    let may = current.is_none_or(|current| {
        let same = current.name == new.name && current.contact_email == new.contact_email;
        let forgotten = at.duration_since(current.created_at) >= LINK_LIFETIME;
        current.state == PartyState::Unconfirmed && (same || forgotten)
    });
    if may { Ok(Party { created_at: at, ..signing_up(new.clone()) }) } else { Err(taken()) }
}

/// The address is confirmed. Again, until one of the first keys is used: the answer with them may have been lost.
///
/// # Errors
/// [`Refusal::NotFound`] when it was before, and no key is replaced.
pub(super) fn confirm(party: &mut Party, approval: Approval, replaced: &[&ApiKey]) -> Result<Alteration, Refusal> {
    if party.state != PartyState::Unconfirmed {
        let again = (ThirdPartyChange::Changed, None, vec![KEYS.to_owned()]);
        return if replaced.is_empty() { Err(Refusal::NotFound) } else { Ok(again) };
    }
    Ok(match approval {
        Approval::NotNeeded => joined(party),
        Approval::ByAnOperator => {
            party.state = PartyState::Pending;
            (ThirdPartyChange::Changed, None, vec!["state".to_owned()])
        }
    })
}

/// The keys that new first keys take the place of: all of the party's, as long as it has used none.
pub(super) fn replaced<'a>(party: &Party, keys: &'a [ApiKey]) -> Vec<&'a ApiKey> {
    let unused = keys.iter().all(|key| key.last_used_at.is_none());
    if unused && party.state != PartyState::Unconfirmed { keys.iter().collect() } else { vec![] }
}

/// An operator lets it take part.
///
/// # Errors
/// [`Refusal::State`] when the address is not confirmed.
pub(super) fn approve(party: &mut Party) -> Result<Alteration, Refusal> {
    match party.state {
        PartyState::Pending => Ok(joined(party)),
        state => Err(unapproved(state)),
    }
}

fn joined(party: &mut Party) -> Alteration {
    party.state = PartyState::Active;
    (ThirdPartyChange::Joined, None, vec![SIGN_UP.to_owned()])
}

/// What a sign-up is told as.
pub(super) fn told() -> Alteration {
    (ThirdPartyChange::Changed, None, vec![SIGN_UP.to_owned()])
}

/// The token of a link, as it is kept.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SignUpToken {
    /// SHA-256 of it.
    pub hash: [u8; 32],
    /// Who follows the link.
    pub party: PartyId,
    /// From when on it confirms nothing.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use event_schema::id::KeyId;
    use jiff::ToSpan as _;
    use uuid::Uuid;

    use super::*;
    use crate::party::{Known, PartyCommand, PartyDecision, PartyPatch};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn id() -> PartyId {
        "books".parse().unwrap()
    }

    fn party(contact: &str) -> Party {
        Party::new(id(), "Books".to_owned(), contact.to_owned(), NOW)
    }

    fn decide(current: Option<&Party>, command: &PartyCommand, at: Timestamp) -> Result<PartyDecision, Refusal> {
        command.decide(&id(), Known { party: current, keys: &[] }, "anyone", at)
    }

    fn signs_up(contact: &str) -> PartyCommand {
        PartyCommand::SignUp(Box::new(party(contact)))
    }

    fn confirms(approval: Approval) -> PartyCommand {
        let key = |environment| ApiKey::new(KeyId(Uuid::nil()), id(), environment, [0; 32], NOW);
        PartyCommand::ConfirmSignUp(OPEN_FROM_THE_START.map(key).to_vec(), approval)
    }

    fn current_status(refused: Result<PartyDecision, Refusal>) -> &'static str {
        match refused {
            Err(Refusal::State { current_status, .. }) => current_status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn who_signs_up_is_offered_nothing_until_the_address_is_confirmed() {
        let new = decide(None, &signs_up("a@example.com"), NOW).unwrap().party;
        assert_eq!(new.state, PartyState::Unconfirmed);
        assert!(Environment::ALL.iter().all(|one| !new.takes_offers(*one) && !new.takes_pushes(*one)));
        let decided = decide(Some(&new), &confirms(Approval::NotNeeded), NOW).unwrap();
        assert_eq!((decided.party.state, decided.add_keys.len()), (PartyState::Active, 2));
        let open = Environment::ALL.map(|one| decided.party.takes_offers(one));
        assert_eq!(open, [false, true, true], "prod, test, dev");
        let again = decide(Some(&decided.party), &confirms(Approval::NotNeeded), NOW);
        assert!(matches!(again, Err(Refusal::NotFound)), "once");
    }

    #[test]
    fn the_link_leads_to_other_first_keys_until_one_is_used() {
        let new = decide(None, &signs_up("a@example.com"), NOW).unwrap().party;
        let first = decide(Some(&new), &confirms(Approval::ByAnOperator), NOW).unwrap();
        let again = |keys: &[ApiKey]| {
            let known = Known { party: Some(&first.party), keys };
            confirms(Approval::ByAnOperator).decide(&id(), known, "anyone", NOW)
        };
        let replaced = again(&first.add_keys).unwrap();
        assert_eq!((replaced.add_keys.len(), &replaced.revoke_keys), (2, &first.add_keys));
        assert_eq!(replaced.party.state, PartyState::Pending);
        let mut used = first.add_keys.clone();
        used[0].last_used_at = Some(NOW);
        assert!(matches!(again(&used), Err(Refusal::NotFound)), "it has arrived");
        assert!(matches!(again(&[]), Err(Refusal::NotFound)), "an operator took them away");
    }

    #[test]
    fn who_needs_an_approval_waits_for_it() {
        let new = decide(None, &signs_up("a@example.com"), NOW).unwrap().party;
        assert_eq!(current_status(decide(Some(&new), &PartyCommand::Approve, NOW)), "unconfirmed");
        let confirmed = decide(Some(&new), &confirms(Approval::ByAnOperator), NOW).unwrap();
        assert_eq!((confirmed.party.state, confirmed.add_keys.len()), (PartyState::Pending, 2));
        assert!(!confirmed.party.takes_offers(Environment::Test));
        let resume = PartyPatch { state: Some(PartyState::Active), ..PartyPatch::default() };
        let resume = PartyCommand::Patch(resume);
        assert_eq!(current_status(decide(Some(&confirmed.party), &resume, NOW)), "pending", "not by another way");
        let approved = decide(Some(&confirmed.party), &PartyCommand::Approve, NOW).unwrap().party;
        assert!(approved.takes_offers(Environment::Test) && !approved.takes_offers(Environment::Prod));
        assert!(decide(Some(&approved), &PartyCommand::Approve, NOW).unwrap().fact.is_none(), "twice is once");
        assert!(decide(Some(&confirmed.party), &PartyCommand::Disable, NOW).is_ok(), "or is turned away");
    }

    #[test]
    fn an_id_is_kept_for_a_day_and_then_for_good() {
        let new = decide(None, &signs_up("a@example.com"), NOW).unwrap().party;
        let later = NOW + 23.hours();
        assert_eq!(current_status(decide(Some(&new), &signs_up("b@example.com"), later)), "taken");
        let again = decide(Some(&new), &signs_up("a@example.com"), later).unwrap();
        assert!(again.fact.is_some(), "another link is sent");
        assert_eq!(again.party.created_at, later, "and is good for a day");
        assert_eq!(current_status(decide(Some(&again.party), &signs_up("b@example.com"), NOW + 25.hours())), "taken");
        let other = decide(Some(&again.party), &signs_up("b@example.com"), later + 24.hours()).unwrap().party;
        assert_eq!(other.contact_email, "b@example.com");
        let confirmed = decide(Some(&other), &confirms(Approval::ByAnOperator), NOW).unwrap().party;
        for contact in ["a@example.com", "b@example.com"] {
            let late = NOW + 1_000.hours();
            assert_eq!(current_status(decide(Some(&confirmed), &signs_up(contact), late)), "taken");
        }
    }
}
