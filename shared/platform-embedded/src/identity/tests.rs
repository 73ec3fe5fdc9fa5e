//! The way of a person: a password is kept and checked, and the token is verified by its published key.

use std::{fs, os::unix::fs::PermissionsExt as _};

use http_edge::token::{Expected, JwksVerifier, TokenFault, TokenVerifier as _};
use tempfile::TempDir;

use super::*;

const ISSUER: &str = "http://127.0.0.1:8080";

fn open(folder: &TempDir) -> LocalIdentity {
    LocalIdentity::open(&folder.path().join("identity-key"), ISSUER).unwrap()
}

fn verifier(identity: &LocalIdentity) -> JwksVerifier {
    let expected = Expected { issuer: ISSUER.to_owned(), audience: AUDIENCE.to_owned(), operator_group: None };
    JwksVerifier::new(identity.key_set(), expected).unwrap()
}

fn now() -> Timestamp {
    "2026-11-21T08:00:00Z".parse().unwrap()
}

#[test]
fn a_token_is_verified_by_the_published_key_until_it_expires() {
    let folder = tempfile::tempdir().unwrap();
    let identity = open(&folder);
    let user: UserId = "usr_1".parse().unwrap();
    let token = identity.issue_token(&user, now()).unwrap();
    let verifier = verifier(&identity);
    let verified = verifier.verify(token.token.expose(), now()).unwrap();
    assert_eq!((verified.id, verified.operator), (user, false));
    let later = now() + token.expires_in + std::time::Duration::from_secs(10);
    assert!(matches!(verifier.verify(token.token.expose(), later), Err(TokenFault::Expired)));
}

#[test]
fn the_key_outlives_the_process_and_is_kept_from_others() {
    let folder = tempfile::tempdir().unwrap();
    let token = open(&folder).issue_token(&"usr_1".parse().unwrap(), now()).unwrap();
    let path = folder.path().join("identity-key");
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    assert!(verifier(&open(&folder)).verify(token.token.expose(), now()).is_ok());

    fs::remove_file(&path).unwrap();
    assert!(verifier(&open(&folder)).verify(token.token.expose(), now()).is_err(), "another key");
    fs::write(&path, b"not a key").unwrap();
    assert!(LocalIdentity::open(&path, ISSUER).is_err());
}

#[test]
fn the_private_key_is_not_published() {
    let folder = tempfile::tempdir().unwrap();
    let set: serde_json::Value = serde_json::from_str(open(&folder).key_set()).unwrap();
    let mut members: Vec<_> = set["keys"][0].as_object().unwrap().keys().collect();
    members.sort();
    assert_eq!(members, ["alg", "crv", "kid", "kty", "use", "x"]);
}

#[tokio::test]
async fn wrong_passwords_slow_the_account_down_and_the_right_one_frees_it() {
    let folder = tempfile::tempdir().unwrap();
    let identity = open(&folder);
    let (right, wrong) = (Secret::new("correct horse"), Secret::new("battery staple"));
    let hash = identity.hash_password(&right).await.unwrap();
    let mut clock = now();
    for stored in [Some(hash.as_str()), None] {
        let account = if stored.is_some() { "ann@example.com" } else { "nobody@example.com" };
        for _ in 0..5 {
            let checked = identity.check_password(account, stored, &wrong, clock).await;
            assert!(matches!(checked, Err(IdentityError::WrongPassword)), "{account}");
        }
        let checked = identity.check_password(account, stored, &right, clock).await;
        let Err(IdentityError::TooManyFailures { retry_after }) = checked else {
            panic!("{account} is not slowed down: {checked:?}");
        };
        clock += retry_after;
        let checked = identity.check_password(account, stored, &right, clock).await;
        assert_eq!(checked.is_ok(), stored.is_some(), "{account}");
    }
    for _ in 0..4 {
        identity.check_password("ann@example.com", Some(&hash), &wrong, clock).await.unwrap_err();
    }
    identity.check_password("ann@example.com", Some(&hash), &right, clock).await.unwrap();
}
