//! The requests of a load, made ready to be sent: per request only a few digits change.

use std::net::SocketAddr;

use anyhow::Context as _;

/// What comes before a request's number in its body; nothing else in it has this sign.
const SIGN: char = '~';

/// Digits of a number.
const DIGITS: usize = 9;

/// Digits of a category.
const CATEGORY_DIGITS: usize = 3;

/// A request, again and again with another number.
pub(crate) struct Template {
    bytes: Vec<u8>,
    category_at: usize,
    number_at: usize,
    categories: u64,
}

/// The category that has this number.
pub(crate) fn category(number: u64) -> String {
    format!("category-{number:0CATEGORY_DIGITS$}")
}

/// The body of a request, as a user's program would write it.
pub(crate) fn body(category: &str, number: u64) -> String {
    format!(
        r#"{{"category":"{category}","region":"za/gp/district-7","amount":1250,"items":[{{"name":"coffee table","quantity":1}},{{"name":"floor lamp","quantity":2}}],"note":"please deliver to the back door","attributes":{{"number":"{SIGN}{number:0DIGITS$}","urgent":true}}}}"#
    )
}

/// A whole HTTP request; `credential` is a header line without its end, or nothing.
pub(crate) fn call(method: &str, path: &str, host: SocketAddr, credential: &str, body: &str) -> Vec<u8> {
    let credential = match credential {
        "" => String::new(),
        line => format!("{line}\r\n"),
    };
    let length = body.len();
    format!(
        "{method} {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n{credential}content-length: {length}\r\n\r\n{body}"
    )
    .into_bytes()
}

impl Template {
    /// Requests of a user with this credential, in turn of each of the first `categories`.
    ///
    /// # Errors
    /// Never: the parts that change are where they were put.
    pub(crate) fn new(host: SocketAddr, credential: &str, categories: u64) -> anyhow::Result<Self> {
        let first = category(0);
        let bytes = call("POST", "/v1/requests", host, credential, &body(&first, 0));
        let text = std::str::from_utf8(&bytes)?;
        let category_at = text.find(&first).context("a category")? + first.len() - CATEGORY_DIGITS;
        let number_at = text.rfind(SIGN).context("a number")? + SIGN.len_utf8();
        Ok(Self { bytes, category_at, number_at, categories })
    }

    /// The request with this number.
    pub(crate) fn numbered(&mut self, number: u64) -> &[u8] {
        write_digits(&mut self.bytes[self.number_at..][..DIGITS], number);
        let category = number % self.categories;
        write_digits(&mut self.bytes[self.category_at..][..CATEGORY_DIGITS], category);
        &self.bytes
    }
}

fn write_digits(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

/// The number of the request that this text tells of.
pub(crate) fn number_in(body: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(body).ok()?;
    let at = text.find(SIGN)? + SIGN.len_utf8();
    text.get(at..at + DIGITS)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_back() {
        let host = SocketAddr::from(([127, 0, 0, 1], 80));
        let mut template = Template::new(host, "authorization: Bearer x", 20).unwrap();
        let text = String::from_utf8(template.numbered(123_457).to_vec()).unwrap();
        assert_eq!(number_in(text.as_bytes()), Some(123_457));
        assert!(text.contains(r#""category-017""#));
        let (_, sent) = text.split_once("\r\n\r\n").unwrap();
        assert!(text.contains(&format!("content-length: {}\r\n", sent.len())));
    }
}
