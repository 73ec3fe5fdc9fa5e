//! The description as the tests read it: its operations, and validators made of its schemas.

use std::sync::LazyLock;

use jsonschema::Validator;
use serde_json::{Map, Value, json};

/// The description as it is written.
pub(crate) const SOURCE: &str = include_str!("../../../../schemas/openapi/marketplace.yaml");

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| yaml_serde::from_str(SOURCE).expect("the description is YAML"));

/// The media type of every body but AWS's.
pub(crate) const JSON: &str = "application/json";

/// One method of one path.
pub(crate) struct Operation {
    pub(crate) path: &'static str,
    /// In lower case.
    pub(crate) method: &'static str,
    pub(crate) value: &'static Value,
}

/// Everything.
pub(crate) fn whole() -> &'static Value {
    &DOCUMENT
}

/// Every operation.
pub(crate) fn operations() -> Vec<Operation> {
    let methods = |(path, methods): (&'static String, &'static Value)| {
        members(methods).iter().map(move |(method, value)| Operation { path, method, value })
    };
    members(&DOCUMENT["paths"]).iter().flat_map(methods).collect()
}

/// The operation with this method, in upper or lower case, and this path.
pub(crate) fn operation(method: &str, path: &str) -> Operation {
    let found = operations().into_iter().find(|one| one.path == path && one.method.eq_ignore_ascii_case(method));
    found.unwrap_or_else(|| panic!("{method} {path} is not described"))
}

impl Operation {
    /// How it is called in messages of tests.
    pub(crate) fn name(&self) -> String {
        format!("{} {}", self.method.to_uppercase(), self.path)
    }

    /// The method as a client takes it.
    pub(crate) fn http_method(&self) -> reqwest::Method {
        self.method.to_uppercase().parse().expect("a method")
    }

    /// Its parameters, references resolved.
    pub(crate) fn parameters(&self) -> Vec<&'static Value> {
        self.value["parameters"].as_array().into_iter().flatten().map(resolved).collect()
    }

    /// Its path with the examples of its parameters: well-formed ids of nothing.
    pub(crate) fn example_path(&self) -> String {
        let in_path = self.parameters().into_iter().filter(|parameter| parameter["in"] == "path");
        in_path.fold(self.path.to_owned(), |path, parameter| {
            path.replace(&format!("{{{}}}", text(&parameter["name"])), text(&parameter["example"]))
        })
    }

    /// Whether it honours `Idempotency-Key`.
    pub(crate) fn takes_an_idempotency_key(&self) -> bool {
        self.parameters().iter().any(|parameter| parameter["name"] == "Idempotency-Key")
    }

    /// The names of the credentials that open it; none when nobody is asked for one.
    pub(crate) fn credentials(&self) -> Vec<&'static str> {
        let alternatives = self.value["security"].as_array().expect("every operation says who may call it");
        alternatives.iter().flat_map(|alternative| members(alternative).keys()).map(String::as_str).collect()
    }

    /// The schema of its body, if it takes one in the marketplace's own JSON.
    pub(crate) fn body_schema(&self) -> Option<&'static Value> {
        self.value["requestBody"]["content"][JSON].get("schema")
    }

    /// The examples of its body, with their names.
    pub(crate) fn body_examples(&self) -> Vec<(&'static str, &'static Value)> {
        let examples = self.value["requestBody"]["content"][JSON].get("examples");
        let examples = examples.map(members).into_iter().flatten();
        examples.map(|(name, example)| (name.as_str(), &example["value"])).collect()
    }

    /// The answer with this status, references resolved.
    pub(crate) fn answer(&self, status: u16) -> &'static Value {
        let answer = self.value["responses"].get(status.to_string());
        resolved(answer.unwrap_or_else(|| panic!("{}: {status} is not described", self.name())))
    }
}

/// What a value refers to, or the value itself.
pub(crate) fn resolved(value: &'static Value) -> &'static Value {
    value.get("$ref").map_or(value, |reference| resolved(target(text(reference))))
}

/// What a reference within the document leads to.
pub(crate) fn target(reference: &str) -> &'static Value {
    let pointer = reference.strip_prefix('#').unwrap_or_else(|| panic!("{reference} leads out of the document"));
    DOCUMENT.pointer(pointer).unwrap_or_else(|| panic!("{reference} leads nowhere"))
}

/// A validator for what clients send: as the schema says.
pub(crate) fn validator(schema: &Value) -> Validator {
    compile(schema.clone(), DOCUMENT["components"].clone())
}

/// A validator for what the gateway answers: no field that is not described. Clients are told to expect new ones;
/// the description is to have them first.
pub(crate) fn strict_validator(schema: &Value) -> Validator {
    let (mut schema, mut components) = (schema.clone(), DOCUMENT["components"].clone());
    close(&mut schema);
    close(&mut components["schemas"]);
    compile(schema, components)
}

fn compile(schema: Value, components: Value) -> Validator {
    let whole = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "allOf": [schema],
        "components": components,
    });
    jsonschema::options().should_validate_formats(true).build(&whole).expect("a schema")
}

fn close(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            let is_object = members.get("type").is_some_and(|kind| kind == "object");
            if is_object && members.contains_key("properties") && !members.contains_key("additionalProperties") {
                members.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            members.values_mut().for_each(close);
        }
        Value::Array(elements) => elements.iter_mut().for_each(close),
        _ => {}
    }
}

/// Every way in which a value breaks a schema, in words.
pub(crate) fn faults(validator: &Validator, value: &Value) -> Vec<String> {
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

/// The members of an object.
#[track_caller]
pub(crate) fn members(value: &Value) -> &Map<String, Value> {
    value.as_object().unwrap_or_else(|| panic!("an object, not {value}"))
}

/// A text.
#[track_caller]
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}"))
}

#[test]
fn a_strict_validator_knows_only_what_is_described() {
    let schema = json!({ "$ref": "#/components/schemas/CreatedRequest" });
    let id = "req_0198a3c1-7e1a-7c55-8d1f-3f6a5b2c9d10";
    let (plain, more) = (json!({ "id": id, "status": "new" }), json!({ "id": id, "status": "new", "more": 1 }));
    assert!(validator(&schema).is_valid(&plain) && validator(&schema).is_valid(&more));
    assert!(strict_validator(&schema).is_valid(&plain) && !strict_validator(&schema).is_valid(&more));
    assert!(!validator(&schema).is_valid(&json!({ "id": "req_1", "status": "new" })));
}
