//! What third parties are sent, held against what they are told that they will be sent: `schemas/openapi/third-party.yaml`.

use std::{error::Error, sync::LazyLock};

use jsonschema::{Retrieve, Uri, Validator};
use serde_json::{Value, json};

use crate::Received;

/// The description, and what it refers to, at the addresses that they would have beside each other.
const ENDPOINT: (&str, &str) =
    ("file:///schemas/openapi/third-party.yaml", include_str!("../../schemas/openapi/third-party.yaml"));
const DELIVERY: (&str, &str) = (
    "file:///schemas/events/marketplace-delivery.v1.json",
    include_str!("../../schemas/events/marketplace-delivery.v1.json"),
);

static MESSAGE: LazyLock<Described> = LazyLock::new(|| Described::of("/paths/~1offers/post"));

/// How a pushed message differs from its description; empty when it does not.
pub(crate) fn faults(message: &Received) -> Vec<String> {
    let mut faults = Vec::new();
    for (name, required, schema) in &MESSAGE.headers {
        match message.header(name) {
            Some(value) => collect(name, schema, &value.into(), &mut faults),
            None if *required => faults.push(format!("{name}: it is not there")),
            None => {}
        }
    }
    match serde_json::from_str(&message.body) {
        Ok(body) => collect("body", &MESSAGE.body, &body, &mut faults),
        Err(error) => faults.push(format!("body: {error}")),
    }
    faults
}

fn collect(of: &str, schema: &Validator, value: &Value, faults: &mut Vec<String>) {
    faults.extend(schema.iter_errors(value).map(|error| format!("{of}{}: {error}", error.instance_path())));
}

/// An operation that a third party hosts.
struct Described {
    headers: Vec<(String, bool, Validator)>,
    body: Validator,
}

impl Described {
    fn of(operation: &str) -> Self {
        let document: Value = yaml_serde::from_str(ENDPOINT.1).expect("YAML");
        let parameters = document.pointer(&format!("{operation}/parameters")).and_then(Value::as_array);
        let header = |parameter: &Value| {
            let at = parameter["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')).expect("a component");
            let parameter = document.pointer(at).expect("it leads somewhere");
            let name = parameter["name"].as_str().expect("a name").to_owned();
            (name, parameter["required"] == true, validator(&format!("{at}/schema")))
        };
        Self {
            headers: parameters.expect("headers").iter().map(header).collect(),
            body: validator(&format!("{operation}/requestBody/content/application~1json/schema")),
        }
    }
}

fn validator(pointer: &str) -> Validator {
    let schema = json!({ "$ref": format!("{}#{pointer}", ENDPOINT.0) });
    let options = jsonschema::options().with_retriever(Schemas).should_validate_formats(true);
    options.build(&schema).expect("a schema")
}

struct Schemas;

impl Retrieve for Schemas {
    fn retrieve(&self, uri: &Uri<String>) -> Result<Value, Box<dyn Error + Send + Sync>> {
        let known = [ENDPOINT, DELIVERY].into_iter().find(|(address, _)| *address == uri.as_str());
        // JSON is YAML.
        Ok(yaml_serde::from_str(known.ok_or("nothing else is referred to")?.1)?)
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, time::Instant};

    use super::*;

    fn message(body: &Value) -> Received {
        let headers = [("webhook-id", "msg_0123456789abcdef0123456789abcdef"), ("webhook-timestamp", "1767323045")];
        Received {
            at: Instant::now(),
            method: "POST".to_owned(),
            path: "/".to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
            body: body.to_string(),
        }
    }

    #[test]
    fn every_example_is_as_described_and_what_is_not_is_told() {
        let document: Value = yaml_serde::from_str(ENDPOINT.1).unwrap();
        let examples = &document["paths"]["/offers"]["post"]["requestBody"]["content"]["application/json"]["examples"];
        let examples = examples.as_object().unwrap();
        let types: BTreeSet<_> = examples.keys().map(String::as_str).collect();
        assert_eq!(
            types,
            BTreeSet::from(["offer.created", "offer.expired", "offer.reminder", "offer.withdrawn", "ping"])
        );
        for (name, example) in examples {
            assert_eq!(example["value"]["type"], **name);
            assert_eq!(faults(&message(&example["value"])), [""; 0], "{name}");
            let mut wrong = example["value"].clone();
            wrong["data"]["third_party"] = json!("Not An Id");
            assert_ne!(faults(&message(&wrong)), [""; 0], "{name}");
        }
    }

    #[test]
    fn headers_are_looked_at() {
        let ping = json!({
            "type": "ping", "timestamp": "2026-01-02T03:04:05Z", "data": { "third_party": "shop", "environment": "dev" },
        });
        let with = |name: &str, value: &str| {
            let mut message = message(&ping);
            message.headers.retain(|(header, _)| header != name);
            message.headers.push((name.to_owned(), value.to_owned()));
            faults(&message)
        };
        assert_eq!(faults(&message(&ping)), [""; 0]);
        let (v1, v1a) = (format!("v1,{}=", "a".repeat(43)), format!("v1a,{}==", "a".repeat(86)));
        assert_eq!(with("webhook-signature", &format!("{v1} {v1a}")), [""; 0]);
        assert_eq!(with("webhook-signature", &format!("{v1},{v1a}")).len(), 1);
        assert_eq!(with("webhook-id", "7").len(), 1);
        let mut message = message(&ping);
        message.headers.remove(1);
        assert_eq!(faults(&message), ["webhook-timestamp: it is not there"]);
    }
}
