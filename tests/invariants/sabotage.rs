//! Makes commits fail from outside the gateway, at a moment of the test's choice.

use std::path::Path;

use rusqlite::Connection;

/// When a commit fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Moment {
    /// The row is refused; what the same change has written before it must go too.
    AtTheRow,
    /// All rows are taken, and `COMMIT` itself fails, as it does when the disk does.
    AtTheCommit,
}

/// Every commit that adds a row to this table fails until [`Sabotage::mend`].
pub(crate) struct Sabotage(Connection);

impl Sabotage {
    /// Begins.
    pub(crate) fn of(data_dir: &Path, table: &str, moment: Moment) -> Self {
        let connection = Connection::open(platform_embedded::database(data_dir)).unwrap();
        let trigger = match moment {
            Moment::AtTheRow => {
                format!("CREATE TRIGGER sabotage BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'sabotage'); END")
            }
            // A reference to a row that is not there, which SQLite checks at the end of the transaction.
            Moment::AtTheCommit => format!(
                "CREATE TABLE sabotaged (id INTEGER PRIMARY KEY); \
                 CREATE TABLE dangling (id INTEGER REFERENCES sabotaged (id) DEFERRABLE INITIALLY DEFERRED); \
                 CREATE TRIGGER sabotage AFTER INSERT ON {table} BEGIN INSERT INTO dangling VALUES (1); END"
            ),
        };
        connection.execute_batch(&trigger).unwrap();
        Self(connection)
    }

    /// Ends it.
    pub(crate) fn mend(self) {
        self.0.execute_batch("DROP TRIGGER sabotage").unwrap();
    }
}
