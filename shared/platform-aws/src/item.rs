//! Items of the table: attributes by name and type, as they are written and as they are read back.
//!
//! What the program never asks DynamoDB about lies in one attribute as JSON text ([`DOCUMENT`]); keys, conditions,
//! times that expire and bytes have attributes of their own.

use std::{collections::HashMap, error::Error, str::FromStr};

use aws_sdk_dynamodb::{primitives::Blob, types::AttributeValue};
use jiff::Timestamp;
use serde::{Serialize, de::DeserializeOwned};
use sha2::{Digest, Sha256};

/// Attributes by name, as the SDK has them.
pub type Attributes = HashMap<String, AttributeValue>;

/// The partition key.
pub const PK: &str = "pk";

/// The sort key.
pub const SK: &str = "sk";

/// How often a row has been written; conditions ask for it.
pub const REVISION: &str = "rev";

/// When DynamoDB may delete a row: seconds since 1970. It takes its time, so whoever reads checks too.
pub const EXPIRES_AT: &str = "expires_at";

/// What a row holds, as JSON text.
pub const DOCUMENT: &str = "document";

/// Into how many partitions the indexes over all requests are spread.
pub const SHARDS: u8 = 4;

/// A row's key.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct Key {
    /// The partition key.
    pub pk: String,
    /// The sort key.
    pub sk: String,
}

impl Key {
    /// A key.
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }

    /// The key as the SDK has it.
    #[must_use]
    pub fn attributes(&self) -> Attributes {
        Item::new(self).0
    }
}

/// Why an item cannot be read: it is not what this program writes.
#[derive(Debug, thiserror::Error)]
#[error("the attribute `{attribute}` of a stored row {problem}")]
pub struct ItemError {
    attribute: &'static str,
    problem: &'static str,
    source: Option<Box<dyn Error + Send + Sync>>,
}

/// One row: attributes by name.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Item(Attributes);

impl From<Attributes> for Item {
    fn from(attributes: Attributes) -> Self {
        Self(attributes)
    }
}

/// Writing.
impl Item {
    /// A row with nothing but its key.
    #[must_use]
    pub fn new(key: &Key) -> Self {
        Self::default().text(PK, &key.pk).text(SK, &key.sk)
    }

    /// With a text.
    #[must_use]
    pub fn text(self, attribute: &str, text: impl Into<String>) -> Self {
        self.with(attribute, AttributeValue::S(text.into()))
    }

    /// With a whole number.
    #[must_use]
    pub fn number(self, attribute: &str, number: impl Into<u64>) -> Self {
        self.with(attribute, AttributeValue::N(number.into().to_string()))
    }

    /// With bytes.
    #[must_use]
    pub fn bytes(self, attribute: &str, bytes: impl Into<Vec<u8>>) -> Self {
        self.with(attribute, AttributeValue::B(Blob::new(bytes.into())))
    }

    /// With a time, to the microsecond.
    #[must_use]
    pub fn time(self, attribute: &str, time: Timestamp) -> Self {
        self.with(attribute, AttributeValue::N(time.as_microsecond().to_string()))
    }

    /// With the time from which DynamoDB may delete it.
    #[must_use]
    pub fn expiring(self, at: Timestamp) -> Self {
        // Not before its time: a part of a second counts as a whole one.
        let seconds = at.as_second() + i64::from(at.subsec_nanosecond() > 0);
        self.with(EXPIRES_AT, AttributeValue::N(seconds.to_string()))
    }

    /// With what it holds, as JSON text.
    ///
    /// # Errors
    /// When the value cannot be written as JSON; stored values always can.
    pub fn document(self, value: &impl Serialize) -> Result<Self, ItemError> {
        let text = serde_json::to_string(value).map_err(fault(DOCUMENT, "cannot be written as JSON"))?;
        Ok(self.text(DOCUMENT, text))
    }

    /// With any attribute.
    #[must_use]
    pub fn with(mut self, attribute: &str, value: AttributeValue) -> Self {
        self.0.insert(attribute.to_owned(), value);
        self
    }

    /// As the SDK has it.
    #[must_use]
    pub fn into_attributes(self) -> Attributes {
        self.0
    }
}

/// Reading; each fails when the attribute is not there or not of its type.
impl Item {
    /// The row's key.
    ///
    /// # Errors
    /// It has none.
    pub fn key(&self) -> Result<Key, ItemError> {
        Ok(Key::new(self.get_text(PK)?, self.get_text(SK)?))
    }

    /// How often it has been written; 0 when it does not say.
    ///
    /// # Errors
    /// It is no number.
    pub fn revision(&self) -> Result<u64, ItemError> {
        Ok(self.optional(REVISION, Self::get_number)?.unwrap_or(0))
    }

