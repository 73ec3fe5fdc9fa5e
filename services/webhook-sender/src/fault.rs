//! Turns the errors of the HTTP client into the few kinds of failure that anyone acts on.

use std::{error::Error, io};

use marketplace_core::transport::Failure;

use crate::guard::AddressRefused;

/// Why there is no answer, for rules and for people.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Fault {
    pub(crate) failure: Failure,
    /// The cause in words; never contains a URL, a body or a secret.
    pub(crate) detail: String,
}

impl Fault {
    pub(crate) fn new(failure: Failure, detail: impl Into<String>) -> Self {
        Self { failure, detail: detail.into() }
    }

    pub(crate) fn timeout() -> Self {
        Self::new(Failure::Timeout, "no answer in time")
    }
}

impl From<&reqwest::Error> for Fault {
    fn from(error: &reqwest::Error) -> Self {
        // The innermost cause is the one that tells; those around it name the URL or say "client error".
        let detail = causes(error).last().map_or_else(String::new, ToString::to_string);
        Self { failure: failure(error), detail }
    }
}

fn failure(error: &reqwest::Error) -> Failure {
    let malformed = |cause: &hyper::Error| cause.is_parse();
    if causes(error).any(|cause| cause.is::<AddressRefused>()) {
        Failure::AddressRefused
    } else if error.is_dns() {
        Failure::NameNotResolved
    } else if error.is_timeout() {
        Failure::Timeout
    } else if error.is_connect() {
        connect_failure(error)
    } else if causes(error).filter_map(|cause| cause.downcast_ref()).any(malformed) {
        Failure::MalformedAnswer
    } else {
        Failure::ConnectionLost
    }
}

/// The operating system's errors carry its error number; those of the TLS library do not.
fn connect_failure(error: &reqwest::Error) -> Failure {
    let from_tls = |cause: &io::Error| cause.raw_os_error().is_none();
    if causes(error).filter_map(|cause| cause.downcast_ref()).any(from_tls) {
        Failure::TlsFailed
    } else {
        Failure::ConnectFailed
    }
}

/// The errors behind an error, outermost first.
fn causes(error: &reqwest::Error) -> impl Iterator<Item = &(dyn Error + 'static)> {
    std::iter::successors(error.source(), |&cause| cause.source())
}
