//! Least privilege: what the functions of the deployed stacks did with their roles is what their roles allow, action by
//! action. That they did no more the emulator saw to, which refuses what a role does not allow.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use anyhow::{Context as _, bail};
use serde_json::Value;

use crate::{deploy::written_out, workspace::Workspace};

/// Statements whose actions no code of ours takes: Lambda, X-Ray or EventBridge do, in the function's name.
const TAKEN_BY_AWS: [(&str, &str); 9] = [
    ("Log", "Lambda writes what a function says"),
    ("Trace", "Lambda's tracing sends what it saw"),
    ("Consume", "Lambda reads the queue that wakes the function"),
    ("Read", "Lambda reads the stream that wakes the function"),
    ("Find", "Lambda reads the stream that wakes the function"),
    ("GiveUp", "Lambda puts there what the function could not do"),
    ("Credentials", "EventBridge keeps a connection's credentials in a secret, as who made the connection"),
    ("BecomeEventBridge", "EventBridge makes its own role when the first API destination is made"),
    ("HandOver", "EventBridge is handed the role of a target with the target"),
];

type Actions = BTreeMap<String, BTreeSet<String>>;

/// Compares the roles of the template with what was kept in `folder`.
///
/// # Errors
///
/// When a role allows what nothing did, or something cannot be read.
pub(super) fn check(workspace: &Workspace, folder: &Path) -> anyhow::Result<()> {
    let text = fs::read_to_string(workspace.root.join("infra/template.yaml")).context("infra/template.yaml")?;
    let template = written_out::read(&text).context("infra/template.yaml")?.context("a key that is no text")?;
    let (allowed, taken) = (allowed(&template), taken(folder)?);
    let mut faults = vec![];
    for (function, actions) in &allowed {
        let seen = taken.get(function).cloned().unwrap_or_default();
        let unseen = actions.difference(&seen);
        faults.extend(unseen.map(|action| format!("{function} may and never did: {action}")));
    }
    if !faults.is_empty() {
        bail!("roles allow more than what is done with them:\n  {}", faults.join("\n  "));
    }
    Ok(())
}

/// What each function's role allows to code of ours: actions, and indexes that may be asked.
fn allowed(template: &Value) -> Actions {
    let resources = || template["Resources"].as_object().into_iter().flatten();
    let function = |role: &str| {
        let (_, function) = resources().find(|(name, _)| format!("{name}Role") == role)?;
        let name = function["Properties"]["FunctionName"]["Fn::Sub"].as_str()?;
        name.strip_prefix("${AWS::StackName}-").map(str::to_owned)
    };
    let roles = resources().filter(|(_, resource)| resource["Type"] == "AWS::IAM::Role");
    let of_role = |(name, role): (&String, &Value)| {
        let policies = role["Properties"]["Policies"].as_array().cloned().unwrap_or_default();
        let statements = policies.iter().flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
        Some((function(name)?, statements.flat_map(|statement| actions(&statement)).collect()))
    };
    roles.filter_map(of_role).collect()
}

/// The actions of one statement that code of ours takes, and the indexes that it names.
fn actions(statement: &Value) -> Vec<String> {
    if TAKEN_BY_AWS.iter().any(|(sid, _)| statement["Sid"] == *sid) {
        return vec![];
    }
    let actions = list(&statement["Action"]).into_iter().filter_map(|action| action.as_str().map(str::to_owned));
    let resources = list(&statement["Resource"]);
    let index = |resource: &Value| Some(resource["Fn::Sub"].as_str()?.split_once("/index/")?.1.to_owned());
    let indexes = resources.iter().filter_map(index).map(|index| format!("dynamodb:Query {index}"));
    actions.chain(indexes).collect()
}

/// One thing, or each of a list.
fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_else(|| vec![value.clone()])
}

/// What was kept: `function action` a line. A question to an index is one to the table, too.
fn taken(folder: &Path) -> anyhow::Result<Actions> {
    let mut taken = Actions::new();
    for entry in fs::read_dir(folder).with_context(|| format!("no stack was deployed: {}", folder.display()))? {
        for line in fs::read_to_string(entry?.path())?.lines() {
            let (function, action) = line.split_once(' ').context("a function and an action")?;
            let actions = taken.entry(function.to_owned()).or_default();
            actions.insert(action.to_owned());
            actions.extend(action.split_once(' ').map(|(action, _)| action.to_owned()));
        }
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_role_is_its_functions_and_what_aws_does_in_its_name_is_left_out() {
        let statements = json!([
            { "Sid": "Log", "Action": ["logs:PutLogEvents"], "Resource": "*" },
            { "Sid": "Store", "Action": ["dynamodb:Query"], "Resource": [{ "Fn::Sub": "${Table.Arn}/index/due" }] },
        ]);
        let policies = json!([{ "PolicyDocument": { "Statement": statements } }]);
        let template = json!({ "Resources": {
            "Clock": { "Type": "F", "Properties": { "FunctionName": { "Fn::Sub": "${AWS::StackName}-clock" } } },
            "ClockRole": { "Type": "AWS::IAM::Role", "Properties": { "Policies": policies } },
            "OtherRole": { "Type": "AWS::IAM::Role", "Properties": { "Policies": [] } },
        }});
        let expected = BTreeSet::from(["dynamodb:Query".to_owned(), "dynamodb:Query due".to_owned()]);
        assert_eq!(allowed(&template), Actions::from([("clock".to_owned(), expected)]));
    }
}
