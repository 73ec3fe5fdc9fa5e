//! The house rules that no compiler checks: sizes, names, who may depend on whom, and what is documented.
//!
//! Every rule names all its offenders at once, each as `path:line`.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod crates;
mod documents;
mod purity;
mod sizes;
mod source;
mod words;

/// Fails with every offender, so that one run shows all there is to mend.
#[track_caller]
fn assert_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}; {} offender(s):\n{}", offenders.len(), offenders.join("\n"));
}
