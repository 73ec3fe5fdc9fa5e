//! Text as HTML: nothing in it is taken for markup but code and links as Markdown writes them.

use yaml_serde::Value;

use crate::description::text;

/// Text with nothing in it that HTML would take for markup.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A sentence: `code` and [links](https://example.com).
pub(crate) fn sentence(value: &Value) -> String {
    let text = escaped(text(value));
    let parts = text.split('`').enumerate();
    // Every second part is between backticks.
    parts.map(|(number, part)| if number % 2 == 1 { format!("<code>{part}</code>") } else { links(part) }).collect()
}

/// A paragraph, if there is anything to say.
pub(crate) fn paragraph(value: &Value) -> String {
    let sentence = sentence(value);
    if sentence.is_empty() { sentence } else { format!("<p>{sentence}</p>\n") }
}

/// A piece of code.
pub(crate) fn code(text: &str) -> String {
    format!("<code>{}</code>", escaped(text))
}

/// Code over several lines, which can be scrolled with the keyboard, too.
pub(crate) fn block(label: &str, text: &str) -> String {
    format!("<pre tabindex=\"0\" aria-label=\"{}\"><code>{}</code></pre>\n", escaped(label), escaped(text))
}

fn links(text: &str) -> String {
    let Some((before, name, address, after)) = first_link(text) else {
        return text.to_owned();
    };
    format!("{before}<a href=\"{address}\">{name}</a>{}", links(after))
}

fn first_link(text: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = text.split_once('[')?;
    let (name, rest) = rest.split_once("](https://")?;
    let (address, after) = rest.split_once(')')?;
    let start = text.len() - address.len() - after.len() - 1 - "https://".len();
    Some((before, name, &text[start..start + "https://".len() + address.len()], after))
}
