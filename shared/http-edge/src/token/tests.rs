//! Tokens of a real issuer are accepted; everything an attacker can make of them is not.

use aws_lc_rs::{
    encoding::AsDer as _,
    rsa::KeySize,
    signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair},
};
use data_encoding::BASE64URL_NOPAD;
use jsonwebtoken::{EncodingKey, Header};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

pub(super) const NOW: i64 = 1_800_000_000;

/// An issuer of tokens with one Ed25519 key.
pub(super) struct Issuer {
    encoding: EncodingKey,
    public: Vec<u8>,
}

impl Issuer {
    pub(super) fn new() -> Self {
        let pair = Ed25519KeyPair::generate().unwrap();
        Self {
            encoding: EncodingKey::from_ed_der(pair.to_pkcs8v1().unwrap().as_ref()),
            public: pair.public_key().as_ref().to_vec(),
        }
    }

    pub(super) fn jwk(&self) -> Value {
        let x = BASE64URL_NOPAD.encode(&self.public);
        json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": "k1", "alg": "EdDSA", "use": "sig"})
    }

    fn verifier(&self) -> JwksVerifier {
        verifier(&json!({"keys": [self.jwk()]}))
    }

    pub(super) fn token(&self, claims: &Value) -> String {
        self.token_with(&header(Algorithm::EdDSA), claims)
    }

    /// The same, with another id for its key.
    pub(super) fn token_of_key(&self, key_id: &str, claims: &Value) -> String {
        self.token_with(&Header { kid: Some(key_id.to_owned()), ..header(Algorithm::EdDSA) }, claims)
    }

    fn token_with(&self, header: &Header, claims: &Value) -> String {
        jsonwebtoken::encode(header, claims, &self.encoding).unwrap()
    }
}

fn header(algorithm: Algorithm) -> Header {
    Header { kid: Some("k1".to_owned()), ..Header::new(algorithm) }
}

fn verifier(set: &Value) -> JwksVerifier {
    let expected = Expected {
        issuer: "https://market.example".to_owned(),
        audience: "marketplace".to_owned(),
        operator_group: Some("operators".to_owned()),
    };
    JwksVerifier::new(&set.to_string(), expected).unwrap()
}

pub(super) fn claims() -> Value {
    json!({
        "iss": "https://market.example", "aud": "marketplace", "sub": "usr_1",
        "iat": NOW - 10, "exp": NOW + 3600,
    })
}

/// The claims with one changed; null takes it out.
fn claims_but(name: &str, value: Value) -> Value {
    let mut claims = claims();
    let members = claims.as_object_mut().unwrap();
    members.insert(name.to_owned(), value);
    members.retain(|_, value| !value.is_null());
    claims
}

pub(super) fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn raw(header: &Value, claims: &Value, signature: &[u8]) -> String {
    let encode = |value: &Value| BASE64URL_NOPAD.encode(value.to_string().as_bytes());
    format!("{}.{}.{}", encode(header), encode(claims), BASE64URL_NOPAD.encode(signature))
}

#[test]
fn a_token_of_our_issuer_names_its_user() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let token = issuer.token(&claims());
    let user = VerifiedUser { id: "usr_1".parse().unwrap(), operator: false };
    assert_eq!(verifier.verify(&token, at(NOW)).unwrap(), user);
    assert_eq!(verifier.verify(&token, at(NOW)).unwrap(), user, "from the cache");
}

#[test]
fn claims_that_others_write_differently_are_understood() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let several = claims_but("aud", json!(["else", "marketplace"]));
    assert!(verifier.verify(&issuer.token(&several), at(NOW)).is_ok());

    let mut operator = claims_but("aud", Value::Null);
    operator["client_id"] = json!("marketplace");
    operator["token_use"] = json!("access");
    operator["cognito:groups"] = json!(["operators"]);
    assert!(verifier.verify(&issuer.token(&operator), at(NOW)).unwrap().operator);
}

