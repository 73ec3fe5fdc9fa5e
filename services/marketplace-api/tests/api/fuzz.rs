//! Bodies that nobody would send on purpose, at every route that reads one: never a 500, never a panic.

use crate::server::{Credential, Server};

/// How many bodies are thrown.
const BODIES: u64 = 100_000;

/// Bodies that are nearly right, to be spoilt.
const SEEDS: [&str; 10] = [
    r#"{"category":"books","region":"eu","amount":12.5,"items":[{"name":"pen","quantity":2}],"mode":"first-accept"}"#,
    r#"{"third_party":"books","note":"\u00e9\ud83d\ude00","attributes":{"a":[1,null,true]},"environment":"test"}"#,
    r#"{"id":"new-party","name":"Pens","contact_email":"a@example.com","scope":{"detail":{"category":["books"]}}}"#,
    r#"{"environment":"dev"}"#,
    r#"{"third_party":"books","since":"2026-01-01T00:00:00Z","ids":[],"dry_run":true}"#,
    r#"{"pattern":{"detail":{"amount":[{"numeric":[">",0,"<=",5]}],"$or":[{"a":[{"exists":false}]},{"b":["x"]}]}}}"#,
    r#"{"pattern":null,"window":{"from":"2026-01-01T00:00:00Z","to":null},"samples":3,"request_id":null}"#,
    r#"{"mode":"push","url":"https://a.example/","auth":{"type":"basic","username":"u","password":"p"},"max_age_hours":3}"#,
    r#"{"name":"Books","scope":null,"state":"paused","environment":"test"}"#,
    r#"{"test_account":true}"#,
];

/// What is put in somewhere.
const PIECES: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "null",
    "true",
    "-",
    "1e999",
    "1e-999",
    "99999999999999999999",
    "0.1",
    "\\ud800",
    "\\u0000",
    "\u{0}",
    "\u{feff}",
    "{\"a\":",
    "[[[[[[[[[[[[[[[[",
    "\"wildcard\"",
    "\"anything-but\"",
    "\"$or\"",
];

/// The routes that read a body, and who may call them.
const ROUTES: [(&str, &str, bool); 10] = [
    ("POST", "/v1/requests", true),
    ("POST", "/v1/third-parties", true),
    ("PATCH", "/v1/third-parties/books", true),
    ("POST", "/v1/third-parties/unknown/keys", true),
    ("POST", "/v1/dead-letters/replay", true),
    ("PATCH", "/v1/users/usr_unknown", true),
    ("POST", "/v1/requests/req_00000000-0000-0000-0000-000000000000/cancel", true),
    ("PUT", "/v1/me/filter", false),
    ("POST", "/v1/me/filter/test", false),
    ("PUT", "/v1/me/delivery", false),
];

/// `SplitMix64`: the same bodies in every run, so that one that breaks something can be looked at again.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % end.max(1) as u64).unwrap()
    }
}

/// Cuts, doubles and mixes a few times; what is left is text, because a body that is not UTF-8 is soon refused.
fn spoilt(dice: &mut Dice) -> String {
    let mut text: Vec<char> = SEEDS[dice.below(SEEDS.len())].chars().collect();
    for _ in 0..=dice.below(4) {
        let at = dice.below(text.len());
        let until = (at + dice.below(12)).min(text.len());
        match dice.below(4) {
            0 => drop(text.drain(at..until)),
            1 => drop(text.splice(at..until, PIECES[dice.below(PIECES.len())].chars())),
            2 => {
                let again: Vec<char> = text[at..until].to_vec();
                drop(text.splice(at..at, again));
            }
            _ => {
                let other: Vec<char> = SEEDS[dice.below(SEEDS.len())].chars().collect();
                let from = dice.below(other.len());
                drop(text.splice(at.., other[from..].iter().copied()));
            }
        }
    }
    text.into_iter().collect()
}

#[tokio::test]
async fn a_hundred_thousand_spoilt_bodies_break_nothing() {
    let server = Server::start();
    let key = server.party("books").await;
    let (mut taken, mut refused) = (0, 0);
    for seed in 0..BODIES {
        let mut dice = Dice(seed);
        let body = spoilt(&mut dice);
        let (method, path, operator) = ROUTES[dice.below(ROUTES.len())];
        let credential = if operator { &Credential::Operator } else { &key };
        let answer = server.call_with(method, path, credential, &[], &body).await;
        match answer.status.as_u16() {
            200..=299 => taken += 1,
            400 | 404 | 409 | 422 => refused += 1,
            status => panic!("{method} {path} answered {status} to {body:?} (seed {seed}): {}", answer.text),
        }
    }
    assert!(taken > 100 && refused > 10_000, "{taken} taken, {refused} refused: the dice are loaded");
}
