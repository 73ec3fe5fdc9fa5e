//! Settings from bodies: faults named, secrets kept where they may be, and never shown.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::signing::{Scheme, Seed, SigningKey};

const SEED: Seed = Seed { bits: [0x5e; 32], at: Timestamp::constant(1_800_000_000, 0) };

fn put(body: Value, stored: Option<&DeliverySettings>) -> Result<DeliverySettings, Vec<FieldFault>> {
    resolve(serde_json::from_value(body).unwrap(), stored, false, &SEED)
}

fn settings(body: Value) -> DeliverySettings {
    put(body, None).unwrap()
}

/// Where the faults of a body are.
fn faults(body: Value, stored: Option<&DeliverySettings>) -> Vec<&'static str> {
    let faults = put(body, stored).expect_err("this body should be refused");
    faults.into_iter().map(|fault| fault.pointer).collect()
}

fn push(auth: Value) -> Value {
    json!({"mode": "push", "url": "https://books.example/hook", "auth": auth})
}

fn with(mut body: Value, pointer: &str, value: Value) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap()[field] = value;
    body
}

fn without(mut body: Value, pointer: &str) -> Value {
    let (parent, field) = pointer.rsplit_once('/').unwrap();
    body.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
    body
}

fn api_key() -> Value {
    push(json!({"type": "api-key", "name": "X-Key", "value": "k3y-clear"}))
}

fn basic() -> Value {
    push(json!({"type": "basic", "username": "market", "password": "pass-clear"}))
}

fn oauth() -> Value {
    push(json!({
        "type": "oauth-client-credentials",
        "token_url": "https://login.example/token",
        "client_id": "market",
        "client_secret": "secret-clear",
        "scope": "offers:write offers:read",
    }))
}

fn secret_of(settings: &DeliverySettings) -> Option<&str> {
    match settings {
        DeliverySettings::Poll => None,
        DeliverySettings::Push(push) => push.auth.secret().map(Secret::expose),
    }
}

#[test]
fn defaults_are_managed_unsigned_unlimited_and_a_day() {
    let DeliverySettings::Push(push) = settings(push(json!({"type": "none"}))) else {
        panic!("it is a push");
    };
    assert_eq!(push.transport, Transport::Managed);
    assert!(push.signing.current().is_none());
    assert_eq!(push.auth, Auth::None);
    assert_eq!(push.rate_limit_per_second, None);
    assert_eq!(push.max_age_hours, MaxAge::DAY);
    assert_eq!(push.max_age_hours.duration().as_hours(), 24);
    assert_eq!(settings(json!({"mode": "poll"})), DeliverySettings::Poll);
}

#[test]
fn an_answer_shows_everything_but_secrets() {
    let shown = serde_json::to_value(settings(api_key()).masked()).unwrap();
    let expected = json!({
        "mode": "push",
        "url": "https://books.example/hook",
        "transport": "managed",
        "signed": false,
        "auth": {"type": "api-key", "name": "X-Key", "value": "********"},
        "max_age_hours": 24,
    });
    assert_eq!(shown, expected);
    assert_eq!(serde_json::to_value(DeliverySettings::Poll.masked()).unwrap(), json!({"mode": "poll"}));
}

#[test]
fn no_secret_is_in_debug_text_or_in_the_clear_part() {
    for body in [api_key(), basic(), oauth(), direct(None), direct(Some("v1a"))] {
        let input: DeliveryInput = serde_json::from_value(body.clone()).unwrap();
        let settings = settings(body);
        let clear = serde_json::to_string(&settings.masked()).unwrap();
        for text in [format!("{input:?} {settings:?} {:?}", settings.secrets()), clear] {
            let secret = ["-clear", "whsec_", "whsk_"].iter().find(|secret| text.contains(*secret));
            assert!(secret.is_none(), "{secret:?}: {text}");
        }
    }
}

