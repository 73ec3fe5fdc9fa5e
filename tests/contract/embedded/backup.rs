//! A copy of a live database: one moment of it, whole, that opens like any other.

use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use event_schema::id::RequestId;
use marketplace_core::{
    ports::{RequestStore, Urgency},
    request::Head,
};
use platform_embedded::{BackupError, Embedded, backup, database};
use serde_json::json;

use super::{OneMachine, options};
use crate::fixture::{START, batches, create};

/// Places requests with two offers each until it is told to stop; answers which were answered.
async fn write_on(store: Embedded, stop: Arc<AtomicBool>, answered: Arc<std::sync::Mutex<Vec<RequestId>>>) {
    while !stop.load(Ordering::Relaxed) {
        let new = create("user-1", &json!({ "note": "x".repeat(500) }), START);
        let id = new.id;
        store.apply(new, Urgency::Ours, None).await.unwrap();
        let batch = batches(id, &["books", "pens"], START).remove(0);
        store.apply(batch, Urgency::Ours, None).await.unwrap();
        answered.lock().unwrap().push(id);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_under_writes_is_one_moment_and_opens() {
    let machine = OneMachine::new();
    let (stop, answered) = (Arc::new(AtomicBool::new(false)), Arc::new(std::sync::Mutex::new(vec![])));
    let writers: Vec<_> =
        (0..8).map(|_| tokio::spawn(write_on(machine.store.clone(), stop.clone(), answered.clone()))).collect();
    tests::eventually("some requests", async || (answered.lock().unwrap().len() > 200).then_some(())).await;

    let elsewhere = tempfile::tempdir().unwrap();
    let target = database(elsewhere.path());
    let before: Vec<RequestId> = answered.lock().unwrap().clone();
    let (folder, file) = (machine.folder.path().to_owned(), target.clone());
    tokio::task::spawn_blocking(move || backup(&folder, &file)).await.unwrap().unwrap();
    stop.store(true, Ordering::Relaxed);
    for writer in writers {
        writer.await.unwrap();
    }
    let names: Vec<_> = fs::read_dir(elsewhere.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names, ["marketplace.db"], "nothing is left lying about");

    let copy = rusqlite::Connection::open(&target).unwrap();
    let integrity: String = copy.query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    // Every change is in it as a whole: no offers without the marker, no request without its body or its row.
    let broken = "SELECT count(*) FROM requests WHERE (routed_at IS NOT NULL) != (2 = (SELECT count(*) FROM offers \
         WHERE substr(offers.id, 1, 16) = requests.id)) OR NOT EXISTS (SELECT 1 FROM bodies WHERE id = requests.id) \
         OR NOT EXISTS (SELECT 1 FROM journal WHERE request = requests.id)";
    let broken: i64 = copy.query_row(broken, [], |row| row.get(0)).unwrap();
    assert_eq!(broken, 0);
    drop(copy);

    let restored = Embedded::open(options(elsewhere.path())).unwrap();
    for id in before {
        let record = restored.request(id, false).await.unwrap().expect("answered before the backup began");
        assert_eq!(record.offers.len(), 2);
    }
    // It goes on from there.
    let new = create("user-1", &json!({}), START);
    let id = new.id;
    restored.apply(new, Urgency::Ours, None).await.unwrap();
    let head: Head = restored.request(id, false).await.unwrap().unwrap().head;
    assert_eq!(head.id, id);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backup_overwrites_nothing_and_leaves_nothing_when_it_fails() {
    let machine = OneMachine::new();
    let elsewhere = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("backup.db");
    fs::write(&target, "precious").unwrap();
    assert!(matches!(backup(machine.folder.path(), &target), Err(BackupError::Exists)));
    assert_eq!(fs::read_to_string(&target).unwrap(), "precious");

    let nothing = tempfile::tempdir().unwrap();
    let target = elsewhere.path().join("second.db");
    assert!(matches!(backup(nothing.path(), &target), Err(BackupError::Sqlite(_))), "there is no database");
    assert!(!target.exists());
    let nowhere = elsewhere.path().join("no/such/folder.db");
    assert!(backup(machine.folder.path(), &nowhere).is_err());
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1, "nothing is left lying about");
}
