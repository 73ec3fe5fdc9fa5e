//! Signature Version 4, verified: who sent a request, and that nobody changed it on the way.
//!
//! AWS, "AWS Signature Version 4 for API requests" in the IAM user guide. The signature is recomputed with AWS's own
//! signing crate from what the caller says it signed, and compared in constant time. Faults have the words of AWS
//! ("Troubleshoot signed requests for AWS APIs"), so that what helps with AWS helps here.

mod authorization;

use std::time::SystemTime;

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningParams, SigningSettings, sign},
    sign::v4,
};
use axum::http::{HeaderMap, header::AUTHORIZATION, header::HOST, request::Parts};
use jiff::{SignedDuration, Timestamp, civil::DateTime, tz::Offset};
use secrecy::{ExposeSecret as _, SecretString};
use subtle::ConstantTimeEq as _;

use authorization::Authorization;

/// How far the caller's clock may be off, either way: five minutes, as EventBridge has it.
pub const MAX_CLOCK_SKEW: SignedDuration = SignedDuration::from_mins(5);

const DATE: &str = "x-amz-date";
const SESSION_TOKEN: &str = "x-amz-security-token";
const AWS_HEADER_PREFIX: &str = "x-amz-";
const DATE_FORMAT: &str = "%Y%m%dT%H%M%SZ";

/// Why a request is not taken as signed by the holder of the secret.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum SigV4Fault {
    /// There is no `Authorization` header.
    #[error("Missing Authentication Token")]
    Missing,
    /// There is one, but it is not a Signature Version 4, or something that it needs is not there.
    #[error("{0}")]
    Incomplete(String),
    /// Nobody has this access key id, or the request has a session token, which this server never gave.
    #[error("The security token included in the request is invalid.")]
    UnknownClient,
    /// The signature does not hold: for another service, day or time, or over something else.
    #[error("{0}")]
    Invalid(String),
}

impl SigV4Fault {
    /// AWS's code for it.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Missing => "MissingAuthenticationTokenException",
            Self::Incomplete(_) => "IncompleteSignatureException",
            Self::UnknownClient => "UnrecognizedClientException",
            Self::Invalid(_) => "InvalidSignatureException",
        }
    }

    fn mismatch() -> Self {
        Self::Invalid(
            "The request signature we calculated does not match the signature you provided. Check your AWS Secret \
             Access Key and signing method. Consult the service documentation for details."
                .to_owned(),
        )
    }
}

/// Checks signatures of one access key for one service.
#[derive(Clone, Debug)]
pub struct Verifier {
    credentials: Credentials,
    service: &'static str,
}

/// What a request says about its signature, after everything but the signature itself was checked.
#[derive(Debug)]
pub struct Claim {
    authorization: Authorization,
    signed_at: SystemTime,
}

impl Verifier {
    /// A verifier of one access key for one service, such as `events`.
    #[must_use]
    pub fn new(access_key_id: &str, secret: &SecretString, service: &'static str) -> Self {
        let credentials = Credentials::new(access_key_id, secret.expose_secret(), None, None, "marketplace");
        Self { credentials, service }
    }

    /// Checks all that can be checked without the body, so that a body is only read for callers who at least claim
    /// the right key, service and time.
    ///
    /// # Errors
    ///
    /// The first fault found, in AWS's order: header, key, scope, time, what was signed.
    pub fn claim(&self, parts: &Parts, now: Timestamp) -> Result<Claim, SigV4Fault> {
        let authorization = Authorization::parse(one(&parts.headers, AUTHORIZATION.as_str())?)?;
        if authorization.access_key_id != self.credentials.access_key_id() || parts.headers.contains_key(SESSION_TOKEN)
        {
            return Err(SigV4Fault::UnknownClient);
        }
        if authorization.service != self.service {
            let service = self.service;
            return Err(SigV4Fault::Invalid(format!("Credential should be scoped to correct service: '{service}'.")));
        }
        let signed_at = check_time(&authorization.date, &parts.headers, now)?;
        check_signed_headers(&authorization, &parts.headers)?;
        Ok(Claim { authorization, signed_at })
    }

    /// Checks the signature over the whole request.
    ///
    /// # Errors
    ///
    /// [`SigV4Fault::Invalid`] when anything that was signed is not what was sent, or the secret is another.
    pub fn check(&self, claim: &Claim, parts: &Parts, body: &[u8]) -> Result<(), SigV4Fault> {
        let expected = self.signature(claim, parts, body).ok_or_else(SigV4Fault::mismatch)?;
        let given = claim.authorization.signature.as_bytes();
        if bool::from(expected.as_bytes().ct_eq(given)) { Ok(()) } else { Err(SigV4Fault::mismatch()) }
    }

