//! Makes what is served of the descriptions in `schemas/`, so that the YAML which people edit is the one source: the
//! interface's description as JSON, and the reference that people read.

mod description;
mod kind;
mod operation;
mod page;
mod prose;
mod schema;
mod table;

use std::{env, error::Error, fs, path::Path};

use crate::description::Description;

const SCHEMAS: &str = "../../schemas";

#[expect(clippy::disallowed_methods, clippy::print_stdout, reason = "this is how Cargo talks with build scripts")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SCHEMAS}");
    println!("cargo::rerun-if-changed=build");
    let folder = env::var("OUT_DIR")?;
    let called = Description::read(SCHEMAS, "openapi/marketplace.yaml", "")?;
    let hosted = Description::read(SCHEMAS, "openapi/third-party.yaml", "hosted-")?;
    // In the order in which it is written.
    fs::write(Path::new(&folder).join("openapi.json"), serde_json::to_string(called.whole())?)?;
    fs::write(Path::new(&folder).join("docs.html"), page::page(&called, &hosted))?;
    Ok(())
}
