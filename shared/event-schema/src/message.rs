//! The body that a third party reads, pushed or polled, and the renderer that every delivery goes through.

use std::fmt::Write as _;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{
    id::{DeliveryId, Environment, PartyId, RequestId},
    request::RequestFields,
    splice,
    words::MessageType,
};

/// A message about an offer (DESIGN section 6, "Message to a third party"; the shape Standard Webhooks recommends).
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct Message {
    /// What it tells.
    #[serde(rename = "type")]
    pub kind: MessageType,
    /// When it was told first: RFC 3339, UTC. The same on every attempt.
    pub timestamp: Timestamp,
    /// About which offer.
    pub data: MessageData,
}

/// The offer that a message is about.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct MessageData {
    /// The offer's id, to answer to.
    pub delivery_id: DeliveryId,
    /// Whose offer it is.
    pub third_party: PartyId,
    /// The party's environment that it is for.
    pub environment: Environment,
    /// The request itself.
    pub request: MessageRequest,
}

/// The request as a third party sees it.
#[derive(Clone, Debug, Deserialize, JsonSchema, PartialEq, Serialize)]
pub struct MessageRequest {
    /// The request's id.
    pub id: RequestId,
    /// Every field of the request's detail.
    #[serde(flatten)]
    pub fields: RequestFields,
}

/// The text of a [`Message`], with the request's own fields passed on exactly as they are stored.
///
/// `request_json` is the JSON object that intake made of the request's detail: no `metadata`, no `id`. It is
/// copied and not read again, so numbers, order and escapes reach the third party as the sender wrote them,
/// and a delivery costs one allocation.
#[must_use]
pub fn render(
    kind: MessageType,
    timestamp: Timestamp,
    delivery_id: DeliveryId,
    third_party: &PartyId,
    environment: Environment,
    request_id: RequestId,
    request_json: &str,
) -> String {
    /// Room for everything but the request's fields: about 330 bytes at most.
    const FRAME_BYTES: usize = 384;

    let members = splice::members(request_json);
    let comma = if members.is_empty() { "" } else { "," };
    let mut text = String::with_capacity(FRAME_BYTES + members.len());
    // Ids, words and times need no escaping in JSON. Writing to a string cannot fail.
    let _ = write!(
        text,
        r#"{{"type":"{kind}","timestamp":"{timestamp}","data":{{"delivery_id":"{delivery_id}","third_party":"{third_party}","environment":"{environment}","request":{{"id":"{request_id}"{comma}{members}}}}}}}"#,
    );
    text
}

/// The text of a `ping`, which a party gets only when it asks for a test of its endpoint.
#[must_use]
pub fn render_ping(timestamp: Timestamp, third_party: &PartyId, environment: Environment) -> String {
    format!(
        r#"{{"type":"ping","timestamp":"{timestamp}","data":{{"third_party":"{third_party}","environment":"{environment}"}}}}"#
    )
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use uuid::Uuid;

    use super::*;

    fn rendered(request_json: &str) -> String {
        let request_id = RequestId(Uuid::from_u128(7));
        render(
            MessageType::OfferCreated,
            "2026-01-02T03:04:05.678Z".parse().unwrap(),
            DeliveryId::new(request_id, [3; 10]),
            &"3rdparty1".parse().unwrap(),
            Environment::Prod,
            request_id,
            request_json,
        )
    }

    #[test]
    fn the_rendered_text_is_the_typed_message() {
        let text = rendered(
            r#"{"user_id":"u\"1","request_status":"new","3rdparty":"3rdparty1","requests1":"books","mode":"all"}"#,
        );
        let typed: Message = serde_json::from_str(&text).unwrap();
        assert_eq!(typed.kind, MessageType::OfferCreated);
        assert_eq!(typed.data.request.fields.extra["requests1"], "books");
        assert_eq!(typed.data.request.fields.user_id.as_str(), "u\"1");
        assert_eq!(serde_json::to_value(&typed).unwrap(), serde_json::from_str::<Value>(&text).unwrap());
    }

    #[test]
    fn every_field_is_where_a_third_party_looks_for_it() {
        assert_eq!(
            serde_json::from_str::<Value>(&rendered(r#"{"user_id":"u","request_status":"new"}"#)).unwrap(),
            json!({
                "type": "offer.created", "timestamp": "2026-01-02T03:04:05.678Z",
                "data": {
                    "delivery_id": "dlv_0000000000000000000000000000000703030303030303030303",
                    "third_party": "3rdparty1", "environment": "prod",
                    "request": {
                        "id": "req_00000000-0000-0000-0000-000000000007",
                        "user_id": "u", "request_status": "new",
                    },
                },
            })
        );
    }

    #[test]
    fn a_ping_says_to_whom_it_is_sent() {
        let text =
            render_ping("2026-01-02T03:04:05.678Z".parse().unwrap(), &"books".parse().unwrap(), Environment::Test);
        assert_eq!(
            serde_json::from_str::<Value>(&text).unwrap(),
            json!({
                "type": "ping", "timestamp": "2026-01-02T03:04:05.678Z",
                "data": { "third_party": "books", "environment": "test" },
            })
        );
    }

    #[test]
    fn numbers_order_and_escapes_survive() {
        let members = r#""z":12345678901234567890.10,"a":1e2,"s":"\u00e9\/""#;
        let text = rendered(&format!(" {{ {members} }}\n"));
        assert!(text.contains(&format!(r#"00007",{members}}}}}}}"#)), "{text}");
    }

    #[test]
    fn a_request_without_fields_is_still_json() {
        let text = rendered("{}");
        let value: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["data"]["request"], json!({ "id": "req_00000000-0000-0000-0000-000000000007" }));
    }

    #[test]
    fn one_allocation_is_enough_for_the_longest_frame() {
        let request_id = RequestId(Uuid::from_u128(7));
        let text = render(
            MessageType::OfferWithdrawn,
            "2026-01-02T03:04:05.123456789Z".parse().unwrap(),
            DeliveryId::new(request_id, [3; 10]),
            &"a".repeat(32).parse().unwrap(),
            Environment::Prod,
            request_id,
            "{}",
        );
        assert!(text.len() < 384, "{}", text.len());
        assert_eq!(text.capacity(), 384);
    }
}