    /// What the signature of this request is, or nothing when it cannot have one.
    fn signature(&self, claim: &Claim, parts: &Parts, body: &[u8]) -> Option<String> {
        let signed = claim.authorization.signed_headers.iter();
        let headers: Vec<(&str, &str)> = signed
            .flat_map(|name| parts.headers.get_all(name).iter().map(move |value| (name.as_str(), value)))
            .map(|(name, value)| Some((name, value.to_str().ok()?)))
            .collect::<Option<_>>()?;
        let request = SignableRequest::new(
            parts.method.as_str(),
            parts.uri.to_string(),
            headers.into_iter(),
            SignableBody::Bytes(body),
        );
        let mut settings = SigningSettings::default();
        // Only what the caller signed is handed over, so nothing needs to be kept out.
        settings.excluded_headers = None;
        let identity = self.credentials.clone().into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region(&claim.authorization.region)
            .name(self.service)
            .time(claim.signed_at)
            .settings(settings)
            .build()
            .ok()?;
        let output = sign(request.ok()?, &SigningParams::from(params)).ok()?;
        Some(output.signature().to_owned())
    }
}

/// The only value of a header that may come once.
fn one<'a>(headers: &'a HeaderMap, name: &str) -> Result<&'a str, SigV4Fault> {
    let mut values = headers.get_all(name).iter();
    let value = values.next().ok_or(SigV4Fault::Missing)?;
    match (value.to_str(), values.next()) {
        (Ok(value), None) => Ok(value),
        _ => Err(SigV4Fault::Incomplete(format!("The header '{name}' must come once, in ASCII."))),
    }
}

/// Checks that the request was signed on the day that its scope says, and just now.
fn check_time(scope: &str, headers: &HeaderMap, now: Timestamp) -> Result<SystemTime, SigV4Fault> {
    let text = one(headers, DATE).unwrap_or_default();
    let parsed = DateTime::strptime(DATE_FORMAT, text).and_then(|time| Offset::UTC.to_timestamp(time));
    // Parsing is lenient with digits that are left out; the signature is over the only right spelling.
    let signed_at = parsed.ok().filter(|time| compact(*time) == text).ok_or_else(|| {
        SigV4Fault::Incomplete(format!(
            "Authorization header requires existence of the header '{DATE}', such as 20150830T123600Z."
        ))
    })?;
    if text.get(..8) != Some(scope) {
        return Err(SigV4Fault::Invalid(format!(
            "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '{text}'."
        )));
    }
    check_age(signed_at, now)?;
    Ok(signed_at.into())
}

fn check_age(signed_at: Timestamp, now: Timestamp) -> Result<(), SigV4Fault> {
    let age = now.duration_since(signed_at);
    let (fault, comparison, edge) = if age > MAX_CLOCK_SKEW {
        ("Signature expired", "is now earlier than", -MAX_CLOCK_SKEW)
    } else if age < -MAX_CLOCK_SKEW {
        ("Signature not yet current", "is still later than", MAX_CLOCK_SKEW)
    } else {
        return Ok(());
    };
    let minutes = format!("{} {} min.", if edge.is_negative() { '-' } else { '+' }, MAX_CLOCK_SKEW.as_mins());
    let edge = compact(now.saturating_add(edge).unwrap_or(now));
    let (signed_at, now) = (compact(signed_at), compact(now));
    Err(SigV4Fault::Invalid(format!("{fault}: {signed_at} {comparison} {edge} ({now} {minutes})")))
}

fn compact(time: Timestamp) -> String {
    time.strftime(DATE_FORMAT).to_string()
}

/// Checks that nothing which changes the request's meaning was left unsigned.
fn check_signed_headers(authorization: &Authorization, headers: &HeaderMap) -> Result<(), SigV4Fault> {
    if !authorization.signs(HOST.as_str()) {
        return Err(SigV4Fault::Invalid(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.".to_owned(),
        ));
    }
    let mut names = headers.keys().map(|name| name.as_str());
    match names.find(|name| name.starts_with(AWS_HEADER_PREFIX) && !authorization.signs(name)) {
        Some(name) => Err(SigV4Fault::Invalid(format!("'{name}' must be a 'SignedHeader' in the AWS Authorization."))),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
