//! A second evaluator, as plain as can be: it walks the event and the pattern as JSON, side by side.
//!
//! It shares no code with the engine and takes for granted that the pattern is valid. Keys of events
//! and patterns must not contain dots, and no pattern may name both a field and something within it.

use serde_json::{Map, Value};

/// Whether an event matches a pattern.
pub(crate) fn matches(pattern: &Value, event: &Value) -> bool {
    combinations(pattern).iter().any(|combination| object_matches(combination, event))
}

/// The pattern without `$or`: one tree for each combination of branches.
fn combinations(pattern: &Value) -> Vec<Value> {
    let members = pattern.as_object().expect("an object");
    let mut all = vec![Value::Object(Map::new())];
    for (key, member) in members.iter().filter(|(key, _)| *key != "$or") {
        let choices = match member {
            Value::Object(_) => combinations(member),
            other => vec![other.clone()],
        };
        all = product(&all, &choices, |tree, choice| {
            tree.as_object_mut().expect("an object").insert(key.clone(), choice.clone());
        });
    }
    if let Some(branches) = members.get("$or") {
        let branches = branches.as_array().expect("an array");
        let branches: Vec<Value> = branches.iter().flat_map(combinations).collect();
        all = product(&all, &branches, overlay);
    }
    all
}

fn product(all: &[Value], choices: &[Value], join: impl Fn(&mut Value, &Value)) -> Vec<Value> {
    let mut joined = Vec::new();
    for tree in all {
        for choice in choices {
            let mut tree = tree.clone();
            join(&mut tree, choice);
            joined.push(tree);
        }
    }
    joined
}

/// Adds the fields of a branch to those around it, whose conditions on the same fields it replaces.
fn overlay(tree: &mut Value, branch: &Value) {
    let Value::Object(members) = branch else {
        *tree = branch.clone();
        return;
    };
    if !tree.is_object() {
        *tree = Value::Object(Map::new());
    }
    let tree = tree.as_object_mut().expect("an object");
    for (key, member) in members {
        overlay(tree.entry(key).or_insert(Value::Null), member);
    }
}

fn object_matches(pattern: &Value, event: &Value) -> bool {
    pattern.as_object().expect("an object").iter().all(|(key, asked)| {
        let found = event.get(key).unwrap_or(&Value::Array(Vec::new())).clone();
        let mut leaves = Vec::new();
        let mut objects = Vec::new();
        spread(&found, &mut leaves, &mut objects);
        match asked {
            Value::Array(conditions) => field_matches(conditions, &leaves),
            object if objects.is_empty() => object_matches(object, &Value::Null),
            object => objects.iter().any(|one| object_matches(object, one)),
        }
    })
}

/// The values and the objects that a member offers, out of all arrays.
fn spread(value: &Value, leaves: &mut Vec<Value>, objects: &mut Vec<Value>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| spread(item, leaves, objects)),
        Value::Object(_) => objects.push(value.clone()),
        leaf => leaves.push(leaf.clone()),
    }
}

fn field_matches(conditions: &[Value], leaves: &[Value]) -> bool {
    conditions.iter().any(|condition| {
        if let Some(exists) = condition.get("exists") {
            return exists.as_bool() == Some(!leaves.is_empty());
        }
        leaves.iter().any(|leaf| condition_holds(condition, leaf))
    })
}

fn condition_holds(condition: &Value, leaf: &Value) -> bool {
    let Some((name, operand)) = condition.as_object().and_then(|object| object.iter().next()) else {
        return equal(condition, leaf);
    };
    if name == "anything-but" {
        let alternatives: Vec<Value> = match operand {
            Value::Object(inner) => {
                let (inner, operand) = inner.iter().next().expect("an operator");
                let alternatives = listed(operand).into_iter();
                alternatives.map(|one| serde_json::json!({ inner: one })).collect()
            }
            other => listed(other),
        };
        return !alternatives.iter().any(|one| condition_holds(one, leaf));
    }
    if name == "numeric" {
        return leaf.as_f64().is_some_and(|number| numeric(operand.as_array().expect("a list"), number));
    }
    let Some(text) = leaf.as_str() else {
        return false;
    };
    let inner = operand.get("equals-ignore-case").and_then(Value::as_str);
    match (&**name, inner, operand.as_str()) {
        ("prefix", Some(operand), _) => ignoring_case(operand, text).iter().any(|_| true),
        ("suffix", Some(operand), _) => {
            let starts = text.char_indices().map(|(at, _)| at).chain([text.len()]);
            starts.into_iter().any(|at| ignoring_case(operand, &text[at..]).contains(&""))
        }
        ("prefix", None, Some(operand)) => text.starts_with(operand),
        ("suffix", None, Some(operand)) => text.ends_with(operand),
        ("equals-ignore-case", _, Some(operand)) => ignoring_case(operand, text).contains(&""),
        ("wildcard", _, Some(operand)) => glob(operand.as_bytes(), text.as_bytes()),
        ("cidr", _, Some(operand)) => in_block(operand, text),
        other => panic!("not an operator: {other:?}"),
    }
}

fn listed(operand: &Value) -> Vec<Value> {
    match operand {
        Value::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

fn equal(a: &Value, b: &Value) -> bool {
    match (a.as_f64(), b.as_f64()) {
        (Some(a), Some(b)) => a == b,
        _ => a == b,
    }
}

fn numeric(terms: &[Value], number: f64) -> bool {
    terms.chunks(2).all(|term| {
        let bound = term[1].as_f64().expect("a number");
        match term[0].as_str().expect("a comparison") {
            "=" => number == bound,
            "<" => number < bound,
            "<=" => number <= bound,
            ">" => number > bound,
            ">=" => number >= bound,
            other => panic!("not a comparison: {other}"),
        }
    })
}

/// What may be left of a text once an operand was taken from its beginning.
fn ignoring_case<'t>(operand: &str, text: &'t str) -> Vec<&'t str> {
    let Some(character) = operand.chars().next() else {
        return vec![text];
    };
    let forms = [character.to_lowercase().to_string(), character.to_uppercase().to_string()];
    let rests = forms.iter().filter_map(|form| text.strip_prefix(&**form));
    rests.flat_map(|rest| ignoring_case(&operand[character.len_utf8()..], rest)).collect()
}

fn glob(pattern: &[u8], text: &[u8]) -> bool {
    match pattern {
        [] => text.is_empty(),
        [b'*', rest @ ..] => (0..=text.len()).any(|skipped| glob(rest, &text[skipped..])),
        [b'\\', literal, rest @ ..] | [literal, rest @ ..] => text.first() == Some(literal) && glob(rest, &text[1..]),
    }
}

fn in_block(block: &str, text: &str) -> bool {
    let (base, bits) = block.split_once('/').expect("a slash");
    let bits: usize = bits.parse().expect("a number");
    let binary = |address: &str| -> Option<String> {
        let address: std::net::IpAddr = address.parse().ok()?;
        Some(match address {
            std::net::IpAddr::V4(address) => format!("{:032b}", u32::from(address)),
            std::net::IpAddr::V6(address) => format!("{:0128b}", u128::from(address)),
        })
    };
    let base = binary(base).expect("an address");
    binary(text).is_some_and(|text| text.len() == base.len() && text[..bits] == base[..bits])
}
