//! Local accounts.

use event_schema::id::UserId;
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    confirmation::{Confirmation, PhoneToken, Texting, Texts},
    ports::{Remember, StoreError, Urgency, UserStore},
    user::{Notifications, User, UserPatch},
};
use rusqlite::{Connection, OptionalExtension, Row, params};
use tokio::sync::oneshot;

use crate::{
    Embedded,
    error::corrupt,
    idempotency, rows,
    writer::{Job, Transaction},
};

const COLUMNS: &str = "id, email, password_hash, name, phone, confirmed_at, phone_confirmed_at, by_email, by_sms, \
     test_account, created_at";

impl UserStore for Embedded {
    async fn create_user(
        &self,
        user: User,
        confirmation: [u8; 32],
        remember: Option<Remember<()>>,
    ) -> Result<(), StoreError> {
        self.write_or_refuse(Urgency::Caller, move |transaction| {
            let taken =
                transaction.connection.prepare_cached("SELECT 1 FROM users WHERE email = ?1")?.exists([&user.email])?;
            if taken {
                let detail = "an account with this address exists".to_owned();
                return Ok(Err(Refusal::State { current_status: "taken", detail }));
            }
            write(transaction.connection, &user)?;
            write_confirmation(transaction.connection, &confirmation, &Confirmation::of_email(&user))?;
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
        self.write_or_refuse(Urgency::Caller, move |transaction| {
            let Some(user) = read(transaction.connection, "id", id.as_str())? else {
                return Ok(Err(Refusal::NotFound));
            };
            let user = patch.apply(user);
            write(transaction.connection, &user)?;
            Ok(Ok(user))
        })
        .await
    }

    async fn keep_phone_token(&self, token: PhoneToken) -> Result<Texting, StoreError> {
        self.write_or_refuse(Urgency::Caller, move |transaction| {
            let (connection, subjects) = (transaction.connection, token.counted());
            let mut counted = [read_texts(connection, &subjects[0])?, read_texts(connection, &subjects[1])?];
            let texting = Texts::count(&mut counted, token.at);
            if texting == Texting::Now {
                for (subject, texts) in subjects.iter().zip(&counted) {
                    write_texts(connection, subject, texts, token.at)?;
                }
                write_confirmation(connection, &token.hash, &token.confirmation())?;
            }
            Ok(Ok(texting))
        })
        .await
    }

    async fn confirm_user(&self, token: [u8; 32], at: Timestamp) -> Result<(), StoreError> {
        self.write_or_refuse(Urgency::Caller, move |transaction| {
            let Some(confirmation) = read_confirmation(transaction.connection, &token)? else {
                return Ok(Err(Refusal::NotFound));
            };
            let Some(user) = read(transaction.connection, "id", confirmation.user.as_str())? else {
                return Ok(Err(Refusal::NotFound));
            };
            match confirmation.confirm(user, at) {
                Ok(user) => write(transaction.connection, &user).map(Ok),
                Err(refusal) => Ok(Err(refusal)),
            }
        })
        .await
    }
}

impl Embedded {
    /// Writes, or refuses and writes nothing.
    pub(crate) async fn write_or_refuse<T, F>(&self, urgency: Urgency, write: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnMut(&mut Transaction<'_>) -> rusqlite::Result<Result<T, Refusal>> + Send + 'static,
    {
        let (answer, answered) = oneshot::channel();
        self.writer.queue(Box::new(WriteOrRefuse { write, decided: None, answer }), urgency).await?;
        answered.await.map_err(|_| StoreError::Unavailable("the store is closed"))?
    }
}

struct WriteOrRefuse<T, F> {
    write: F,
    decided: Option<Result<T, Refusal>>,
    answer: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Job for WriteOrRefuse<T, F>
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
        confirmed_at: rows::optional_time(row, 5)?,
        phone_confirmed_at: rows::optional_time(row, 6)?,
        notifications: Notifications { email: row.get(7)?, sms: row.get(8)? },
        test_account: row.get(9)?,
        created_at: rows::time(10, row.get(10)?)?,
    })
}

fn write(connection: &Connection, user: &User) -> rusqlite::Result<()> {
    connection
        .prepare_cached(&format!(
            "INSERT OR REPLACE INTO users ({COLUMNS}) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)"
        ))?
        .execute(params![
            user.id.as_str(),
            user.email,
            user.password_hash,
            user.name,
            user.phone,
            user.confirmed_at.map(rows::micros),
            user.phone_confirmed_at.map(rows::micros),
            user.notifications.email,
            user.notifications.sms,
            user.test_account,
            rows::micros(user.created_at),
        ])?;
    Ok(())
}

fn read_confirmation(connection: &Connection, hash: &[u8; 32]) -> rusqlite::Result<Option<Confirmation>> {
    connection
        .prepare_cached("SELECT user_id, phone, expires_at FROM confirmations WHERE hash = ?1")?
        .query_row([hash], |row| {
            Ok(Confirmation { user: rows::parse(row, 0)?, phone: row.get(1)?, expires_at: rows::time(2, row.get(2)?)? })
        })
        .optional()
}

fn write_confirmation(connection: &Connection, hash: &[u8; 32], confirmation: &Confirmation) -> rusqlite::Result<()> {
    connection
        .prepare_cached("INSERT INTO confirmations (hash, user_id, phone, expires_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![
            hash,
            confirmation.user.as_str(),
            confirmation.phone,
            rows::micros(confirmation.expires_at)
        ])?;
    Ok(())
}

fn read_texts(connection: &Connection, counted: &str) -> rusqlite::Result<Texts> {
    let texts = connection
        .prepare_cached("SELECT times FROM texts WHERE counted = ?1")?
        .query_row([counted], |row| serde_json::from_str(row.get_ref(0)?.as_str()?).map_err(|error| corrupt(0, error)))
        .optional()?;
    Ok(texts.unwrap_or_default())
}

fn write_texts(connection: &Connection, counted: &str, texts: &Texts, now: Timestamp) -> rusqlite::Result<()> {
    let times = serde_json::to_string(texts).map_err(|error| corrupt(1, error))?;
    connection
        .prepare_cached("INSERT OR REPLACE INTO texts (counted, times, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(params![counted, times, rows::micros(Texts::expire_at(now))])?;
    Ok(())
}
