//! What the templates of `infra/` promise: nothing is lost on the way, nobody may do more than they do, and the code
//! and the templates say the same.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod emulator;
mod environment;
mod losses;
mod people;
mod roles;
mod routes;
mod stages;
mod table;
mod template;

/// Fails with every offender, so that one run shows all there is to mend.
#[track_caller]
fn assert_none(rule: &str, offenders: &[String]) {
    assert!(offenders.is_empty(), "{rule}; {} offender(s):\n{}", offenders.len(), offenders.join("\n"));
}
