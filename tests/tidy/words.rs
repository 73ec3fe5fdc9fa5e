//! Names that say nothing, and marks that say that something is missing, do not get in.

use std::path::Path;

use crate::{
    assert_none,
    source::{self, Source},
};

/// A file with such a name collects what nobody found a place for.
const EMPTY_NAMES: [&str; 6] = ["common", "helper", "helpers", "manager", "util", "utils"];

/// Text that may not stand in a source, and why; put together so that this file is no offender.
const FORBIDDEN: [(&str, &str); 7] = [
    (concat!("#[", "ignore"), "a test that is not run proves nothing"),
    (concat!("#[", "allow("), "use `expect` with a reason: it reports when it is no longer needed"),
    (concat!("#![", "allow("), "use `expect` with a reason: it reports when it is no longer needed"),
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("FIX", "ME"), "do it, or open an issue"),
    (concat!("to", "do!("), "do it, or open an issue"),
    (concat!("unimple", "mented!("), "do it, or open an issue"),
];

#[test]
fn every_file_opens_with_its_reason() {
    let silent = |source: &&Source| {
        let first = source.text.lines().next().unwrap_or_default();
        first.strip_prefix("//! ").is_none_or(|reason| reason.trim().is_empty())
    };
    let offenders: Vec<_> = source::all().iter().filter(silent).map(|file| file.at(1)).collect();
    assert_none("every file opens with `//!` and a sentence that says why it exists", &offenders);
}

#[test]
fn file_and_folder_names_say_what_is_inside() {
    let says_nothing = |source: &&Source| {
        let stem = Path::new(&source.path).with_extension("");
        let name = stem.to_string_lossy().into_owned();
        name.split(['/', '-', '_']).any(|word| EMPTY_NAMES.contains(&word))
    };
    let offenders: Vec<_> = source::all().iter().filter(says_nothing).map(|file| file.at(1)).collect();
    assert_none(&format!("no file or folder is named {}", EMPTY_NAMES.join(", ")), &offenders);
}

#[test]
fn modules_are_named_files() {
    let nameless = |source: &&Source| source.path.ends_with("/mod.rs");
    let offenders: Vec<_> = source::all().iter().filter(nameless).map(|file| file.at(1)).collect();
    assert_none("a module is `name.rs`, so that its name shows in an editor's tab", &offenders);
}

#[test]
fn nothing_is_silenced_or_left_for_later() {
    let mut offenders = Vec::new();
    for source in source::all() {
        for (number, line) in (1..).zip(source.text.lines()) {
            let found = FORBIDDEN.iter().filter(|(text, _)| line.contains(text));
            offenders.extend(found.map(|(text, why)| format!("{}: `{text}`: {why}", source.at(number))));
        }
    }
    assert_none("nothing is silenced or left for later", &offenders);
}
