//! An event flattened to its fields, once, so that any number of patterns can look them up.

use std::cmp::Ordering;
use std::ops::Range;

use serde_json::{Map, Value};

use super::MAX_PATH_BYTES;
use super::value::Scalar;

/// The deepest nesting of an event that patterns can see; parsed JSON never is deeper.
const MAX_EVENT_DEPTH: usize = 128;

/// An event as dotted paths with the values found there, ready to be matched. Borrows the event.
///
/// An array of objects is kept as its elements, since conditions on fields within it must be met by
/// one and the same element; element 0 is the event itself.
#[derive(Debug)]
pub struct Fields<'a> {
    /// Every name, one after the other.
    names: String,
    /// In the order of [`by_length`].
    fields: Vec<Field>,
    /// In the order of their fields, then of their elements.
    values: Vec<Placed<'a>>,
    arrays: Vec<Elements>,
    /// For each element, the arrays of objects directly within it.
    arrays_of: Vec<Vec<usize>>,
}

/// A field that has at least one value.
#[derive(Debug)]
pub(super) struct Field {
    name: Range<usize>,
    values: Range<usize>,
}

/// A value and the element that it stands in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<'a> {
    pub(super) element: usize,
    pub(super) value: Scalar<'a>,
}

/// The objects within an array, also those within arrays directly within it.
#[derive(Debug)]
struct Elements {
    name: Range<usize>,
    elements: Vec<usize>,
}

impl<'a> Fields<'a> {
    /// Flattens an event. What is not an object has no fields.
    #[must_use]
    pub fn new(event: &'a Value) -> Self {
        let mut walk = Walk::default();
        walk.arrays_of.push(Vec::new());
        if let Value::Object(members) = event {
            walk.object(members, 0, 0);
        }
        walk.finish()
    }

    /// Every field with all its values.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &[Placed<'a>])> {
        self.fields.iter().map(|field| (&self.names[field.name.clone()], self.values_of(field)))
    }

    /// All values of a field, in the order of the elements they stand in.
    pub(super) fn get(&self, name: &str) -> &[Placed<'a>] {
        let place = |field: &Field| by_length(&self.names[field.name.clone()], name);
        let found = self.fields.binary_search_by(place);
        found.map_or(&[], |index| self.values_of(&self.fields[index]))
    }

    /// Whether there is any array of objects.
    pub(super) fn has_elements(&self) -> bool {
        self.arrays_of.len() > 1
    }

    /// The elements of the array of objects in which a field lies, as seen from an element; none when
    /// the field does not lie in one.
    pub(super) fn array_around(&self, name: &str, element: usize) -> Option<usize> {
        let within = |array: &usize| {
            let array = &self.names[self.arrays[*array].name.clone()];
            name.strip_prefix(array).is_some_and(|rest| rest.starts_with('.'))
        };
        self.arrays_of[element].iter().copied().find(within)
    }

    /// The elements of an array.
    pub(super) fn elements(&self, array: usize) -> &[usize] {
        &self.arrays[array].elements
    }

    fn values_of(&self, field: &Field) -> &[Placed<'a>] {
        &self.values[field.values.clone()]
    }
}

/// Orders names by their lengths first, since most comparisons then need not look at the names, which
/// often begin alike.
fn by_length(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Values in the order of the event, before they are sorted by field.
#[derive(Default)]
struct Walk<'a> {
    path: String,
    names: String,
    found: Vec<(Range<usize>, Placed<'a>)>,
    arrays: Vec<Elements>,
    arrays_of: Vec<Vec<usize>>,
}

impl<'a> Walk<'a> {
    fn object(&mut self, members: &'a Map<String, Value>, element: usize, depth: usize) {
        let parent = self.path.len();
        for (key, value) in members {
            if parent > 0 {
                self.path.push('.');
            }
            self.path.push_str(key);
            if self.path.len() <= MAX_PATH_BYTES && depth < MAX_EVENT_DEPTH {
                self.member(value, element, depth + 1);
            }
            self.path.truncate(parent);
        }
    }

    fn member(&mut self, value: &'a Value, element: usize, depth: usize) {
        match value {
            Value::Object(members) => self.object(members, element, depth),
            Value::Array(items) => {
                let name = self.name();
                let mut array = None;
                self.array(items, element, &name, &mut array, depth);
            }
            other => {
                let name = self.name();
                self.value(&name, other, element);
            }
        }
    }

    /// Takes an array's values into the field, and its objects into elements of their own.
    fn array(
        &mut self,
        items: &'a [Value],
        element: usize,
        name: &Range<usize>,
        array: &mut Option<usize>,
        depth: usize,
    ) {
        for item in items {
            match item {
                Value::Object(members) => {
                    let inner = self.element(element, name, array);
                    self.object(members, inner, depth);
                }
                Value::Array(items) if depth < MAX_EVENT_DEPTH => {
                    self.array(items, element, name, array, depth + 1);
                }
                other => self.value(name, other, element),
            }
        }
    }

    /// Adds an element to an array, and the array itself with its first element.
    fn element(&mut self, parent: usize, name: &Range<usize>, array: &mut Option<usize>) -> usize {
        let index = *array.get_or_insert_with(|| {
            self.arrays.push(Elements { name: name.clone(), elements: Vec::new() });
            self.arrays_of[parent].push(self.arrays.len() - 1);
            self.arrays.len() - 1
        });
        let element = self.arrays_of.len();
        self.arrays_of.push(Vec::new());
        self.arrays[index].elements.push(element);
        element
    }

    fn value(&mut self, name: &Range<usize>, value: &'a Value, element: usize) {
        if let Some(value) = Scalar::of(value) {
            self.found.push((name.clone(), Placed { element, value }));
        }
    }

    fn name(&mut self) -> Range<usize> {
        let start = self.names.len();
        self.names.push_str(&self.path);
        start..self.names.len()
    }

    fn finish(mut self) -> Fields<'a> {
        let names = self.names;
        self.found.sort_by(|(a, in_a), (b, in_b)| {
            let by_name = by_length(&names[a.clone()], &names[b.clone()]);
            by_name.then(in_a.element.cmp(&in_b.element))
        });
        let mut fields: Vec<Field> = Vec::with_capacity(self.found.len());
        let mut values = Vec::with_capacity(self.found.len());
        for (name, value) in self.found {
            values.push(value);
            match fields.last_mut() {
                Some(last) if names[last.name.clone()] == names[name.clone()] => {
                    last.values.end = values.len();
                }
                _ => fields.push(Field { name, values: values.len() - 1..values.len() }),
            }
        }
        Fields { names, fields, values, arrays: self.arrays, arrays_of: self.arrays_of }
    }
}