#[test]
fn settings_survive_being_stored_in_two_parts() {
    let limited = with(oauth(), "/rate_limit_per_second", json!(2.5));
    let (secret, key_pair) = (direct(None), with(direct(Some("v1a")), "/auth", json!({"type": "none"})));
    for body in [json!({"mode": "poll"}), push(json!({"type": "none"})), api_key(), basic(), limited, secret, key_pair]
    {
        let settings = settings(body);
        let clear = serde_json::to_string(&settings.masked()).unwrap();
        let secret = serde_json::to_string(&settings.secrets()).unwrap();
        let clear: DeliverySettings<Withheld> = serde_json::from_str(&clear).unwrap();
        let secret: Secrets = serde_json::from_str(&secret).unwrap();
        assert_eq!(clear.join(&secret), Ok(settings));
    }
}

#[test]
fn parts_that_do_not_belong_together_are_not_joined() {
    let with_secret = settings(basic());
    let open = settings(push(json!({"type": "none"})));
    assert_eq!(with_secret.masked().join(&Secrets::default()), Err(JoinError));
    assert_eq!(open.masked().join(&with_secret.secrets()), Err(JoinError));
    assert_eq!(DeliverySettings::Poll.masked().join(&with_secret.secrets()), Err(JoinError));
    let signed = settings(direct(None));
    let unsigned = Secrets { signing: vec![], ..signed.secrets() };
    assert_eq!(signed.masked().join(&unsigned), Err(JoinError));
    assert_eq!(settings(api_key()).masked().join(&signed.secrets()), Err(JoinError));
    let DeliverySettings::Push(push) = signed.masked() else { panic!("it is pushed to") };
    assert_eq!(DeliverySettings::Push(Box::new(push.blank())).masked(), signed.masked());
}

#[test]
fn a_secret_left_out_or_masked_stays_as_stored() {
    for (body, secret) in [(api_key(), "/auth/value"), (basic(), "/auth/password"), (oauth(), "/auth/client_secret")] {
        let stored = settings(body.clone());
        let elsewhere = with(body, "/url", json!("https://BOOKS.example:443/other?x=1"));
        for again in [without(elsewhere.clone(), secret), with(elsewhere, secret, json!(MASK))] {
            let kept = put(again, Some(&stored)).unwrap();
            assert_eq!(secret_of(&kept), secret_of(&stored));
        }
    }
}

#[test]
fn a_stored_secret_never_moves_to_another_origin() {
    for (body, secret) in [(api_key(), "/auth/value"), (basic(), "/auth/password"), (oauth(), "/auth/client_secret")] {
        let stored = settings(body.clone());
        let silent = without(body, secret);
        assert_eq!(faults(silent.clone(), None), [secret]);
        assert_eq!(faults(silent.clone(), Some(&DeliverySettings::Poll)), [secret]);
        for url in ["https://evil.example/hook", "https://books.example:8443/hook"] {
            assert_eq!(faults(with(silent.clone(), "/url", json!(url)), Some(&stored)), [secret]);
        }
    }
    let stored = settings(oauth());
    let silent = without(oauth(), "/auth/client_secret");
    let moved = with(silent, "/auth/token_url", json!("https://evil.example/token"));
    assert_eq!(faults(moved, Some(&stored)), ["/auth/client_secret"]);
}

#[test]
fn a_plain_http_url_on_the_same_host_is_another_origin() {
    let stored = settings(basic());
    let body = with(without(basic(), "/auth/password"), "/url", json!("http://books.example/hook"));
    let refused = resolve(serde_json::from_value(body).unwrap(), Some(&stored), true, &SEED).unwrap_err();
    assert_eq!(refused[0].pointer, "/auth/password");
}

#[test]
fn a_stored_secret_does_not_serve_another_kind_of_auth() {
    let stored = settings(basic());
    assert_eq!(faults(without(api_key(), "/auth/value"), Some(&stored)), ["/auth/value"]);
    let silent = without(oauth(), "/auth/client_secret");
    assert_eq!(faults(silent, Some(&stored)), ["/auth/client_secret"]);
}

