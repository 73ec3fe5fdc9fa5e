//! A party's certification begins and ends: that it was passed opens `prod` to it.

use event_schema::{
    id::{CertificationId, Environment},
    third_party::ThirdPartyChange,
};
use jiff::Timestamp;

use super::{
    Party, PartyState,
    decision::Alteration,
    fields::{CERTIFICATION, CERTIFIED},
    refusals::unapproved,
    route::OPEN,
};
use crate::{
    certification::{Certification, ENVIRONMENT, Ended},
    command::Refusal,
    delivery::DeliverySettings,
};

/// It begins.
///
/// # Errors
/// [`Refusal::State`] while another is under way, and when nothing would reach the party.
pub(super) fn begin(party: &mut Party, run: &Certification, now: Timestamp) -> Result<Alteration, Refusal> {
    let settings = party.environment(ENVIRONMENT);
    if settings.certification.as_ref().is_some_and(|before| before.is_under_way(now)) {
        let detail = "a certification is under way: GET /v1/me/certification says how far it is".to_owned();
        return Err(Refusal::State { current_status: "running", detail });
    }
    if !party.takes_offers(ENVIRONMENT) {
        return Err(match party.state {
            PartyState::Active | PartyState::Paused => closed(ENVIRONMENT),
            state => unapproved(state),
        });
    }
    if matches!(settings.delivery, DeliverySettings::Push(_)) && !party.takes_pushes(ENVIRONMENT) {
        let detail = "pushes are paused: have them go on first (POST /v1/me/resume)".to_owned();
        return Err(Refusal::State { current_status: "paused", detail });
    }
    party.environment_mut(ENVIRONMENT).certification = Some(Box::new(run.clone()));
    Ok((ThirdPartyChange::Changed, Some(ENVIRONMENT), vec![CERTIFICATION.to_owned()]))
}

/// Whether it is the party's present one, and not over.
pub(super) fn is_running(party: &Party, id: CertificationId) -> bool {
    let run = party.environment(ENVIRONMENT).certification.as_ref();
    run.is_some_and(|run| run.id == id && run.ended.is_none())
}

/// It is over. One that was not passed closes nothing, and one that was opens nothing that an operator closed.
pub(super) fn end(party: &mut Party, ended: &Ended) -> Alteration {
    if let Some(run) = &mut party.environment_mut(ENVIRONMENT).certification {
        run.ended = Some(ended.clone());
    }
    if !ended.faults.is_empty() {
        return (ThirdPartyChange::Changed, Some(ENVIRONMENT), vec![CERTIFICATION.to_owned()]);
    }
    let prod = party.environment_mut(Environment::Prod);
    let mut fields = vec![CERTIFIED.to_owned()];
    if !prod.open && !prod.shut {
        prod.open = true;
        fields.push(OPEN.to_owned());
    }
    (ThirdPartyChange::Changed, Some(Environment::Prod), fields)
}

/// For an environment that the party may not use.
pub(super) fn closed(environment: Environment) -> Refusal {
    let detail = match environment {
        Environment::Prod => "`prod` opens once you have passed a certification in `test` (POST \
             /v1/me/certification), or by an operator"
            .to_owned(),
        other => format!("`{other}` is closed to you: ask an operator"),
    };
    Refusal::State { current_status: "closed", detail }
}

#[cfg(test)]
mod tests {
    use event_schema::id::{KeyId, PartyId};
    use jiff::ToSpan as _;
    use uuid::Uuid;

