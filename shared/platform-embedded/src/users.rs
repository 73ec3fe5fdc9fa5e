//! Local accounts.

use event_schema::id::UserId;
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    ports::{Remember, StoreError, Urgency, UserStore},
    user::{Notifications, User, UserPatch},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::oneshot;

use crate::{
    Embedded, idempotency, rows,
    writer::{Job, Transaction},
};

const COLUMNS: &str = "id, email, password_hash, name, phone, confirmed_at, by_email, by_sms, test_account, created_at";

impl UserStore for Embedded {
    async fn create_user(
        &self,
        user: User,
        confirmation: [u8; 32],
        remember: Option<Remember<()>>,
    ) -> Result<(), StoreError> {
        self.write_user(Urgency::Caller, move |transaction| {
            let taken =
                transaction.connection.prepare_cached("SELECT 1 FROM users WHERE email = ?1")?.exists([&user.email])?;
            if taken {
                let detail = "an account with this address exists".to_owned();
                return Ok(Err(Refusal::State { current_status: "taken", detail }));
            }
            write(transaction.connection, &user)?;
            transaction.connection.execute(
                "INSERT INTO confirmations (hash, user_id) VALUES (?1, ?2)",
                params![confirmation, user.id.as_str()],
            )?;
            if let Some(remember) = &remember {
                idempotency::write(transaction.connection, remember, &())?;
            }
            Ok(Ok(()))
        })
        .await
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        let email = email.to_owned();
        self.shared.readers.read(move |connection| read(connection, "email", &email)).await
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        let id = id.clone();
        self.shared.readers.read(move |connection| read(connection, "id", id.as_str())).await
    }

    async fn patch_user(&self, id: &UserId, patch: UserPatch) -> Result<User, StoreError> {
        let id = id.clone();
        self.write_user(Urgency::Caller, move |transaction| {
            let Some(user) = read(transaction.connection, "id", id.as_str())? else {
                return Ok(Err(Refusal::NotFound));
            };
            let user = patch.apply(user);
            write(transaction.connection, &user)?;
            Ok(Ok(user))
        })
        .await
    }

    async fn confirm_user(&self, token: [u8; 32], at: Timestamp) -> Result<(), StoreError> {
        self.write_user(Urgency::Caller, move |transaction| {
            let confirm = "UPDATE users SET confirmed_at = coalesce(confirmed_at, ?2) \
                 WHERE id = (SELECT user_id FROM confirmations WHERE hash = ?1)";
            let found = transaction.connection.prepare_cached(confirm)?.execute(params![token, rows::micros(at)])?;
            Ok(if found == 0 { Err(Refusal::NotFound) } else { Ok(()) })
        })
        .await
    }
}

impl Embedded {
    async fn write_user<T, F>(&self, urgency: Urgency, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<Result<T, Refusal>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.writer.queue(Box::new(WriteUser { write, decided: None, answer }), urgency).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }
}

struct WriteUser<T, F> {
    write: F,
    decided: Option<Result<T, Refusal>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for WriteUser<T, F>
where
    T: Send,
    F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<Result<T, Refusal>> + Send,
{
    fn run(&mut self, transaction: &mut Transaction<'_>) -> rusqlite::Result<()> {
        self.decided = Some((self.write)(transaction)?);
        Ok(())
    }

    fn finish(self: Box<Self>, committed: Result<(), StoreError>) {
        let decided = self.decided.ok_or(StoreError::Unavailable("the store is closed"));
        let _ = self.answer.send(committed.and(decided).and_then(|decided| decided.map_err(StoreError::Refused)));
    }
}

fn read(connection: &Connection, column: &'static str, value: &str) -> rusqlite::Result<Option<User>> {
    connection
        .prepare_cached(&format!("SELECT {COLUMNS} FROM users WHERE {column} = ?1"))?
        .query_row([value], user)
        .optional()
}

fn user(row: &Row<'_>) -> rusqlite::Result<User> {
    Ok(User {
        id: rows::parse(row, 0)?,
        email: row.get(1)?,
        password_hash: row.get(2)?,
        name: row.get(3)?,
        phone: row.get(4)?,
        confirmed_at: row.get::<_, Option<i64>>(5)?.map(|micros| rows::time(5, micros)).transpose()?,
        notifications: Notifications { email: row.get(6)?, sms: row.get(7)? },
        test_account: row.get(8)?,
        created_at: rows::time(9, row.get(9)?)?,
    })
}

fn write(connection: &Connection, user: &User) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO users ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)"
        ))?
        .execute(params![
            user.id.as_str(),
            user.email,
            user.password_hash,
            user.name,
            user.phone,
            user.confirmed_at.map(rows::micros),
            user.notifications.email,
            user.notifications.sms,
            user.test_account,
            rows::micros(user.created_at),
        ])?;
    Ok(())
}
