//! From JSON to conditions on one field: the values and operators in a pattern's arrays.
//!
//! The grammar is EventBridge's, including what it refuses (see the module above for the sources).

use super::PatternError;
use super::compile::At;
use super::condition::{Bound, Condition, Interval, Network};
use super::json::Json;
use super::text::Wildcard;
use super::value::{Literal, Number};

/// Compiles a field's array: its conditions, and whether being absent satisfies it too.
pub(super) fn conditions(items: &[Json], at: &At<'_>) -> Result<(Box<[Condition]>, bool), PatternError> {
    if items.is_empty() {
        return Err(at.refuse("must not be empty"));
    }
    let mut conditions = Vec::with_capacity(items.len());
    let mut may_be_absent = false;
    for (index, item) in items.iter().enumerate() {
        let at = at.index(index);
        match item {
            Json::Object(members) => match operator(members, &at)? {
                Some(condition) => conditions.push(condition),
                None => may_be_absent = true,
            },
            Json::List(_) => {
                return Err(at.refuse("must be a value or an operator, not an array"));
            }
            Json::Null => conditions.push(Condition::Equals(Literal::Null)),
            Json::Bool(flag) => conditions.push(Condition::Equals(Literal::Bool(*flag))),
            Json::Number(number) => conditions.push(Condition::Equals(Literal::Number(*number))),
            Json::Text(text) => conditions.push(equals(text)),
        }
    }
    Ok((conditions.into_boxed_slice(), may_be_absent))
}

fn equals(text: &str) -> Condition {
    Condition::Equals(Literal::Text(text.into()))
}

/// The only member of an object.
fn only<'j>(members: &'j [(String, Json)], at: &At<'_>) -> Result<(&'j str, &'j Json), PatternError> {
    match members {
        [(name, operand)] => Ok((name, operand)),
        [] => Err(at.refuse("must name an operator")),
        _ => Err(at.refuse("must have one operator only")),
    }
}

fn string<'j>(operand: &'j Json, at: &At<'_>) -> Result<&'j str, PatternError> {
    match operand {
        Json::Text(text) => Ok(text),
        other => Err(at.refuse(format!("must be a string, not {}", other.kind()))),
    }
}

/// Compiles an operator; `None` is `exists: false`, which no value satisfies.
fn operator(members: &[(String, Json)], at: &At<'_>) -> Result<Option<Condition>, PatternError> {
    let (name, operand) = only(members, at)?;
    let at = at.key(name);
    let condition = match name {
        "exactly" => equals(string(operand, &at)?),
        "prefix" | "suffix" => affix(name, operand, &at)?,
        "equals-ignore-case" => Condition::EqualsIgnoringCase(string(operand, &at)?.into()),
        "wildcard" => wildcard(operand, &at)?,
        "numeric" => Condition::Within(interval(operand, &at)?),
        "cidr" => {
            let network = Network::parse(string(operand, &at)?);
            Condition::InNetwork(network.map_err(|detail| at.refuse(detail))?)
        }
        "exists" => match operand {
            Json::Bool(true) => Condition::Present,
            Json::Bool(false) => return Ok(None),
            other => {
                return Err(at.refuse(format!("must be true or false, not {}", other.kind())));
            }
        },
        "anything-but" => Condition::NoneOf(excluded(operand, &at)?),
        _ => return Err(at.refuse(format!("`{name}` is not an operator"))),
    };
    Ok(Some(condition))
}

fn affix(name: &str, operand: &Json, at: &At<'_>) -> Result<Condition, PatternError> {
    let prefix = name == "prefix";
    let Json::Object(members) = operand else {
        let text = string(operand, at)?.into();
        return Ok(if prefix { Condition::Prefix(text) } else { Condition::Suffix(text) });
    };
    let (inner, operand) = only(members, at)?;
    let at = at.key(inner);
    if inner != "equals-ignore-case" {
        return Err(at.refuse(format!("`{name}` can only contain `equals-ignore-case`")));
    }
    let text = string(operand, &at)?.into();
    Ok(if prefix { Condition::PrefixIgnoringCase(text) } else { Condition::SuffixIgnoringCase(text) })
}

fn wildcard(operand: &Json, at: &At<'_>) -> Result<Condition, PatternError> {
    let wildcard = Wildcard::parse(string(operand, at)?);
    wildcard.map(Condition::Wildcard).map_err(|detail| at.refuse(detail))
}