    use super::*;
    use crate::{
        certification::{CertificationState, Fault, Step},
        fact::Fact,
        party::{ApiKey, KeyScope, Known, MOST_KEYS, PartyCommand, PartyDecision, PartyPatch, sign_up::signing_up},
    };

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);
    const ID: CertificationId = CertificationId(Uuid::from_u128(9));

    /// Signed up and approved: `prod` is closed.
    fn party() -> Party {
        let id: PartyId = "books".parse().unwrap();
        let party = Party::new(id, "Books".to_owned(), "dev@books.example".to_owned(), NOW);
        Party { state: PartyState::Active, ..signing_up(party) }
    }

    fn decide(party: &Party, command: &PartyCommand, keys: &[ApiKey]) -> Result<PartyDecision, Refusal> {
        command.decide(&party.id, Known { party: Some(party), keys }, "test", NOW)
    }

    fn begin(party: &Party) -> PartyCommand {
        PartyCommand::BeginCertification(Box::new(Certification::new(ID, party, NOW)))
    }

    fn ends(faults: Vec<Fault>) -> PartyCommand {
        PartyCommand::EndCertification(ID, Ended { at: NOW + 1.minute(), faults })
    }

    fn current_status(refused: Result<PartyDecision, Refusal>) -> &'static str {
        match refused {
            Err(Refusal::State { current_status, .. }) => current_status,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn passing_opens_prod_and_failing_closes_nothing() {
        let running = decide(&party(), &begin(&party()), &[]).unwrap().party;
        assert_eq!(current_status(decide(&running, &begin(&running), &[])), "running");
        let fault = Fault { step: Step::Answers, reason: "no status was posted".to_owned() };
        let failed = decide(&running, &ends(vec![fault.clone()]), &[]).unwrap().party;
        assert!(!failed.takes_offers(Environment::Prod));
        assert!(decide(&failed, &ends(vec![]), &[]).unwrap().fact.is_none(), "it is over");
        let passed = decide(&running, &ends(vec![]), &[]).unwrap();
        assert!(matches!(&passed.fact, Some(Fact::PartyChanged { fields, .. }) if fields == &["certified", "open"]));
        let again = decide(&passed.party, &begin(&passed.party), &[]).unwrap().party;
        let failed = decide(&again, &ends(vec![fault]), &[]).unwrap().party;
        assert!(failed.takes_offers(Environment::Prod));
        let state = failed.environment(ENVIRONMENT).certification.as_ref().map(|run| run.state());
        assert_eq!(state, Some(CertificationState::Failed));
    }

    #[test]
    fn what_an_operator_closed_only_an_operator_opens() {
        let patch =
            |open| PartyPatch { open: Some(open), environment: Some(Environment::Prod), ..PartyPatch::default() };
        let running = decide(&party(), &begin(&party()), &[]).unwrap().party;
        let closed = decide(&running, &PartyCommand::Patch(patch(false)), &[]).unwrap().party;
        let passed = decide(&closed, &ends(vec![]), &[]).unwrap();
        assert!(!passed.party.takes_offers(Environment::Prod));
        assert!(matches!(&passed.fact, Some(Fact::PartyChanged { fields, .. }) if fields == &["certified"]));
        let open = decide(&passed.party, &PartyCommand::Patch(patch(true)), &[]).unwrap().party;
        assert!(open.takes_offers(Environment::Prod));
    }

    #[test]
    fn who_gets_nothing_shows_nothing() {
        let pending = Party { state: PartyState::Pending, ..party() };
        assert_eq!(current_status(decide(&pending, &begin(&pending), &[])), "pending");
        let mut closed = party();
        closed.environments[Environment::Test as usize].open = false;
        assert_eq!(current_status(decide(&closed, &begin(&closed), &[])), "closed");
    }

    #[test]
    fn the_first_key_of_prod_is_made_once_it_is_open_and_again_until_it_is_used() {
        let key = |number| ApiKey::new(KeyId(Uuid::from_u128(number)), party().id, Environment::Prod, [0; 32], NOW);
        let moves_in = |party: &Party, keys: &[ApiKey]| decide(party, &PartyCommand::MoveIn(key(7)), keys);
        assert_eq!(current_status(moves_in(&party(), &[])), "closed");
        let mut open = party();
        open.environments[Environment::Prod as usize].open = true;
        assert_eq!(moves_in(&open, &[]).unwrap().add_keys, [key(7)]);
        let again = moves_in(&open, &[key(1)]).unwrap();
        assert_eq!((again.add_keys, again.revoke_keys), (vec![key(7)], vec![key(1)]), "nobody has used it");
        let used = ApiKey { last_used_at: Some(NOW), ..key(1) };
        assert_eq!(current_status(moves_in(&open, &[used])), "has-key");
        // It has to manage, and counts like any other.
        let lesser = ApiKey { scope: KeyScope::Integrate, ..key(7) };
        assert_eq!(current_status(decide(&open, &PartyCommand::MoveIn(lesser.clone()), &[])), "no-key");
        let many: Vec<_> =
            (10..10 + MOST_KEYS as u128).map(|number| ApiKey { scope: KeyScope::Integrate, ..key(number) }).collect();
        assert_eq!(current_status(moves_in(&open, &many)), "too-many-keys");
        let with_one_to_replace = [&many[1..], &[key(1)]].concat();
        assert_eq!(moves_in(&open, &with_one_to_replace).unwrap().revoke_keys, [key(1)]);
    }
}