#[test]
fn every_fault_is_named_at_once() {
    let body = json!({
        "mode": "push",
        "url": "ftp://books.example",
        "signed": true,
        "auth": {"type": "basic", "username": "a:b", "password": "x\ny", "name": "X-Key"},
        "rate_limit_per_second": 0,
        "max_age_hours": 25,
    });
    assert_eq!(
        faults(body, None),
        [
            "/signed",
            "/rate_limit_per_second",
            "/max_age_hours",
            "/url",
            "/auth/name",
            "/auth/username",
            "/auth/password",
        ]
    );
}

#[test]
fn what_is_required_is_asked_for() {
    assert_eq!(faults(json!({"mode": "push"}), None), ["/url", "/auth"]);
    assert_eq!(faults(push(json!({"type": "api-key"})), None), ["/auth/name", "/auth/value"]);
    assert_eq!(faults(push(json!({"type": "basic"})), None), ["/auth/username", "/auth/password"]);
    let nothing = push(json!({"type": "oauth-client-credentials"}));
    assert_eq!(faults(nothing, None), ["/auth/token_url", "/auth/client_id", "/auth/client_secret"]);
}

#[test]
fn polling_takes_no_push_settings() {
    let body = with(api_key(), "/mode", json!("poll"));
    assert_eq!(faults(body, None), ["/url", "/auth"]);
}

#[test]
fn unknown_fields_and_words_are_not_read() {
    for body in [
        json!({"mode": "push", "uri": "https://books.example"}),
        json!({"mode": "carrier-pigeon"}),
        json!({}),
        with(api_key(), "/auth/extra", json!(1)),
        with(api_key(), "/auth/type", json!("bearer")),
        with(api_key(), "/transport", json!("Direct")),
    ] {
        assert!(serde_json::from_value::<DeliveryInput>(body.clone()).is_err(), "{body}");
    }
}

fn direct(signature: Option<&str>) -> Value {
    let body = with(api_key(), "/transport", json!("direct"));
    let body = with(body, "/signed", json!(true));
    signature.map_or(body.clone(), |signature| with(body, "/signature", json!(signature)))
}

#[test]
fn only_our_own_sender_signs() {
    let detail = |body| put(body, None).unwrap_err().remove(0).detail;
    let managed = with(api_key(), "/signed", json!(true));
    assert_eq!(detail(managed), "only with transport `direct`");
    let unsigned = with(api_key(), "/signature", json!("v1"));
    assert_eq!(detail(unsigned), "only with `signed`");
    assert_eq!(faults(json!({"mode": "poll", "signed": true, "signature": "v1"}), None), ["/signed", "/signature"]);
    assert!(settings(with(direct(None), "/signed", json!(false))).signing().is_none());
}

#[test]
fn a_key_is_made_for_the_signature_that_is_asked_for() {
    for (signature, scheme) in [(None, Scheme::V1), (Some("v1"), Scheme::V1), (Some("v1a"), Scheme::V1a)] {
        let settings = settings(direct(signature));
        let current = settings.signing().unwrap().current().unwrap();
        assert_eq!(*current, SigningKey::new(scheme, &SEED));
    }
    let as_it_is = put(direct(None), Some(&settings(direct(Some("v1a"))))).unwrap();
    assert_eq!(as_it_is.signing().unwrap().current().unwrap().signature, Scheme::V1a);
}

#[test]
fn what_is_shown_of_signing_is_everything_but_secrets() {
    let shown = |signature| serde_json::to_value(settings(direct(Some(signature))).masked()).unwrap();
    let v1 = shown("v1");
    assert_eq!((&v1["signed"], &v1["signature"]), (&json!(true), &json!("v1")));
    let SigningKey { id, .. } = SigningKey::new(Scheme::V1, &SEED);
    assert_eq!(
        v1["signing_keys"],
        json!([{ "id": id, "signature": "v1", "created_at": "2027-01-15T08:00:00Z", "secret": "********" }])
    );
    assert!(v1.get("signing_public_key").is_none());
    let v1a = shown("v1a");
    let public = SigningKey::new(Scheme::V1a, &SEED).public_key.unwrap();
    assert_eq!(v1a["signing_public_key"], public);
    assert_eq!(v1a["signing_keys"][0]["public_key"], public);
}

