//! JWTs for signed-in users (RFC 7519), signed with an Ed25519 key that never leaves the data folder.

use std::{
    io::{self, ErrorKind},
    path::Path,
    time::Duration,
};

use aws_lc_rs::{
    digest::{SHA256, digest},
    signature::{Ed25519KeyPair, KeyPair as _},
};
use data_encoding::BASE64URL_NOPAD;
use event_schema::id::UserId;
use jiff::Timestamp;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use marketplace_core::{
    delivery::Secret,
    ports::identity::{AccessToken, IdentityError},
};
use serde::Serialize;
use serde_json::json;

use super::AUDIENCE;
use crate::secret_file;

/// How long a token is good for. It cannot be taken back before, so not for long.
const LIFETIME: Duration = Duration::from_secs(60 * 60);

/// Signs tokens with one key.
pub(super) struct TokenIssuer {
    key: EncodingKey,
    header: Header,
    issuer: String,
    key_set: String,
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'static str,
    sub: &'a UserId,
    iat: i64,
    exp: i64,
}

impl TokenIssuer {
    pub(super) fn open(key_file: &Path, issuer: &str) -> io::Result<Self> {
        let document = secret_file::load_or_make(key_file, make_key)?;
        let pair = Ed25519KeyPair::from_pkcs8(&document).map_err(|error| {
            let text = format!("{} holds no Ed25519 key in PKCS #8 form: {error}", key_file.display());
            io::Error::new(ErrorKind::InvalidData, text)
        })?;
        let x = BASE64URL_NOPAD.encode(pair.public_key().as_ref());
        let key_id = thumbprint(&x);
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "alg": "EdDSA", "use": "sig", "kid": key_id, "x": x });
        Ok(Self {
            key: EncodingKey::from_ed_der(&document),
            header: Header { kid: Some(key_id), ..Header::new(Algorithm::EdDSA) },
            issuer: issuer.to_owned(),
            key_set: json!({ "keys": [jwk] }).to_string(),
        })
    }

    pub(super) fn issue(&self, user: &UserId, now: Timestamp) -> Result<AccessToken, IdentityError> {
        let iat = now.as_second();
        let exp = iat + LIFETIME.as_secs().cast_signed();
        let claims = Claims { iss: &self.issuer, aud: AUDIENCE, sub: user, iat, exp };
        match jsonwebtoken::encode(&self.header, &claims, &self.key) {
            Ok(token) => Ok(AccessToken { token: Secret::new(token), expires_in: LIFETIME }),
            Err(error) => Err(IdentityError::Unexpected(Box::new(error))),
        }
    }

    pub(super) fn key_set(&self) -> &str {
        &self.key_set
    }
}

fn make_key() -> io::Result<Vec<u8>> {
    let document = Ed25519KeyPair::generate().and_then(|pair| pair.to_pkcs8v1()).map_err(io::Error::other)?;
    Ok(document.as_ref().to_vec())
}

/// The key's id: its JWK thumbprint (RFC 7638), so another key has another id.
fn thumbprint(x: &str) -> String {
    let canonical = format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#);
    BASE64URL_NOPAD.encode(digest(&SHA256, canonical.as_bytes()).as_ref())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_thumbprint_is_that_of_rfc_8037() {
        let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
        assert_eq!(thumbprint(x), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    }
}
