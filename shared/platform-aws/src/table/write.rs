//! Writes: one or several rows with conditions, all or nothing.

use std::time::Duration;

use aws_sdk_dynamodb::{
    primitives::Blob,
    types::{AttributeValue, ConditionCheck, Delete, Put, ReturnValue, TransactWriteItem},
};
use futures::TryFutureExt as _;
use uuid::Builder;

use super::{
    Table, TableError,
    error::{classified, classified_transaction},
};
use crate::item::{Attributes, EXPIRES_AT, Item, Key, PK, REVISION};

/// What has to be so for a write to be made.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Condition {
    /// There is no such row.
    Absent,
    /// There is such a row.
    Present,
    /// The row has this revision: nobody has written it since it was read.
    Revision(u64),
    /// There is no such row, or it has expired before this second since 1970.
    AbsentOrExpired(i64),
    /// The row has an attribute with these bytes.
    Holds(&'static str, [u8; 16]),
}

impl Condition {
    /// What has to be so for the row that was read to be written: none means that there was none.
    #[must_use]
    pub fn unchanged(revision: Option<u64>) -> Self {
        revision.map_or(Self::Absent, Self::Revision)
    }

    fn expression(self) -> String {
        match self {
            Self::Absent => format!("attribute_not_exists({PK})"),
            Self::Present => format!("attribute_exists({PK})"),
            Self::Revision(_) => format!("{REVISION} = :value"),
            Self::AbsentOrExpired(_) => format!("attribute_not_exists({PK}) OR {EXPIRES_AT} <= :value"),
            Self::Holds(attribute, _) => format!("{attribute} = :value"),
        }
    }

    fn values(self) -> Option<Attributes> {
        let value = match self {
            Self::Absent | Self::Present => return None,
            Self::Revision(revision) => AttributeValue::N(revision.to_string()),
            Self::AbsentOrExpired(second) => AttributeValue::N(second.to_string()),
            Self::Holds(_, bytes) => AttributeValue::B(Blob::new(bytes)),
        };
        Some(Attributes::from([(":value".to_owned(), value)]))
    }
}

/// One row's part in a transaction.
#[derive(Clone, Debug)]
pub struct Write {
    what: What,
    condition: Option<Condition>,
}

#[derive(Clone, Debug)]
enum What {
    Put(Item),
    Delete(Key),
    Check(Key),
}

impl Write {
    /// Writes a row, whatever was there.
    #[must_use]
    pub fn put(item: Item) -> Self {
        Self { what: What::Put(item), condition: None }
    }

    /// Writes a row that must not be there yet.
    #[must_use]
    pub fn insert(item: Item) -> Self {
        Self::put(item).when(Condition::Absent)
    }

    /// Takes a row away.
    #[must_use]
    pub fn delete(key: Key) -> Self {
        Self { what: What::Delete(key), condition: None }
    }

    /// Writes nothing, but is a part of the condition.
    #[must_use]
    pub fn check(key: Key, condition: Condition) -> Self {
        Self { what: What::Check(key), condition: Some(condition) }
    }

    /// Only when this is so.
    #[must_use]
    pub fn when(self, condition: Condition) -> Self {
        Self { condition: Some(condition), ..self }
    }

    fn in_transaction(self, table: &str) -> Result<TransactWriteItem, TableError> {
        let (expression, values) =
            (self.condition.map(Condition::expression), self.condition.and_then(Condition::values));
        let part = TransactWriteItem::builder();
        Ok(match self.what {
            What::Put(item) => {
                let put = Put::builder().table_name(table).set_item(Some(item.into_attributes()));
                let put = put.set_condition_expression(expression).set_expression_attribute_values(values);
                part.put(put.build()?).build()
            }
            What::Delete(key) => {
                let delete = Delete::builder().table_name(table).set_key(Some(key.attributes()));
                let delete = delete.set_condition_expression(expression).set_expression_attribute_values(values);
                part.delete(delete.build()?).build()
            }
            What::Check(key) => {
                let check = ConditionCheck::builder().table_name(table).set_key(Some(key.attributes()));
                let check = check.set_condition_expression(expression).set_expression_attribute_values(values);
                part.condition_check(check.build()?).build()
            }
        })
    }
}

/// A change of some attributes of a row, in DynamoDB's words.
#[derive(Clone, Debug)]
pub struct Update {
    expression: String,
    condition: String,
    values: Attributes,
}

impl Update {
    /// Makes this change when this is so.
    pub fn new(expression: impl Into<String>, condition: impl Into<String>) -> Self {
        Self { expression: expression.into(), condition: condition.into(), values: Attributes::new() }
    }