#[test]
fn keys_that_sign_already_stay_whatever_else_changes() {
    let before = settings(direct(None));
    let other = Seed { bits: [1; 32], at: SEED.at };
    let again = |body: Value| {
        resolve(serde_json::from_value(body).unwrap(), Some(&before), false, &other).unwrap().replacing(&before)
    };
    let elsewhere = with(direct(None), "/url", json!("https://elsewhere.example/hook"));
    assert_eq!(again(elsewhere).signing(), before.signing());
    assert!(again(with(direct(None), "/signed", json!(false))).signing().is_none());
    assert_eq!(again(json!({"mode": "poll"})), DeliverySettings::Poll);
    let v1a = again(direct(Some("v1a")));
    let schemes: Vec<_> = v1a.signing().unwrap().keys().iter().map(|key| key.signature).collect();
    assert_eq!(schemes, [Scheme::V1a, Scheme::V1], "another signature is another key, and the old one still signs");
    let anew = resolve(serde_json::from_value(direct(None)).unwrap(), None, false, &other).unwrap();
    assert_ne!(anew.replacing(&settings(api_key())).signing(), before.signing(), "turned on again is a new key");
}

#[test]
fn numbers_have_bounds() {
    for (pointer, good, bad) in [
        ("/max_age_hours", vec![json!(1), json!(24)], vec![json!(0), json!(25), json!(-1), json!(256)]),
        (
            "/rate_limit_per_second",
            vec![json!(0.01), json!(1), json!(10_000)],
            vec![json!(0), json!(0.009), json!(10_000.1), json!(-3), json!(1e300)],
        ),
    ] {
        for value in good {
            assert!(put(with(basic(), pointer, value.clone()), None).is_ok(), "{value}");
        }
        for value in bad {
            assert_eq!(faults(with(basic(), pointer, value.clone()), None), [pointer], "{value}");
        }
    }
    assert!(RateLimit::try_from(f64::NAN).is_err());
}

#[test]
fn only_urls_that_may_be_called_are_taken() {
    let long = format!("https://books.example/{}", "x".repeat(2_048 - 22));
    for url in ["https://books.example", "https://8.8.8.8:8443/x?y=z", "https://bücher.example/", &long] {
        assert!(EndpointUrl::parse(url, false).is_ok(), "{url}");
    }
    let too_long = format!("{long}x");
    for (url, fault) in [
        (too_long.as_str(), UrlFault::TooLong),
        ("http://books.example/", UrlFault::NotHttps),
        ("ftp://books.example/", UrlFault::NotHttp),
        ("data:text/plain,x", UrlFault::NotHttp),
        ("https://user@books.example/", UrlFault::UserInformation),
        ("https://:pw@books.example/", UrlFault::UserInformation),
        ("https://books.example/#x", UrlFault::Fragment),
        ("https://books.example/#", UrlFault::Fragment),
        ("https://books.example:0/", UrlFault::PortZero),
        (" https://books.example/", UrlFault::IllegalCharacter),
        ("https://books.exa\nmple/", UrlFault::IllegalCharacter),
        ("https://books.example/\u{0}", UrlFault::IllegalCharacter),
    ] {
        assert_eq!(EndpointUrl::parse(url, false), Err(fault), "{url:?}");
    }
    for url in ["books.example", "/hook", "https://", "https://[::1", "https://a:99999/", ""] {
        let refused = EndpointUrl::parse(url, true);
        assert!(matches!(refused, Err(UrlFault::Malformed(_))), "{url:?} {refused:?}");
    }
}

