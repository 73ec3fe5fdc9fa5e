//! Least privilege: no action that is a pattern, and no resource that is one but those listed here with the reason.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::{
    assert_none,
    template::{STACK, THIRD_PARTY, items, of_arn},
};

const ROLE: &str = "AWS::IAM::Role";
const FUNCTION: &str = "AWS::Serverless::Function";

/// Statements that may name resources by a pattern: role (`*` for every function's), statement, why.
const PATTERNS: [(&str, &str, &str); 13] = [
    ("*", "Log", "Lambda names log streams"),
    ("*", "Trace", "X-Ray has no resources"),
    ("MarketplaceApi", "Text", "a telephone number is no resource: everything but topics"),
    ("Notifier", "Text", "a telephone number is no resource: everything but topics"),
    ("OutboxPublisher", "Find", "listing streams has no resource"),
    ("Clock", "Routes", "made at run time, named after their party"),
    ("Clock", "Rules", "made at run time, named after their party"),
    ("Clock", "Buses", "made at run time, named by number"),
    ("Clock", "List", "listing has no resource"),
    ("Clock", "Credentials", "EventBridge keeps them in a secret whose name ends at random"),
    ("Managed", "Call", "made at run time, named after their party"),
    ("Managed", "Forward", "made at run time, named by number"),
    ("LakeStream", "Objects", "objects are named by their time"),
];

/// Every statement of every role: the role, without `Role`, and the statement.
fn statements() -> impl Iterator<Item = (&'static str, &'static Value)> {
    STACK.of_type(ROLE).chain(THIRD_PARTY.of_type(ROLE)).flat_map(|(name, role)| {
        let policies = items(&role["Policies"]).into_iter();
        let statements = policies.flat_map(|policy| items(&policy["PolicyDocument"]["Statement"]));
        statements.map(move |statement| (name.strip_suffix("Role").expect("a role is called a role"), statement))
    })
}

fn has_pattern(value: &Value) -> bool {
    value.to_string().contains('*')
}

fn is_function(name: &str) -> bool {
    STACK.of_type(FUNCTION).any(|(function, _)| function == name)
}

#[test]
fn no_role_may_do_what_it_does_not_name() {
    let mut offenders = vec![];
    for (role, statement) in statements() {
        let inverse = ["NotAction", "NotPrincipal"].iter().any(|name| !statement[*name].is_null());
        if statement["Effect"] != "Allow" || inverse || has_pattern(&statement["Action"]) {
            offenders.push(format!("{role}: {statement}"));
        }
    }
    assert!(statements().count() > 40);
    assert_none("actions are named one by one", &offenders);
}

#[test]
fn resources_are_named_but_for_a_list_with_reasons() {
    let (mut offenders, mut used) = (vec![], BTreeSet::new());
    for (role, statement) in statements() {
        if !has_pattern(&statement["Resource"]) && statement["NotResource"].is_null() {
            continue;
        }
        let sid = statement["Sid"].as_str().unwrap_or_default();
        let listed = PATTERNS
            .iter()
            .find(|(name, known, _)| *known == sid && (*name == role || (*name == "*" && is_function(role))));
        match listed {
            Some(listed) => drop(used.insert(listed)),
            None => offenders.push(format!("{role}: {statement}")),
        }
    }
    offenders
        .extend(PATTERNS.iter().filter(|listed| !used.contains(listed)).map(|unused| format!("unused: {unused:?}")));
    assert_none("a pattern of resources has a reason", &offenders);
}

#[test]
fn every_function_has_a_role_of_its_own_that_only_it_assumes() {
    let roles: Vec<_> = STACK.of_type(FUNCTION).map(|(name, function)| (name, of_arn(&function["Role"]))).collect();
    let offenders: Vec<_> =
        roles.iter().filter(|(name, role)| *role != format!("{name}Role")).map(|pair| format!("{pair:?}")).collect();
    assert_eq!(roles.len(), 9);
    assert_none("a role is named after its function", &offenders);
}

#[test]
fn services_assume_roles_for_this_account_only() {
    let mut offenders = vec![];
    for (name, role) in STACK.of_type(ROLE).chain(THIRD_PARTY.of_type(ROLE)) {
        for statement in items(&role["AssumeRolePolicyDocument"]["Statement"]) {
            // Lambda assumes a role only for the function that was given it by `iam:PassRole`.
            let is_lambda = statement["Principal"]["Service"] == "lambda.amazonaws.com";
            if !is_lambda && statement["Condition"]["StringEquals"]["aws:SourceAccount"].is_null() {
                offenders.push(name.to_owned());
            }
        }
    }
    assert_none("else another account's bus could use ours", &offenders);
}

#[test]
fn whoever_is_woken_by_a_queue_may_read_it() {
    for (name, function) in STACK.of_type(FUNCTION) {
        let events = function["Events"].as_object().into_iter().flatten();
        for (_, event) in events.filter(|(_, event)| event["Type"] == "SQS") {
            let queue = &event["Properties"]["Queue"];
            let reads = |(role, statement): (&str, &Value)| {
                role == name && statement["Sid"] == "Consume" && items(&statement["Resource"]).contains(&queue)
            };
            assert!(statements().any(reads), "{name} may not read {queue}");
        }
    }
}
