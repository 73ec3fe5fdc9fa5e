//! The doorbell: a queue whose messages say that something may be due to be pushed. What is due stands in the table; a
//! ring that is lost, late or doubled changes nothing but when it is looked at.

use std::{error::Error, time::Duration};

use aws_sdk_sqs::{Client, types::SendMessageBatchRequestEntry};
use event_schema::id::{DeliveryId, Environment, PartyId};
use serde::{Deserialize, Serialize};

/// Most messages of one `SendMessageBatch`.
const MOST: usize = 10;

/// The longest that SQS holds a message back; also the longest wait of the retry schedule.
const LONGEST_DELAY: Duration = Duration::from_secs(900);

/// A ring of our own.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Ring {
    /// For one offer.
    Offer(OfferRing),
    /// For all that is due to a party's environment.
    Backlog(BacklogRing),
    /// For the clock of an offer.
    Alarm(AlarmRing),
    /// For a party's certification.
    Certification(CertificationRing),
}

/// An offer's message may be due.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct OfferRing {
    /// Which offer's.
    pub delivery_id: DeliveryId,
    /// To whom.
    pub third_party: PartyId,
    /// In which of its environments.
    pub environment: Environment,
}

/// Messages wait to be pushed, in their order.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct BacklogRing {
    /// To whom.
    pub third_party: PartyId,
    /// In which of its environments.
    pub environment: Environment,
    /// The lease of whoever led the backlog until now; without one it is for whoever comes first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease: Option<u64>,
}

/// The clock of an offer may have something due.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct AlarmRing {
    /// Which offer's.
    pub alarm: DeliveryId,
}

/// A party's certification may have something to be done.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CertificationRing {
    /// Whose.
    pub certification: PartyId,
}

impl Ring {
    /// Those of one group hold up nobody else's.
    fn group(&self) -> String {
        match self {
            Self::Offer(ring) => format!("{}.{}", ring.third_party, ring.environment),
            Self::Backlog(ring) => format!("{}.{}", ring.third_party, ring.environment),
            Self::Alarm(ring) => ring.alarm.to_string(),
            Self::Certification(ring) => ring.certification.to_string(),
        }
    }
}

/// Why a ring was not heard.
#[derive(Debug, thiserror::Error)]
#[error("the doorbell did not ring")]
pub struct DoorbellError(#[source] Box<dyn Error + Send + Sync>);

/// The queue.
#[derive(Clone, Debug)]
pub struct Doorbell {
    client: Client,
    url: String,
}

impl Doorbell {
    /// The queue at this URL.
    pub fn new(client: Client, url: impl Into<String>) -> Self {
        Self { client, url: url.into() }
    }

    /// Rings for all of these, after a delay of at most 15 minutes. The group of a message is its party's environment,
    /// so that one with a thousand rings holds up nobody else's one (SQS fair queues).
    ///
    /// # Errors
    /// [`DoorbellError`] when some of them may not have been heard.
    pub async fn ring(&self, rings: &[Ring], delay: Duration) -> Result<(), DoorbellError> {
        let seconds = delay.min(LONGEST_DELAY).as_secs_f64().ceil();
        for rings in rings.chunks(MOST) {
            let entries = rings.iter().zip(0..).map(|(ring, id)| entry(ring, id, seconds));
            let entries = entries.collect::<Result<Vec<_>, _>>().map_err(DoorbellError)?;
            let send = self.client.send_message_batch().queue_url(&self.url).set_entries(Some(entries));
            let sent = send.send().await.map_err(|error| DoorbellError(Box::new(error)))?;
            if let Some(failed) = sent.failed.first() {
                return Err(DoorbellError(failed.code.clone().into()));
            }
        }
        Ok(())
    }
}

#[expect(clippy::cast_possible_truncation, reason = "at most 900")]
fn entry(ring: &Ring, id: usize, delay: f64) -> Result<SendMessageBatchRequestEntry, Box<dyn Error + Send + Sync>> {
    let entry = SendMessageBatchRequestEntry::builder().id(id.to_string()).delay_seconds(delay as i32);
    Ok(entry.message_group_id(ring.group()).message_body(serde_json::to_string(ring)?).build()?)
}
