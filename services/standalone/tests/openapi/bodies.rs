//! What callers send: the description and the gateway accept and refuse the same.

use serde_json::{Value, json};
use tests::Answer;

use crate::{
    document::{Operation, faults, members, operations, resolved, validator},
    market::Market,
    readme,
};

/// One way in which an example is changed, and whether it still keeps the rules then.
struct Variant {
    pointer: String,
    body: Value,
    is_valid: bool,
}

/// Operations that take JSON of the marketplace's own.
fn with_bodies() -> Vec<Operation> {
    operations().into_iter().filter(|operation| operation.body_schema().is_some()).collect()
}

async fn send(market: &Market, operation: &Operation, body: &Value) -> Answer {
    let caller = market.entitled(&operation.credentials());
    Answer::to(caller.request(operation.http_method(), &operation.example_path()).json(body)).await
}

#[test]
fn the_readmes_calls_are_described_and_their_bodies_are_valid() {
    let fits = |path: &str, call: &str| {
        let (path, call): (Vec<_>, Vec<_>) = (path.split('/').collect(), call.split('/').collect());
        path.len() == call.len()
            && path
                .iter()
                .zip(&call)
                .all(|(part, word)| part == word || (part.starts_with('{') && word.starts_with('$')))
    };
    for call in readme::calls() {
        let found = operations()
            .into_iter()
            .find(|one| one.http_method().as_str() == call.method && fits(one.path, &call.path));
        let operation = found.unwrap_or_else(|| panic!("{call:?} is not described"));
        let schema = operation.body_schema().map(validator);
        assert_eq!(schema.is_some(), call.body.is_some(), "{call:?}");
        if let (Some(schema), Some(body)) = (schema, call.body) {
            assert_eq!(faults(&schema, &body), [""; 0], "{}", operation.name());
        }
    }
}

#[tokio::test]
async fn an_unknown_field_is_refused_by_the_description_and_by_the_gateway() {
    let market = Market::start().await.with_the_examples_parties().await;
    for operation in with_bodies() {
        let schema = validator(operation.body_schema().expect("it takes a body"));
        for (name, example) in operation.body_examples() {
            let mut body = example.clone();
            body["surprise"] = json!(1);
            assert!(!schema.is_valid(&body), "{}, {name}", operation.name());
            let problem = send(&market, &operation, &body).await.refused(422);
            assert_eq!(problem["errors"][0]["pointer"], "/surprise", "{}, {name}", operation.name());
        }
    }
    market.gateway.stop().await;
}

#[tokio::test]
async fn every_field_keeps_the_same_limits_in_the_description_and_in_the_gateway() {
    let market = Market::start().await.with_the_examples_parties().await;
    let mut count = 0;
    for operation in with_bodies() {
        let schema = operation.body_schema().expect("it takes a body");
        for (name, example) in operation.body_examples() {
            for Variant { pointer, body, is_valid } in variants(schema, example) {
                let place = format!("{}, {name}, {pointer}: {:.300}", operation.name(), body.to_string());
                assert_eq!(validator(schema).is_valid(&body), is_valid, "described: {place}");
                let answer = send(&market, &operation, &body).await;
                assert_eq!(answer.status != 422, is_valid, "done: {place}: {}", answer.text);
                count += 1;
            }
        }
    }
    assert!(count > 150, "{count} bodies were tried");
    market.gateway.stop().await;
}

/// The example as it is and with one field changed or left out.
fn variants(schema: &'static Value, example: &Value) -> Vec<Variant> {
    let mut variants = vec![Variant { pointer: String::new(), body: example.clone(), is_valid: true }];
    let whole = validator(schema);
    vary(schema, example, "", &mut |pointer, value, is_valid| {
        let mut body = example.clone();
        match value {
            Some(value) => *body.pointer_mut(pointer).expect("a field of the example") = value,
            None => drop(remove(&mut body, pointer)),
        }
        let is_valid = is_valid.unwrap_or_else(|| whole.is_valid(&body));
        variants.push(Variant { pointer: pointer.to_owned(), body, is_valid });
    });
    variants
}

fn remove(body: &mut Value, pointer: &str) -> Option<Value> {
    let (parent, name) = pointer.rsplit_once('/')?;
    body.pointer_mut(parent)?.as_object_mut()?.remove(name)
}

/// Takes note of a field, of another value for it, or none, and of whether it is valid then, if that is plain.
type Tell<'a> = dyn FnMut(&str, Option<Value>, Option<bool>) + 'a;

/// Walks along an example and its schema, and tells of every value that a field could also have.
fn vary(schema: &'static Value, example: &Value, pointer: &str, tell: &mut Tell<'_>) {
    let schema = chosen(schema, example);
    for (name, field) in members(&schema["properties"]) {
        let at = format!("{pointer}/{name}");
        let Some(value) = example.get(name) else { continue };
        let required = schema["required"].as_array().is_some_and(|required| required.contains(&json!(name)));
        if required {
            tell(&at, None, Some(false));
        }
        tell(&at, Some(Value::Null), None);
        let field = chosen(field, value);
        for (other, is_valid) in others(field, value) {
            tell(&at, Some(other), Some(is_valid));
        }
        if field.get("properties").is_some() {
            vary(field, value, &at, tell);
        }
        if let Some(first) = value.get(0)
            && chosen(&field["items"], first).get("properties").is_some()
        {
            vary(&field["items"], first, &format!("{at}/0"), tell);
        }
    }
}

/// The alternative of a schema that an example is of.
fn chosen(schema: &'static Value, example: &Value) -> &'static Value {
    let schema = resolved(schema);
    let alternatives = schema.get("oneOf").or_else(|| schema.get("anyOf"));
    let Some(alternatives) = alternatives.and_then(Value::as_array) else {
        return schema;
    };
    let fits = alternatives.iter().find(|alternative| validator(alternative).is_valid(example));
    chosen(fits.expect("an example is of one of the alternatives"), example)
}

/// Values at the limits of a field and beyond them, and one of another type.
fn others(field: &Value, example: &Value) -> Vec<(Value, bool)> {
    let mut others = Vec::new();
    if field.get("type").is_some() || field.get("const").is_some() {
        let stranger = if example.is_boolean() { json!("true") } else { json!(true) };
        others.push((stranger, false));
    }
    if field.get("enum").is_some() && example.is_string() {
        others.push((json!("no-such-word"), false));
    }
    // Texts of a certain form cannot be made up.
    let free = ["pattern", "format"].iter().all(|form| field.get(form).is_none_or(|form| form == "password"));
    let texts = |length: u64| json!("x".repeat(usize::try_from(length).expect("a length")));
    let lists = |length: u64| json!(vec![&example[0]; usize::try_from(length).expect("a length")]);
    for (limit, beyond) in [("minLength", -1), ("maxLength", 1), ("minItems", -1), ("maxItems", 1)] {
        let Some(length) = field[limit].as_u64() else { continue };
        let make = |length: u64| if limit.ends_with("Items") { lists(length) } else { texts(length) };
        if free {
            others.push((make(length), true));
        }
        others.push((make(length.saturating_add_signed(beyond)), false));
    }
    for (limit, beyond) in [("minimum", -1.0), ("maximum", 1.0), ("exclusiveMinimum", -1.0)] {
        let Some(bound) = field[limit].as_f64() else { continue };
        others.push((field[limit].clone(), limit != "exclusiveMinimum"));
        let whole = field["type"].to_string().contains("integer");
        #[expect(clippy::cast_possible_truncation, reason = "small whole numbers")]
        others.push((if whole { json!((bound + beyond) as i64) } else { json!(bound + beyond) }, false));
    }
    others
}
