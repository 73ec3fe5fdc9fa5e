//! Makes the JSON that is served of the interface's description, so that the YAML which people edit is the one source.

use std::{env, error::Error, fs, path::Path};

const SOURCE: &str = "../../schemas/openapi/marketplace.yaml";

#[expect(clippy::disallowed_methods, reason = "this is how Cargo talks with build scripts")]
fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed={SOURCE}");
    let folder = env::var("OUT_DIR")?;
    // Read in the order in which it is written.
    let description: yaml_serde::Value = yaml_serde::from_str(&fs::read_to_string(SOURCE)?)?;
    fs::write(Path::new(&folder).join("openapi.json"), serde_json::to_string(&description)?)?;
    Ok(())
}
