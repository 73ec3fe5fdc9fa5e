//! Queries: rows of one partition or of an index, in the order of the sort key.

use aws_sdk_dynamodb::types::AttributeValue;
use futures::TryFutureExt as _;

use super::{Table, TableError, error::classified};
use crate::item::{Attributes, Item, PK, SK};

/// The indexes: each has a partition and a sort key of its own, holds keys only, and only rows that have both.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Index {
    /// A user's requests, by id, which rises with time.
    ByUser,
    /// A party's inbox in one environment, by when its messages are available.
    Inbox,
    /// Pushes, by when they are due.
    Due,
    /// Dead letters, by when they died.
    Dead,
    /// Journal rows that are not on the bus yet, by when they were written.
    Unpublished,
    /// Requests' bodies in an environment, by when the requests were accepted.
    ByEnvironment,
    /// Offers that run against a clock, by when something is due next.
    Alarms,
    /// What a party was offered in one environment, by when.
    ByParty,
}

impl Index {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::ByUser,
        Self::Inbox,
        Self::Due,
        Self::Dead,
        Self::Unpublished,
        Self::ByEnvironment,
        Self::Alarms,
        Self::ByParty,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ByUser => "by_user",
            Self::Inbox => "inbox",
            Self::Due => "due",
            Self::Dead => "dead",
            Self::Unpublished => "unpublished",
            Self::ByEnvironment => "by_environment",
            Self::Alarms => "alarms",
            Self::ByParty => "by_party",
        }
    }

    /// The attribute that is its partition key.
    #[must_use]
    pub const fn pk(self) -> &'static str {
        match self {
            Self::ByUser => "user_pk",
            Self::Inbox => "inbox_pk",
            Self::Due => "due_pk",
            Self::Dead => "dead_pk",
            Self::Unpublished => "unpub_pk",
            Self::ByEnvironment => "env_pk",
            Self::Alarms => "alarm_pk",
            Self::ByParty => "party_pk",
        }
    }

    /// The attribute that is its sort key.
    #[must_use]
    pub const fn sk(self) -> &'static str {
        match self {
            Self::ByUser => "user_sk",
            Self::Inbox => "inbox_sk",
            Self::Due => "due_sk",
            Self::Dead => "dead_sk",
            Self::Unpublished => "unpub_sk",
            Self::ByEnvironment => "env_sk",
            Self::Alarms => "alarm_sk",
            Self::ByParty => "party_sk",
        }
    }
}

/// Which sort keys.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Range {
    /// Every one.
    All,
    /// Those that begin with this.
    Prefix(String),
    /// Those before this one.
    Before(String),
    /// Those from the first to the second, both included.
    Between(String, String),
}

/// A question to the table or to one of its indexes.
#[derive(Clone, Debug)]
pub struct Query {
    /// The index; none for the table itself, which is read consistently.
    pub index: Option<Index>,
    /// The partition.
    pub pk: String,
    /// Which sort keys.
    pub range: Range,
    /// From the highest sort key down.
    pub descending: bool,
}

impl Query {
    /// Rows of one partition of the table, read consistently.
    pub fn partition(pk: impl Into<String>, range: Range) -> Self {
        Self { index: None, pk: pk.into(), range, descending: false }
    }

    /// The keys of a partition of an index. Indexes lag behind: what is found has to be read again before anything
    /// is decided on it.
    pub fn index(index: Index, pk: impl Into<String>, range: Range) -> Self {
        Self { index: Some(index), pk: pk.into(), range, descending: false }
    }

    /// From the highest sort key down.
    #[must_use]
    pub fn descending(self) -> Self {
        Self { descending: true, ..self }
    }

    fn key_names(&self) -> (&'static str, &'static str) {
        self.index.map_or((PK, SK), |index| (index.pk(), index.sk()))
    }

    fn condition(&self) -> &'static str {
        match self.range {
            Range::All => "#pk = :pk",
            Range::Prefix(_) => "#pk = :pk AND begins_with(#sk, :from)",
            Range::Before(_) => "#pk = :pk AND #sk < :from",
            Range::Between(..) => "#pk = :pk AND #sk BETWEEN :from AND :to",
        }
    }

    fn values(&self) -> Attributes {
        let (from, to) = match &self.range {
            Range::All => (None, None),
            Range::Prefix(from) | Range::Before(from) => (Some(from), None),
            Range::Between(from, to) => (Some(from), Some(to)),
        };
        let named = [(":pk", Some(&self.pk)), (":from", from), (":to", to)];
        let value = |text: &String| AttributeValue::S(text.clone());
        named.into_iter().filter_map(|(name, text)| Some((name.to_owned(), value(text?)))).collect()
    }
}

/// Some rows of an answer.
#[derive(Clone, Debug)]
pub struct Page {
    /// The rows, in order; those of an index have keys only.
    pub items: Vec<Item>,
    /// Where the next page begins; none when this is the last.
    pub next: Option<Attributes>,
}

impl Table {
    /// One page of an answer, at most `limit` rows and what fits into 1 MB.
    ///
    /// # Errors
    /// [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn page(&self, query: &Query, limit: usize, from: Option<Attributes>) -> Result<Page, TableError> {
        let (pk, sk) = query.key_names();
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        let ask = || {
            let ask = self
                .client
                .query()
                .table_name(&*self.name)
                .set_index_name(query.index.map(|index| index.name().to_owned()));
            let ask = ask.key_condition_expression(query.condition()).expression_attribute_names("#pk", pk);
            let names_sk = query.range != Range::All;
            let ask = if names_sk { ask.expression_attribute_names("#sk", sk) } else { ask };
            let ask = ask.set_expression_attribute_values(Some(query.values())).limit(limit);
            let ask = ask.scan_index_forward(!query.descending).consistent_read(query.index.is_none());
            ask.set_exclusive_start_key(from.clone()).send().map_err(classified)
        };
        let answer = self.patiently(ask).await?;
        let items = answer.items.unwrap_or_default().into_iter().map(Item::from).collect();
        Ok(Page { items, next: answer.last_evaluated_key })
    }

    /// The first so many rows of an answer.
    ///
    /// # Errors
    /// [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn first(&self, query: &Query, most: usize) -> Result<Vec<Item>, TableError> {
        let (mut items, mut from) = (vec![], None);
        while items.len() < most {
            let page = self.page(query, most - items.len(), from).await?;
            items.extend(page.items);
            from = page.next;
            if from.is_none() {
                break;
            }
        }
        Ok(items)
    }

    /// Every row of an answer.
    ///
    /// # Errors
    /// [`TableError::Busy`] or [`TableError::Unexpected`].
    pub async fn all(&self, query: &Query) -> Result<Vec<Item>, TableError> {
        self.first(query, usize::MAX).await
    }
}
