//! One entry of `PutEvents`: what it must be, and what it is refused with.

use event_schema::names;
use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, de::IgnoredAny};
use uuid::Uuid;

use super::MAX_DETAIL_BYTES;
use crate::sink::AcceptedEvent;

/// What EventBridge counts for a time, in bytes.
const TIME_BYTES: usize = 14;

/// The service's model allows this many characters.
const MAX_TRACE_HEADER: usize = 500;

/// As the caller sent it. Members that are not known are passed over, as AWS does.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Entry {
    source: Option<String>,
    detail_type: Option<String>,
    detail: Option<String>,
    event_bus_name: Option<String>,
    /// Seconds since 1970, as AWS JSON 1.1 writes times.
    time: Option<f64>,
    resources: Option<Vec<String>>,
    trace_header: Option<String>,
}

/// Why one entry was not put. The first two mean: put the same entry again later.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub(super) enum EntryError {
    /// Too much is going on.
    #[error("The event could not be taken now. Put it again later.")]
    Throttled,
    /// Something that nobody foresaw.
    #[error("The event could not be stored.")]
    Internal,
    /// A parameter is missing or not as it must be.
    #[error("Parameter {parameter} is not valid. Reason: {reason}")]
    Invalid {
        /// Its name.
        parameter: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The detail is not a JSON object.
    #[error("Detail is malformed.")]
    MalformedDetail,
    /// Only [`names::SOURCE_MARKET`] may be put.
    #[error("Not authorized for the source: only {} may be put on this event bus.", names::SOURCE_MARKET)]
    ForeignSource,
    /// Only [`names::REQUESTS`] may be put.
    #[error("Not authorized for the detail type: only '{}' may be put on this event bus.", names::REQUESTS)]
    ForeignDetailType,
}

impl EntryError {
    /// AWS's code for it (`PutEventsResultEntry` in the Amazon EventBridge API reference).
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Throttled => "ThrottlingException",
            Self::Internal => "InternalFailure",
            Self::Invalid { .. } => "InvalidArgument",
            Self::MalformedDetail => "MalformedDetail",
            Self::ForeignSource => "NotAuthorizedForSourceException",
            Self::ForeignDetailType => "NotAuthorizedForDetailTypeException",
        }
    }

    fn invalid(parameter: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { parameter, reason: reason.into() }
    }
}

impl Entry {
    /// Its length in bytes, as EventBridge counts it.
    pub(super) fn size(&self) -> usize {
        let length = |text: &Option<String>| text.as_ref().map_or(0, String::len);
        let time = self.time.map_or(0, |_| TIME_BYTES);
        let resources: usize = self.resources.iter().flatten().map(String::len).sum();
        time + length(&self.source) + length(&self.detail_type) + length(&self.detail) + resources
    }

    /// The event that it puts.
    ///
    /// # Errors
    ///
    /// The first fault, in AWS's order; then ours: bus, source, detail-type.
    pub(super) fn accepted(self, event_id: Uuid, now: Timestamp) -> Result<AcceptedEvent, EntryError> {
        let source = required("Source", self.source)?;
        let detail_type = required("DetailType", self.detail_type)?;
        let detail = check_detail(required("Detail", self.detail)?)?;
        check_bus(self.event_bus_name.as_deref())?;
        if source != names::SOURCE_MARKET {
            return Err(EntryError::ForeignSource);
        }
        if detail_type != names::REQUESTS {
            return Err(EntryError::ForeignDetailType);
        }
        if self.trace_header.is_some_and(|header| header.chars().count() > MAX_TRACE_HEADER) {
            return Err(EntryError::invalid("TraceHeader", "it has more than 500 characters."));
        }
        let time = self.time.map_or(Ok(now), time_of)?;
        let resources = self.resources.unwrap_or_default();
        Ok(AcceptedEvent { event_id, time, received_at: now, resources, detail })
    }
}

fn required(name: &'static str, value: Option<String>) -> Result<String, EntryError> {
    let value = value.filter(|value| !value.is_empty());
    value.ok_or_else(|| EntryError::invalid(name, format!("{name} is a required argument.")))
}

fn check_detail(detail: String) -> Result<String, EntryError> {
    if detail.len() > MAX_DETAIL_BYTES {
        let reason = format!("Detail is longer than {MAX_DETAIL_BYTES} bytes.");
        return Err(EntryError::invalid("Detail", reason));
    }
    let is_object = detail.trim_start().starts_with('{');
    if !is_object || serde_json::from_str::<IgnoredAny>(&detail).is_err() {
        return Err(EntryError::MalformedDetail);
    }
    Ok(detail)
}

fn check_bus(name: Option<&str>) -> Result<(), EntryError> {
    let name = name.ok_or_else(|| {
        let reason = format!("EventBusName is a required argument; the only event bus here is {}.", names::BUS);
        EntryError::invalid("EventBusName", reason)
    })?;
    if name == names::BUS || bus_of_arn(name) == Some(names::BUS) {
        return Ok(());
    }
    let reason = format!("the only event bus here is {}.", names::BUS);
    Err(EntryError::invalid("EventBusName", reason))
}

/// The bus that an ARN names: `arn:aws:events:<region>:<account>:event-bus/<name>`, in any partition, region and
/// account.
fn bus_of_arn(arn: &str) -> Option<&str> {
    let mut parts = arn.splitn(6, ':');
    let (prefix, partition, service) = (parts.next()?, parts.next()?, parts.next()?);
    let (region, account, resource) = (parts.next()?, parts.next()?, parts.next()?);
    let is_account = account.len() == 12 && account.bytes().all(|digit| digit.is_ascii_digit());
    let is_ours = prefix == "arn" && partition.starts_with("aws") && service == "events";
    resource.strip_prefix("event-bus/").filter(|_| is_ours && is_account && !region.is_empty())
}

