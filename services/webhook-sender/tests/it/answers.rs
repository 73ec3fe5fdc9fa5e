//! What the sender makes of answers: fast, slow, huge, broken and malicious ones.

use std::time::{Duration, Instant};

use marketplace_core::{
    retry::RetryAfter,
    transport::{Failure, Outcome},
};
use webhook_sender::ANSWER_LIMIT;

use crate::stub::{Reply, Stub, attempt, attempt_within};

const CHUNKED: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n";

fn answered(status: u16) -> Outcome {
    Outcome::Answered { status, retry_after: None }
}

#[tokio::test]
async fn a_status_is_reported_with_the_answers_text() {
    for status in [200, 201, 204, 299, 400, 404, 410, 429, 500, 503, 599, 600, 999] {
        let body = if status == 204 { "" } else { "thanks: é" };
        let stub = Stub::start(move |_, _| Reply::with(status, "", body)).await;
        let report = attempt(&stub.url("/")).await;
        assert_eq!(report.outcome, answered(status));
        assert_eq!((report.answer.as_str(), report.detail), (body, None));
    }
}

#[tokio::test]
async fn retry_after_is_read() {
    for (header, expected) in [
        ("Retry-After: 120\r\n", Some(RetryAfter::Seconds(120))),
        ("retry-after: -1\r\n", Some(RetryAfter::Negative)),
        ("retry-after: soon\r\n", None),
        ("retry-after: \u{ff}\r\n", None),
        ("", None),
    ] {
        let stub = Stub::start(move |_, _| Reply::with(503, header, "")).await;
        let report = attempt(&stub.url("/")).await;
        let outcome = Outcome::Answered { status: 503, retry_after: expected };
        assert_eq!(report.outcome, outcome, "{header:?}");
    }
}

#[tokio::test]
async fn redirects_are_not_followed() {
    let elsewhere = Stub::always(200).await;
    for status in [301, 302, 303, 307, 308] {
        let location = format!("location: {}\r\n", elsewhere.url("/"));
        let stub = Stub::start(move |_, _| Reply::with(status, &location, "")).await;
        assert_eq!(attempt(&stub.url("/")).await.outcome, answered(status));
    }
    assert_eq!(elsewhere.connections(), 0);
}

#[tokio::test]
async fn an_endpoint_that_says_nothing_times_out() {
    let half_a_status_line = b"HTTP/1.1 20".to_vec();
    for bytes in [Vec::new(), half_a_status_line] {
        let stub = Stub::start(move |_, _| Reply::Stall(bytes.clone())).await;
        let began = Instant::now();
        let report = attempt_within(&stub.url("/"), 200).await;
        assert_eq!(report.outcome, Outcome::Failed(Failure::Timeout));
        assert!(report.latency >= Duration::from_millis(200), "{report:?}");
        assert!(began.elapsed() < Duration::from_secs(2), "{report:?}");
    }
}

/// Headers that never end keep the connection busy, so that no inactivity timeout would notice.
#[tokio::test]
async fn an_endpoint_whose_headers_never_end_is_cut_off() {
    for first in ["HTTP/1.1 200 OK\r\n", ""] {
        let again = if first.is_empty() { "HTTP/1.1 100 Continue\r\n\r\n" } else { "x: y\r\n" };
        let stub = Stub::start(move |_, _| Reply::Endless(first.into(), again.into())).await;
        let report = attempt_within(&stub.url("/"), 500).await;
        let failed = [Failure::Timeout, Failure::MalformedAnswer].map(Outcome::Failed);
        assert!(failed.contains(&report.outcome), "{report:?}");
    }
}

#[tokio::test]
async fn a_body_that_stalls_does_not_undo_a_delivery_or_hold_it_up() {
    let stalling = |head: &str| Reply::Stall(format!("HTTP/1.1 {head}\r\n\r\nsome of it").into());
    for (head, status) in
        [("200 OK\r\ncontent-length: 1000", 200), ("202 Accepted", 202), ("500 Oops\r\ncontent-length: 1000", 500)]
    {
        let stub = Stub::start(move |_, _| stalling(head)).await;
        let began = Instant::now();
        let report = attempt(&stub.url("/")).await;
        assert_eq!(report.outcome, answered(status));
        assert_eq!(report.answer, "some of it");
        assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    }
}

#[tokio::test]
async fn only_the_beginning_of_a_huge_answer_is_kept() {
    let body = "é".repeat(5 * 1_024 * 1_024);
    let stub = Stub::start(move |_, _| Reply::with(200, "", &body)).await;
    let report = attempt(&stub.url("/")).await;
    assert_eq!(report.outcome, answered(200));
    assert_eq!(report.answer, "é".repeat(ANSWER_LIMIT / 2));
}

#[tokio::test]
async fn an_answer_without_end_is_left_after_its_beginning() {
    let chunk = "5\r\nhello\r\n";
    let stub = Stub::start(move |_, _| Reply::Endless(CHUNKED.into(), chunk.into())).await;
    let report = attempt(&stub.url("/")).await;
    assert_eq!(report.outcome, answered(200));
    assert_eq!(report.answer.len(), ANSWER_LIMIT);
}

#[tokio::test]
async fn a_body_that_is_no_text_is_kept_readable() {
    let body = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n\xff\x00a\xc3";
    let stub = Stub::start(move |_, _| Reply::Send(body.to_vec())).await;
    let report = attempt(&stub.url("/")).await;
    assert_eq!(report.outcome, answered(200));
    assert_eq!(report.answer, "\u{fffd}\0a\u{fffd}");
}

#[tokio::test]
async fn a_broken_body_does_not_undo_the_status() {
    for broken in [
        format!("{CHUNKED}this is no chunk\r\n"),
        format!("{CHUNKED}5\r\nhello\r\nffffffffffffffffff\r\n"),
        format!("{CHUNKED}5\r\nhe"),
        "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhe".to_owned(),
    ] {
        let bytes = broken.clone().into_bytes();
        let stub = Stub::start(move |_, _| Reply::Close(bytes.clone())).await;
        let report = attempt(&stub.url("/")).await;
        assert_eq!(report.outcome, answered(200), "{broken:?}");
        assert!("hello".starts_with(&report.answer), "{report:?}");
    }
}

#[tokio::test]
async fn what_is_not_http_is_told_apart_from_silence() {
    for garbage in [
        "SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "HTTP/1.1 abc\r\n\r\n",
        "HTTP/1.1 200 OK\r\ncontent-length: nine\r\n\r\n",
        "HTTP/1.1 200 OK\r\na header without a colon\r\n\r\n",
        "\0\0\0\0\0\0\0\0\0\0\r\n\r\n",
    ] {
        let stub = Stub::start(move |_, _| Reply::Close(garbage.into())).await;
        let report = attempt(&stub.url("/")).await;
        assert_eq!(report.outcome, Outcome::Failed(Failure::MalformedAnswer), "{garbage:?}");
        assert!(report.detail.is_some_and(|detail| !detail.is_empty()), "{garbage:?}");
    }
}

#[tokio::test]
async fn a_connection_that_ends_before_the_answer_is_lost() {
    let cut: fn() -> Vec<Reply> =
        || vec![Reply::Close(Vec::new()), Reply::Close(b"HTTP/1.1 200".to_vec()), Reply::Reset];
    for number in 0..cut().len() {
        let stub = Stub::start(move |_, _| cut().swap_remove(number)).await;
        let report = attempt(&stub.url("/")).await;
        assert_eq!(report.outcome, Outcome::Failed(Failure::ConnectionLost), "{number}");
    }
}
