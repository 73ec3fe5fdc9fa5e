//! What each function did with its role: every action that it asked AWS for, kept for `cargo xtask test`, which holds
//! the roles of the template against all of it.

use std::{
    collections::{BTreeSet, HashMap},
    fs,
    path::PathBuf,
};

use data_encoding::HEXUPPER;
use reqwest::Method;
use sha2::{Digest as _, Sha256};

use super::{Call, Services};
use crate::{surroundings, unique};

/// What an alias or a version adds to a function's ARN. The emulator gives each its own credentials.
const QUALIFIERS: [&str; 4] = ["", ":live", ":1", ":$LATEST"];

/// Whose access keys are whose.
#[derive(Debug)]
pub(super) struct Record {
    functions: HashMap<String, String>,
}

impl Record {
    /// Of the functions that are deployed; `name` is their stack's.
    pub(super) async fn of(services: &Services, name: &str) -> Self {
        let list = services.rest("lambda", Method::GET, "/2015-03-31/functions/", vec![]).await.must_be(200);
        let functions = list["Functions"].as_array().expect("functions").iter().flat_map(|function| {
            let text = |field: &str| function[field].as_str().expect("a text").to_owned();
            let (called, arn, role) = (text("FunctionName"), text("FunctionArn"), text("Role"));
            let short = called.strip_prefix(&format!("{name}-")).unwrap_or(&called).to_owned();
            QUALIFIERS.map(|qualifier| (access_key(&format!("{arn}{qualifier}"), &role), short.clone()))
        });
        Self { functions: functions.collect() }
    }

    /// Keeps what was called: a file of its own for each stack, a line for each function and action.
    pub(super) fn keep(&self, calls: &[Call]) {
        let Some(folder) = surroundings::calls_folder() else {
            return;
        };
        let lines: BTreeSet<String> = calls
            .iter()
            .filter_map(|call| Some((self.functions.get(&call.key)?, call)))
            .flat_map(|(function, call)| actions(call).into_iter().map(move |action| format!("{function} {action}\n")))
            .collect();
        write(&folder, &lines);
    }
}

fn write(folder: &PathBuf, lines: &BTreeSet<String>) {
    fs::create_dir_all(folder).expect("a folder");
    let name = unique(&format!("calls-{}", std::process::id()));
    fs::write(folder.join(name), lines.iter().map(String::as_str).collect::<String>()).expect("a file");
}

/// As the emulator makes it when authorization is on (its `execution_credentials`).
fn access_key(arn: &str, role: &str) -> String {
    let digest = Sha256::digest(format!("{arn}:{role}"));
    format!("ASIA{}", HEXUPPER.encode(&digest[..8]))
}

/// The actions, as policies name them, that a call takes; with the index, where it asks one.
fn actions(call: &Call) -> Vec<String> {
    let items = call.body["TransactItems"].as_array().into_iter().flatten();
    let parts = items.flat_map(|item| item.as_object().into_iter().flat_map(|item| item.keys()));
    let of_part = |part: &String| match part.as_str() {
        "ConditionCheck" => "dynamodb:ConditionCheckItem".to_owned(),
        part => format!("dynamodb:{part}Item"),
    };
    match (call.service.as_str(), call.operation.as_str()) {
        ("dynamodb", "TransactWriteItems") => parts.map(of_part).collect(),
        ("dynamodb", operation) => match call.body["IndexName"].as_str() {
            Some(index) => vec![format!("dynamodb:{operation} {index}")],
            None => vec![format!("dynamodb:{operation}")],
        },
        ("ses", "POST /v2/email/outbound-emails") => vec!["ses:SendEmail".to_owned()],
        // A message that comes in tens is allowed as one is.
        ("sqs", "SendMessageBatch") => vec!["sqs:SendMessage".to_owned()],
        (service, operation) => vec![format!("{service}:{operation}")],
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn call(service: &str, operation: &str, body: Value) -> Call {
        Call { key: String::new(), service: service.to_owned(), operation: operation.to_owned(), body }
    }

    #[test]
    fn a_transaction_is_what_it_consists_of_and_a_question_to_an_index_names_it() {
        let parts = json!({ "TransactItems": [{ "Put": {} }, { "ConditionCheck": {} }, { "Delete": {} }] });
        let all = ["dynamodb:PutItem", "dynamodb:ConditionCheckItem", "dynamodb:DeleteItem"];
        assert_eq!(actions(&call("dynamodb", "TransactWriteItems", parts)), all);
        assert_eq!(actions(&call("dynamodb", "Query", json!({ "IndexName": "due" }))), ["dynamodb:Query due"]);
        assert_eq!(actions(&call("kms", "Encrypt", json!({}))), ["kms:Encrypt"]);
        assert_eq!(actions(&call("sqs", "SendMessageBatch", json!({}))), ["sqs:SendMessage"]);
    }
}
