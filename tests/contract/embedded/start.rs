//! Opening a data folder: who may, and what is refused before anything is touched.

use std::time::{Duration, Instant};

use marketplace_core::ports::{PartyStore, RequestStore};
use platform_base::vault::Vault;
use platform_embedded::{Embedded, OpenError, Options, database};
use secrecy::SecretString;
use serde_json::json;

use super::{OneMachine, options};
use crate::fixture::{asked, join, party};

fn refused(opened: Result<Embedded, OpenError>) -> OpenError {
    match opened {
        Err(error) => error,
        Ok(_) => panic!("it was opened"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_of_a_newer_program_is_refused_and_left_alone() {
    let machine = OneMachine::new();
    let request = asked(&machine.store, &json!({})).await;
    let folder = machine.folder;
    drop(machine.store);
    // Opened and closed once more, so that the first has let go of it.
    drop(Embedded::open(options(folder.path())).unwrap());
    let version = |version: i64| {
        let connection = rusqlite::Connection::open(database(folder.path())).unwrap();
        let before: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
        connection.pragma_update(None, "user_version", version).unwrap();
        before
    };
    let ours = version(99);
    let error = refused(Embedded::open(options(folder.path())));
    assert!(matches!(error, OpenError::Newer { file: 99, program } if program < 99), "{error:?}");
    version(ours);
    let store = Embedded::open(options(folder.path())).unwrap();
    assert!(store.request(request, false).await.unwrap().is_some());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_do_not_use_one_folder() {
    let machine = OneMachine::new();
    let started = Instant::now();
    let error = refused(Embedded::open(options(machine.folder.path())));
    assert!(matches!(error, OpenError::InUse), "{error:?}");
    assert!(started.elapsed() < Duration::from_secs(20));
    asked(&machine.store, &json!({})).await;
    drop(machine.again());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_secret_key_does_not_open_the_store() {
    let machine = OneMachine::new();
    join(&machine.store, party("books")).await;
    let OneMachine { folder, store } = machine;
    drop(store);
    let other = Vault::new(&SecretString::from("another key of thirty-two characters")).unwrap();
    let error = refused(Embedded::open(Options::new(folder.path().to_owned(), other)));
    assert!(matches!(error, OpenError::OtherKey), "{error:?}");
    let store = Embedded::open(options(folder.path())).unwrap();
    assert!(store.party(&"books".parse().unwrap()).await.unwrap().is_some(), "the right one still does");
}
