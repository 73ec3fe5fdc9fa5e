//! A template as AWS reads it: short tags such as `!Ref` are written out as `{"Ref": ...}`.

use serde_json::{Map, Value, json};
use yaml_serde::Value as Yaml;

/// The template in this text; none when a mapping in it has a key that is no text.
///
/// # Errors
///
/// When it is not YAML.
pub(crate) fn read(text: &str) -> Result<Option<Value>, yaml_serde::Error> {
    yaml_serde::from_str(text).map(written_out)
}

fn written_out(yaml: Yaml) -> Option<Value> {
    Some(match yaml {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => value.into(),
        Yaml::Number(number) => number.as_i64().map_or_else(|| json!(number.as_f64()), Value::from),
        Yaml::String(text) => text.into(),
        Yaml::Sequence(items) => items.into_iter().map(written_out).collect::<Option<_>>()?,
        Yaml::Mapping(entries) => {
            let entry = |(key, value)| match key {
                Yaml::String(key) => Some((key, written_out(value)?)),
                _ => None,
            };
            Value::Object(entries.into_iter().map(entry).collect::<Option<_>>()?)
        }
        Yaml::Tagged(tagged) => intrinsic(&tagged.tag.to_string(), written_out(tagged.value)?),
    })
}

fn intrinsic(tag: &str, value: Value) -> Value {
    let (name, value) = match (tag.trim_start_matches('!'), value) {
        (name @ ("Ref" | "Condition"), value) => (name.to_owned(), value),
        ("GetAtt", Value::String(path)) => {
            ("Fn::GetAtt".to_owned(), path.split_once('.').map_or(json!(path), |(of, what)| json!([of, what])))
        }
        (name, value) => (format!("Fn::{name}"), value),
    };
    Value::Object(Map::from_iter([(name, value)]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn short_tags_are_written_out() {
        let yaml = "{a: !Ref X, b: !GetAtt X.Arn, c: !If [Y, !Sub 'z${X}', 1]}";
        let expected = json!({
            "a": { "Ref": "X" },
            "b": { "Fn::GetAtt": ["X", "Arn"] },
            "c": { "Fn::If": ["Y", { "Fn::Sub": "z${X}" }, 1] },
        });
        assert_eq!(read(yaml).unwrap(), Some(expected));
        assert_eq!(read("{1: x}").unwrap(), None);
    }
}
