//! Sign-ups: a row for each link's token, and one for each client that has signed up lately and for all of them, which
//! expire when nothing in them counts.

use data_encoding::HEXLOWER;
use futures::future::try_join;
use jiff::Timestamp;
use marketplace_core::{
    party::sign_up::SignUpToken,
    ports::{SignUps, StoreError},
    sign_up_turns::{RecentSignUps, SignUpTurn},
};

use crate::{
    Aws,
    item::{Item, ItemError, Key, REVISION},
    table::{Condition, TableError, Write},
};

/// The one row of each partition here.
const META: &str = "META";

const PARTY: &str = "party";
const AT: &str = "at";

impl SignUps for Aws {
    async fn begin_sign_up(&self, client: &str, now: Timestamp) -> Result<SignUpTurn, StoreError> {
        let mut patience = self.table.patience();
        loop {
            match self.try_to_count(client, now).await {
                Err(TableError::Conflict { .. }) if patience.again().await => {}
                counted => return Ok(counted?),
            }
        }
    }

    async fn keep_sign_up_token(&self, token: SignUpToken) -> Result<(), StoreError> {
        let item = Item::new(&token_key(&token.hash)).text(PARTY, token.party.as_str());
        let item = item.time(AT, token.expires_at).expiring(token.expires_at);
        Ok(self.table.put(item, None).await?)
    }

    async fn sign_up_token(&self, hash: [u8; 32]) -> Result<Option<SignUpToken>, StoreError> {
        let found = self.table.get(&token_key(&hash)).await?;
        let token =
            |item: Item| Ok(SignUpToken { hash, party: item.get_parsed(PARTY)?, expires_at: item.get_time(AT)? });
        Ok(found.map(token).transpose().map_err(|error: ItemError| TableError::from(error))?)
    }
}

impl Aws {
    /// Reads who signed up lately, and counts one more on the condition that nobody else has meanwhile.
    async fn try_to_count(&self, client: &str, now: Timestamp) -> Result<SignUpTurn, TableError> {
        let keys = [turns_key(client), turns_key("")];
        let (of_client, of_all) = try_join(self.table.get(&keys[0]), self.table.get(&keys[1])).await?;
        let (mut one, mut all) = (recent(of_client.as_ref())?, recent(of_all.as_ref())?);
        let turn = RecentSignUps::count(&mut one, &mut all, now);
        if turn == SignUpTurn::Now {
            let rows = [(&keys[0], one, of_client), (&keys[1], all, of_all)];
            let writes = rows.into_iter().map(|(key, recent, before)| {
                let revision = before.as_ref().map(Item::revision).transpose()?;
                let item = Item::new(key).number(REVISION, revision.unwrap_or(0) + 1).expiring(recent.expire_at());
                Ok(Write::put(item.document(&recent)?).when(Condition::unchanged(revision)))
            });
            self.table.write(writes.collect::<Result<_, ItemError>>()?).await?;
        }
        Ok(turn)
    }
}

fn token_key(hash: &[u8; 32]) -> Key {
    Key::new(format!("SIGNUP#{}", HEXLOWER.encode(hash)), META)
}

/// Of one client, or, without a name, of all.
fn turns_key(client: &str) -> Key {
    Key::new(format!("SIGNUPS#{client}"), META)
}

fn recent(item: Option<&Item>) -> Result<RecentSignUps, ItemError> {
    Ok(item.map(Item::get_document).transpose()?.unwrap_or_default())
}
