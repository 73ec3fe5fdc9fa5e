//! The way in: turns what a user posted, or what somebody put on the bus, into a request or into its faults.
//!
//! Both ways keep the sender's JSON as text, so that numbers, order and escapes reach the third parties as they
//! were written. What is accepted here is valid under the published schema of `marketplace requests`; a property
//! test holds these rules and that schema to the same answers. The schema is not asked on the way: it cannot see
//! a name given twice or a number out of range, and compiling it takes milliseconds at every start.

mod draft;
mod field;
mod json;

use std::sync::Arc;

use event_schema::{
    envelope::{Metadata, wire_time},
    fault::Fault,
    id::{Environment, UserId},
    names,
    request::limits,
    words::Mode,
};
use jiff::Timestamp;
use serde_json::Value;
use uuid::Uuid;

use draft::Draft;
use field::Field;

/// More faults than this in one request are not reported: the first ones say enough.
pub const MAX_FAULTS: usize = 20;

/// A request that may be stored and routed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct NewRequest {
    /// Whose it is.
    pub user_id: UserId,
    /// The world that it belongs to.
    pub environment: Environment,
    /// Whether one party fulfils it or everyone eligible.
    pub mode: Mode,
    /// The one party that it is addressed to, in the sender's words; perhaps nobody we know.
    pub addressed_to: Option<String>,
    /// What kind of thing is asked for.
    pub category: Option<String>,
    /// The request event's detail as the text of a JSON object: `user_id`, `request_status`, `3rdparty` and all
    /// else that was asked, in the sender's order and spelling; no `metadata` and no `id`.
    pub detail: Arc<str>,
}

/// Why what came in is not a request.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum IntakeError {
    /// It is not JSON: 400.
    #[error("the request is not JSON: {0}")]
    Malformed(String),
    /// It is longer than 64 KiB: 413.
    #[error("the request is longer than {} bytes", limits::TEXT_BYTES)]
    TooLarge,
    /// It is JSON and breaks the rules: 422. At least one fault, at most [`MAX_FAULTS`].
    #[error("the request breaks the rules: {}", first(.0))]
    Invalid(Vec<Fault>),
}

fn first(faults: &[Fault]) -> String {
    faults.first().map(ToString::to_string).unwrap_or_default()
}

/// Reads the body of `POST /v1/requests` (DESIGN section 6).
///
/// A member that is `null` counts as left out. Whether the user may ask in this environment is the caller's to
/// decide.
///
/// # Errors
/// [`IntakeError`] with every fault that was found: fields that there are not, wrong types, wrong sizes, a name
/// given twice.
pub fn from_api(body: &[u8], user_id: UserId) -> Result<NewRequest, IntakeError> {
    if body.len() > limits::TEXT_BYTES {
        return Err(IntakeError::TooLarge);
    }
    let text = std::str::from_utf8(body).map_err(|error| IntakeError::Malformed(format!("not UTF-8: {error}")))?;
    let members = json::members_of_document(text)?;
    let mut draft = Draft::from_api(user_id, text.len());
    draft.refuse_repeated(&members);
    for member in &members {
        match Field::of_api(&member.name) {
            Some(_) if member.text == "null" => {}
            Some(field) => {
                draft.read(field, member);
                draft.keep(field.name(), member.text);
            }
            None => draft.refuse_unknown(&[&member.name]),
        }
    }
    draft.finish()
}

/// Reads the detail of a request event that was not made here, such as the article's.
///
/// Members that the marketplace does not know are kept. `metadata` and `id` are dropped: the former is for the
/// marketplace to write, and the latter is where third parties find the request's id.
///
/// # Errors
/// [`IntakeError`] with every fault that was found: `user_id` or `request_status` missing, wrong types, wrong
/// sizes, a name given twice.
pub fn from_event_detail(detail: &str) -> Result<NewRequest, IntakeError> {
    if detail.len() > limits::TEXT_BYTES {
        return Err(IntakeError::TooLarge);
    }
    let members = json::members_of_document(detail)?;
    let mut draft = Draft::from_event(detail.len());
    draft.refuse_repeated(&members);
    for member in &members {
        let name: &str = &member.name;
        if name == "metadata" || name == "id" {
            continue;
        }
        match Field::of_event(name) {
            Some(field) => draft.read(field, member),
            None => draft.inspect(&[name], member.text),
        }
        draft.keep(name, member.text);
    }
    draft.finish()
}

/// The whole request event, in `EventBridge`'s shape, for scopes and filters to be matched against.
///
/// `detail` is [`NewRequest::detail`]; `metadata` is there in events of ours and not in those from outside.
///
/// # Errors
/// When `detail` is not JSON or `metadata` cannot be written, neither of which intake lets happen.
pub fn request_event(
    id: Uuid,
    time: Timestamp,
    detail: &str,
    metadata: Option<&Metadata>,
) -> serde_json::Result<Value> {
    let mut detail: Value = serde_json::from_str(detail)?;
    if let (Some(metadata), Some(members)) = (metadata, detail.as_object_mut()) {
        members.insert("metadata".into(), serde_json::to_value(metadata)?);
    }
    let members = [
        ("version", Value::from("0")),
        ("id", id.to_string().into()),
        ("detail-type", names::REQUESTS.into()),
        ("source", names::SOURCE_MARKET.into()),
        ("account", names::LOCAL_ACCOUNT.into()),
        ("time", wire_time(time).into()),
        ("region", names::LOCAL_REGION.into()),
        ("resources", Value::Array(Vec::new())),
        ("detail", detail),
    ];
    Ok(members.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

#[cfg(test)]
mod tests;
