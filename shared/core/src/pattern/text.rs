//! The comparisons of strings that need more than the standard library: ignoring case as EventBridge
//! does, and wildcards.

/// Removes a prefix from a value, ignoring case; `None` when the value does not begin with it.
///
/// As in Event Ruler, each character of the *operand* stands for its lower and its upper case, which
/// may be several characters (`ß` is also `SS`). It follows that the relation is not symmetric.
/// Of the two cases, never both fit in the same place (a test goes through all of Unicode), so taking
/// the first that fits is exact.
pub(super) fn strip_prefix_ignoring_case<'v>(value: &'v str, operand: &str) -> Option<&'v str> {
    operand.chars().try_fold(value, |rest, character| {
        strip_front(rest, character.to_lowercase()).or_else(|| strip_front(rest, character.to_uppercase()))
    })
}

/// Removes a suffix from a value, ignoring case as [`strip_prefix_ignoring_case`] does.
pub(super) fn strip_suffix_ignoring_case<'v>(value: &'v str, operand: &str) -> Option<&'v str> {
    operand.chars().rev().try_fold(value, |rest, character| {
        strip_back(rest, character.to_lowercase()).or_else(|| strip_back(rest, character.to_uppercase()))
    })
}

/// Whether a value equals an operand, ignoring case as [`strip_prefix_ignoring_case`] does.
pub(super) fn equals_ignoring_case(value: &str, operand: &str) -> bool {
    strip_prefix_ignoring_case(value, operand).is_some_and(str::is_empty)
}

/// A form that is the same for an operand and for everything that equals it ignoring case, character
/// by character, so that such operands can be found through a hash map.
pub(super) fn fold_case(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).flat_map(char::to_uppercase).collect()
}

fn strip_front(text: &str, characters: impl Iterator<Item = char>) -> Option<&str> {
    let mut characters = characters;
    characters.try_fold(text, |rest, character| rest.strip_prefix(character))
}

fn strip_back(text: &str, characters: impl DoubleEndedIterator<Item = char>) -> Option<&str> {
    let mut characters = characters.rev();
    characters.try_fold(text, |rest, character| rest.strip_suffix(character))
}

/// A pattern in which `*` stands for any run of characters, also an empty one.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Wildcard {
    /// The literal texts before, between and after the asterisks; at least one.
    parts: Box<[Box<str>]>,
}

impl Wildcard {
    /// Parses `*` and the escapes `\*` and `\\`.
    ///
    /// # Errors
    ///
    /// A message when two asterisks follow each other or a backslash escapes anything else.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut parts = Vec::new();
        let mut part = String::new();
        let mut after_asterisk = false;
        let mut characters = text.chars().enumerate();
        while let Some((position, character)) = characters.next() {
            match character {
                '*' if after_asterisk => {
                    return Err(format!("two asterisks follow each other at character {position}"));
                }
                '*' => parts.push(std::mem::take(&mut part).into_boxed_str()),
                '\\' => match characters.next() {
                    Some((_, escaped @ ('*' | '\\'))) => part.push(escaped),
                    _ => {
                        return Err(format!(
                            "the backslash at character {position} may only escape an asterisk or a backslash"
                        ));
                    }
                },
                other => part.push(other),
            }
            after_asterisk = character == '*';
        }
        parts.push(part.into_boxed_str());
        Ok(Self { parts: parts.into_boxed_slice() })
    }

    /// The literal texts that a matching value contains.
    pub(super) fn parts(&self) -> &[Box<str>] {
        &self.parts
    }

    /// Whether a whole value fits. Time grows with the length of the value, not with the asterisks:
    /// taking the first place where each part occurs is enough.
    pub(super) fn matches(&self, value: &str) -> bool {
        let [first, between @ .., last] = &*self.parts else {
            return self.parts.first().is_some_and(|only| &**only == value);
        };
        let Some(rest) = value.strip_prefix(&**first) else {
            return false;
        };
        let Some(mut rest) = rest.strip_suffix(&**last) else {
            return false;
        };
        for part in between {
            let Some((_, after)) = rest.split_once(&**part) else {
                return false;
            };
            rest = after;
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn every_character() -> impl Iterator<Item = char> {
        (0..=u32::from(char::MAX)).filter_map(char::from_u32)
    }

    #[test]
    fn never_do_both_cases_of_a_character_fit_in_the_same_place() {
        for character in every_character() {
            let lower: String = character.to_lowercase().collect();
            let upper: String = character.to_uppercase().collect();
            if lower != upper {
                assert!(!lower.starts_with(&upper), "{character}");
                assert!(!upper.starts_with(&lower), "{character}");
                assert!(!lower.ends_with(&upper), "{character}");
                assert!(!upper.ends_with(&lower), "{character}");
            }
        }
    }

    #[test]
    fn both_cases_of_every_character_fold_to_the_same() {
        for character in every_character() {
            let folded = fold_case(&character.to_string());
            let lower: String = character.to_lowercase().collect();
            let upper: String = character.to_uppercase().collect();
            assert_eq!(fold_case(&lower), folded, "{character}");
            assert_eq!(fold_case(&upper), folded, "{character}");
        }
    }

    #[test]
    fn case_is_ignored_from_the_operands_side() {
        assert!(equals_ignoring_case("STRASSE", "straße"));
        assert!(equals_ignoring_case("ß", "ẞ"));
        assert!(!equals_ignoring_case("ẞ", "ß"));
        assert!(!equals_ignoring_case("strasse", "straße"));
        assert_eq!(strip_prefix_ignoring_case("PENSÉ-1", "pensé"), Some("-1"));
        assert_eq!(strip_suffix_ignoring_case("1-PENSÉ", "pensé"), Some("1-"));
        assert_eq!(strip_suffix_ignoring_case("x", "xx"), None);
    }

    #[test]
    fn wildcards_match_as_globs() {
        let cases = [
            ("*", "", true),
            ("*", "anything", true),
            ("", "", true),
            ("", "a", false),
            ("a*", "a", true),
            ("a*b", "ab", true),
            ("a*b", "axxb", true),
            ("a*b", "axxbx", false),
            ("aba*aba", "aba", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab*ab*", "aab", false),
            ("*ab*ab*", "abab", true),
            (r"a\*b", "a*b", true),
            (r"a\*b", "axb", false),
            (r"\\*", r"\x", true),
            ("*é*", "café noir", true),
        ];
        for (text, value, expected) in cases {
            let wildcard = Wildcard::parse(text).expect(text);
            assert_eq!(wildcard.matches(value), expected, "{text} on {value}");
        }
    }

    #[test]
    fn malformed_wildcards_are_refused() {
        for text in ["a**b", "**", r"a\b", r"\"] {
            assert!(Wildcard::parse(text).is_err(), "{text}");
        }
        assert!(Wildcard::parse(r"*\**").is_ok());
    }
}
