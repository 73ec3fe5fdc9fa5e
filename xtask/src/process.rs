//! Running other programs, so that every command shows what it runs and fails in the same words.

use std::{
    ffi::OsStr,
    path::Path,
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use anyhow::{Context as _, bail};

/// Tells the person at the terminal something. Standard output stays with the programs that are run.
#[expect(clippy::print_stderr, reason = "talking to the terminal is what this program is for")]
pub(crate) fn say(text: &str) {
    eprintln!("xtask: {text}");
}

/// Writes what a script asked for to standard output.
#[expect(clippy::print_stdout, reason = "an answer that a shell can take")]
pub(crate) fn answer(line: &str) {
    println!("{line}");
}

/// Waits a little before something outside is looked at again.
#[expect(clippy::disallowed_methods, reason = "there is no runtime here whose thread it could block")]
pub(crate) fn pause() {
    thread::sleep(Duration::from_millis(100));
}

/// One program to run, with the terminal as its output.
#[derive(Debug)]
pub(crate) struct Step(Command);

impl Step {
    /// A program, run in the workspace's root.
    pub(crate) fn new(program: impl AsRef<OsStr>, root: &Path) -> Self {
        let mut command = Command::new(program);
        command.current_dir(root);
        Self(command)
    }

    /// The cargo that built this program, run in the workspace's root.
    pub(crate) fn cargo(root: &Path) -> Self {
        Self::new(env!("CARGO"), root)
    }

    /// Adds arguments.
    pub(crate) fn args(mut self, arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.0.args(arguments);
        self
    }

    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.0.env(name, value);
        self
    }

    /// Runs it and waits for its end.
    ///
    /// # Errors
    ///
    /// When it cannot be started or does not exit with 0.
    pub(crate) fn run(mut self) -> anyhow::Result<()> {
        let line = self.line();
        say(&line);
        let status = self.0.status().with_context(|| format!("cannot start `{line}`"))?;
        if !status.success() {
            bail!("`{line}` failed: {status}");
        }
        Ok(())
    }

    /// Runs it silently and answers what it wrote to standard output.
    ///
    /// # Errors
    ///
    /// When it cannot be started, does not exit with 0, or writes something other than UTF-8.
    pub(crate) fn output(mut self) -> anyhow::Result<String> {
        let line = self.line();
        let output = self.0.output().with_context(|| format!("cannot start `{line}`"))?;
        if !output.status.success() {
            let reason = String::from_utf8_lossy(&output.stderr);
            bail!("`{line}` failed: {}\n{}", output.status, reason.trim());
        }
        String::from_utf8(output.stdout).with_context(|| format!("output of `{line}`"))
    }

    /// Whether it can be started and exits with 0; it says nothing on the terminal.
    pub(crate) fn succeeds(mut self) -> bool {
        let status = self.0.stdout(Stdio::null()).stderr(Stdio::null()).status();
        status.is_ok_and(|status| status.success())
    }

    fn line(&self) -> String {
        let program = Path::new(self.0.get_program());
        let name = program.file_name().unwrap_or(program.as_os_str());
        let words = std::iter::once(name).chain(self.0.get_args());
        words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
    }
}
