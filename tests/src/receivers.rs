//! Third parties' programs in other languages, which verify messages with the official libraries of Standard Webhooks.

use std::{
    io::Write as _,
    process::{Command, Stdio},
};

use serde_json::{Value, json};

use crate::{Received, surroundings};

/// A language that third parties are written in.
#[derive(Clone, Copy, Debug)]
pub enum Receiver {
    /// With the library `standardwebhooks` in Python's index.
    Python,
    /// With npm's `standardwebhooks`, and with Node's own ed25519 for public keys.
    JavaScript,
}

impl Receiver {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Python, Self::JavaScript];

    /// What is wrong with each message, by this secret or public key; none for those that are genuine.
    ///
    /// # Panics
    /// When the program cannot be run, or fails.
    pub async fn verify(self, secret: &str, messages: &[Received]) -> Vec<Option<String>> {
        let case = |message: &Received| {
            let headers: serde_json::Map<_, _> =
                message.headers.iter().map(|(name, value)| (name.clone(), Value::from(value.clone()))).collect();
            json!({ "secret": secret, "headers": headers, "body": message.body })
        };
        let cases = Value::Array(messages.iter().map(case).collect()).to_string();
        let run = tokio::task::spawn_blocking(move || run(self.command(), &cases));
        let verdicts: Vec<Option<String>> = run.await.expect("it does not panic");
        assert_eq!(verdicts.len(), messages.len(), "a verdict on each");
        verdicts
    }

    fn command(self) -> Command {
        match self {
            Self::Python => surroundings::python_receiver(),
            Self::JavaScript => surroundings::javascript_receiver(),
        }
    }
}

fn run(mut command: Command, input: &str) -> Vec<Option<String>> {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("a receiver can be run");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{}", output.status);
    serde_json::from_slice(&output.stdout).expect("verdicts")
}
