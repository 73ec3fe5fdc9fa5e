//! The Rust sources of the workspace, found and read once for all rules.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

/// Where this workspace's own crates are.
const FOLDERS: [&str; 4] = ["services", "shared", "tests", "xtask"];

/// What opens the part of a file that only tests compile.
const TEST_MODULE: &str = "#[cfg(test)]";

static SOURCES: LazyLock<Vec<Source>> = LazyLock::new(|| {
    let mut paths = Vec::new();
    for folder in FOLDERS {
        collect(&root().join(folder), &mut paths);
    }
    paths.sort();
    paths.into_iter().map(Source::read).collect()
});

/// The folder of the root manifest.
pub(crate) fn root() -> &'static Path {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    package.parent().expect("the package `tests` is a folder of the workspace")
}

/// Every Rust file of the workspace.
pub(crate) fn all() -> &'static [Source] {
    &SOURCES
}

/// One Rust file.
pub(crate) struct Source {
    /// Relative to the workspace's root, with `/` between its parts.
    pub(crate) path: String,
    pub(crate) text: String,
}

impl Source {
    fn read(path: PathBuf) -> Self {
        let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"));
        let relative = path.strip_prefix(root()).expect("collected below the root");
        Self { path: relative.to_string_lossy().replace('\\', "/"), text }
    }

    /// How many lines come before the tests that stand at the end of the file.
    pub(crate) fn lines_before_tests(&self) -> usize {
        let before = self.text.lines().position(|line| line.starts_with(TEST_MODULE));
        before.unwrap_or_else(|| self.text.lines().count())
    }

    /// Whether only tests compile this file: the package `tests`, a crate's `tests` folder, or a module of
    /// tests that was moved out of its file.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| part == "tests" || part == "tests.rs")
    }

    /// The place of a line, as editors and terminals understand it.
    pub(crate) fn at(&self, line: usize) -> String {
        format!("{}:{line}", self.path)
    }
}

fn collect(folder: &Path, paths: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{folder:?}: {error}"));
    for entry in entries {
        let path = entry.expect("an entry of a folder that was just opened").path();
        if path.is_dir() {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            paths.push(path);
        }
    }
}

#[test]
fn the_sources_are_found() {
    let known = ["shared/core/src/lib.rs", "xtask/src/main.rs", "tests/tidy/source.rs"];
    for path in known {
        assert!(all().iter().any(|source| source.path == path), "{path} was not found");
    }
}