/// Compiles the operand of `anything-but` to what must not hold.
fn excluded(operand: &Json, at: &At<'_>) -> Result<Box<[Condition]>, PatternError> {
    match operand {
        Json::Object(members) => {
            let (inner, operand) = only(members, at)?;
            excluded_by(inner, operand, &at.key(inner))
        }
        Json::List(items) => {
            let first = items.first().ok_or_else(|| at.refuse("must not be empty"))?;
            let alike = |item: &Json| item.kind() == first.kind();
            if let Some(index) = items.iter().position(|item| !alike(item)) {
                return Err(at.index(index).refuse("strings and numbers must not be mixed"));
            }
            let excluded = items.iter().enumerate();
            excluded.map(|(index, item)| excluded_value(item, &at.index(index))).collect()
        }
        value => Ok([excluded_value(value, at)?].into()),
    }
}

fn excluded_value(value: &Json, at: &At<'_>) -> Result<Condition, PatternError> {
    match value {
        Json::Text(text) => Ok(equals(text)),
        Json::Number(number) => Ok(Condition::Equals(Literal::Number(*number))),
        other => Err(at.refuse(format!("must be a string, a number or a list of either, not {}", other.kind()))),
    }
}

/// Compiles an operator within `anything-but`, whose operand may be one string or several.
fn excluded_by(name: &str, operand: &Json, at: &At<'_>) -> Result<Box<[Condition]>, PatternError> {
    if !matches!(name, "prefix" | "suffix" | "equals-ignore-case" | "wildcard") {
        return Err(at.refuse(format!("`anything-but` cannot contain `{name}`")));
    }
    let Json::List(items) = operand else {
        return Ok([excluded_text(name, operand, at)?].into());
    };
    if items.is_empty() {
        return Err(at.refuse("must not be empty"));
    }
    let items = items.iter().enumerate();
    items.map(|(index, item)| excluded_text(name, item, &at.index(index))).collect()
}

fn excluded_text(name: &str, operand: &Json, at: &At<'_>) -> Result<Condition, PatternError> {
    let text = string(operand, at)?;
    match name {
        "prefix" | "suffix" if text.is_empty() => Err(at.refuse("must not be empty")),
        "prefix" => Ok(Condition::Prefix(text.into())),
        "suffix" => Ok(Condition::Suffix(text.into())),
        "wildcard" => wildcard(operand, at),
        _ => Ok(Condition::EqualsIgnoringCase(text.into())),
    }
}

/// Compiles the operand of `numeric`: one comparison, or a lower and then an upper bound.
fn interval(operand: &Json, at: &At<'_>) -> Result<Interval, PatternError> {
    let Json::List(items) = operand else {
        return Err(at.refuse(format!("must be an array, not {}", operand.kind())));
    };
    let (first, second) = match &**items {
        [sign, number] => (comparison(sign, number, at, 0)?, None),
        [sign, number, second_sign, second_number] => {
            (comparison(sign, number, at, 0)?, Some(comparison(second_sign, second_number, at, 2)?))
        }
        _ => return Err(at.refuse("must be one comparison and its number, or two of each")),
    };
    match (first, second) {
        (one, None) => Ok(half_line(one)),
        ((low_sign @ (">" | ">="), low), Some((high_sign @ ("<" | "<="), high))) => {
            if low.compare(high).is_ge() {
                return Err(at.refuse("the lower bound must be less than the upper bound"));
            }
            Ok(Interval { low: bound(low_sign, low), high: bound(high_sign, high) })
        }
        _ => Err(at.refuse("two comparisons must be a lower bound and then an upper bound")),
    }
}

/// The numbers for which one comparison holds.
fn half_line((sign, number): (&str, Number)) -> Interval {
    let bound = bound(sign, number);
    match sign {
        "=" => Interval { low: bound, high: bound },
        ">" | ">=" => Interval { low: bound, high: None },
        _ => Interval { low: None, high: bound },
    }
}

#[expect(
    clippy::unnecessary_wraps,
    reason = "an interval's ends are optional, and every caller needs one that is there"
)]
fn bound(sign: &str, at: Number) -> Option<Bound> {
    let inclusive = sign.ends_with('=');
    Some(Bound { at, inclusive })
}

fn comparison<'j>(sign: &'j Json, number: &Json, at: &At<'_>, index: usize) -> Result<(&'j str, Number), PatternError> {
    let sign = match sign {
        Json::Text(text) if matches!(&**text, "=" | "<" | "<=" | ">" | ">=") => text,
        _ => {
            return Err(at.index(index).refuse("must be one of `=`, `<`, `<=`, `>` and `>=`"));
        }
    };
    match number {
        Json::Number(number) => Ok((sign, *number)),
        other => {
            let detail = format!("must be a number, not {}", other.kind());
            Err(at.index(index + 1).refuse(detail))
        }
    }
}
