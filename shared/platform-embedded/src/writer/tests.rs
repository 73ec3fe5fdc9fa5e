//! The promise that a test from outside cannot see broken, short of pulling the plug: commits wait for the disk.

use platform_base::vault::Vault;
use secrecy::SecretString;

use crate::{Embedded, Options};

#[tokio::test]
async fn a_commit_waits_for_the_disk() {
    let folder = tempfile::tempdir().unwrap();
    let vault = Vault::new(&SecretString::from("0123456789abcdef0123456789abcdef")).unwrap();
    let store = Embedded::open(Options::new(folder.path().to_owned(), vault)).unwrap();
    let (tell, told) = std::sync::mpsc::channel();
    let ask = store.write_bus(move |transaction| {
        let connection = transaction.connection;
        let synchronous: i64 = connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?;
        let journal: String = connection.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
        let _ = tell.send((synchronous, journal));
        Ok(())
    });
    ask.await.unwrap();
    // 2 is FULL: the write-ahead log is synced at each commit, and not only when it is moved (SQLite's `PRAGMA
    // synchronous`).
    assert_eq!(told.recv().unwrap(), (2, "wal".to_owned()));
}
