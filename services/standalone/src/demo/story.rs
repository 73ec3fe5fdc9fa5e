//! The demo's acts: a few requests that each show one thing, then many at once.

use std::{sync::Arc, time::Duration};

use anyhow::Context as _;
use console::style;
use reqwest::StatusCode;
use secrecy::SecretString;
use serde_json::{Value, json};
use tokio::time::Instant;
use uuid::Uuid;

use super::{
    api::{Api, Credential, text},
    chance::Chance,
    line::Detail,
    party::Party,
    put_events,
    screen::Screen,
    watch::Watch,
    wishes,
};

/// Requests of the last act.
const MANY: usize = 60;

/// Between two of them.
const PACE: Duration = Duration::from_millis(100);

/// Longest time that one of the first acts may take.
const ACT: Duration = Duration::from_secs(8);

/// Everybody and everything that the acts need.
pub(super) struct Stage {
    /// The gateway.
    pub(super) api: Api,
    /// May do and see everything.
    pub(super) operator: Credential,
    /// The person who asks.
    pub(super) user: Credential,
    /// For `PutEvents`.
    pub(super) events_secret: SecretString,
    /// Where to write.
    pub(super) screen: Screen,
    /// Follows the requests.
    pub(super) watch: Watch,
    /// The third parties.
    pub(super) parties: Vec<Arc<Party>>,
    /// Requests that were placed.
    pub(super) placed: usize,
    /// When the demo ends, whatever has happened.
    pub(super) deadline: Instant,
}

impl Stage {
    /// Plays all acts; answers whether nothing more is to come of any request.
    ///
    /// # Errors
    /// When the gateway refuses something that it should not.
    pub(super) async fn play(&mut self) -> anyhow::Result<bool> {
        self.one_request().await?;
        self.the_article().await?;
        self.first_accept().await?;
        self.two_that_end_early().await?;
        self.many().await?;
        self.a_dead_letter().await?;
        self.watch.until_settled(self.deadline).await
    }

    async fn one_request(&mut self) -> anyhow::Result<()> {
        self.screen.heading("1. A request", "goes to everybody who may see it and wants it; each answers for itself");
        self.place(&json!({"category": "books", "region": "eu", "amount": 40, "items": [{"name": "atlas"}]})).await?;
        self.act().await
    }

    async fn the_article(&mut self) -> anyhow::Result<()> {
        let about = "through PutEvents, signed with SigV4 as AWS's own clients do; only the addressee gets it";
        self.screen.heading("2. An event", about);
        for line in put_events::ARTICLE.trim().lines() {
            self.screen.line(&style(format!("   {line}")).dim().to_string());
        }
        for id in put_events::put_events(&self.api, &self.events_secret, put_events::ARTICLE).await? {
            self.placed += 1;
            self.watch.follow(&id);
        }
        self.act().await
    }

    async fn first_accept(&mut self) -> anyhow::Result<()> {
        let about = "whoever accepts first wins; it is withdrawn from the others";
        self.screen.heading("3. A race", about);
        let wish = json!({"category": "books", "region": "uk", "amount": 25, "mode": "first-accept"});
        self.place(&wish).await?;
        self.act().await
    }

    async fn two_that_end_early(&mut self) -> anyhow::Result<()> {
        self.screen.heading("4. Two that end early", "nobody wants the first; the second is cancelled by its user");
        self.place(&json!({"category": "submarines", "region": "eu", "amount": 5})).await?;
        let id = self.place(&json!({"category": "furniture", "region": "eu", "amount": 90})).await?;
        self.watch.for_a_while(Duration::from_millis(600)).await?;
        let path = format!("/v1/requests/{id}/cancel");
        self.api.post(&self.user, &path, &json!({})).await?.expect(StatusCode::OK)?;
        self.watch.for_a_while(Duration::from_millis(400)).await
    }

    async fn many(&mut self) -> anyhow::Result<()> {
        let about = "a flaky, a slow and a dead endpoint delay nobody else";
        self.screen.heading(&format!("5. {MANY} more requests"), about);
        self.watch.detail = Detail::Brief;
        let mut chance = Chance::new(42);
        for count in 0..MANY {
            self.place(&wishes::wish(count, &mut chance)).await?;
            if count % 3 == 0 {
                self.watch.for_a_while(PACE * 3).await?;
            }
        }
        self.watch.until_settled(self.deadline).await.map(drop)
    }

    /// A party that has moved corrects its address, and gets one of its dead letters after all.
    async fn a_dead_letter(&mut self) -> anyhow::Result<()> {
        let dead = self.watch.answers().flat_map(|answer| answer.offers.iter().map(move |offer| (answer, offer)));
        let mut dead = dead.filter(|(_, offer)| offer.status == "failed");
        let Some((answer, offer)) = dead.next() else {
            return Ok(());
        };
        let (request, delivery, owner) = (answer.id.clone(), offer.delivery_id.clone(), offer.third_party.clone());
        let about = "once the party is back, an operator gives one another run; the others stay where they are";
        self.screen.heading(&format!("6. {} dead letters are not lost", dead.count() + 1), about);
        let party = self.parties.iter().find(|party| party.role.id == owner).context("nobody's dead letter")?;
        party.correct_its_address().await?;
        let wish = json!({"third_party": owner, "ids": [delivery]});
        self.api.post(&self.operator, "/v1/dead-letters/replay", &wish).await?.expect(StatusCode::ACCEPTED)?;
        self.watch.detail = Detail::Every;
        self.watch.reopen(&request);
        self.act().await
    }

    async fn place(&mut self, wish: &Value) -> anyhow::Result<String> {
        let key = Uuid::now_v7().to_string();
        let reply = self.api.post_once(&self.user, "/v1/requests", wish, &key).await?;
        let id = text(&reply.expect(StatusCode::CREATED)?, "id")?;
        self.placed += 1;
        self.watch.follow(&id);
        Ok(id)
    }

    async fn act(&mut self) -> anyhow::Result<()> {
        let deadline = self.deadline.min(Instant::now() + ACT);
        self.watch.until_settled(deadline).await.map(drop)
    }
}
