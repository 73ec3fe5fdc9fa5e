//! Writes `schemas/events/` from the types, or with `--check` says whether it is what they generate.
//!
//! A published schema is frozen: what would change more than `schema::not_additive` allows is refused.

use std::{fs, io, path::PathBuf, process::ExitCode};

use event_schema::{kind::EventKind, schema};
use serde_json::Value;

fn main() -> io::Result<ExitCode> {
    let check = std::env::args().any(|argument| argument == "--check");
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schemas/events");
    let mut faults = Vec::new();
    for kind in EventKind::ALL {
        let path = folder.join(kind.schema_file());
        let next = schema::of(kind);
        let published: Option<Value> = match fs::read_to_string(&path) {
            Ok(text) => Some(serde_json::from_str(&text)?),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        if published.as_ref() == Some(&next) {
            continue;
        }
        if check {
            faults.push(format!("{}: not what the types generate", kind.schema_file()));
            continue;
        }
        let refused = published.map(|old| schema::not_additive(&old, &next)).unwrap_or_default();
        if refused.is_empty() {
            fs::write(&path, format!("{next:#}\n"))?;
        }
        faults.extend(refused.iter().map(|fault| format!("{}{fault}", kind.schema_file())));
    }
    report(&faults)
}

fn report(faults: &[String]) -> io::Result<ExitCode> {
    use io::Write as _;

    let mut stderr = io::stderr().lock();
    for fault in faults {
        writeln!(stderr, "{fault}")?;
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
