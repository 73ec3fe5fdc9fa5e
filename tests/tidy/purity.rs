//! DESIGN section 4, invariant 4: `core` and `event-schema` do no IO and read no clock, environment or
//! randomness, so that their rules cannot fail for outside reasons.

use proc_macro2::{Delimiter, TokenStream, TokenTree};

use crate::{
    assert_none,
    source::{self, Source},
};

/// Crates that are values in, values out.
const PURE: [&str; 2] = ["shared/core/src/", "shared/event-schema/src/"];

/// Paths that lead outside. `core::net` has the address types, and no sockets.
const OUTSIDE: [&str; 18] = [
    "std::env",
    "std::fs",
    "std::net",
    "std::process",
    "std::thread",
    "std::io::stdin",
    "std::io::stdout",
    "std::io::stderr",
    "SystemTime",
    "Instant::now",
    "Timestamp::now",
    "Zoned::now",
    "Uuid::now_v7",
    "Uuid::new_v4",
    "rand",
    "getrandom",
    "OsRng",
    "RandomState",
];

#[test]
fn core_and_event_schema_lead_nowhere_outside() {
    let mut offenders = Vec::new();
    for source in source::all().iter().filter(|source| is_pure(source)) {
        for (line, path) in outside_paths(&source.text, source.lines_before_tests()) {
            offenders.push(format!("{}: `{path}`", source.at(line)));
        }
    }
    assert_none("time, ids and configuration are passed in (core::net has addresses without sockets)", &offenders);
}

fn is_pure(source: &Source) -> bool {
    !source.is_test() && PURE.iter().any(|folder| source.path.starts_with(folder))
}

/// The paths in the first lines of a source that lead outside, and where they stand.
fn outside_paths(text: &str, lines: usize) -> Vec<(usize, String)> {
    let tokens: TokenStream = text.parse().expect("the compiler accepts this file");
    let mut found = Vec::new();
    collect_paths(tokens, "", &mut found);
    found.retain(|(line, path)| *line <= lines && leads_outside(path));
    found
}

fn leads_outside(path: &str) -> bool {
    OUTSIDE.iter().any(|outside| path == *outside || path.ends_with(&format!("::{outside}")))
}

/// Collects every path and its beginnings (`a`, `a::b`), also those in macros and nested `use` trees.
/// Comments are not tokens, and the words in texts are not names, so both are passed over.
fn collect_paths(tokens: TokenStream, prefix: &str, found: &mut Vec<(usize, String)>) {
    let mut last = String::new();
    // What a name that comes next is a part of.
    let mut parent = Some(prefix.to_owned());
    for token in tokens {
        match token {
            TokenTree::Ident(name) => {
                last = match parent.take() {
                    Some(parent) if !parent.is_empty() => format!("{parent}::{name}"),
                    _ => name.to_string(),
                };
                found.push((name.span().start().line, last.clone()));
            }
            TokenTree::Punct(colon) if colon.as_char() == ':' => parent = Some(last.clone()),
            TokenTree::Group(group) => {
                let prefix = parent.take().filter(|_| group.delimiter() == Delimiter::Brace);
                collect_paths(group.stream(), &prefix.unwrap_or_default(), found);
            }
            TokenTree::Punct(_) | TokenTree::Literal(_) => parent = Some(prefix.to_owned()),
        }
    }
}

#[test]
fn every_spelling_of_a_path_is_seen() {
    let outside = [
        "use std::fs;",
        "use std::{collections::HashMap, net::{IpAddr, TcpStream}};",
        "fn f() { g(::std::env::var(\"X\")) }",
        "fn f() { vec![jiff::Timestamp::now()]; }",
        "fn f() -> u64 { rand::random() }",
    ];
    for text in outside {
        assert_eq!(outside_paths(text, 1).len(), 1, "{text}");
    }
    let inside = [
        "//! std::fs",
        "/// Not std::env.\nfn f() -> &'static str { \"std::fs\" }",
        "use core::net::IpAddr;",
        "fn f(now: jiff::Timestamp) {}",
    ];
    for text in inside {
        assert_eq!(outside_paths(text, 9), [], "{text}");
    }
}
