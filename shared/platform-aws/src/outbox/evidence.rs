//! Which message an event of the bus is: the bus's own log speaks of events by the ids that `PutEvents` gave them, and of
//! nothing that is in them.

use event_schema::{id::DeliveryId, words::MessageType};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::fact::Fact;
use serde::{Deserialize, Serialize};

use crate::{
    Aws,
    item::{Item, Key},
    table::{Table, TableError},
};

/// How long a message may take to arrive: EventBridge tries for a day, and its log may come late.
const KEPT: SignedDuration = SignedDuration::from_hours(2 * 24);

/// A message about an offer.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Message {
    /// Which offer.
    pub delivery_id: DeliveryId,
    /// What it tells.
    pub kind: MessageType,
}

impl Message {
    /// The message that is made of this fact, if it is one to a party.
    pub(crate) fn of(fact: &Fact) -> Option<Self> {
        let message = |delivery_id: &DeliveryId, kind| Some(Self { delivery_id: *delivery_id, kind });
        match fact {
            Fact::OfferCreated { delivery_id, .. } => message(delivery_id, MessageType::OfferCreated),
            Fact::OfferWithdrawn { delivery_id, .. } => message(delivery_id, MessageType::OfferWithdrawn),
            Fact::OfferReminded { delivery_id, .. } => message(delivery_id, MessageType::OfferReminder),
            Fact::MessageMade { delivery_id, message: kind, .. }
            | Fact::MessageReplayed { delivery_id, message: kind, .. } => message(delivery_id, *kind),
            _ => None,
        }
    }
}

/// Remembers which message the bus knows by this id.
pub(super) async fn keep(table: &Table, event: &str, message: Message, now: Timestamp) -> Result<(), TableError> {
    let until = now.saturating_add(KEPT).unwrap_or(Timestamp::MAX);
    table.put(Item::new(&key(event)).expiring(until).document(&message)?, None).await
}

impl Aws {
    /// The message that the bus knows by this id; none when it is no message that was handed over, or one of long ago.
    ///
    /// # Errors
    /// The table could not be read.
    pub async fn message_of(&self, event: &str) -> Result<Option<Message>, TableError> {
        let item = self.table.get(&key(event)).await?;
        Ok(item.map(|item| item.get_document()).transpose()?)
    }
}

fn key(event: &str) -> Key {
    Key::new(format!("E#{event}"), "KEY")
}
