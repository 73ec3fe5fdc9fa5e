//! The descriptions in `schemas/` are what public validators take for descriptions.

use std::{fs, path::PathBuf, process::Output};

use tempfile::TempDir;
use tests::interface::{description, judge_asyncapi, judge_openapi};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// The same description with something wrong in it, beside what it refers to.
fn spoilt(name: &str, right: &str, wrong: &str) -> (TempDir, PathBuf) {
    let folder = TempDir::new().unwrap();
    let copy = |name: &str, text: &str| {
        let to = folder.path().join(name);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::write(&to, text).unwrap();
        to
    };
    for schema in fs::read_dir(description("events")).unwrap() {
        let schema = schema.unwrap();
        let name = format!("events/{}", schema.file_name().to_str().unwrap());
        copy(&name, &fs::read_to_string(schema.path()).unwrap());
    }
    let text = fs::read_to_string(description(name)).unwrap();
    assert!(text.contains(right), "{right}");
    let file = copy(name, &text.replacen(right, wrong, 1));
    (folder, file)
}

#[tokio::test]
async fn what_can_be_called_is_described_in_openapi() {
    for name in ["openapi/marketplace.yaml", "openapi/third-party.yaml"] {
        let output = judge_openapi(&description(name)).await;
        assert!(output.status.success(), "{name}: {}", said(&output));
        let (_folder, file) = spoilt(name, "      operationId: ", "      operationIdentifier: ");
        let output = judge_openapi(&file).await;
        assert!(!output.status.success(), "{name}: anything passes: {}", said(&output));
    }
}

#[tokio::test]
async fn what_is_said_on_the_bus_is_described_in_asyncapi() {
    let output = judge_asyncapi(&description("asyncapi.yaml")).await;
    assert!(output.status.success(), "{}", said(&output));
    let (_folder, file) = spoilt("asyncapi.yaml", "action: send", "action: shout");
    let output = judge_asyncapi(&file).await;
    assert!(!output.status.success(), "anything passes: {}", said(&output));
    let (_folder, file) = spoilt("asyncapi.yaml", "./events/marketplace-delivery.v1.json", "./events/none.json");
    let output = judge_asyncapi(&file).await;
    assert!(!output.status.success(), "a reference to nothing passes: {}", said(&output));
}
