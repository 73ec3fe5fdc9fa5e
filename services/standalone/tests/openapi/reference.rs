//! The page at `/docs`: all that is described is in it, and it needs nothing that is not in it.

use std::collections::BTreeSet;

use tests::TestGateway;

use crate::document::{self, members, operations, text};

/// Elements of HTML that have no end tag.
const VOID: [&str; 1] = ["meta"];

/// What HTML's markup is made of: the tags with their attributes, in order.
fn tags(html: &str) -> Vec<&str> {
    html.split('<').skip(1).map(|rest| rest.split_once('>').expect("a tag ends").0).collect()
}

/// The values of an attribute, wherever it is.
fn values<'a>(html: &'a str, attribute: &str) -> Vec<&'a str> {
    let mark = format!(" {attribute}=\"");
    let after = |tag: &'a str| Some(tag.split_once(&mark)?.1.split_once('"').expect("a value ends").0);
    tags(html).into_iter().filter_map(after).collect()
}

async fn page() -> String {
    let gateway = TestGateway::start().await;
    let answer = gateway.anyone.get("/docs").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("text/html; charset=utf-8"));
    assert!(answer.header("content-security-policy").is_some_and(|policy| policy.starts_with("default-src 'none'")));
    gateway.stop().await;
    answer.text
}

#[tokio::test]
async fn everything_that_is_described_is_in_the_reference() {
    let page = page().await;
    let ids = values(&page, "id");
    for operation in operations() {
        let (id, name) = (text(&operation.value["operationId"]), operation.name());
        assert!(ids.contains(&id), "{name}");
        let heading = format!(
            "<span class=\"method\">{}</span> <code>{}</code>",
            name.split(' ').next().unwrap(),
            operation.path
        );
        assert!(page.contains(&heading), "{heading}");
    }
    for name in members(&document::whole()["components"]["schemas"]).keys() {
        assert!(ids.contains(&&*format!("schema-{name}")), "{name}");
    }
    assert!(ids.contains(&"hosted-receiveMessage") && ids.contains(&"hosted-schema-Message"), "what a party hosts");
}

#[tokio::test]
async fn the_reference_needs_nothing_else_and_leads_nowhere_wrong() {
    let page = page().await;
    let ids: Vec<_> = values(&page, "id");
    let unique: BTreeSet<_> = ids.iter().collect();
    assert_eq!(ids.len(), unique.len(), "an id is there once");
    for address in values(&page, "href") {
        let known = address.strip_prefix('#').map_or(address == "/openapi.json", |id| unique.contains(&id));
        // A link that a reader may follow; nothing is loaded from there.
        assert!(known || address == "https://www.standardwebhooks.com", "{address}");
    }
    for foreign in ["<script", "<link", "<img", "<iframe", " src=", "@import", "url("] {
        assert!(!page.contains(foreign), "{foreign}");
    }
}

#[tokio::test]
async fn the_reference_is_well_formed_html_that_says_what_is_what() {
    let page = page().await;
    let mut open = Vec::new();
    for tag in tags(&page).into_iter().filter(|tag| !tag.starts_with('!')) {
        let name = tag.split_whitespace().next().expect("a name");
        match name.strip_prefix('/') {
            Some(name) => assert_eq!(open.pop(), Some(name)),
            None if VOID.contains(&name) => {}
            None => open.push(name),
        }
    }
    assert_eq!(open, [""; 0]);
    let count = |tag: &str| page.matches(tag).count();
    assert!(page.starts_with("<!doctype html>\n<html lang=\"en\">"));
    assert_eq!((count("<main"), count("<nav aria-label="), count("<h1>"), count("<title>")), (1, 1, 1, 1));
    assert!(count("<table>") > 50);
    assert_eq!(count("<table>"), count("<caption>"), "every table says what it is about");
}
