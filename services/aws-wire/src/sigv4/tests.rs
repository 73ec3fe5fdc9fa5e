//! AWS's published vectors; each signed part changed; and time, scope and headers refused with AWS's words.

use std::{fs, path::Path};

use axum::http::Request;
use proptest::prelude::*;

use super::*;

const KEY: &str = "AKIDEXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY";
const SIGNED_AT: &str = "2015-08-30T12:36:00Z";

fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

fn verifier(secret: &str) -> Verifier {
    Verifier::new(KEY, &SecretString::from(secret), "service")
}

fn verify(parts: &Parts, body: &[u8], now: Timestamp) -> Result<(), SigV4Fault> {
    let verifier = verifier(SECRET);
    let claim = verifier.claim(parts, now)?;
    verifier.check(&claim, parts, body)
}

/// A request as it stands in the suite, with what a client encodes before it goes on the wire encoded.
fn request(text: &str) -> (Parts, Vec<u8>) {
    let (head, body) = text.split_once("\n\n").unwrap_or((text, ""));
    let mut lines = head.lines();
    let (method, rest) = lines.next().and_then(|line| line.split_once(' ')).expect("a request line");
    let target = rest.strip_suffix(" HTTP/1.1").expect("HTTP/1.1");
    let encode = |byte: u8| match byte {
        0x21..=0x7e => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    let mut request = Request::builder().method(method).uri(target.bytes().map(encode).collect::<String>());
    for line in lines {
        let (name, value) = line.split_once(':').expect("a header");
        request = request.header(name, value.trim());
    }
    let (parts, ()) = request.body(()).expect("a request").into_parts();
    (parts, body.as_bytes().to_vec())
}

fn vectors() -> Vec<(String, Parts, Vec<u8>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("vectors");
    let mut vectors = Vec::new();
    for entry in fs::read_dir(folder).expect("the vectors are there") {
        let path = entry.expect("a file").path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            let (parts, body) = request(&fs::read_to_string(&path).expect("a text"));
            vectors.push((path.display().to_string(), parts, body));
        }
    }
    assert_eq!(vectors.len(), 25);
    vectors
}

fn vanilla() -> (Parts, Vec<u8>) {
    request(include_str!("../../vectors/post-x-www-form-urlencoded.txt"))
}

fn set(parts: &mut Parts, name: &'static str, value: &str) {
    parts.headers.insert(name, value.parse().expect("a header's value"));
}

/// Replaces a part of the `Authorization` header.
fn edit(parts: &mut Parts, from: &str, to: &str) {
    let old = parts.headers[AUTHORIZATION].to_str().expect("ASCII").to_owned();
    assert!(old.contains(from), "{old} has no {from}");
    set(parts, "authorization", &old.replace(from, to));
}

#[test]
fn the_vectors_of_aws_are_verified() {
    for (name, parts, body) in vectors() {
        assert_eq!(verify(&parts, &body, at(SIGNED_AT)), Ok(()), "{name}");
    }
}

#[test]
fn another_secret_verifies_none_of_them() {
    for (name, parts, body) in vectors() {
        let other = verifier("another secret");
        let claim = other.claim(&parts, at(SIGNED_AT)).expect("only the signature is wrong");
        assert_eq!(other.check(&claim, &parts, &body), Err(SigV4Fault::mismatch()), "{name}");
    }
}

#[test]
fn a_change_to_any_signed_part_is_seen() {
    type Change = fn(&mut Parts, &mut Vec<u8>);
    let changes: [(&str, Change); 11] = [
        ("method", |parts, _| parts.method = axum::http::Method::PUT),
        ("path", |parts, _| parts.uri = "/other".parse().expect("a path")),
        ("query", |parts, _| parts.uri = "/?a=b".parse().expect("a path")),
        ("host", |parts, _| set(parts, "host", "elsewhere.example.com")),
        ("header", |parts, _| set(parts, "content-type", "application/json")),
        ("header twice", |parts, _| {
            let twice = parts.headers["content-type"].clone();
            parts.headers.append("content-type", twice);
        }),
        ("time", |parts, _| set(parts, DATE, "20150830T123601Z")),
        ("body", |_, body| body.push(b' ')),
        ("no body", |_, body| body.clear()),
        ("region", |parts, _| edit(parts, "us-east-1", "us-east-2")),
        ("signature", |parts, _| edit(parts, "Signature=d3", "Signature=d4")),
    ];
    for (name, change) in changes {
        let (mut parts, mut body) = vanilla();
        change(&mut parts, &mut body);
        assert_eq!(verify(&parts, &body, at(SIGNED_AT)), Err(SigV4Fault::mismatch()), "{name}");
    }
}

