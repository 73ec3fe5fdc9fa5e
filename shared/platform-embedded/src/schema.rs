//! The database's tables and their history: the file carries its version and migrates forward at start.

use rusqlite::Connection;

use crate::error::OpenError;

/// Each step takes the file from one version to the next. A released step never changes; new ones are appended.
const MIGRATIONS: [&str; 9] = [
    include_str!("schema/1.sql"),
    include_str!("schema/2.sql"),
    include_str!("schema/3.sql"),
    include_str!("schema/4.sql"),
    include_str!("schema/5.sql"),
    include_str!("schema/6.sql"),
    include_str!("schema/7.sql"),
    include_str!("schema/8.sql"),
    include_str!("schema/9.sql"),
];

/// Brings the file to the newest version.
///
/// # Errors
/// [`OpenError::Newer`] when a newer program has written the file; [`OpenError::Sqlite`] when a step fails.
pub(crate) fn migrate(connection: &mut Connection) -> Result<(), OpenError> {
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let version = usize::try_from(version).unwrap_or(usize::MAX);
    if version > MIGRATIONS.len() {
        return Err(OpenError::Newer { file: version, program: MIGRATIONS.len() });
    }
    for (done, step) in MIGRATIONS.iter().enumerate().skip(version) {
        let transaction = connection.transaction()?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", i64::try_from(done + 1).unwrap_or(i64::MAX))?;
        transaction.commit()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(connection: &Connection) -> i64 {
        connection.pragma_query_value(None, "user_version", |row| row.get(0)).unwrap()
    }

    #[test]
    fn an_empty_file_becomes_the_newest_and_stays_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        for _ in 0..2 {
            migrate(&mut connection).unwrap();
            assert_eq!(usize::try_from(version(&connection)).unwrap(), MIGRATIONS.len());
        }
        let tables: i64 = connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
            .unwrap();
        assert!(tables > 10);
    }

    #[test]
    fn a_step_is_done_whole_or_not_at_all() {
        let mut connection = Connection::open_in_memory().unwrap();
        // A table of the first step is there already: the step fails in the middle.
        connection.execute_batch("CREATE TABLE users (id TEXT)").unwrap();
        assert!(matches!(migrate(&mut connection), Err(OpenError::Sqlite(_))));
        assert_eq!(version(&connection), 0);
        let tables: Vec<String> = connection
            .prepare("SELECT name FROM sqlite_schema WHERE type = 'table'")
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .collect::<rusqlite::Result<_>>()
            .unwrap();
        assert_eq!(tables, ["users"]);
    }

    #[test]
    fn a_file_of_an_older_version_keeps_what_is_in_it() {
        let mut connection = Connection::open_in_memory().unwrap();
        connection.execute_batch(MIGRATIONS[0]).unwrap();
        connection.pragma_update(None, "user_version", 1).unwrap();
        let insert = "INSERT INTO offers (id, party, environment, round, state, created_at, told, attempts) \
             VALUES (x'01', 'books', 0, 1, 0, 7, 0, 0)";
        connection.execute_batch(insert).unwrap();
        connection.execute_batch("INSERT INTO confirmations (hash, user_id) VALUES (x'01', 'usr_1')").unwrap();
        let key =
            "INSERT INTO api_keys (key_id, hash, party, environment, created_at) VALUES (x'01', x'01', 'a', 1, 0)";
        connection.execute_batch(key).unwrap();
        migrate(&mut connection).unwrap();
        let good_for_a_day = "SELECT phone IS NULL AND expires_at / 1000000 - unixepoch() BETWEEN 86000 AND 86400 \
             FROM confirmations";
        assert_eq!(connection.query_row(good_for_a_day, [], |row| row.get(0)), Ok(true));
        let key = connection.query_row("SELECT scope, prefix FROM api_keys", [], |row| row.try_into());
        assert_eq!(key, Ok((1, "mk_test_".to_owned())));
        let offer = connection.query_row("SELECT party, noted_bytes, vacant FROM offers", [], |row| row.try_into());
        assert_eq!(offer, Ok(("books".to_owned(), 0, false)));
    }

    #[test]
    fn the_work_queries_use_an_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        migrate(&mut connection).unwrap();
        // The queries that run all the time, against tables of any size.
        let queries = [
            "SELECT id FROM offers WHERE party = 'a' AND environment = 0 AND next_attempt_at <= 1 ORDER BY next_attempt_at LIMIT 1",
            "SELECT min(next_attempt_at) FROM offers WHERE party = 'a' AND environment = 0 AND next_attempt_at > 1",
            "SELECT id FROM offers WHERE party = 'a' AND environment = 0 AND available_at <= 1 ORDER BY available_at",
            "SELECT party FROM offers WHERE available_at IS NOT NULL AND (party, environment) > ('a', 0) \
             ORDER BY party, environment LIMIT 1",
            "SELECT party FROM offers WHERE next_attempt_at IS NOT NULL AND (party, environment) > ('a', 0) \
             ORDER BY party, environment LIMIT 1",
            "SELECT id FROM offers WHERE dead_at IS NOT NULL AND dead_at >= 0 AND (dead_at, id) < (1, x'00') \
             ORDER BY dead_at DESC, id DESC LIMIT 1",
            "SELECT id FROM requests WHERE user_id = 'u' AND id < x'ff' ORDER BY id DESC LIMIT 1",
            "SELECT id FROM requests WHERE id >= x'00' AND id < x'ff' ORDER BY id DESC LIMIT 1",
            "SELECT id FROM requests WHERE environment > 0 AND environment = 1 AND id >= x'00' AND id < x'ff' \
             ORDER BY id DESC LIMIT 1",
            "SELECT sequence FROM journal WHERE request = x'00' ORDER BY sequence",
            "SELECT sequence FROM journal WHERE sequence > 1 ORDER BY sequence LIMIT 1",
            "SELECT fact FROM party_journal CROSS JOIN journal USING (sequence) WHERE party = 'a' AND environment = 0 \
             AND party_journal.sequence > 1 ORDER BY party_journal.sequence LIMIT 1",
            "SELECT id FROM replays WHERE expires_at <= 1 ORDER BY expires_at LIMIT 1",
            "SELECT id FROM offers WHERE party = 'a' AND environment = 0 AND available_at IS NOT NULL \
             AND (available_at, id) > (1, x'00') ORDER BY available_at, id LIMIT 1",
            "SELECT id FROM party_offers WHERE party = 'a' AND environment = 0 AND created_at >= 0 AND created_at <= 1 \
             AND (created_at, id) < (1, x'00') ORDER BY created_at DESC, id DESC LIMIT 1",
            "SELECT key_id FROM api_keys WHERE party = 'a'",
            "SELECT key_id FROM api_keys WHERE hash = x'01'",
            "SELECT id FROM offers WHERE alarm_at <= 1 ORDER BY alarm_at LIMIT 1",
            "SELECT min(alarm_at) FROM offers WHERE alarm_at IS NOT NULL",
            "SELECT key FROM idempotency WHERE expires_at <= 1 ORDER BY expires_at LIMIT 1",
            "SELECT hash FROM confirmations WHERE expires_at <= 1 ORDER BY expires_at LIMIT 1",
            "SELECT 1 FROM contacts_told WHERE party = 'a' AND sequence = 1",
            "SELECT party, sequence FROM contacts_told WHERE expires_at <= 1 ORDER BY expires_at LIMIT 1",
            "SELECT party FROM sign_up_tokens WHERE hash = x'01'",
            "SELECT hash FROM sign_up_tokens WHERE expires_at <= 1 ORDER BY expires_at LIMIT 1",
            "SELECT counted FROM texts WHERE expires_at <= 1 ORDER BY expires_at LIMIT 1",
        ];
        for query in queries {
            let plan: Vec<String> = connection
                .prepare(&format!("EXPLAIN QUERY PLAN {query}"))
                .unwrap()
                .query_map([], |row| row.get(3))
                .unwrap()
                .collect::<rusqlite::Result<_>>()
                .unwrap();
            assert!(
                plan.iter().all(|step| !step.starts_with("SCAN") && !step.contains("TEMP B-TREE")),
                "{query}: {plan:?}"
            );
        }
    }
}
