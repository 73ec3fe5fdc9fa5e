//! What the emulator asks of roles that AWS does not: it takes some actions to be on other resources than they are, or
//! to have a name of their own. Each role gets what it lacks for that, for the actions that its own policies allow.

use std::fs;

use serde_json::{Value, json};

use super::{Services, between, describe};
use crate::surroundings;

/// Allows every role what the emulator mistakes.
pub(super) async fn grant(services: &Services) {
    let text = fs::read_to_string(surroundings::stack_folder().join("template.json")).expect("the packaged template");
    let template: Value = serde_json::from_str(&text).expect("JSON");
    let stack = describe(services, "DescribeStackResources").await;
    let (logical, physical) =
        (("<LogicalResourceId>", "</LogicalResourceId>"), ("<PhysicalResourceId>", "</PhysicalResourceId>"));
    for (name, id) in between(&stack, logical.0, logical.1).zip(between(&stack, physical.0, physical.1)) {
        let role = &template["Resources"][name];
        let actions = actions(role);
        let mistaken: Vec<_> = actions.iter().filter_map(|action| mistaken(action)).collect();
        if role["Type"] != "AWS::IAM::Role" || mistaken.is_empty() {
            continue;
        }
        let statement = json!({ "Effect": "Allow", "Action": mistaken, "Resource": "*" });
        let document = json!({ "Version": "2012-10-17", "Statement": [statement] }).to_string();
        let fields = [
            ("Action", "PutRolePolicy"),
            ("Version", "2010-05-08"),
            ("RoleName", id),
            ("PolicyName", "emulator"),
            ("PolicyDocument", &document),
        ];
        services.form("iam", &fields).await;
    }
}

/// What the emulator wants to be allowed, on whatever resource it thinks of, where AWS wants this action on ours.
fn mistaken(action: &str) -> Option<&str> {
    match action {
        // AWS: there is no such action; who may send one message may send ten.
        "sqs:SendMessage" => Some("sqs:SendMessageBatch"),
        // AWS: the resource is the sender's identity.
        "ses:SendEmail" => Some(action),
        // Names of connections, API destinations and rules are taken for rules of the default bus.
        action if action.starts_with("events:") && action != "events:PutEvents" => Some(action),
        _ => None,
    }
}

/// Every action that a role's policies allow.
fn actions(role: &Value) -> Vec<String> {
    let list = |value: &Value| value.as_array().cloned().unwrap_or_else(|| vec![value.clone()]);
    let policies = list(&role["Properties"]["Policies"]).into_iter();
    let statements = policies.flat_map(|policy| list(&policy["PolicyDocument"]["Statement"]));
    let actions = statements.flat_map(|statement| list(&statement["Action"]));
    actions.filter_map(|action| action.as_str().map(str::to_owned)).collect()
}
