//! A template as AWS reads it: short tags such as `!Ref` are written out as `{"Ref": ...}`.

use std::{fs, path::Path, sync::LazyLock};

use serde_json::Value;

/// Shared with what deploys to the emulator.
#[path = "../../xtask/src/deploy/written_out.rs"]
mod written_out;

/// The stack.
pub(crate) static STACK: LazyLock<Template> = LazyLock::new(|| Template::read("template.yaml"));

/// A third party's route.
pub(crate) static THIRD_PARTY: LazyLock<Template> = LazyLock::new(|| Template::read("third-party.yaml"));

/// The text of a file in `infra/`.
pub(crate) fn text(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra").join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path:?}: {error}"))
}

/// A template.
pub(crate) struct Template(Value);

/// A resource with its name.
pub(crate) type Resource<'a> = (&'a str, &'a Value);

impl Template {
    fn read(file: &str) -> Self {
        let template = written_out::read(&text(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
        Self(template.unwrap_or_else(|| panic!("{file}: a key is no text")))
    }

    /// A part of it, by JSON pointer.
    pub(crate) fn at(&self, pointer: &str) -> &Value {
        self.0.pointer(pointer).unwrap_or_else(|| panic!("the template has no {pointer}"))
    }

    /// Its resources, each its properties and what else it says.
    pub(crate) fn resources(&self) -> impl Iterator<Item = Resource<'_>> {
        self.at("/Resources").as_object().expect("an object").iter().map(|(name, resource)| (name.as_str(), resource))
    }

    /// The resources of one type, each its properties.
    pub(crate) fn of_type<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = Resource<'a>> {
        let of_type = self.resources().filter(move |(_, resource)| resource["Type"] == kind);
        of_type.map(|(name, resource)| (name, &resource["Properties"]))
    }

    /// A property of a function: its own, or else what all functions have.
    pub(crate) fn of_function<'a>(&'a self, function: &'a Value, property: &str) -> &'a Value {
        let own = &function[property];
        if own.is_null() { &self.at("/Globals/Function")[property] } else { own }
    }
}

/// The items of a list; a value that is no list is the only item.
pub(crate) fn items(value: &Value) -> Vec<&Value> {
    match value {
        Value::Null => vec![],
        Value::Array(items) => items.iter().collect(),
        one => vec![one],
    }
}

/// The resource whose ARN a value is.
pub(crate) fn of_arn(value: &Value) -> &str {
    let name = value["Fn::GetAtt"][0].as_str().filter(|_| value["Fn::GetAtt"][1] == "Arn");
    name.unwrap_or_else(|| panic!("not the ARN of one of our resources: {value}"))
}

/// The function whose alias a value is.
pub(crate) fn of_alias(value: &Value) -> &str {
    let name = value["Ref"].as_str().and_then(|name| name.strip_suffix(".Alias"));
    name.unwrap_or_else(|| panic!("not the alias of one of our functions: {value}"))
}
