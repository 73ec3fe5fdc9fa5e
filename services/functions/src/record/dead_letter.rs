//! A dead letter of a managed route: the event as the body, and in the attributes why it was given up (EventBridge User
//! Guide, "Using dead-letter queues to process undelivered events").

use aws_lambda_events::sqs::SqsMessage;
use event_schema::{id::DeliveryId, names, words::MessageType};
use marketplace_core::{
    command::push::RecordHandover,
    offer::Attempt,
    ports::{RequestStore as _, Urgency},
    transport::{DeadReason, Failure as Unanswered, OutcomeWord},
};
use serde::Deserialize;

use super::Deps;
use crate::sqs::{self, Failure};

/// It lies in the wrong queue.
#[derive(Debug, thiserror::Error)]
#[error("a dead letter that is no delivery")]
struct NoDelivery;

/// As much of a delivery's detail as says which message it is.
#[derive(Deserialize)]
struct Delivery {
    delivery_id: DeliveryId,
    message: Kind,
}

#[derive(Deserialize)]
struct Kind {
    #[serde(rename = "type")]
    kind: MessageType,
}

/// Makes the offer's message a dead letter here, too.
pub(super) async fn record(message: &SqsMessage, deps: &Deps) -> Result<(), Failure> {
    let event = sqs::event(message)?;
    if event.detail_type != names::DELIVERY {
        return Err(NoDelivery.into());
    }
    let delivery: Delivery = serde_json::from_str(event.detail.get())?;
    let why = Why::of(message);
    tracing::info!(delivery.id = %delivery.delivery_id, code = why.code, reason = %why.reason(), "given up");
    let now = deps.clock.now();
    let attempt = Attempt {
        at: now,
        message: delivery.message.kind,
        outcome: why.outcome().as_str().to_owned(),
        status_code: None,
        latency_us: 0,
        answer: None,
    };
    let record = RecordHandover {
        delivery_id: delivery.delivery_id,
        attempt,
        attempts: why.retries.saturating_add(1),
        given_up: Some(why.reason().to_string()),
        at: now,
    };
    deps.store.apply(record, Urgency::Ours, None).await?;
    Ok(())
}

/// What the attributes say. EventBridge's own message is not kept: it may quote the endpoint's answer.
struct Why<'a> {
    code: &'a str,
    exhausted: Option<&'a str>,
    retries: u32,
}

impl<'a> Why<'a> {
    fn of(message: &'a SqsMessage) -> Self {
        let attribute = |name: &str| message.message_attributes.get(name)?.string_value.as_deref();
        Self {
            code: attribute("ERROR_CODE").unwrap_or("UNKNOWN"),
            exhausted: attribute("EXHAUSTED_RETRY_CONDITION"),
            retries: attribute("RETRY_ATTEMPTS").and_then(|number| number.parse().ok()).unwrap_or(0),
        }
    }

    /// Whether an endpoint answered, with a status that is no success.
    fn was_answered(&self) -> bool {
        matches!(self.code, "ERROR_FROM_TARGET" | "SDK_CLIENT_ERROR" | "THROTTLING")
    }

    fn reason(&self) -> DeadReason {
        match self.exhausted {
            Some("MaximumRetryAttempts") => DeadReason::AttemptsExhausted,
            Some("MaximumEventAgeInSeconds") => DeadReason::MaxAgeReached,
            _ if self.was_answered() => DeadReason::StatusNotRetried,
            _ => DeadReason::RouteBroken,
        }
    }

    fn outcome(&self) -> OutcomeWord {
        match self.code {
            _ if self.was_answered() => OutcomeWord::RefusedByStatus,
            "TIMEOUT" => Unanswered::Timeout.word(),
            _ => Unanswered::ConnectFailed.word(),
        }
    }
}