/// The spellings of 127.0.0.1 are those that URL parsers know (WHATWG URL, "IPv4 parser").
#[test]
fn private_hosts_are_refused_early_unless_allowed() {
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "0177.0.0.1",
        "127.0.0.1.",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "10.0.0.1",
        "192.168.1.1",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "api.localhost",
    ] {
        let url = format!("https://{host}/");
        let refused = EndpointUrl::parse(&url, false);
        assert!(matches!(refused, Err(UrlFault::HostRefused(_))), "{host} {refused:?}");
        assert!(EndpointUrl::parse(&url, true).is_ok(), "{host}");
        assert!(EndpointUrl::parse(&format!("http://{host}/"), true).is_ok(), "{host}");
    }
}

#[test]
fn link_local_and_metadata_hosts_are_refused_always() {
    for host in ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "100.100.100.200"] {
        let refused = EndpointUrl::parse(&format!("http://{host}/latest/meta-data"), true);
        assert!(matches!(refused, Err(UrlFault::HostRefused(_))), "{host} {refused:?}");
    }
    let body = with(oauth(), "/auth/token_url", json!("https://169.254.169.254/token"));
    assert_eq!(faults(body, None), ["/auth/token_url"]);
}

#[test]
fn a_key_may_only_travel_in_a_header_that_is_free() {
    for name in ["x-api-key", "Authorization", "X-Books_Key", "key", &"k".repeat(512)] {
        assert!(HeaderName::try_from(name.to_owned()).is_ok(), "{name}");
    }
    for name in [
        "Host",
        "content-length",
        "Content-Type",
        "transfer-encoding",
        "Connection",
        "TE",
        "upgrade",
        "keep-alive",
        "proxy-authorization",
        "webhook-id",
        "Webhook-Signature",
        "user-agent",
        "expect",
        "if-none-match",
    ] {
        let refused = HeaderName::try_from(name.to_owned());
        assert_eq!(refused, Err(HeaderNameFault::Reserved), "{name}");
    }
    for name in ["", "x key", "x:key", "x\r\nhost", "schlüssel", "x\0", &"k".repeat(513)] {
        let refused = HeaderName::try_from(name.to_owned());
        assert_eq!(refused, Err(HeaderNameFault::NotAToken), "{name:?}");
    }
}

#[test]
fn texts_cannot_break_out_of_where_they_are_put() {
    let too_long = "x".repeat(513);
    for (body, pointer, bad) in [
        (api_key(), "/auth/value", vec!["", "a\r\nHost: b", "a\nb", "\u{7f}", " a", "a ", "é", &too_long]),
        (basic(), "/auth/username", vec!["", "a:b", "a\nb", &too_long]),
        (basic(), "/auth/password", vec!["", "a\nb", "\u{85}", &too_long]),
        (oauth(), "/auth/client_id", vec!["", "é", "a\n", &too_long]),
        (oauth(), "/auth/client_secret", vec!["", "a\0", &too_long]),
        (oauth(), "/auth/scope", vec!["", " a", "a  b", "a\"b", "a\\b", "é"]),
    ] {
        for text in bad {
            assert_eq!(faults(with(body.clone(), pointer, json!(text)), None), [pointer], "{text:?}");
        }
    }
    assert!(put(with(basic(), "/auth/password", json!("pässwörd: 1")), None).is_ok());
}

proptest! {
    #[test]
    fn no_url_makes_the_parser_panic_or_slip_past_the_rule(text in "(https?://)?\\PC{0,40}") {
        if let Ok(url) = EndpointUrl::parse(&text, false) {
            prop_assert_eq!(url.as_url().scheme(), "https");
            prop_assert!(url.as_url().has_host());
            prop_assert_eq!(EndpointUrl::parse(url.as_url().as_str(), false), Ok(url));
        }
    }

    #[test]
    fn a_header_value_that_is_taken_is_one_line_of_ascii(text in "\\PC{0,20}|[\\x00-\\x7f]{0,20}") {
        if put(with(api_key(), "/auth/value", json!(text)), None).is_ok() {
            prop_assert!(text.bytes().all(|byte| (0x20..0x7f).contains(&byte)));
        }
    }
}
