//! From JSON to conditions on fields: the structure of a pattern. What stands in the arrays is
//! [`operator`](super::operator)'s.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::sync::Arc;

use super::group::{Choice, Group, Leaf};
use super::json::Json;
use super::operator::conditions;
use super::{MAX_COMBINATIONS, MAX_PATH_BYTES, PatternError};

/// Names that Event Ruler reserves inside `$or`, for operators that exist or may come.
const RESERVED_IN_OR: [&str; 24] = [
    "exactly",
    "equals-ignore-case",
    "prefix",
    "suffix",
    "anything-but",
    "exists",
    "wildcard",
    "numeric",
    "cidr",
    "=",
    "<",
    "<=",
    ">",
    ">=",
    "regex",
    "not-wildcard",
    "not-equals-ignore-case",
    "date-after",
    "date-on-or-after",
    "date-before",
    "date-on-or-before",
    "in-date-range",
    "ip-address-in-range",
    "ip-address-not-in-range",
];

/// Compiles a pattern. `ordered` says whether the order of keys is the author's.
pub(super) fn compile(json: &Json, ordered: bool) -> Result<Group, PatternError> {
    let (group, _) = compile_group(json, "", &At::Root, ordered)?;
    let combinations = group.combinations();
    if combinations > MAX_COMBINATIONS {
        return Err(At::Root.refuse(format!("the `$or`s amount to more than {MAX_COMBINATIONS} combinations")));
    }
    Ok(group)
}

/// A place in the pattern, on the stack of the functions that went there.
pub(super) enum At<'a> {
    Root,
    Key(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
}

impl<'a> At<'a> {
    /// A member of the object here.
    pub(super) fn key(&'a self, key: &'a str) -> Self {
        Self::Key(self, key)
    }

    /// An item of the array here.
    pub(super) fn index(&'a self, index: usize) -> Self {
        Self::Index(self, index)
    }

    /// The place as a JSON pointer.
    pub(super) fn pointer(&self) -> String {
        match self {
            Self::Root => String::new(),
            Self::Key(parent, key) => {
                let mut pointer = parent.pointer();
                pointer.push('/');
                pointer.push_str(&key.replace('~', "~0").replace('/', "~1"));
                pointer
            }
            Self::Index(parent, index) => {
                let mut pointer = parent.pointer();
                // Writing to a string does not fail.
                let _ = write!(pointer, "/{index}");
                pointer
            }
        }
    }

    /// A refusal of what stands here.
    pub(super) fn refuse(&self, detail: impl Into<String>) -> PatternError {
        PatternError { pointer: self.pointer(), detail: detail.into() }
    }
}

/// The fields that a group or anything within it has conditions on.
type Paths = HashSet<Arc<str>>;

/// A group in the making: its members in the order of the text.
struct Draft {
    leaves: Vec<Arc<Leaf>>,
    /// The fields of the leaves.
    paths: Paths,
    /// Each `$or` with the fields within it.
    choices: Vec<(Choice, Paths)>,
    in_or: bool,
    ordered: bool,
}

fn compile_group(json: &Json, prefix: &str, at: &At<'_>, ordered: bool) -> Result<(Group, Paths), PatternError> {
    let mut draft =
        Draft { leaves: Vec::new(), paths: Paths::new(), choices: Vec::new(), in_or: !matches!(at, At::Root), ordered };
    draft.object(json, prefix, at)?;
    draft.finish(at)
}

impl Draft {
    fn object(&mut self, json: &Json, prefix: &str, at: &At<'_>) -> Result<(), PatternError> {
        let Json::Object(members) = json else {
            return Err(at.refuse(format!("must be an object, not {}", json.kind())));
        };
        if members.is_empty() {
            return Err(at.refuse("must not be empty"));
        }
        let mut keys = HashSet::new();
        for (key, member) in members {
            let at = at.key(key);
            if !keys.insert(key) {
                return Err(at.refuse("the key is given twice"));
            }
            if key == "$or" {
                self.choice(member, prefix, &at)?;
                continue;
            }
            if self.in_or && RESERVED_IN_OR.contains(&&**key) {
                return Err(at.refuse("the name is reserved: no field inside `$or` may have it"));
            }
            let path = join(prefix, key, &at)?;
            match member {
                Json::Object(_) => self.object(member, &path, &at)?,
                Json::List(items) => self.leaf(items, &path, &at)?,
                other => {
                    return Err(at.refuse(format!(
                        "must be an array of what the field may be, or an object, not {}",
                        other.kind()
                    )));
                }
            }
        }
        Ok(())
    }

    fn leaf(&mut self, items: &[Json], path: &str, at: &At<'_>) -> Result<(), PatternError> {
        let (conditions, may_be_absent) = conditions(items, at)?;
        let name: Arc<str> = path.into();
        let leaf = Leaf { path: Arc::clone(&name), pointer: at.pointer().into(), conditions, may_be_absent };
        if !self.paths.insert(name) {
            return Err(at.refuse(format!("the field `{path}` is constrained twice")));
        }
        if self.ordered && self.choices.iter().any(|(_, paths)| paths.contains(path)) {
            return Err(at.refuse(format!(
                "the field `{path}` is also constrained in a `$or` before this, which would be \
                 overruled; constrain it before that `$or`, or only there"
            )));
        }
        self.leaves.push(Arc::new(leaf));
        Ok(())
    }

    fn choice(&mut self, json: &Json, prefix: &str, at: &At<'_>) -> Result<(), PatternError> {
        let Json::List(items) = json else {
            return Err(at.refuse(format!("must be an array of objects, not {}", json.kind())));
        };
        if items.len() < 2 {
            return Err(at.refuse("must have two or more objects to choose from"));
        }
        let mut branches = Vec::with_capacity(items.len());
        let mut paths = Paths::new();
        for (index, item) in items.iter().enumerate() {
            let (branch, within) = compile_group(item, prefix, &at.index(index), self.ordered)?;
            branches.push(branch);
            paths.extend(within);
        }
        let pointer = at.pointer().into();
        self.choices.push((Choice { pointer, branches }, paths));
        Ok(())
    }

    /// Settles which conditions apply where a field is named both outside and inside a `$or`.
    fn finish(mut self, at: &At<'_>) -> Result<(Group, Paths), PatternError> {
        let mut in_choices = Paths::new();
        for (_, paths) in &self.choices {
            if let Some(path) = paths.iter().find(|path| in_choices.contains(*path)) {
                return Err(at.refuse(format!("the field `{path}` is constrained in two `$or`s")));
            }
            in_choices.extend(paths.iter().cloned());
        }
        let mut leaves = Vec::with_capacity(self.leaves.len());
        for leaf in self.leaves {
            let mut choices = self.choices.iter_mut();
            match choices.find(|(_, paths)| paths.contains(&leaf.path)) {
                Some((choice, _)) => choice.inherit(&leaf),
                None => leaves.push(leaf),
            }
        }
        in_choices.extend(self.paths);
        let choices = self.choices.into_iter().map(|(choice, _)| choice).collect();
        Ok((Group { leaves, choices }, in_choices))
    }
}

fn join(prefix: &str, key: &str, at: &At<'_>) -> Result<String, PatternError> {
    let path = if prefix.is_empty() { key.to_owned() } else { format!("{prefix}.{key}") };
    if path.len() > MAX_PATH_BYTES {
        return Err(at.refuse(format!("the field's path is longer than {MAX_PATH_BYTES} bytes")));
    }
    Ok(path)
}