#[test]
fn a_wrong_claim_is_refused() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let wrong = [
        ("iss", json!("https://other.example")),
        ("iss", json!(["https://market.example"])),
        ("iss", Value::Null),
        ("aud", json!("other")),
        ("aud", json!(["other"])),
        ("aud", json!([])),
        ("aud", Value::Null),
        ("sub", Value::Null),
        ("sub", json!("")),
        ("sub", json!("a\nb")),
        ("sub", json!(7)),
        ("exp", Value::Null),
        ("exp", json!("2099-01-01")),
        ("exp", json!(NOW - LEEWAY_SECONDS)),
        ("exp", json!(i64::MIN)),
        ("nbf", json!(NOW + LEEWAY_SECONDS + 1)),
        ("nbf", json!(i64::MAX)),
        ("token_use", json!("id")),
    ];
    for (name, value) in wrong {
        let token = issuer.token(&claims_but(name, value.clone()));
        assert!(verifier.verify(&token, at(NOW)).is_err(), "{name}: {value}");
        assert!(verifier.verify(&token, at(NOW)).is_err(), "{name}: {value}, again");
    }
}

#[test]
fn a_token_ends_when_it_says_although_it_was_verified_before() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    let token = issuer.token(&claims_but("exp", json!(NOW + 60)));
    assert!(verifier.verify(&token, at(NOW)).is_ok());
    assert!(verifier.verify(&token, at(NOW + 60 + LEEWAY_SECONDS - 1)).is_ok());
    let late = verifier.verify(&token, at(NOW + 60 + LEEWAY_SECONDS));
    assert!(matches!(late, Err(TokenFault::Expired)));
    let fresh = issuer.verifier().verify(&token, at(NOW + 60 + LEEWAY_SECONDS));
    assert!(matches!(fresh, Err(TokenFault::Expired)));
}

#[test]
fn a_token_of_another_key_is_refused() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let verifier = issuer.verifier();
    assert!(matches!(verifier.verify(&other.token(&claims()), at(NOW)), Err(TokenFault::Forged(_))));
    for kid in [None, Some("k2"), Some("")] {
        let header = Header { kid: kid.map(str::to_owned), ..header(Algorithm::EdDSA) };
        let token = issuer.token_with(&header, &claims());
        let fault = verifier.verify(&token, at(NOW));
        assert!(matches!(fault, Err(TokenFault::Invalid(_) | TokenFault::UnknownKey)), "{kid:?}");
    }
}

#[test]
fn the_key_decides_the_algorithm_and_the_token_does_not() {
    let issuer = Issuer::new();
    let verifier = issuer.verifier();
    for name in ["none", "None", "NONE", "", "HS256", "RS256", "ES256", "EdDSA"] {
        for signature in [&[][..], &[0; 64][..]] {
            let token = raw(&json!({"alg": name, "kid": "k1"}), &claims(), signature);
            assert!(verifier.verify(&token, at(NOW)).is_err(), "{name}");
        }
    }
    // The public key used as the secret of an HMAC (RFC 8725 section 2.1).
    for secret in [issuer.public.clone(), issuer.jwk()["x"].as_str().unwrap().as_bytes().to_vec()] {
        let secret = EncodingKey::from_secret(&secret);
        let token = jsonwebtoken::encode(&header(Algorithm::HS256), &claims(), &secret).unwrap();
        assert!(verifier.verify(&token, at(NOW)).is_err());
    }
}

#[test]
fn extensions_that_must_be_understood_are_refused() {
    let issuer = Issuer::new();
    let header = Header { crit: Some(vec!["b64".to_owned()]), ..header(Algorithm::EdDSA) };
    let token = issuer.token_with(&header, &claims());
    assert!(matches!(issuer.verifier().verify(&token, at(NOW)), Err(TokenFault::Invalid(_))));
}

#[test]
fn a_key_in_the_header_is_not_believed() {
    let (issuer, other) = (Issuer::new(), Issuer::new());
    let jwk = serde_json::from_value(other.jwk()).unwrap();
    let header = Header { jwk: Some(jwk), ..header(Algorithm::EdDSA) };
    let token = other.token_with(&header, &claims());
    assert!(issuer.verifier().verify(&token, at(NOW)).is_err());
}

