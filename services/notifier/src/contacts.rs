//! A third party's contact is told by e-mail of what concerns its safety and its deliveries, once for each.

use event_schema::third_party::{ThirdPartyChange, ThirdPartyDetail};
use marketplace_core::{
    party::{Party, fields},
    ports::{Contacts, Notice, Notices, PartyStore, Recipient},
};
use sha2::{Digest, Sha256};
use uuid::Uuid;

use crate::{Channel, Deps, Done, NotifierError, Silence, letters::Letter};

/// What a contact is told of.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Topic {
    /// A key was made.
    NewKey,
    /// Messages go elsewhere.
    NewOrigin,
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
            ThirdPartyChange::Changed if changed(fields::KEYS) => Some(Self::NewKey),
            ThirdPartyChange::Changed if changed(fields::ORIGIN) => Some(Self::NewOrigin),
            ThirdPartyChange::Paused => Some(Self::Paused),
            ThirdPartyChange::Disabled => Some(Self::Disabled),
            ThirdPartyChange::Joined | ThirdPartyChange::Changed | ThirdPartyChange::Resumed => None,
        }
    }
}

/// Tells a party's contact of an event, unless it was told before.
pub(crate) async fn tell<S, N>(event: &ThirdPartyDetail, deps: &Deps<S, N>) -> Result<Done, NotifierError>
where
    S: PartyStore + Contacts,
    N: Notices,
{
    let Some(topic) = Topic::of(event) else {
        return Ok(Done::Silent(Silence::NotForContacts));
    };
    let Some(party) = deps.store.party(&event.third_party).await? else {
        return Ok(Done::Silent(Silence::NoAccount));
    };
    let (sequence, id) = (event.metadata.sequence, notice_id(event));
    let _turn = deps.turn(id).await;
    if deps.store.was_contact_told(&party.id, sequence).await? {
        return Ok(Done::Told(vec![]));
    }
    deps.notices.send(&notice(id, topic, event, &party, &deps.config.public_url)).await?;
    tracing::info!(party.id = %party.id, event.id = %event.metadata.event_id, ?topic, "the party's contact was told");
    deps.store.record_contact_told(&party.id, sequence, deps.clock.now()).await?;
    Ok(Done::Told(vec![Channel::Email]))
}

fn notice(id: Uuid, topic: Topic, event: &ThirdPartyDetail, party: &Party, public_url: &str) -> Notice {
    let letter = Letter { topic, event, party, public_url };
    let to = Recipient::Email(party.contact_email.clone());
    Notice { id, to, subject: letter.subject(), body: letter.body() }
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
