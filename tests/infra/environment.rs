//! The environment of the functions: what the table at the top of the template says is what is set, and what is set is
//! what they read.

use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use functions::config::{Api, Ingest, Notifier, Publisher, Router, Sender, TableOnly, Ticks};

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

/// What a configuration of this type looks up.
fn looked_up(kind: &str) -> BTreeSet<String> {
    let names = RefCell::new(BTreeSet::new());
    let lookup = |name: &str| {
        names.borrow_mut().insert(name.to_owned());
        None
    };
    // Nothing is set, so each complains, and looks for everything all the same.
    let complains = match kind {
        "Api" => Api::read(lookup).is_err(),
        "Ingest" => Ingest::read(lookup).is_err(),
        "Notifier" => Notifier::read(lookup).is_err(),
        "Publisher" => Publisher::read(lookup).is_err(),
        "Router" => Router::read(lookup).is_err(),
        "Sender" => Sender::read(lookup).is_err(),
        "TableOnly" => TableOnly::read(lookup).is_err(),
        "Ticks" => Ticks::read(lookup).is_err(),
        other => panic!("config.rs has no {other}"),
    };
    assert!(complains, "{kind} needs something");
    names.into_inner()
}

/// What each function's program looks up, by the function's name.
fn read() -> Variables {
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("../services/functions/src/bin");
    let mut variables = Variables::new();
    for (_, function) in STACK.of_type("AWS::Serverless::Function") {
        let code = function["CodeUri"].as_str().expect("code").trim_end_matches('/');
        let program = code.rsplit('/').next().expect("a program");
        let source = fs::read_to_string(sources.join(format!("{program}.rs"))).expect("its source");
        let (_, after) = source.split_once("= config::").expect("it has a configuration");
        let (kind, _) = after.split_once("::read(").expect("it reads it");
        for name in looked_up(kind) {
            variables.entry(name).or_default().insert(short_name(&function["FunctionName"]["Fn::Sub"]));
        }
    }
    variables
}

#[test]
fn what_is_set_is_what_is_read() {
    assert_eq!(set(), read());
}
