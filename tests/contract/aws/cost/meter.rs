//! What the store's calls to `DynamoDB` cost: a proxy that passes them on and counts their units as AWS does.
//!
//! The rules are those of the Developer Guide, "DynamoDB read and write operations", "Using Global Secondary Indexes"
//! and "DynamoDB transactions". A write is a unit for each 1 KB of the larger of the row before and the row after, in a
//! transaction twice that, also for a row that is only checked. An index entry is a unit when it comes or goes, two when
//! its key changes, and nothing when it stays; indexes are written after the transaction, and so once. A consistent read
//! is a unit for each 4 KB of a row, of all rows together in a query, and one where there is nothing.

use std::{
    collections::BTreeMap,
    mem::take,
    net::{Ipv4Addr, SocketAddr},
    sync::{Arc, Mutex},
};

use axum::{
    Router,
    body::Bytes,
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{IntoResponse, Response},
};
use data_encoding::BASE64;
use platform_aws::{
    item::{PK, SK},
    table::Index,
};
use serde_json::{Map, Value, json};
use tokio::{net::TcpListener, task::JoinHandle};

use super::super::TABLE;

const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");

/// What was asked of the table.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Spent {
    /// Calls, by operation.
    pub(crate) calls: BTreeMap<String, usize>,
    pub(crate) write_units: usize,
    pub(crate) read_units: usize,
}

/// The proxy. It ends when this is dropped.
pub(crate) struct Meter {
    address: SocketAddr,
    gauge: Arc<Gauge>,
    task: JoinHandle<()>,
}

impl Drop for Meter {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Meter {
    /// Starts one in front of the engine at this address.
    pub(crate) async fn start(engine: String) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        let gauge = Arc::new(Gauge { engine, client: reqwest::Client::new(), spent: Mutex::default() });
        let proxy = Router::new().fallback(pass).with_state(gauge.clone());
        let task = tokio::spawn(async move { axum::serve(listener, proxy).await.expect("served") });
        Self { address, gauge, task }
    }

    /// Its address, without a slash at the end.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What was spent since it was last asked.
    pub(crate) fn spent(&self) -> Spent {
        take(&mut *self.gauge.spent.lock().expect("no panic"))
    }
}

/// A row as it goes over the wire.
type Row = Map<String, Value>;

struct Gauge {
    engine: String,
    client: reqwest::Client,
    spent: Mutex<Spent>,
}

async fn pass(State(gauge): State<Arc<Gauge>>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers[TARGET].to_str().expect("a text");
    let operation = target.rsplit_once('.').expect("a version and an operation").1;
    let question: Value = serde_json::from_slice(&body).expect("JSON");
    let written = written(operation, &question);
    let before = gauge.rows(&written, &headers).await;
    let (status, answer) = gauge.ask(target, &headers, body).await;
    assert!(status.is_success(), "nothing goes wrong in what is counted: {answer}");
    let after = gauge.rows(&written, &headers).await;
    let in_transaction = operation == "TransactWriteItems";
    let mut spent = gauge.spent.lock().expect("no panic");
    *spent.calls.entry(operation.to_owned()).or_default() += 1;
    spent.write_units +=
        before.iter().zip(&after).map(|(before, after)| of_write(before, after, in_transaction)).sum::<usize>();
    spent.read_units += of_reads(operation, &question, &answer);
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer.to_string()).into_response()
}

/// What names the rows that a call writes, or checks: each a key, or a whole row.
fn written<'a>(operation: &str, question: &'a Value) -> Vec<&'a Value> {
    let of_part = |part: &'a Value| part.get("Item").or(part.get("Key")).expect("a row or its key");
    match operation {
        "TransactWriteItems" => {
            let parts = question["TransactItems"].as_array().expect("parts");
            parts.iter().map(|part| of_part(part.as_object().expect("a part").values().next().expect("one"))).collect()
        }
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![of_part(question)],
        "GetItem" | "BatchGetItem" | "Query" => vec![],
        other => panic!("{other} is counted by nobody"),
    }
}

impl Gauge {
    async fn ask(&self, target: &str, headers: &HeaderMap, body: Bytes) -> (StatusCode, Value) {
        let mut ask = self.client.post(&self.engine).header(TARGET, target).body(body);
        for name in [header::AUTHORIZATION, header::CONTENT_TYPE, DATE] {
            if let Some(value) = headers.get(&name) {
                ask = ask.header(name, value);
            }
        }
        let answer = ask.send().await.expect("the engine answers");
        (answer.status(), answer.json().await.expect("JSON"))
    }

