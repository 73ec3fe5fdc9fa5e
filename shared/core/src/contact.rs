//! Addresses of people: one rule for what counts as an e-mail address or a phone number, and one spelling of each.
//!
//! Nothing that passes can end a header line or start a second recipient.

/// The longest e-mail address (RFC 5321 section 4.5.3.1.3, less the angle brackets).
const MAX_EMAIL: usize = 254;

/// The longest part before the `@` (RFC 5321 section 4.5.3.1.1).
const MAX_LOCAL_PART: usize = 64;

/// The longest label of a domain (RFC 1035 section 2.3.4).
const MAX_LABEL: usize = 63;

/// Why a text is not an address.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ContactFault {
    /// It is not an e-mail address.
    #[error("must be an e-mail address, such as name@example.com")]
    Email,
    /// It is not a phone number.
    #[error("must be a phone number in E.164 form, such as +15551234567")]
    Phone,
}

/// An e-mail address in its one spelling, lower-case, so that one mailbox is one account.
///
/// Takes the dot-atom form of RFC 5322 with an ASCII domain: what people have, without quoted parts, comments and
/// address literals.
///
/// # Errors
/// [`ContactFault::Email`] for everything else.
pub fn parse_email(text: &str) -> Result<String, ContactFault> {
    let (local, domain) = text.split_once('@').ok_or(ContactFault::Email)?;
    let sized = text.len() <= MAX_EMAIL && local.len() <= MAX_LOCAL_PART;
    let valid = sized && local.split('.').all(is_atom) && domain.split('.').all(is_label);
    valid.then(|| text.to_ascii_lowercase()).ok_or(ContactFault::Email)
}

/// Whether a character has no place in a name: it ends lines, or turns the text around it into something that reads
/// otherwise (controls; Unicode Standard Annex 9, explicit directional formatting characters; the byte order mark).
/// Joiners stay: some scripts need them.
#[must_use]
pub fn is_unfit_for_names(character: char) -> bool {
    character.is_control()
        || matches!(character, '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}' | '\u{FEFF}' | '\u{200B}')
}

/// RFC 5322 section 3.2.3, `atom` without comments.
fn is_atom(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~".contains(&byte);
    !text.is_empty() && text.bytes().all(legal)
}

/// RFC 5321 section 4.1.2, `sub-domain`.
fn is_label(text: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
    (1..=MAX_LABEL).contains(&text.len()) && text.bytes().all(legal) && !text.starts_with('-') && !text.ends_with('-')
}

/// A phone number: `+`, the country code, and 7 to 15 digits in all (ITU-T E.164).
///
/// # Errors
/// [`ContactFault::Phone`] for everything else.
pub fn parse_phone(text: &str) -> Result<String, ContactFault> {
    let digits = text.strip_prefix('+').ok_or(ContactFault::Phone)?;
    let valid = (7..=15).contains(&digits.len())
        && digits.bytes().all(|byte| byte.is_ascii_digit())
        && !digits.starts_with('0');
    valid.then(|| text.to_owned()).ok_or(ContactFault::Phone)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_has_one_spelling() {
        assert_eq!(parse_email("Ann.O'Neill+shop@Example.COM").unwrap(), "ann.o'neill+shop@example.com");
        assert_eq!(parse_email("root@localhost").unwrap(), "root@localhost");
        assert_eq!(parse_phone("+15551234567").unwrap(), "+15551234567");
    }

    #[test]
    fn what_is_no_address_is_refused() {
        let long_local = format!("{}@example.com", "a".repeat(65));
        let long_label = format!("a@{}.com", "b".repeat(64));
        let long = format!("a@{}com", "b.".repeat(126));
        let emails = [
            "",
            "@",
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            ".a@b",
            "a.@b",
            "a..b@c",
            "a@.b",
            "a@b.",
            "a@-b",
            "a@b-",
            "a@b_c",
            "\"a b\"@c",
            "a@[127.0.0.1]",
            "a@b,c@d",
            "a@b\r\nBcc: c@d",
            "a\n@b",
            "a@b ",
            "<a@b>",
            "ä@b",
            "a@bücher.example",
            &long_local,
            &long_label,
            &long,
        ];
        for text in emails {
            assert_eq!(parse_email(text), Err(ContactFault::Email), "{text:?}");
        }
        let phones =
            ["", "+", "5551234567", "+05551234567", "+123456", "+1234567890123456", "+1555 1234567", "+1555\n"];
        for text in phones {
            assert_eq!(parse_phone(text), Err(ContactFault::Phone), "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn nothing_that_passes_breaks_a_line_or_a_list(text in "[a-zA-Z0-9@.,<>;: \\r\\n\"(-]{0,20}") {
            if let Ok(email) = parse_email(&text) {
                prop_assert!(!email.contains(|c: char| c.is_control() || " ,<>;:\"()".contains(c)));
                prop_assert_eq!(parse_email(&email), Ok(email));
            }
        }
    }
}
