//! What names and secrets may look like, so that none of them can break out of where it is put.

/// Longest name or secret, in bytes (EventBridge's limit for a connection's parameters).
const MAX_LENGTH: usize = 512;

/// A check of one text; the error says what the text must be, never what it is.
pub(super) type Rule = fn(&str) -> Result<(), &'static str>;

/// The value of a header: printable ASCII, no space at either end (RFC 9110, 5.5, without obsolete text).
pub(super) fn header_value(text: &str) -> Result<(), &'static str> {
    let padded = text.starts_with(' ') || text.ends_with(' ');
    let detail = "must be 1 to 512 printable ASCII characters with no space at either end";
    if padded { Err(detail) } else { printable_ascii(text).map_err(|_| detail) }
}

/// A user name for Basic: the first colon would end it (RFC 7617, 2).
pub(super) fn user_name(text: &str) -> Result<(), &'static str> {
    let detail = "must be 1 to 512 bytes with no colon and no control characters";
    if text.contains(':') { Err(detail) } else { printable(text).map_err(|_| detail) }
}

/// Any text without control characters.
pub(super) fn printable(text: &str) -> Result<(), &'static str> {
    let legal = sized(text) && !text.chars().any(char::is_control);
    legal.then_some(()).ok_or("must be 1 to 512 bytes with no control characters")
}

/// A client id or a client secret (VSCHAR of RFC 6749, appendix A).
pub(super) fn printable_ascii(text: &str) -> Result<(), &'static str> {
    let legal = sized(text) && text.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    legal.then_some(()).ok_or("must be 1 to 512 printable ASCII characters")
}

/// A list of scopes (RFC 6749, 3.3).
pub(super) fn scope(text: &str) -> Result<(), &'static str> {
    let legal = |byte| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
    let tokens = text.split(' ').all(|token| !token.is_empty() && token.bytes().all(legal));
    (sized(text) && tokens)
        .then_some(())
        .ok_or("must be words of printable ASCII without \" and \\, one space between them")
}

fn sized(text: &str) -> bool {
    (1..=MAX_LENGTH).contains(&text.len())
}
