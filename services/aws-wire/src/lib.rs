//! The AWS wire protocol of EventBridge on the server's root, so that the `aws` client and every AWS SDK can put
//! request events and try patterns here, unmodified (DESIGN section 6, "AWS wire").
//!
//! AWS JSON 1.1: `POST /` with the operation in `X-Amz-Target`, signed with Signature Version 4 for the service
//! `events` in any region. [`app`] is the whole of it; what it needs of the outside is in [`Deps`].

mod error;
mod handler;
mod json;
mod put_events;
pub mod sigv4;
mod sink;
mod test_event_pattern;

pub use handler::{ACCESS_KEY_ID, Deps, MAX_BODY_BYTES, app};
pub use put_events::{MAX_DETAIL_BYTES, MAX_ENTRIES, MAX_TOTAL_BYTES};
pub use sink::{AcceptedEvent, EventSink, SinkError};
