//! What is wrong and where: the one shape in which every validation in the project reports a bad field.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One fault in a JSON document: an item of `errors` in a 422 answer (RFC 9457; DESIGN section 6).
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Fault {
    /// JSON pointer (RFC 6901) to the value at fault, or to where a missing one belongs; empty for the whole document.
    pub pointer: String,
    /// The rule that is broken, for whoever sent the document; never repeats the value itself.
    pub detail: String,
}

impl Fault {
    /// A fault at a pointer that is complete already.
    #[must_use]
    pub fn new(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { pointer: pointer.into(), detail: detail.into() }
    }

    /// A fault at the value that these steps (member names, array indexes) lead to.
    #[must_use]
    pub fn at<S: AsRef<str>>(steps: impl IntoIterator<Item = S>, detail: impl Into<String>) -> Self {
        let mut pointer = String::new();
        for step in steps {
            push_step(&mut pointer, step.as_ref());
        }
        Self { pointer, detail: detail.into() }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.pointer.is_empty() { f.write_str(&self.detail) } else { write!(f, "{}: {}", self.pointer, self.detail) }
    }
}

/// Lengthens a JSON pointer by one step, escaped as RFC 6901 section 3 says.
pub fn push_step(pointer: &mut String, step: &str) {
    pointer.push('/');
    for character in step.chars() {
        match character {
            '~' => pointer.push_str("~0"),
            '/' => pointer.push_str("~1"),
            other => pointer.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_pointer_finds_what_it_names_even_with_slashes_and_tildes() {
        let document = json!({ "a/b": [{ "m~n": 8 }] });
        let fault = Fault::at(["a/b", "0", "m~n"], "must be even");
        assert_eq!(fault.pointer, "/a~1b/0/m~0n");
        assert_eq!(document.pointer(&fault.pointer), Some(&json!(8)));
    }

    #[test]
    fn the_whole_document_is_the_empty_pointer() {
        let fault = Fault::new("", "must be an object");
        assert_eq!(fault.to_string(), "must be an object");
        assert_eq!(Fault::at(["a"], "is required").to_string(), "/a: is required");
    }
}
