//! Keys as they are listed: never the key itself, which is shown once, when it is made.

use event_schema::id::{Environment, KeyId};
use jiff::Timestamp;
use marketplace_core::{
    delivery::Secret,
    party::{ApiKey, KeyScope},
};
use serde::Serialize;

/// A key in a list.
#[derive(Serialize)]
pub(super) struct KeyView<'a> {
    pub(super) key_id: KeyId,
    environment: Environment,
    scope: KeyScope,
    name: Option<&'a str>,
    prefix: &'a str,
    created_at: Timestamp,
    expires_at: Option<Timestamp>,
    last_used_at: Option<Timestamp>,
}

impl<'a> KeyView<'a> {
    pub(super) fn of(key: &'a ApiKey) -> Self {
        Self {
            key_id: key.key_id,
            environment: key.environment,
            scope: key.scope,
            name: key.name.as_deref(),
            prefix: &key.prefix,
            created_at: key.created_at,
            expires_at: key.expires_at,
            last_used_at: key.last_used_at,
        }
    }
}

/// A key that was just made.
#[derive(Serialize)]
pub(crate) struct NewKeyView<'a> {
    #[serde(flatten)]
    key: KeyView<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_key: Option<&'a str>,
}

impl<'a> NewKeyView<'a> {
    /// A stored answer has no key in it: keys are shown once.
    pub(crate) fn of(key: &'a ApiKey, secret: Option<&'a Secret>) -> Self {
        Self { key: KeyView::of(key), api_key: secret.map(Secret::expose) }
    }
}
