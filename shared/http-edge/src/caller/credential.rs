//! The one credential that a call carries.

use axum::http::{HeaderMap, header};

use crate::problem::{Challenge, Problem};

/// The header with a third party's key.
const API_KEY: &str = "x-api-key";

/// The credential that a request carries; not yet known to be good.
pub(super) enum Credential<'a> {
    Bearer(&'a str),
    ApiKey(&'a str),
}

pub(super) fn credential(headers: &HeaderMap) -> Result<Credential<'_>, Problem> {
    let mut bearer = headers.get_all(header::AUTHORIZATION).iter();
    let mut key = headers.get_all(API_KEY).iter();
    let refused = |challenge, detail| Err(Problem::unauthorized(challenge, detail));
    match (bearer.next(), key.next()) {
        (None, None) => {
            refused(Challenge::Any, "send `authorization: Bearer <token>`, or a third party's key as `x-api-key`")
        }
        (Some(_), Some(_)) => refused(Challenge::Any, "send one credential, not two"),
        (Some(value), None) if bearer.next().is_none() => match value.to_str().ok().and_then(bearer_token) {
            Some(token) => Ok(Credential::Bearer(token)),
            None => refused(Challenge::Any, "the header `authorization` must be `Bearer <token>`"),
        },
        (None, Some(value)) if key.next().is_none() => Ok(Credential::ApiKey(value.to_str().unwrap_or_default())),
        (Some(_), None) | (None, Some(_)) => refused(Challenge::Any, "send one credential, not two"),
    }
}

/// The scheme's name is case-insensitive (RFC 9110 section 11.1).
fn bearer_token(header: &str) -> Option<&str> {
    let (scheme, token) = header.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn exactly_one_credential_is_taken() {
        let bearer = headers(&[("authorization", "bearer  abc")]);
        assert!(matches!(credential(&bearer), Ok(Credential::Bearer("abc"))));
        let key = headers(&[("x-api-key", "mk_prod_1")]);
        assert!(matches!(credential(&key), Ok(Credential::ApiKey("mk_prod_1"))));
        for refused in [
            headers(&[]),
            headers(&[("authorization", "Bearer")]),
            headers(&[("authorization", "Bearer ")]),
            headers(&[("authorization", "Basic YTpi")]),
            headers(&[("authorization", "Bearer a"), ("authorization", "Bearer b")]),
            headers(&[("x-api-key", "a"), ("x-api-key", "b")]),
            headers(&[("authorization", "Bearer a"), ("x-api-key", "b")]),
        ] {
            let problem = credential(&refused).err().unwrap();
            assert_eq!(problem.status(), 401, "{refused:?}");
        }
    }
}