#[test]
fn rs256_tokens_such_as_cognitos_are_verified() {
    let pair = RsaKeyPair::generate(KeySize::Rsa2048).unwrap();
    let part = |part: &[u8]| BASE64URL_NOPAD.encode(part);
    let public = pair.public_key();
    let n = part(public.modulus().big_endian_without_leading_zero());
    let e = part(public.exponent().big_endian_without_leading_zero());
    let jwk = json!({"kty": "RSA", "n": n, "e": e, "kid": "k1", "alg": "RS256", "use": "sig"});
    let verifier = verifier(&json!({"keys": [jwk]}));
    let encoding = EncodingKey::from_rsa_der(pkcs1(pair.as_der().unwrap().as_ref()));

    let token = jsonwebtoken::encode(&header(Algorithm::RS256), &claims(), &encoding).unwrap();
    assert!(verifier.verify(&token, at(NOW)).is_ok());
    for algorithm in [Algorithm::RS512, Algorithm::PS256] {
        let token = jsonwebtoken::encode(&header(algorithm), &claims(), &encoding).unwrap();
        assert!(verifier.verify(&token, at(NOW)).is_err(), "{algorithm:?}");
    }
    let secret = EncodingKey::from_secret(n.as_bytes());
    let token = jsonwebtoken::encode(&header(Algorithm::HS256), &claims(), &secret).unwrap();
    assert!(verifier.verify(&token, at(NOW)).is_err());
}

/// The RSA key inside a PKCS #8 document: what follows the 26 bytes of its wrapping.
fn pkcs1(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[26..]
}

#[test]
fn a_set_without_a_usable_key_is_refused_at_the_start() {
    let expected = || Expected { issuer: String::new(), audience: String::new(), operator_group: None };
    let jwk = Issuer::new().jwk();
    let but = |name: &str, value: Value| {
        let mut jwk = jwk.clone();
        jwk[name] = value;
        json!({"keys": [jwk]}).to_string()
    };
    let unusable = [
        json!({"keys": []}).to_string(),
        json!({"keys": [{"kty": "oct", "k": "c2VjcmV0", "kid": "k1", "alg": "HS256"}]}).to_string(),
        but("use", json!("enc")),
        but("alg", json!("RS256")),
        but("crv", json!("P-256")),
        but("kid", Value::Null),
    ];
    for set in unusable {
        assert!(matches!(JwksVerifier::new(&set, expected()), Err(KeySetFault::NoKey)), "{set}");
    }
    assert!(matches!(JwksVerifier::new("{", expected()), Err(KeySetFault::Malformed(_))));
}

#[test]
fn what_is_no_token_is_refused() {
    let verifier = Issuer::new().verifier();
    let long = "a".repeat(MAX_TOKEN_BYTES + 1);
    for text in ["", ".", "..", "...", "a.b", "a.b.c", "a.b.c.d", "\0", "Bearer x", &long] {
        assert!(verifier.verify(text, at(NOW)).is_err(), "{text:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn a_mangled_token_is_refused(place in any::<prop::sample::Index>(), byte in 0x20_u8..0x7f, edit in 0..3) {
        let issuer = Issuer::new();
        let verifier = issuer.verifier();
        let token = issuer.token(&claims());
        prop_assert!(verifier.verify(&token, at(NOW)).is_ok());
        let mut mangled = token.clone().into_bytes();
        let place = place.index(mangled.len());
        match edit {
            0 => mangled[place] = byte,
            1 => mangled.insert(place, byte),
            _ => drop(mangled.remove(place)),
        }
        let mangled = String::from_utf8(mangled).unwrap();
        prop_assume!(mangled != token);
        prop_assert!(verifier.verify(&mangled, at(NOW)).is_err());
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,80}") {
        prop_assert!(Issuer::new().verifier().verify(&text, at(NOW)).is_err());
    }
}
