//! The calls in README.md, which is where people copy from.

use serde_json::Value;

/// One `curl` of the README.
#[derive(Debug)]
pub(crate) struct Call {
    /// In upper case.
    pub(crate) method: String,
    /// With the shell's variables in it.
    pub(crate) path: String,
    pub(crate) body: Option<Value>,
}

const README: &str = include_str!("../../../../README.md");

/// Every call to the gateway.
pub(crate) fn calls() -> Vec<Call> {
    // A line that ends with a backslash goes on in the next.
    let text = README.replace("\\\n", " ");
    text.lines().filter(|line| line.contains("curl ") && line.contains("$api/")).map(call).collect()
}

fn call(line: &str) -> Call {
    let after = |mark: &str| line.split_once(mark).map(|(_, rest)| rest);
    let word = |text: &str| text.split_whitespace().next().unwrap_or_default().to_owned();
    let body = after("-d ").map(quoted);
    let method = after("-X ").map(word);
    let usual = if body.is_some() { "POST" } else { "GET" };
    Call {
        method: method.unwrap_or_else(|| usual.to_owned()),
        // A sentence of the shell may end with the path.
        path: after("$api").map(word).unwrap_or_default().trim_end_matches([';', ')', '"']).to_owned(),
        body: body.map(|body| serde_json::from_str(&body).unwrap_or_else(|error| panic!("{error}: {line}"))),
    }
}

/// What the shell makes of a text that begins with a quotation mark.
fn quoted(text: &str) -> String {
    if let Some(rest) = text.strip_prefix('\'') {
        return rest.split('\'').next().unwrap_or_default().to_owned();
    }
    let mut characters = text.strip_prefix('"').expect("bodies are quoted").chars();
    let mut body = String::new();
    while let Some(character) = characters.next().filter(|character| *character != '"') {
        // A backslash makes the next character an ordinary one.
        body.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    body
}

#[test]
fn bodies_are_read_as_the_shell_reads_them() {
    assert_eq!(quoted(r#"'{"a": 1}' | sh"#), r#"{"a": 1}"#);
    assert_eq!(quoted(r#""{\"a\": \"$b\"}" | sh"#), r#"{"a": "$b"}"#);
}

#[test]
fn the_calls_are_found() {
    let calls = calls();
    let has = |method: &str, path: &str| calls.iter().any(|call| call.method == method && call.path == path);
    assert!(has("POST", "/v1/third-parties") && has("PUT", "/v1/me/filter"), "{calls:#?}");
    assert!(has("GET", "/v1/requests/$request") && calls.len() >= 10, "{calls:#?}");
}
