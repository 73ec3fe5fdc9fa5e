//! Scopes and filters in bodies: read from their own text, because the order and the spelling in it matter.

use event_schema::fault::Fault;
use marketplace_core::pattern::{Pattern, PatternError};
use serde_json::value::RawValue;

/// The pattern in the field that `pointer` names.
///
/// # Errors
/// A fault with its place below that field.
pub(crate) fn read(pointer: &str, raw: &RawValue) -> Result<Pattern, Fault> {
    let text = without_spaces(raw.get());
    let at_field = |error: PatternError| Fault::new(format!("{pointer}{}", error.pointer), error.detail);
    Pattern::check_length(&text).map_err(at_field)?;
    Pattern::parse(&text).map_err(at_field)
}

/// The same JSON without the white space between its tokens, so that layout does not count towards the length.
fn without_spaces(json: &str) -> String {
    let mut in_string = false;
    let mut escaped = false;
    let keep = |character: &char| {
        if in_string {
            in_string = escaped || *character != '"';
            escaped = !escaped && *character == '\\';
            return true;
        }
        in_string = *character == '"';
        !matches!(character, ' ' | '\t' | '\r' | '\n')
    };
    json.chars().filter(keep).collect()
}

#[cfg(test)]
mod tests {
    use marketplace_core::pattern::MAX_FILTER_CHARS;

    use super::*;

    fn raw(text: &str) -> Box<RawValue> {
        RawValue::from_string(text.to_owned()).unwrap()
    }

    #[test]
    fn spaces_between_tokens_go_and_those_in_strings_stay() {
        let json = "{ \"a b\" :\t[ \"x \\\" y\" , 1.50 ,\r\n\"\\\\\" ] }";
        let compact = without_spaces(json);
        assert_eq!(compact, r#"{"a b":["x \" y",1.50,"\\"]}"#);
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
        assert_eq!(value(&compact), value(json));
    }

    #[test]
    fn a_fault_is_named_below_its_field() {
        let fault = read("/pattern", &raw(r#"{"detail": {"amount": [{"numeric": ["<>", 1]}]}}"#)).unwrap_err();
        assert!(fault.pointer.starts_with("/pattern/detail/amount"), "{fault:?}");
        assert_eq!(read("/scope", &raw("7")).unwrap_err().pointer, "/scope");
    }

    #[test]
    fn layout_does_not_count_towards_the_length() {
        let words: Vec<String> = (0..500).map(|word| format!("\"{word:04}\"")).collect();
        let wide = format!(r#"{{"detail": {{"category": [{}]}}}}"#, words.join(",          "));
        assert!(wide.len() > MAX_FILTER_CHARS);
        assert!(read("/pattern", &raw(&wide)).is_ok());
        let long = format!(r#"{{"detail":{{"category":["{}"]}}}}"#, "x".repeat(MAX_FILTER_CHARS));
        assert_eq!(read("/pattern", &raw(&long)).unwrap_err().pointer, "/pattern");
    }

    #[test]
    fn a_thousand_levels_are_refused() {
        let deep = format!("{}1{}", r#"{"a":"#.repeat(1_000), "}".repeat(1_000));
        assert!(read("/pattern", &raw(&deep)).is_err());
        let lists = format!("{}{}", "[".repeat(1_000), "]".repeat(1_000));
        assert!(read("/pattern", &raw(&lists)).is_err());
    }
}
