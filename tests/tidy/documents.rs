//! What a newcomer reads first exists, is short, and names the commands that work.

use std::fs;

use crate::{assert_none, source::root};

/// The command that runs every test.
const TEST_COMMAND: &str = "cargo xtask test";

/// The architecture is one short read; what was decided when, and why, is a log after it.
const ARCHITECTURE_LINES: usize = 150;

/// Where that log begins.
const DECISIONS: &str = "## Decisions";

#[test]
fn the_readme_and_ci_name_the_test_command() {
    let names_it = |path: &str| {
        let text = fs::read_to_string(root().join(path)).unwrap_or_default();
        text.lines().any(|line| line.contains(TEST_COMMAND))
    };
    let silent = ["README.md", ".ci/run"].into_iter().filter(|path| !names_it(path));
    let offenders: Vec<_> = silent.map(|path| format!("{path}:1")).collect();
    assert_none(&format!("a person and CI run the same `{TEST_COMMAND}`"), &offenders);
}

#[test]
fn the_architecture_is_one_short_read() {
    let Ok(text) = fs::read_to_string(root().join("ARCHITECTURE.md")) else {
        return;
    };
    let lines = text.lines().take_while(|line| *line != DECISIONS).count();
    let too_long =
        (lines > ARCHITECTURE_LINES).then(|| format!("ARCHITECTURE.md:{}: {lines} lines", ARCHITECTURE_LINES + 1));
    let offenders: Vec<_> = too_long.into_iter().collect();
    assert_none(&format!("at most {ARCHITECTURE_LINES} lines before the decisions"), &offenders);
}
