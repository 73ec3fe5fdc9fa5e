//! Signatures that others verify, keys as they are written, and which keys sign when, after any rotations.

use data_encoding::{BASE64, HEXLOWER};
use ed25519_dalek::{Signature, Verifier as _, VerifyingKey};
use jiff::SignedDuration;
use proptest::prelude::*;
use serde_json::json;
use sha2::Digest as _;

use super::*;
use crate::delivery::Secret;

const START: Timestamp = Timestamp::constant(1_800_000_000, 0);

fn at(hours: i64) -> Timestamp {
    START + SignedDuration::from_hours(hours)
}

fn seed(number: u8, at: Timestamp) -> Seed {
    Seed { bits: [number; 32], at }
}

fn key(signature: Scheme, number: u8, at: Timestamp) -> SigningKey {
    SigningKey::new(signature, &seed(number, at))
}

fn signatures(signing: &Signing, now: Timestamp) -> Vec<String> {
    let header = Signer::new(signing).unwrap().sign("msg_1", now, b"{}").unwrap_or_default();
    header.split(' ').map(str::to_owned).collect()
}

/// The example of the official libraries' own tests.
#[test]
fn the_signature_is_the_one_of_the_official_libraries() {
    let mut key = key(Scheme::V1, 0, START);
    key.secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw");
    let now = Timestamp::from_second(1_614_265_330).unwrap();
    let signer = Signer::new(&key.into()).unwrap();
    let header = signer.sign("msg_p5jXN8AQM9LWM0D4loKWxJek", now, br#"{"test": 2432232314}"#).unwrap();
    assert_eq!(header, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    assert!(!format!("{signer:?}").contains("MfKQ"), "{signer:?}");
}

/// The first key pair of RFC 8032, section 7.1.
#[test]
fn a_public_key_verifies_what_its_private_key_has_signed() {
    let bits = HEXLOWER.decode(b"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60").unwrap();
    let key = SigningKey::new(Scheme::V1a, &Seed { bits: bits.try_into().unwrap(), at: START });
    let public = HEXLOWER.decode(b"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a").unwrap();
    assert_eq!(key.public_key.as_deref(), Some(&*format!("whpk_{}", BASE64.encode(&public))));
    assert!(key.secret.expose().starts_with("whsk_") && key.shared_secret().is_none());

    let header = Signer::new(&key.into()).unwrap().sign("msg_1", START, b"{}").unwrap();
    let signature = BASE64.decode(header.strip_prefix("v1a,").unwrap().as_bytes()).unwrap();
    let signature = Signature::from_slice(&signature).unwrap();
    let public = VerifyingKey::from_bytes(&public.try_into().unwrap()).unwrap();
    assert!(public.verify(b"msg_1.1800000000.{}", &signature).is_ok());
    assert!(public.verify(b"msg_1.1800000000.{ }", &signature).is_err());
}

#[test]
fn a_secret_has_256_bits_and_a_name_that_does_not_tell_it() {
    let key = key(Scheme::V1, 0xa5, START);
    let secret = key.shared_secret().unwrap().expose();
    assert_eq!(BASE64.decode(secret.strip_prefix("whsec_").unwrap().as_bytes()).unwrap(), [0xa5; 32]);
    let id = serde_json::to_value(&key.id).unwrap();
    // printf %s whsec_… | sha256sum
    assert_eq!(id, format!("sig_{}", &HEXLOWER.encode(&sha2::Sha256::digest(secret))[..16]));
    assert!(key.is_made_of(&seed(0xa5, at(9))) && !key.is_made_of(&seed(0xa6, START)));
}

#[test]
fn nothing_is_signed_without_a_key() {
    assert_eq!(Signer::default().sign("msg_1", START, b"{}"), None);
    assert_eq!(Signer::new(&Signing::default()).unwrap().sign("msg_1", START, b"{}"), None);
}

#[test]
fn a_stored_secret_that_is_none_is_noticed() {
    for (signature, text) in [
        (Scheme::V1, ""),
        (Scheme::V1, "whsec_not base64"),
        (Scheme::V1, "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
        (Scheme::V1a, "whsk_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"),
    ] {
        let mut key = key(signature, 1, START);
        key.secret = Secret::new(text);
        assert_eq!(Signer::new(&key.into()).unwrap_err(), KeyFault, "{text}");
    }
}

#[test]
fn stored_keys_have_one_without_an_end_and_that_is_the_newest() {
    let rotated = Signing::from(key(Scheme::V1, 1, START)).rotated(key(Scheme::V1, 2, at(1)), DEFAULT_GRACE);
    let stored = serde_json::to_value(rotated.with_secrets(|secret| secret.expose().to_owned())).unwrap();
    let read = |stored: &serde_json::Value| serde_json::from_value::<Signing>(stored.clone());
    assert_eq!(read(&stored).unwrap(), rotated);
    assert_eq!(
        read(&json!({ "signed": false })).unwrap(),
        Signing::default(),
        "as it was stored before there were keys"
    );
    let mut reversed = stored.clone();
    reversed["signing_keys"].as_array_mut().unwrap().reverse();
    assert!(read(&reversed).is_err());
    let mut endless = stored;
    endless["signing_keys"][1].as_object_mut().unwrap().remove("ends_at");
    assert!(read(&endless).is_err());
}

#[test]
fn until_the_grace_ends_both_keys_sign() {
    let old = Signing::from(key(Scheme::V1, 1, START));
    let both = old.rotated(key(Scheme::V1a, 2, at(1)), SignedDuration::from_hours(24));
    let with_old = signatures(&old, at(24));
    let during = signatures(&both, at(24));
    assert_eq!(during.len(), 2);
    assert!(during[0].starts_with("v1a,") && during[1] == with_old[0], "{during:?}");
    assert_eq!(signatures(&both, at(25)).len(), 1);
    assert_eq!(both.without_ended(at(25)).keys().len(), 1);
}

#[test]
fn without_grace_everything_before_ends_at_once() {
    let both = Signing::from(key(Scheme::V1, 1, START)).rotated(key(Scheme::V1, 2, at(1)), LONGEST_GRACE);
    let alone = both.rotated(key(Scheme::V1, 3, at(2)), SignedDuration::ZERO);
    assert_eq!(alone.keys(), [key(Scheme::V1, 3, at(2))]);
}

proptest! {
    /// The rule from its other end: a key signs until some later rotation's grace is over, or ten newer ones came.
    #[test]
    fn after_any_rotations_the_newest_signs_and_others_while_every_later_grace_lasts(
        rotations in prop::collection::vec((1_i64..30, 0_i64..=168), 0..25),
        later in 0_i64..200,
    ) {
        let mut signing = Signing::from(key(Scheme::V1, 0, START));
        let mut ends = vec![];
        let mut now = START;
        for (number, (pause, grace)) in (1..).zip(&rotations) {
            now += SignedDuration::from_hours(*pause);
            let grace = SignedDuration::from_hours(*grace);
            signing = signing.rotated(key(Scheme::V1, number, now), grace);
            ends.push(now + grace);
        }
        prop_assert!(signing.keys().len() <= 1 + MOST_OLD_KEYS);
        now += SignedDuration::from_hours(later);
        let in_force = |number: &usize| {
            rotations.len() - number <= MOST_OLD_KEYS && ends[*number..].iter().all(|end| now < *end)
        };
        let expected = (0..=rotations.len()).rev().filter(in_force);
        let expected: Vec<_> = expected.map(|number| key(Scheme::V1, u8::try_from(number).unwrap(), START).id).collect();
        let signing_now: Vec<_> = signing.at(now).map(|key| key.id.clone()).collect();
        prop_assert_eq!(&signing_now, &expected);
        prop_assert_eq!(signatures(&signing, now).len(), expected.len());
        prop_assert_eq!(signing.current().unwrap().ends_at, None);
        let stored = serde_json::to_value(signing.with_secrets(|secret| secret.expose().to_owned())).unwrap();
        prop_assert_eq!(serde_json::from_value::<Signing>(stored).unwrap(), signing);
    }
}
