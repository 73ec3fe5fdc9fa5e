//! The envelope of every event, in `EventBridge`'s shape, and the metadata that our own events carry inside.

use std::borrow::Cow;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize, Serializer, de::DeserializeOwned};
use uuid::Uuid;

use crate::{id::Environment, kind::EventKind, names};

/// The payload of one kind of event.
pub trait Detail: Serialize + DeserializeOwned + JsonSchema {
    /// Which kind of event carries it.
    const KIND: EventKind;
}

/// An event on the bus.
///
/// On the wire it has the members that `EventBridge` gives every event (AWS documentation, "Event structure"):
/// `version`, `id`, `detail-type`, `source`, `account`, `time`, `region`, `resources` and `detail`. What is
/// constant is written and not kept; members that `EventBridge` may add (`replay-name`) are ignored.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Event<D> {
    /// The envelope's id. `EventBridge` makes a new one at every `PutEvents`: consumers recognise events
    /// of ours by [`Metadata::event_id`], and only those from outside by this.
    pub id: Uuid,
    /// Who says so, such as `com.marketplace.market`.
    pub source: Cow<'static, str>,
    /// What is said: a name of [`crate::names`].
    #[serde(rename = "detail-type")]
    pub detail_type: Cow<'static, str>,
    /// When it was put on the bus; written in whole seconds, as `EventBridge` does.
    pub time: Timestamp,
    /// The payload.
    pub detail: D,
}

impl<D: Detail> Event<D> {
    /// An event with a payload that knows its own `detail-type`.
    pub fn new(id: Uuid, source: impl Into<Cow<'static, str>>, time: Timestamp, detail: D) -> Self {
        Self { id, source: source.into(), detail_type: D::KIND.detail_type().into(), time, detail }
    }
}

impl<D: Serialize> Serialize for Event<D> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Wire {
            version: "0",
            id: self.id,
            detail_type: &self.detail_type,
            source: &self.source,
            account: names::LOCAL_ACCOUNT,
            time: wire_time(self.time),
            region: names::LOCAL_REGION,
            resources: [],
            detail: &self.detail,
        }
        .serialize(serializer)
    }
}

/// The members in the order in which AWS documents them.
#[derive(Serialize)]
struct Wire<'a, D> {
    version: &'static str,
    id: Uuid,
    #[serde(rename = "detail-type")]
    detail_type: &'a str,
    source: &'a str,
    account: &'static str,
    time: String,
    region: &'static str,
    resources: [&'static str; 0],
    detail: &'a D,
}

/// An envelope's `time`: RFC 3339, UTC, whole seconds.
#[must_use]
pub fn wire_time(time: Timestamp) -> String {
    format!("{time:.0}")
}

/// What every event of ours says about itself, as `detail.metadata`; events from outside have none.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct Metadata {
    /// The event's own id, equal in every copy; consumers are idempotent by it.
    pub event_id: Uuid,
    /// The version of the detail's schema.
    #[schemars(extend("const" = Metadata::VERSION))]
    pub version: u32,
    /// Rises within a request, so that a consumer can put its events in order.
    pub sequence: u64,
    /// Equal in everything that one call or one outside event set off.
    #[schemars(length(min = 1, max = 128))]
    pub correlation_id: String,
    /// The event that caused this one, if an event did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub causation_id: Option<Uuid>,
    /// The world in which it happened.
    pub environment: Environment,
    /// When it happened: RFC 3339, UTC.
    pub occurred_at: Timestamp,
}

impl Metadata {
    /// The version of every schema published so far.
    pub const VERSION: u32 = 1;
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json, value::RawValue};

    use super::*;
    use crate::request::RequestDetail;

    /// As Amazon documents an event, with members that an `Event` does not keep.
    const FROM_AWS: &str = r#"{
        "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
        "detail-type": "marketplace requests", "source": "com.marketplace.market",
        "account": "111122223333", "time": "2017-12-22T18:43:48Z", "region": "us-west-1",
        "resources": ["arn:aws:ec2:us-west-1:123456789012:instance/i-1"], "replay-name": "again",
        "detail": { "user_id": "123456789", "request_status": "new", "amount": 1.50 }
    }"#;

    #[test]
    fn an_event_of_eventbridge_is_read() {
        let event: Event<RequestDetail> = serde_json::from_str(FROM_AWS).unwrap();
        assert_eq!(event.detail_type, EventKind::Request.detail_type());
        assert_eq!(event.time, "2017-12-22T18:43:48Z".parse().unwrap());
        assert_eq!(event.detail.request.user_id.as_str(), "123456789");
        assert_eq!(event.detail.metadata, None);
    }

    #[test]
    fn a_detail_can_be_kept_as_its_text() {
        let event: Event<Box<RawValue>> = serde_json::from_str(FROM_AWS).unwrap();
        assert!(event.detail.get().ends_with(r#""amount": 1.50 }"#));
        assert!(serde_json::to_string(&event).unwrap().contains(r#""amount": 1.50 }"#));
    }

    #[test]
    fn an_event_is_written_in_eventbridges_shape() {
        let mut event: Event<RequestDetail> = serde_json::from_str(FROM_AWS).unwrap();
        event.time = "2017-12-22T18:43:48.987654Z".parse().unwrap();
        assert_eq!(
            serde_json::to_value(&event).unwrap(),
            json!({
                "version": "0", "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
                "detail-type": "marketplace requests", "source": "com.marketplace.market",
                "account": "000000000000", "time": "2017-12-22T18:43:48Z", "region": "local",
                "resources": [],
                "detail": { "user_id": "123456789", "request_status": "new", "amount": 1.5 },
            })
        );
    }

    #[test]
    fn metadata_leaves_out_a_cause_that_there_is_not() {
        let metadata = Metadata {
            event_id: Uuid::from_u128(1),
            version: Metadata::VERSION,
            sequence: 3,
            correlation_id: "c".into(),
            causation_id: None,
            environment: Environment::Test,
            occurred_at: "2026-01-02T03:04:05.678Z".parse().unwrap(),
        };
        let value: Value = serde_json::to_value(&metadata).unwrap();
        assert_eq!(value["occurred_at"], "2026-01-02T03:04:05.678Z");
        assert_eq!(value.get("causation_id"), None);
        assert_eq!(serde_json::from_value::<Metadata>(value).unwrap(), metadata);
    }
}
