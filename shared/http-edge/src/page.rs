//! Lists: `?cursor=&limit=` in, `{items, next_cursor}` out (DESIGN section 6).

use axum::{
    extract::FromRequestParts,
    http::{StatusCode, request::Parts},
    response::Response,
};
use event_schema::fault::Fault;
use marketplace_core::ports::PageQuery;
use serde::Serialize;
use url::form_urlencoded;

use crate::{problem::Problem, reply};

/// How many items a page has unless the caller says otherwise.
const DEFAULT_LIMIT: usize = 20;

/// Most items of a page.
const MAX_LIMIT: usize = 100;

/// Longest cursor that is looked at; ours are far shorter.
const MAX_CURSOR: usize = 512;

/// The query of a list. Parameters that the route does not know are passed over.
#[derive(Clone, Debug)]
pub struct ListQuery {
    /// Which page.
    pub page: PageQuery,
    others: Vec<(String, String)>,
}

impl ListQuery {
    /// Another parameter; its first value when it is given twice.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.others.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }
}

impl<T: Send + Sync> FromRequestParts<T> for ListQuery {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &T) -> Result<Self, Problem> {
        read(parts.uri.query().unwrap_or_default()).map_err(Problem::invalid)
    }
}

fn read(query: &str) -> Result<ListQuery, Vec<Fault>> {
    let mut list = ListQuery { page: PageQuery { cursor: None, limit: DEFAULT_LIMIT }, others: Vec::new() };
    let mut faults = Vec::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match &*name {
            "limit" => match value.parse() {
                Ok(limit) if (1..=MAX_LIMIT).contains(&limit) => list.page.limit = limit,
                _ => faults.push(Fault::new("/limit", format!("must be a whole number from 1 to {MAX_LIMIT}"))),
            },
            "cursor" if value.is_empty() => {}
            "cursor" if value.len() <= MAX_CURSOR => list.page.cursor = Some(value.into_owned()),
            "cursor" => faults.push(Fault::new("/cursor", "must be a `next_cursor` of an earlier page")),
            _ => list.others.push((name.into_owned(), value.into_owned())),
        }
    }
    if faults.is_empty() { Ok(list) } else { Err(faults) }
}

/// A page as it is written.
#[derive(Serialize)]
struct Wire<'a, T> {
    items: &'a [T],
    next_cursor: Option<&'a str>,
}

/// Answers a page.
#[must_use]
pub fn list<T: Serialize>(items: &[T], next_cursor: Option<&str>) -> Response {
    reply::json(StatusCode::OK, &Wire { items, next_cursor })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_20_of_the_newest_unless_asked_otherwise() {
        let list = read("").unwrap();
        assert_eq!((list.page.limit, list.page.cursor), (20, None));
        let list = read("limit=100&cursor=a%2Fb&third_party=x&third_party=y").unwrap();
        assert_eq!((list.page.limit, list.page.cursor.as_deref()), (100, Some("a/b")));
        assert_eq!((list.get("third_party"), list.get("since")), (Some("x"), None));
        assert_eq!(read("cursor=").unwrap().page.cursor, None);
    }

    #[test]
    fn a_bad_limit_is_named() {
        for query in
            ["limit=0", "limit=101", "limit=", "limit=ten", "limit=-1", "limit=99999999999999999999", "limit=1.5"]
        {
            assert_eq!(read(query).unwrap_err()[0].pointer, "/limit", "{query}");
        }
        assert_eq!(read(&format!("cursor={}", "x".repeat(513))).unwrap_err()[0].pointer, "/cursor");
    }
}
