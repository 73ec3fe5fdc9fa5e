//! What can be configured about notices.

use std::sync::Arc;

/// The notifier's configuration.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where people reach the marketplace (`MARKETPLACE_PUBLIC_URL`); the last line of every e-mail.
    pub public_url: Arc<str>,
}
