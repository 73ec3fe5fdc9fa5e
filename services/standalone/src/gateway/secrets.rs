//! The gateway's own secrets: as configured, or made once and kept in the data folder.

use std::{io, os::unix::fs::DirBuilderExt as _};

use platform_embedded::secret_file::load_or_make_secret;
use secrecy::SecretString;

use crate::config::Config;

/// See the module.
pub(super) struct Secrets {
    pub(super) operator_token: SecretString,
    pub(super) events_secret: SecretString,
    pub(super) secret_key: SecretString,
}

impl Secrets {
    /// Those that are not configured are read from the data folder, or made there.
    pub(super) fn load(config: &Config) -> io::Result<Self> {
        // It holds password hashes and secrets: nobody else's business.
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(&config.data_dir)?;
        let load = |given: &Option<SecretString>, file: &str| {
            given.clone().map_or_else(|| load_or_make_secret(&config.data_dir.join(file)), Ok)
        };
        Ok(Self {
            operator_token: load(&config.operator_token, "operator-token")?,
            events_secret: load(&config.events_secret, "events-secret")?,
            secret_key: load(&config.secret_key, "secret-key")?,
        })
    }
}
