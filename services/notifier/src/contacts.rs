//! A third party's contact is told by e-mail of what concerns its safety and its deliveries, once for each.

use data_encoding::BASE64URL_NOPAD;
use event_schema::third_party::{ThirdPartyChange, ThirdPartyDetail};
use marketplace_core::{
    party::{
        PartyState, fields,
        sign_up::{LINK_LIFETIME, SignUpToken},
    },
    ports::{Contacts, Notice, Notices, PartyStore, Recipient, SignUps},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Channel, Deps, Done, NotifierError, Silence, letters::Letter};

/// What a contact is told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topic {
    /// Somebody signed it up: here is the link.
    SignUp,
    /// It takes part.
    Admitted,
    /// A key was made.
    NewKey,
    /// Messages go elsewhere.
    NewOrigin,
    /// Its endpoint does not work.
    Failing,
    /// It still does not, and will soon be called no more.
    StillFailing,
    /// It has passed its certification.
    Certified,
    /// Nothing is pushed for now.
    Paused,
    /// The party is out of the marketplace.
    Disabled,
}

impl Topic {
    /// What of an event is told; none when nothing is.
    pub(crate) fn of(event: &ThirdPartyDetail) -> Option<Self> {
        let changed = |field: &str| event.changed_fields.iter().flatten().any(|changed| changed == field);
        match event.change {
            ThirdPartyChange::Changed if changed(fields::SIGN_UP) => Some(Self::SignUp),
            ThirdPartyChange::Joined if changed(fields::SIGN_UP) => Some(Self::Admitted),
            ThirdPartyChange::Changed if changed(fields::KEYS) => Some(Self::NewKey),
            ThirdPartyChange::Changed if changed(fields::ORIGIN) => Some(Self::NewOrigin),
            ThirdPartyChange::Changed if changed(fields::FAILING) => Some(Self::Failing),
            ThirdPartyChange::Changed if changed(fields::STILL_FAILING) => Some(Self::StillFailing),
            ThirdPartyChange::Changed if changed(fields::CERTIFIED) => Some(Self::Certified),
            ThirdPartyChange::Paused => Some(Self::Paused),
            ThirdPartyChange::Disabled => Some(Self::Disabled),
            ThirdPartyChange::Joined | ThirdPartyChange::Changed | ThirdPartyChange::Resumed => None,
        }
    }
}

/// Tells a party's contact of an event, unless it was told before.
pub(crate) async fn tell<S, N>(event: &ThirdPartyDetail, deps: &Deps<S, N>) -> Result<Done, NotifierError>
where
    S: PartyStore + Contacts + SignUps,
    N: Notices,
{
    let Some(topic) = Topic::of(event) else {
        return Ok(Done::Silent(Silence::NotForContacts));
    };
    let Some(party) = deps.store.party(&event.third_party).await? else {
        return Ok(Done::Silent(Silence::NoAccount));
    };
    if topic == Topic::SignUp && party.state != PartyState::Unconfirmed {
        return Ok(Done::Silent(Silence::NotForContacts));
    }
    let to = Recipient::Email(party.contact_email.clone());
    if !deps.notices.reaches(&to) {
        tracing::warn!(party.id = %party.id, ?topic, "the party's contact cannot be told: there is no sender of e-mail");
        return Ok(Done::Silent(Silence::NoWay));
    }
    let (sequence, id) = (event.metadata.sequence, notice_id(event));
    let _turn = deps.turn(id).await;
    if deps.store.was_contact_told(&party.id, sequence).await? {
        return Ok(Done::Told(vec![]));
    }
    let token = if topic == Topic::SignUp { Some(new_token(event, deps).await?) } else { None };
    let (token, public_url) = (token.as_deref(), &*deps.config.public_url);
    let letter = Letter { topic, event, party: &party, token, public_url };
    deps.notices.send(&Notice { id, to, subject: letter.subject(), body: letter.body() }).await?;
    tracing::info!(party.id = %party.id, event.id = %event.metadata.event_id, ?topic, "the party's contact was told");
    deps.store.record_contact_told(&party.id, sequence, deps.clock.now()).await?;
    Ok(Done::Told(vec![Channel::Email]))
}

/// A token for a link, kept as its hash before the link is sent. When sending fails, the next try sends another: what is
/// kept of this one cannot be made into a link again.
async fn new_token<S: SignUps, N>(event: &ThirdPartyDetail, deps: &Deps<S, N>) -> Result<String, NotifierError> {
    let token = BASE64URL_NOPAD.encode(&deps.randomness.secret());
    let signed_up = event.metadata.occurred_at;
    let kept = SignUpToken {
        hash: Sha256::digest(&token).into(),
        party: event.third_party.clone(),
        expires_at: signed_up.saturating_add(LINK_LIFETIME).unwrap_or(signed_up),
    };
    deps.store.keep_sign_up_token(kept).await?;
    Ok(token)
}

/// Derived from what it tells, so that telling it again is the same message.
fn notice_id(event: &ThirdPartyDetail) -> Uuid {
    let mut hash = Sha256::new();
    hash.update("contact");
    hash.update(event.metadata.sequence.to_be_bytes());
    hash.update(event.third_party.as_str());
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash.finalize()[..16]);
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}