    /// The number that this name, which begins with a colon, stands for.
    #[must_use]
    pub fn number(mut self, name: &str, number: u64) -> Self {
        self.values.insert(name.to_owned(), AttributeValue::N(number.to_string()));
        self
    }

    /// The text that this name stands for.
    #[must_use]
    pub fn text(mut self, name: &str, text: impl Into<String>) -> Self {
        self.values.insert(name.to_owned(), AttributeValue::S(text.into()));
        self
    }
}

impl Table {
    /// Makes these writes together or none of them. They carry a token: when the answer is lost they are asked for
    /// again with the same one, and made once (DynamoDB keeps tokens for ten minutes).
    ///
    /// # Errors
    /// [`TableError::Conflict`] when a condition does not hold or another transaction is in the way: nothing was
    /// written. [`TableError::Busy`] when no answer came for as long as it was asked for: whether it was written is
    /// unknown.
    pub async fn write(&self, writes: Vec<Write>) -> Result<(), TableError> {
        self.write_within(writes, Duration::MAX).await
    }

    /// The same, never asked for again later than this from now.
    ///
    /// # Errors
    /// Those of [`Table::write`].
    pub async fn write_within(&self, writes: Vec<Write>, time: Duration) -> Result<(), TableError> {
        let parts = writes.into_iter().map(|write| write.in_transaction(&self.name));
        let parts: Vec<_> = parts.collect::<Result<_, _>>()?;
        let token = self.token();
        let write = || {
            let write = self.client.transact_write_items().set_transact_items(Some(parts.clone()));
            write.client_request_token(&token).send().map_err(classified_transaction)
        };
        self.patiently_within(time, write).await.map(|_| ())
    }

    /// Writes one row by itself, which costs half as much. When an answer is lost and it is asked for again, its own
    /// first try can be what the condition meets: only for what is written alike by whoever writes it.
    ///
    /// # Errors
    /// Those of [`Table::write`].
    pub async fn put(&self, item: Item, condition: Option<Condition>) -> Result<(), TableError> {
        let put = || {
            let put = self.client.put_item().table_name(&*self.name).set_item(Some(item.clone().into_attributes()));
            let put = put.set_condition_expression(condition.map(Condition::expression));
            put.set_expression_attribute_values(condition.and_then(Condition::values)).send().map_err(classified)
        };
        self.patiently(put).await.map(|_| ())
    }

    /// Takes one row away by itself; the same holds of it as of [`Table::put`].
    ///
    /// # Errors
    /// Those of [`Table::write`].
    pub async fn delete(&self, key: &Key, condition: Condition) -> Result<(), TableError> {
        let delete = || {
            let delete = self.client.delete_item().table_name(&*self.name).set_key(Some(key.attributes()));
            let delete = delete.condition_expression(condition.expression());
            delete.set_expression_attribute_values(condition.values()).send().map_err(classified)
        };
        self.patiently(delete).await.map(|_| ())
    }

    /// Takes these attributes away from a row, if it is still there.
    ///
    /// # Errors
    /// [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn remove_attributes(&self, key: &Key, attributes: &[&str]) -> Result<(), TableError> {
        let expression = format!("REMOVE {}", attributes.join(", "));
        let update = || {
            let update = self.client.update_item().table_name(&*self.name).set_key(Some(key.attributes()));
            let update = update.update_expression(&expression);
            update.condition_expression(Condition::Present.expression()).send().map_err(classified)
        };
        match self.patiently(update).await {
            Ok(_) | Err(TableError::Conflict { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Changes attributes of a row, or makes it, and answers what it is now. When an answer is lost and it is asked for
    /// again, the change may be made twice, or meet itself as its condition.
    ///
    /// # Errors
    /// [`TableError::Conflict`] when the condition does not hold, [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn update(&self, key: &Key, change: &Update) -> Result<Item, TableError> {
        let update = || {
            let update = self.client.update_item().table_name(&*self.name).set_key(Some(key.attributes()));
            let update = update.update_expression(&change.expression).condition_expression(&change.condition);
            let update = update.set_expression_attribute_values(Some(change.values.clone()));
            update.return_values(ReturnValue::AllNew).send().map_err(classified)
        };
        Ok(Item::from(self.patiently(update).await?.attributes.unwrap_or_default()))
    }

    fn token(&self) -> String {
        let mut bytes = [0; 16];
        bytes.copy_from_slice(&self.randomness.secret()[..16]);
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}