    /// What `get` reads, or none when there is no such attribute.
    ///
    /// # Errors
    /// Those of `get`.
    pub fn optional<'a, T>(
        &'a self,
        attribute: &'static str,
        get: impl FnOnce(&'a Self, &'static str) -> Result<T, ItemError>,
    ) -> Result<Option<T>, ItemError> {
        self.0.contains_key(attribute).then(|| get(self, attribute)).transpose()
    }

    /// A text.
    ///
    /// # Errors
    /// It is not there, or no text.
    pub fn get_text(&self, attribute: &'static str) -> Result<&str, ItemError> {
        Ok(self.get(attribute)?.as_s().map_err(|_| other_type(attribute))?)
    }

    /// A whole number.
    ///
    /// # Errors
    /// It is not there, or no number of this kind.
    pub fn get_number<N: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        attribute: &'static str,
    ) -> Result<N, ItemError> {
        let digits = self.get(attribute)?.as_n().map_err(|_| other_type(attribute))?;
        digits.parse().map_err(fault(attribute, "is not a number of its kind"))
    }

    /// Bytes.
    ///
    /// # Errors
    /// It is not there, or no bytes.
    pub fn get_bytes(&self, attribute: &'static str) -> Result<&[u8], ItemError> {
        Ok(self.get(attribute)?.as_b().map_err(|_| other_type(attribute))?.as_ref())
    }

    /// So many bytes.
    ///
    /// # Errors
    /// It is not there, or not so many bytes.
    pub fn get_array<const N: usize>(&self, attribute: &'static str) -> Result<[u8; N], ItemError> {
        self.get_bytes(attribute)?.try_into().map_err(fault(attribute, "has another length"))
    }

    /// A time.
    ///
    /// # Errors
    /// It is not there, or no time.
    pub fn get_time(&self, attribute: &'static str) -> Result<Timestamp, ItemError> {
        Timestamp::from_microsecond(self.get_number(attribute)?).map_err(fault(attribute, "is not a time"))
    }

    /// A text that is an id, a word, or anything else that reads back from what it writes.
    ///
    /// # Errors
    /// It is not there, or does not read back.
    pub fn get_parsed<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        attribute: &'static str,
    ) -> Result<T, ItemError> {
        self.get_parsed_after(attribute, "")
    }

    /// The same, after something that it begins with.
    ///
    /// # Errors
    /// It is not there, begins otherwise, or does not read back.
    pub fn get_parsed_after<T: FromStr<Err: Error + Send + Sync + 'static>>(
        &self,
        attribute: &'static str,
        prefix: &str,
    ) -> Result<T, ItemError> {
        let text = self.get_text(attribute)?.strip_prefix(prefix);
        let text = text.ok_or(ItemError { attribute, problem: "begins otherwise", source: None })?;
        text.parse().map_err(fault(attribute, "does not read back"))
    }

    /// What the row holds.
    ///
    /// # Errors
    /// It is not there, or not what is asked for.
    pub fn get_document<T: DeserializeOwned>(&self) -> Result<T, ItemError> {
        serde_json::from_str(self.get_text(DOCUMENT)?).map_err(fault(DOCUMENT, "does not read back"))
    }

    fn get(&self, attribute: &'static str) -> Result<&AttributeValue, ItemError> {
        self.0.get(attribute).ok_or(ItemError { attribute, problem: "is missing", source: None })
    }
}

fn fault<E: Error + Send + Sync + 'static>(
    attribute: &'static str,
    problem: &'static str,
) -> impl FnOnce(E) -> ItemError {
    move |source| ItemError { attribute, problem, source: Some(Box::new(source)) }
}

fn other_type(attribute: &'static str) -> ItemError {
    ItemError { attribute, problem: "has another type", source: None }
}

/// A time in a key: microseconds since 1970 in sixteen digits, so that the order of texts is the order of times.
#[must_use]
pub fn time_text(time: Timestamp) -> String {
    number_text(u64::try_from(time.as_microsecond()).unwrap_or(0))
}

/// The time that a key begins with, as [`time_text`] writes it.
///
/// # Errors
/// It does not begin with a time.
pub fn time_of_text(item: &Item, attribute: &'static str) -> Result<Timestamp, ItemError> {
    let digits = item.get_text(attribute)?.get(..16).unwrap_or_default();
    let microseconds = digits.parse().map_err(fault(attribute, "begins with no time"))?;
    Timestamp::from_microsecond(microseconds).map_err(fault(attribute, "begins with no time"))
}

/// A sequence or version in a key: sixteen digits, so that the order of texts is that of numbers.
#[must_use]
pub fn number_text(number: u64) -> String {
    format!("{number:016}")
}

/// The partition of an index over everything that an id falls into, such as `DUE#3`.
#[must_use]
pub fn shard(index: &str, id: &str) -> String {
    format!("{index}#{}", Sha256::digest(id)[0] % SHARDS)
}
