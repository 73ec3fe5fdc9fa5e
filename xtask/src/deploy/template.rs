//! What the emulator cannot make is taken out of the template; nothing else is changed.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;
use serde_json::Value;

use crate::workspace::Workspace;

/// Resource types that the emulator does not know, each with how it shows.
pub(super) type Unknown = BTreeMap<String, String>;

/// Reads the list that the tests hold, `infra/emulator.json`.
///
/// # Errors
///
/// When it is not there, or not a list of types.
pub(super) fn unknown_types(workspace: &Workspace) -> anyhow::Result<Unknown> {
    let text = fs::read_to_string(workspace.root.join("infra/emulator.json")).context("infra/emulator.json")?;
    serde_json::from_str(&text).context("infra/emulator.json")
}

/// Takes out the resources of unknown types, and the names of those from `DependsOn`. Answers what was taken out.
pub(super) fn drop_unknown(template: &mut Value, unknown: &Unknown) -> Vec<String> {
    let Some(resources) = template["Resources"].as_object_mut() else {
        return vec![];
    };
    let is_unknown = |resource: &Value| resource["Type"].as_str().is_some_and(|kind| unknown.contains_key(kind));
    let dropped: Vec<String> =
        resources.iter().filter(|(_, resource)| is_unknown(resource)).map(|(name, _)| name.clone()).collect();
    resources.retain(|name, _| !dropped.contains(name));
    for resource in resources.values_mut().filter_map(Value::as_object_mut) {
        let waits = resource.get_mut("DependsOn").map(Value::take);
        let waits = match waits {
            Some(Value::Array(names)) => names,
            Some(name) => vec![name],
            None => continue,
        };
        let known = |name: &Value| !dropped.iter().any(|dropped| name == dropped);
        resource.insert("DependsOn".to_owned(), waits.into_iter().filter(known).collect());
    }
    dropped
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_unknown_is_taken_out() {
        let mut template = json!({ "Resources": {
            "Archive": { "Type": "AWS::Events::Archive" },
            "Bus": { "Type": "AWS::Events::EventBus", "DependsOn": ["Archive", "Key"] },
            "Rule": { "Type": "AWS::Events::Rule", "DependsOn": "Archive" },
            "Key": { "Type": "AWS::KMS::Key" },
        }});
        let unknown = Unknown::from([("AWS::Events::Archive".to_owned(), String::new())]);
        assert_eq!(drop_unknown(&mut template, &unknown), ["Archive"]);
        let expected = json!({ "Resources": {
            "Bus": { "Type": "AWS::Events::EventBus", "DependsOn": ["Key"] },
            "Rule": { "Type": "AWS::Events::Rule", "DependsOn": [] },
            "Key": { "Type": "AWS::KMS::Key" },
        }});
        assert_eq!(template, expected);
    }
}
