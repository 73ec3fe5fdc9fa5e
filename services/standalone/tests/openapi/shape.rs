//! The document by itself: OpenAPI 3.1, complete, and true to its own schemas.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::document::{self, Operation, faults, members, operations, text, validator};

/// What the OpenAPI Initiative publishes for 3.1 (2022-10-07; Apache-2.0), without the schemas within.
const OPENAPI: &str = include_str!("oas-3.1.schema.json");

/// Calls `visit` with every object in a value that has this member.
fn each_with<'a>(value: &'a Value, member: &str, visit: &mut impl FnMut(&'a Value)) {
    match value {
        Value::Object(members) => {
            if let Some(found) = members.get(member) {
                visit(found);
            }
            members.values().for_each(|value| each_with(value, member, visit));
        }
        Value::Array(elements) => elements.iter().for_each(|value| each_with(value, member, visit)),
        _ => {}
    }
}

#[test]
fn it_is_a_document_of_openapi_3_1() {
    let openapi: Value = serde_json::from_str(OPENAPI).unwrap();
    let validator = jsonschema::validator_for(&openapi).unwrap();
    assert_eq!(faults(&validator, document::whole()), [""; 0]);
    assert!(!validator.is_valid(&serde_json::json!({ "openapi": "3.1.0" })), "the validator lets anything pass");
}

#[test]
fn every_schema_in_it_is_one_of_draft_2020_12() {
    let mut count = 0;
    let mut check = |schema: &Value| {
        assert!(jsonschema::draft202012::meta::is_valid(schema), "{schema:#}");
        count += 1;
    };
    members(&document::whole()["components"]["schemas"]).values().for_each(&mut check);
    for part in ["paths", "components"] {
        each_with(&document::whole()[part], "schema", &mut check);
    }
    assert!(count > 100, "{count}");
}

#[test]
fn every_reference_leads_somewhere_and_every_component_is_referred_to() {
    let mut referred = BTreeSet::new();
    each_with(document::whole(), "$ref", &mut |reference| {
        document::target(text(reference));
        referred.insert(text(reference));
    });
    for (kind, components) in members(&document::whole()["components"]) {
        // Credentials are referred to by name.
        for name in members(components).keys().filter(|_| kind != "securitySchemes") {
            let reference = format!("#/components/{kind}/{name}");
            assert!(referred.contains(&*reference), "{reference}");
        }
    }
}

/// Whoever adds something knows where it goes, and two who add different things do not meet.
#[test]
fn routes_and_components_are_in_alphabetical_order() {
    let source: yaml_serde::Value = yaml_serde::from_str(document::SOURCE).unwrap();
    let names = |block: &yaml_serde::Value| -> Vec<String> {
        let names = block.as_mapping().unwrap().keys();
        names.map(|name| name.as_str().unwrap().to_owned()).collect()
    };
    let components = source["components"].as_mapping().unwrap().values();
    for block in components.chain([&source["paths"]]) {
        assert!(names(block).is_sorted(), "{:#?}", names(block));
    }
}

#[test]
fn every_operation_is_complete() {
    let mut ids = BTreeSet::new();
    let schemes = members(&document::whole()["components"]["securitySchemes"]);
    for operation in operations() {
        let name = operation.name();
        assert!(ids.insert(text(&operation.value["operationId"])), "{name}: its id is another's");
        assert!(operation.credentials().iter().all(|credential| schemes.contains_key(*credential)), "{name}");
        if operation.path != "/" {
            assert_eq!(missing_answers(&operation), [""; 0], "{name}");
        }
        for part in operation.path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')) {
            let declared = |parameter: &&Value| parameter["in"] == "path" && parameter["name"] == part;
            assert_eq!(operation.parameters().into_iter().filter(declared).count(), 1, "{name}: {part}");
        }
    }
}

/// What any caller of such an operation may get to see.
fn missing_answers(operation: &Operation) -> Vec<&'static str> {
    let mut expected = vec!["500"];
    if !operation.credentials().is_empty() {
        expected.extend(["401", "429", "503"]);
    }
    if operation.body_schema().is_some() {
        expected.extend(["400", "408", "413", "415", "422"]);
    }
    if operation.takes_an_idempotency_key() {
        expected.extend(["400", "409", "422"]);
    }
    if operation.path.contains('{') {
        expected.push("404");
    }
    expected.retain(|status| operation.value["responses"].get(status).is_none());
    expected
}

#[test]
fn every_example_is_what_its_schema_describes() {
    for operation in operations() {
        let Some(content) = operation.value["requestBody"].get("content") else { continue };
        for media in members(content).values() {
            let schema = validator(&media["schema"]);
            for (name, example) in members(&media["examples"]) {
                assert_eq!(faults(&schema, &example["value"]), [""; 0], "{}, {name}", operation.name());
            }
        }
        for parameter in operation.parameters().into_iter().filter(|parameter| parameter.get("example").is_some()) {
            assert!(validator(&parameter["schema"]).is_valid(&parameter["example"]), "{parameter:#}");
        }
    }
    for (name, schema) in members(&document::whole()["components"]["schemas"]) {
        for example in schema["examples"].as_array().into_iter().flatten() {
            assert_eq!(faults(&validator(schema), example), [""; 0], "{name}");
        }
    }
}