/// A time from seconds since 1970, to the millisecond, which is as fine as clients send it.
fn time_of(seconds: f64) -> Result<Timestamp, EntryError> {
    SignedDuration::try_from_secs_f64(seconds)
        .and_then(Timestamp::from_duration)
        .and_then(|time| time.round(Unit::Millisecond))
        .map_err(|_| EntryError::invalid("Time", "it is not a time that can be represented."))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn put(json: &str) -> Result<AcceptedEvent, EntryError> {
        let entry: Entry = serde_json::from_str(json).expect("an entry");
        entry.accepted(Uuid::nil(), Timestamp::UNIX_EPOCH)
    }

    fn with(member: &str, value: &str) -> Result<AcceptedEvent, EntryError> {
        let mut entry = serde_json::json!({
            "Source": "com.marketplace.market",
            "DetailType": "marketplace requests",
            "Detail": "{}",
            "EventBusName": "marketplace",
        });
        entry[member] = serde_json::from_str(value).expect("JSON");
        put(&entry.to_string())
    }

    #[test]
    fn the_required_arguments_are_asked_for_one_by_one_as_aws_does() {
        for (entry, expected) in [
            ("{}", "Parameter Source is not valid. Reason: Source is a required argument."),
            (
                r#"{"Source": "s", "DetailType": ""}"#,
                "Parameter DetailType is not valid. Reason: DetailType is a required argument.",
            ),
            (
                r#"{"Source": "s", "DetailType": "t", "Detail": null}"#,
                "Parameter Detail is not valid. Reason: Detail is a required argument.",
            ),
        ] {
            let error = put(entry).expect_err(entry);
            assert_eq!((error.code(), error.to_string().as_str()), ("InvalidArgument", expected));
        }
    }

    #[test]
    fn a_detail_is_a_json_object_of_limited_length() {
        for detail in [r#""detail""#, r#""[]""#, r#""{\"a\": }""#, r#""{} {}""#, r#""null""#] {
            assert_eq!(with("Detail", detail), Err(EntryError::MalformedDetail), "{detail}");
        }
        let of_length = |length: usize| format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8));
        let longest = with("Detail", &serde_json::json!(of_length(MAX_DETAIL_BYTES)).to_string());
        assert_eq!(longest.expect("it fits").detail.len(), MAX_DETAIL_BYTES);
        let longer = with("Detail", &serde_json::json!(of_length(MAX_DETAIL_BYTES + 1)).to_string());
        assert_eq!(longer.expect_err("too long").code(), "InvalidArgument");
    }

    #[test]
    fn the_bus_is_named_or_given_by_its_arn() {
        for bus in [
            "marketplace",
            "arn:aws:events:eu-west-1:123456789012:event-bus/marketplace",
            "arn:aws-us-gov:events:us-gov-west-1:000000000000:event-bus/marketplace",
        ] {
            assert!(with("EventBusName", &serde_json::json!(bus).to_string()).is_ok(), "{bus}");
        }
        for bus in [
            "null",
            r#""""#,
            r#""default""#,
            r#""Marketplace""#,
            r#""arn:aws:events:eu-west-1:123456789012:event-bus/other""#,
            r#""arn:aws:events:eu-west-1:123456789012:event-bus/marketplace/x""#,
            r#""arn:aws:events:eu-west-1:12345:event-bus/marketplace""#,
            r#""arn:aws:sns:eu-west-1:123456789012:event-bus/marketplace""#,
            r#""arn:aws:events::123456789012:event-bus/marketplace""#,
        ] {
            let error = with("EventBusName", bus).expect_err(bus);
            assert_eq!(error.code(), "InvalidArgument");
            assert!(error.to_string().starts_with("Parameter EventBusName is not valid."), "{error}");
        }
    }

    #[test]
    fn nothing_but_a_request_of_the_market_may_be_put() {
        for source in ["com.marketplace.router", "com.marketplace.3rdparty1", "com.example", "aws.ec2"] {
            let value = serde_json::json!(source).to_string();
            assert_eq!(with("Source", &value), Err(EntryError::ForeignSource), "{source}");
        }
        for detail_type in ["marketplace delivery", "marketplace status update", "anything"] {
            let value = serde_json::json!(detail_type).to_string();
            assert_eq!(with("DetailType", &value), Err(EntryError::ForeignDetailType), "{detail_type}");
        }
    }

    #[test]
    fn a_time_is_kept_to_the_millisecond_and_defaults_to_now() {
        let time = |value: &str| with("Time", value).map(|event| event.time.to_string());
        assert_eq!(time("null").as_deref(), Ok("1970-01-01T00:00:00Z"));
        assert_eq!(time("1735689600").as_deref(), Ok("2025-01-01T00:00:00Z"));
        assert_eq!(time("1735689600.123").as_deref(), Ok("2025-01-01T00:00:00.123Z"));
        for value in ["1e300", "-1e300", "1e15", "253402300800"] {
            assert_eq!(time(value).expect_err(value).code(), "InvalidArgument", "{value}");
        }
    }

    #[test]
    fn an_entry_is_measured_as_eventbridge_measures_it() {
        let entry = r#"{"Source": "12", "DetailType": "123", "Detail": "{}", "Time": 1, "Resources": ["é", "1"]}"#;
        let entry: Entry = serde_json::from_str(entry).expect("an entry");
        assert_eq!(entry.size(), 2 + 3 + 2 + 14 + 3);
    }

    proptest! {
        #[test]
        fn no_time_and_no_bus_panics(seconds: f64, bus: String, detail: String) {
            let _ = time_of(seconds);
            let _ = check_bus(Some(&bus));
            let _ = check_detail(detail);
        }
    }
}