    /// These rows as they are now; empty where there is none.
    async fn rows(&self, named: &[&Value], headers: &HeaderMap) -> Vec<Row> {
        let mut rows = vec![];
        for name in named {
            let key = json!({ PK: name[PK], SK: name[SK] });
            let get = json!({ "TableName": TABLE, "ConsistentRead": true, "Key": key });
            let (_, answer) = self.ask("DynamoDB_20120810.GetItem", headers, get.to_string().into()).await;
            rows.push(answer["Item"].as_object().cloned().unwrap_or_default());
        }
        rows
    }
}

/// The units of a row that was written or checked, and of its index entries.
fn of_write(before: &Row, after: &Row, in_transaction: bool) -> usize {
    let row = units(size(before).max(size(after)), 1_024);
    let indexes: usize = Index::ALL.iter().map(|index| of_entry(*index, before, after)).sum();
    indexes + if in_transaction { 2 * row } else { row }
}

/// The units of an index that holds keys only, for a row that changes.
fn of_entry(index: Index, before: &Row, after: &Row) -> usize {
    let place = |row: &Row| Some((row.get(index.pk())?.clone(), row.get(index.sk())?.clone()));
    match (place(before), place(after)) {
        (None, None) => 0,
        (Some(before), Some(after)) if before == after => 0,
        (Some(_), Some(_)) => 2,
        (None, Some(_)) | (Some(_), None) => 1,
    }
}

fn of_reads(operation: &str, question: &Value, answer: &Value) -> usize {
    let of_rows = |rows: &Value| rows.as_array().into_iter().flatten().map(of_row).collect::<Vec<_>>();
    match operation {
        "GetItem" => units(of_row(&answer["Item"]), 4_096),
        "BatchGetItem" => {
            let tables = question["RequestItems"].as_object().expect("tables");
            let of_table = |(name, table): (&String, &Value)| {
                let found = of_rows(&answer["Responses"][name]);
                let asked = table["Keys"].as_array().expect("keys").len();
                found.iter().map(|size| units(*size, 4_096)).sum::<usize>() + asked - found.len()
            };
            tables.iter().map(of_table).sum()
        }
        "Query" => {
            assert!(question.get("IndexName").is_none(), "no index is asked in a request's life");
            units(of_rows(&answer["Items"]).iter().sum(), 4_096)
        }
        _ => 0,
    }
}

fn of_row(row: &Value) -> usize {
    row.as_object().map_or(0, size)
}

/// At least one, also of nothing.
fn units(bytes: usize, each: usize) -> usize {
    bytes.div_ceil(each).max(1)
}

/// The bytes of a row ("DynamoDB item sizes and formats").
fn size(row: &Row) -> usize {
    let of_value = |value: &Value| {
        let (kind, value) = value.as_object().expect("a value").iter().next().expect("with a type");
        let text = value.as_str().expect("a text");
        match kind.as_str() {
            "S" => text.len(),
            // Two digits in a byte, and one byte more.
            "N" => text.len().div_ceil(2) + 1,
            "B" => BASE64.decode(text.as_bytes()).expect("base 64").len(),
            other => panic!("{other} is weighed by nobody"),
        }
    };
    row.iter().map(|(name, value)| name.len() + of_value(value)).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(value: &Value) -> Row {
        value.as_object().unwrap().clone()
    }

    #[test]
    fn a_row_weighs_its_names_and_values() {
        let weighed = row(&json!({ "pk": { "S": "R#é" }, "n": { "N": "12345" }, "b": { "B": "AAEC" } }));
        assert_eq!(size(&weighed), (2 + 4) + (1 + 4) + (1 + 3));
        assert_eq!([0, 1, 1_024, 1_025].map(|bytes| units(bytes, 1_024)), [1, 1, 1, 2]);
    }

    #[test]
    fn an_index_costs_when_its_entry_changes() {
        let at = |due: &str| row(&json!({ "due_pk": { "S": "DUE#a" }, "due_sk": { "S": due } }));
        let of = |before: &Row, after: &Row| of_entry(Index::Due, before, after);
        let none = Row::new();
        assert_eq!([of(&none, &none), of(&at("1"), &at("1")), of(&at("1"), &at("2"))], [0, 0, 2]);
        assert_eq!([of(&none, &at("1")), of(&at("1"), &none)], [1, 1]);
    }

    #[test]
    fn what_is_not_there_is_read_for_a_unit() {
        assert_eq!(of_reads("GetItem", &json!({}), &json!({})), 1);
        assert_eq!(of_reads("Query", &json!({}), &json!({ "Items": [] })), 1);
        let question = json!({ "RequestItems": { "t": { "Keys": [{}, {}, {}] } } });
        let answer = json!({ "Responses": { "t": [{ "pk": { "S": "x".repeat(5_000) } }] } });
        assert_eq!(of_reads("BatchGetItem", &question, &answer), 2 + 2);
    }
}
