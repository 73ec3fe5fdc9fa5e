//! The environment of the functions: what the table at the top of the template says is what is set.

use std::collections::{BTreeMap, BTreeSet};

use crate::template::{STACK, text};

type Variables = BTreeMap<String, BTreeSet<String>>;

/// The functions' names in the table: those of their folders.
fn functions() -> BTreeSet<String> {
    let functions = STACK.of_type("AWS::Serverless::Function");
    functions.map(|(_, function)| short_name(&function["FunctionName"]["Fn::Sub"])).collect()
}

fn short_name(name: &serde_json::Value) -> String {
    let name = name.as_str().and_then(|name| name.strip_prefix("${AWS::StackName}-"));
    name.expect("a function is named after the stack").to_owned()
}

/// `#   MARKETPLACE_X   api, clock   what`, with `all` for every function.
fn described() -> Variables {
    let text = text("template.yaml");
    let lines = text.lines().filter_map(|line| line.strip_prefix("#   MARKETPLACE_"));
    let row = |line: &str| {
        let (name, rest) = line.split_once(' ').expect("a name and more");
        let words: Vec<_> = rest.split_whitespace().collect();
        let last = words.iter().position(|word| !word.ends_with(',')).expect("whose it is");
        let names = words[..=last].iter().map(|word| word.trim_end_matches(',').to_owned());
        let names: BTreeSet<String> = names.collect();
        let all = names.contains("all");
        (format!("MARKETPLACE_{name}"), if all { functions() } else { names })
    };
    lines.map(row).collect()
}

fn set() -> Variables {
    let mut variables = Variables::new();
    let all = STACK.at("/Globals/Function/Environment/Variables").as_object().expect("variables");
    for (_, function) in STACK.of_type("AWS::Serverless::Function") {
        let own = function["Environment"]["Variables"].as_object();
        for variable in all.keys().chain(own.into_iter().flat_map(|own| own.keys())) {
            variables.entry(variable.clone()).or_default().insert(short_name(&function["FunctionName"]["Fn::Sub"]));
        }
    }
    variables
}

#[test]
fn what_is_set_is_what_is_described() {
    assert_eq!(set(), described());
    assert!(set().len() > 10);
}
