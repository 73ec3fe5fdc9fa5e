//! Accounts. An address is a row of its own that names the account, so that it is taken once; so is a confirmation's
//! hash.

use data_encoding::HEXLOWER;
use event_schema::id::UserId;
use futures::future::try_join;
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    confirmation::{Confirmation, PhoneToken, Texting, Texts},
    ports::{Remember, StoreError, UserStore},
    user::{Notifications, User, UserPatch},
};
use serde::{Deserialize, Serialize};

use crate::{
    Aws, idempotency,
    item::{Item, ItemError, Key, REVISION},
    table::{Condition, TableError, Write},
};

/// The one row of each partition here.
const META: &str = "META";

/// The attribute that names the account.
const USER: &str = "user_id";

/// An account as it is stored.
#[derive(Deserialize, Serialize)]
struct Stored {
    id: UserId,
    email: String,
    password_hash: String,
    name: Option<String>,
    phone: Option<String>,
    confirmed_at: Option<Timestamp>,
    phone_confirmed_at: Option<Timestamp>,
    notifications: Notifications,
    test_account: bool,
    created_at: Timestamp,
}

impl UserStore for Aws {
    async fn create_user(
        &self,
        user: User,
        confirmation: [u8; 32],
        remember: Option<Remember<()>>,
    ) -> Result<(), StoreError> {
        let address = Item::new(&email_key(&user.email)).text(USER, user.id.as_str());
        let confirmation = confirmation_item(&confirmation, &Confirmation::of_email(&user));
        let account = item(&user, 1).map_err(TableError::from)?;
        let mut writes = vec![Write::insert(address), Write::insert(confirmation.map_err(TableError::from)?)];
        writes.push(Write::insert(account));
        writes.extend(remember.iter().map(|remember| idempotency::answered(remember, &())));
        let mut patience = self.table.patience();
        loop {
            match self.table.write(writes.clone()).await {
                Ok(()) => return Ok(()),
                // The first of the writes is the address.
                Err(error) if error.refused(0) => return Err(taken().into()),
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        Ok(self.named_by(&email_key(email)).await?.map(|(user, _)| user))
    }

    async fn user(&self, id: &UserId) -> Result<Option<User>, StoreError> {
        Ok(self.account(id).await?.map(|(user, _)| user))
    }

    async fn patch_user(&self, id: &UserId, patch: UserPatch) -> Result<User, StoreError> {
        self.change_user(id, |user| Ok(patch.apply(user))).await
    }

    async fn confirm_user(&self, token: [u8; 32], at: Timestamp) -> Result<(), StoreError> {
        let found = self.table.get(&confirmation_key(&token)).await?.ok_or(Refusal::NotFound)?;
        let confirmation: Confirmation = found.get_document().map_err(TableError::from)?;
        self.change_user(&confirmation.user, |user| confirmation.confirm(user, at)).await.map(|_| ())
    }

    async fn keep_phone_token(&self, token: PhoneToken) -> Result<Texting, StoreError> {
        let mut patience = self.table.patience();
        loop {
            match self.try_to_keep(&token).await {
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                kept => return Ok(kept?),
            }
        }
    }
}

impl Aws {
    /// Changes an account, and again when somebody else was first. The change may be made twice.
    async fn change_user(
        &self,
        id: &UserId,
        change: impl Fn(User) -> Result<User, Refusal>,
    ) -> Result<User, StoreError> {
        let mut patience = self.table.patience();
        loop {
            let (user, revision) = self.account(id).await?.ok_or(Refusal::NotFound)?;
            let user = change(user)?;
            let item = item(&user, revision + 1).map_err(TableError::from)?;
            match self.table.put(item, Some(Condition::Revision(revision))).await {
                Ok(()) => return Ok(user),
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Reads what was texted lately, and counts one more on the condition that nobody else has meanwhile.
    async fn try_to_keep(&self, token: &PhoneToken) -> Result<Texting, TableError> {
        let keys = token.counted().map(|counted| texts_key(&counted));
        let [account, number] = &keys;
        let (account, number) = try_join(self.table.get(account), self.table.get(number)).await?;
        let read = [account.as_ref(), number.as_ref()];
        let mut counted = [texts(read[0])?, texts(read[1])?];
        let texting = Texts::count(&mut counted, token.at);
        if texting == Texting::Now {
            let mut writes = vec![Write::insert(confirmation_item(&token.hash, &token.confirmation())?)];
            for ((key, texts), before) in keys.iter().zip(&counted).zip(read) {
                let revision = before.map(Item::revision).transpose()?;
                let item = Item::new(key).number(REVISION, revision.unwrap_or(0) + 1);
                let item = item.expiring(Texts::expire_at(token.at)).document(texts)?;
                writes.push(Write::put(item).when(Condition::unchanged(revision)));
            }
            self.table.write(writes).await?;
        }
        Ok(texting)
    }

    async fn account(&self, id: &UserId) -> Result<Option<(User, u64)>, TableError> {
        let found = self.table.get(&user_key(id)).await?;
        Ok(found.map(|item| read(&item)).transpose()?)
    }

    /// The account that a row names.
    async fn named_by(&self, key: &Key) -> Result<Option<(User, u64)>, TableError> {
        match self.table.get(key).await? {
            Some(name) => self.account(&name.get_parsed(USER)?).await,
            None => Ok(None),
        }
    }
}

fn user_key(id: &UserId) -> Key {
    Key::new(format!("U#{id}"), META)
}

fn email_key(email: &str) -> Key {
    Key::new(format!("EMAIL#{email}"), META)
}

fn confirmation_key(token: &[u8; 32]) -> Key {
    Key::new(format!("CONFIRM#{}", HEXLOWER.encode(token)), META)
}

fn texts_key(counted: &str) -> Key {
    Key::new(format!("TEXTS#{counted}"), META)
}

fn texts(item: Option<&Item>) -> Result<Texts, ItemError> {
    Ok(item.map(Item::get_document).transpose()?.unwrap_or_default())
}

fn confirmation_item(hash: &[u8; 32], confirmation: &Confirmation) -> Result<Item, ItemError> {
    Item::new(&confirmation_key(hash)).expiring(confirmation.expires_at).document(confirmation)
}

fn taken() -> Refusal {
    Refusal::State { current_status: "taken", detail: "an account with this address exists".to_owned() }
}

fn item(user: &User, revision: u64) -> Result<Item, ItemError> {
    let user = user.clone();
    Item::new(&user_key(&user.id)).number(REVISION, revision).document(&Stored {
        id: user.id,
        email: user.email,
        password_hash: user.password_hash,
        name: user.name,
        phone: user.phone,
        confirmed_at: user.confirmed_at,
        phone_confirmed_at: user.phone_confirmed_at,
        notifications: user.notifications,
        test_account: user.test_account,
        created_at: user.created_at,
    })
}

fn read(item: &Item) -> Result<(User, u64), ItemError> {
    let stored: Stored = item.get_document()?;
    let user = User {
        id: stored.id,
        email: stored.email,
        password_hash: stored.password_hash,
        name: stored.name,
        phone: stored.phone,
        confirmed_at: stored.confirmed_at,
        phone_confirmed_at: stored.phone_confirmed_at,
        notifications: stored.notifications,
        test_account: stored.test_account,
        created_at: stored.created_at,
    };
    Ok((user, item.revision()?))
}
