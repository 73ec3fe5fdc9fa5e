//! What the emulator cannot make is taken out of the template, and each function's code is named by its zip; nothing
//! else is changed.

use std::{collections::BTreeMap, fs};

use anyhow::Context as _;
use serde_json::{Value, json};

use super::{ARTEFACTS, written_out};
use crate::workspace::Workspace;

/// The type of the resources whose code is ours.
const FUNCTION: &str = "AWS::Serverless::Function";

/// Resource types that the emulator does not know, each with how it shows.
type Unknown = BTreeMap<String, String>;

/// The template as the emulator gets it, and the names of the resources that were left out.
///
/// # Errors
///
/// When the template or the list of unknown types is not there, or not what it should be.
pub(super) fn for_emulator(workspace: &Workspace) -> anyhow::Result<(Value, Vec<String>)> {
    let text = fs::read_to_string(workspace.root.join("infra/template.yaml")).context("infra/template.yaml")?;
    let template = written_out::read(&text).context("infra/template.yaml")?;
    let mut template = template.context("a key in infra/template.yaml is no text")?;
    name_zips(&mut template)?;
    let dropped = drop_unknown(&mut template, &unknown_types(workspace)?);
    Ok((template, dropped))
}

/// Names each function's zip, which is called as the folder of its code is.
fn name_zips(template: &mut Value) -> anyhow::Result<()> {
    let resources = template["Resources"].as_object_mut().context("no resources")?;
    for (name, function) in resources.iter_mut().filter(|(_, resource)| resource["Type"] == FUNCTION) {
        let folder = function["Properties"]["CodeUri"].as_str().with_context(|| format!("the code of {name}"))?;
        let folder = folder.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
        function["Properties"]["CodeUri"] = json!({ "Bucket": ARTEFACTS, "Key": format!("{folder}.zip") });
    }
    Ok(())
}

/// Reads the list that the tests hold, `infra/emulator.json`.
fn unknown_types(workspace: &Workspace) -> anyhow::Result<Unknown> {
    let text = fs::read_to_string(workspace.root.join("infra/emulator.json")).context("infra/emulator.json")?;
    serde_json::from_str(&text).context("infra/emulator.json")
}

/// Takes out the resources of unknown types, and the names of those from `DependsOn`. Answers what was taken out.
fn drop_unknown(template: &mut Value, unknown: &Unknown) -> Vec<String> {
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
    use super::*;

    #[test]
    fn a_functions_code_is_its_zip() {
        let function = |code: Value| {
            let properties = json!({ "CodeUri": code });
            json!({ "Resources": { "Clock": { "Type": "AWS::Serverless::Function", "Properties": properties } } })
        };
        let mut template = function("../target/lambda/clock/".into());
        name_zips(&mut template).unwrap();
        assert_eq!(template, function(json!({ "Bucket": "marketplace-artefacts", "Key": "clock.zip" })));
    }

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
