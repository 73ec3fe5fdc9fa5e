//! A description as the reference reads it: its operations, and whatever its references lead to.

use std::{cell::RefCell, collections::BTreeMap, error::Error, fs, path::Path};

use yaml_serde::{Mapping, Value};

/// Stands where a description has nothing.
static NOTHING: Value = Value::Null;

/// One file of `schemas/openapi`, with the files that it refers to.
pub(crate) struct Description {
    whole: Value,
    /// By the name with which they are referred to.
    others: BTreeMap<String, Value>,
    /// What the ids of its parts begin with in the page.
    prefix: &'static str,
    /// Schemas of other files that were referred to while the page was made.
    borrowed: RefCell<BTreeMap<String, String>>,
}

/// One method of one path.
pub(crate) struct Operation<'a> {
    pub(crate) path: &'a str,
    pub(crate) method: String,
    pub(crate) value: &'a Value,
}

/// Where a schema is explained in the page.
pub(crate) struct Link {
    pub(crate) name: String,
    pub(crate) id: String,
}

impl Description {
    /// Reads it.
    ///
    /// # Errors
    /// A file is not there or is not YAML.
    pub(crate) fn read(folder: &str, name: &str, prefix: &'static str) -> Result<Self, Box<dyn Error>> {
        let path = Path::new(folder).join(name);
        let text = fs::read_to_string(&path)?;
        let mut others = BTreeMap::new();
        for word in text.split_whitespace().filter(|word| word.starts_with("../")) {
            let file = word.split_once('#').map_or(word, |(file, _)| file);
            if !others.contains_key(file) {
                let there = path.parent().unwrap_or(&path).join(file);
                others.insert(file.to_owned(), yaml_serde::from_str(&fs::read_to_string(there)?)?);
            }
        }
        Ok(Self { whole: yaml_serde::from_str(&text)?, others, prefix, borrowed: RefCell::default() })
    }

    /// Everything.
    pub(crate) fn whole(&self) -> &Value {
        &self.whole
    }

    /// A part of it by its path of names.
    pub(crate) fn at(&self, names: &[&str]) -> &Value {
        names.iter().fold(&self.whole, |value, name| &value[*name])
    }

    /// Every operation, in the order of the file.
    pub(crate) fn operations(&self) -> Vec<Operation<'_>> {
        let mut operations = Vec::new();
        for (path, methods) in members(self.at(&["paths"])) {
            for (method, value) in members(methods) {
                operations.push(Operation { path, method: method.to_uppercase(), value });
            }
        }
        operations
    }

    /// What a value refers to, or the value itself.
    pub(crate) fn resolved<'a>(&'a self, value: &'a Value) -> &'a Value {
        value["$ref"].as_str().map_or(value, |reference| self.resolved(self.target(reference)))
    }

    /// Where a reference to a schema leads in the page.
    pub(crate) fn link(&self, reference: &str) -> Link {
        let name = reference.rsplit('/').next().unwrap_or(reference).to_owned();
        if !reference.starts_with("#/components/") {
            self.borrowed.borrow_mut().entry(name.clone()).or_insert_with(|| reference.to_owned());
        }
        Link { id: format!("{}schema-{name}", self.prefix), name }
    }

    /// The id of an operation in the page.
    pub(crate) fn id(&self, operation: &Operation<'_>) -> String {
        format!("{}{}", self.prefix, text(&operation.value["operationId"]))
    }

    /// Its own schemas, in the order of the file.
    pub(crate) fn schemas(&self) -> Vec<(String, &Value)> {
        let own = members(self.at(&["components", "schemas"]));
        own.map(|(name, schema)| (name.to_owned(), schema)).collect()
    }

    /// A schema of another file that was referred to and is not in `known`.
    pub(crate) fn borrowed(&self, known: &[String]) -> Option<(String, &Value)> {
        let borrowed = self.borrowed.borrow();
        let (name, reference) = borrowed.iter().find(|(name, _)| !known.contains(name))?;
        Some((name.clone(), self.target(reference)))
    }

    /// Within a file that is referred to, references are to that file; there is only one.
    fn target(&self, reference: &str) -> &Value {
        let (file, pointer) = reference.split_once('#').unwrap_or((reference, ""));
        let names = || pointer.split('/').skip(1).map(|name| name.replace("~1", "/").replace("~0", "~"));
        let find = |document| names().fold(document, |value: &Value, name| &value[name.as_str()]);
        let found = self.others.get(file).map_or_else(|| find(&self.whole), find);
        let elsewhere = || self.others.values().map(find).find(|value| !value.is_null());
        if found.is_null() { elsewhere().unwrap_or(&NOTHING) } else { found }
    }
}

/// The members of an object whose names are texts; none if it is no object.
pub(crate) fn members(value: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let members = value.as_mapping().into_iter().flat_map(Mapping::iter);
    members.filter_map(|(name, value)| Some((name.as_str()?, value)))
}

/// The elements of a list; none if it is no list.
pub(crate) fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_sequence().into_iter().flatten()
}

/// A text; empty if it is none.
pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