#[test]
fn every_header_of_aws_and_the_host_must_be_signed() {
    for (name, unsigned) in [("host;", "'Host' or ':authority'"), (";x-amz-date", "'x-amz-date'")] {
        let (mut parts, body) = vanilla();
        edit(&mut parts, name, "");
        let fault = verify(&parts, &body, at(SIGNED_AT)).expect_err(name);
        assert_eq!(fault.to_string(), format!("{unsigned} must be a 'SignedHeader' in the AWS Authorization."));
    }
    let (mut parts, body) = vanilla();
    set(&mut parts, "x-amz-target", "AWSEvents.PutEvents");
    let fault = verify(&parts, &body, at(SIGNED_AT)).expect_err("an unsigned target");
    assert_eq!(fault.code(), "InvalidSignatureException");
}

#[test]
fn a_signature_holds_five_minutes_either_way() {
    let (parts, body) = vanilla();
    for now in ["2015-08-30T12:31:00Z", "2015-08-30T12:41:00Z"] {
        assert_eq!(verify(&parts, &body, at(now)), Ok(()), "{now}");
    }
    let late = verify(&parts, &body, at("2015-08-30T12:41:01Z")).expect_err("too old");
    assert_eq!(
        late.to_string(),
        "Signature expired: 20150830T123600Z is now earlier than 20150830T123601Z (20150830T124101Z - 5 min.)"
    );
    let early = verify(&parts, &body, at("2015-08-30T12:30:59Z")).expect_err("too new");
    assert_eq!(
        early.to_string(),
        "Signature not yet current: 20150830T123600Z is still later than 20150830T123559Z \
         (20150830T123059Z + 5 min.)"
    );
}

#[test]
fn the_scope_must_be_this_service_on_the_day_of_the_request() {
    for (from, to, words) in [
        ("/service/", "/s3/", "Credential should be scoped to correct service: 'service'."),
        ("20150830/", "20150829/", "Date in Credential scope does not match YYYYMMDD"),
        ("20150830/", "2015/", "Date in Credential scope does not match YYYYMMDD"),
    ] {
        let (mut parts, body) = vanilla();
        edit(&mut parts, from, to);
        let fault = verify(&parts, &body, at(SIGNED_AT)).expect_err(to);
        assert_eq!(fault.code(), "InvalidSignatureException");
        assert!(fault.to_string().starts_with(words), "{fault}");
    }
}

#[test]
fn another_key_and_a_session_token_are_unknown() {
    let (mut parts, body) = vanilla();
    edit(&mut parts, KEY, "AKIDOTHER");
    assert_eq!(verify(&parts, &body, at(SIGNED_AT)), Err(SigV4Fault::UnknownClient));
    let (mut parts, body) = vanilla();
    set(&mut parts, SESSION_TOKEN, "token");
    assert_eq!(verify(&parts, &body, at(SIGNED_AT)), Err(SigV4Fault::UnknownClient));
}

#[test]
fn what_is_missing_is_named() {
    let (mut parts, body) = vanilla();
    parts.headers.remove(AUTHORIZATION);
    assert_eq!(verify(&parts, &body, at(SIGNED_AT)), Err(SigV4Fault::Missing));
    for (from, to) in [
        ("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
        ("AWS4-HMAC-SHA256", "Bearer"),
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256"),
        ("Credential=", "Credentials="),
        ("SignedHeaders=", "Headers="),
        ("Signature=", "Signed="),
        ("/aws4_request", ""),
        ("/aws4_request", "/aws3_request"),
    ] {
        let (mut parts, body) = vanilla();
        edit(&mut parts, from, to);
        let fault = verify(&parts, &body, at(SIGNED_AT)).expect_err(to);
        assert_eq!(fault.code(), "IncompleteSignatureException", "{from} -> {to}");
    }
    for date in ["", "now", "2015-08-30T12:36:00Z", "20150830T1236Z", "20150830T123660Z", "20151330T123600Z"] {
        let (mut parts, body) = vanilla();
        set(&mut parts, DATE, date);
        let fault = verify(&parts, &body, at(SIGNED_AT)).expect_err(date);
        assert_eq!(fault.code(), "IncompleteSignatureException", "{date}");
    }
}

#[test]
fn a_verifier_does_not_show_its_secret() {
    assert!(!format!("{:?}", verifier(SECRET)).contains(SECRET));
}

proptest! {
    #[test]
    fn no_header_makes_the_verifier_panic(
        authorization in "(AWS4-HMAC-SHA256 )?(Credential=AKIDEXAMPLE/[0-9]{0,9}/[a-z/-]{0,9}service/aws4_request, ?)?(SignedHeaders=(host;x-amz-date;?)?[a-z; ]{0,9}, )?(Signature=)?[ -~]{0,40}",
        date in "[0-9TZ-]{0,18}|20150830T123600Z",
        host in "[ -~]{0,20}",
        path in "/[!-~]{0,20}",
    ) {
        let uri = path.parse().unwrap_or_default();
        let (mut parts, ()) = Request::new(()).into_parts();
        parts.uri = uri;
        set(&mut parts, "authorization", &authorization);
        set(&mut parts, DATE, &date);
        set(&mut parts, "host", &host);
        prop_assert!(verify(&parts, b"", at(SIGNED_AT)).is_err());
    }
}
