//! A simulated third party: what it remembers, and how it joins the marketplace.

pub(super) mod endpoint;
mod inbox;
mod work;

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use anyhow::Context as _;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio::{net::TcpListener, task::JoinSet};
use uuid::Uuid;

use super::{
    api::{Api, Credential, text},
    cast::{Lock, Manner, Role},
    chance::Chance,
    screen::{Screen, WHO},
};

/// The header of parties that ask for an API key.
const KEY_HEADER: &str = "x-demo-key";

/// A third party while the demo runs.
#[derive(Debug)]
pub(super) struct Party {
    /// Who it plays.
    pub(super) role: Role,
    api: Api,
    key: Credential,
    /// What its endpoint asks for.
    password: String,
    screen: Screen,
    chance: Mutex<Chance>,
    notes: Mutex<Notes>,
}

/// What a party remembers.
#[derive(Debug, Default)]
pub(super) struct Notes {
    /// How often it has failed each message on purpose.
    failures: HashMap<String, u32>,
    /// Messages that it took; a repeated one carries the same id.
    messages: HashSet<String>,
    /// Offers that it knows of.
    pub(super) offers: HashSet<String>,
    /// Offers that were taken back.
    withdrawn: HashSet<String>,
    /// Answers that the gateway took with 200: which offer, which status.
    pub(super) answered: HashSet<(String, String)>,
}

/// Registers a party as an operator, opens its endpoint, and lets it set its filter and its delivery.
///
/// # Errors
/// When the gateway refuses, or no port is free.
pub(super) async fn join(
    role: Role,
    api: &Api,
    operator: &Credential,
    screen: &Screen,
    tasks: &mut JoinSet<()>,
) -> anyhow::Result<Arc<Party>> {
    let key = Credential::Key(register(&role, api, operator).await?.into());
    let seed = role.id.bytes().fold(0, |seed: u64, byte| seed.rotate_left(7) ^ u64::from(byte));
    let party = Arc::new(Party {
        role,
        api: api.clone(),
        key,
        password: Uuid::now_v7().simple().to_string(),
        screen: screen.clone(),
        chance: Mutex::new(Chance::new(seed)),
        notes: Mutex::default(),
    });
    let filter = json!({ "pattern": party.role.filter });
    party.api.put(&party.key, "/v1/me/filter", &filter).await?.expect(StatusCode::OK)?;
    let delivery = if party.role.manner == Manner::Polling {
        tasks.spawn(inbox::poll(Arc::clone(&party)));
        json!({"mode": "poll"})
    } else {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let origin = format!("http://{}", listener.local_addr()?);
        tasks.spawn(endpoint::serve(Arc::clone(&party), listener));
        party.push_to(&origin)
    };
    party.api.put(&party.key, "/v1/me/delivery", &delivery).await?.expect(StatusCode::OK)?;
    party.introduce(&delivery);
    Ok(party)
}

/// The party's key; a new one where it exists from an earlier demo in the same folder.
async fn register(role: &Role, api: &Api, operator: &Credential) -> anyhow::Result<String> {
    let mut profile = json!({
        "id": role.id,
        "name": name(role.id),
        "contact_email": format!("{}@example.com", role.id),
    });
    if !role.scope.is_null() {
        profile["scope"] = role.scope.clone();
    }
    let reply = api.post(operator, "/v1/third-parties", &profile).await?;
    if reply.status != StatusCode::CONFLICT {
        let made = reply.expect(StatusCode::CREATED).with_context(|| format!("{} cannot join", role.id))?;
        return text(&made, "api_key");
    }
    let path = format!("/v1/third-parties/{}/keys", role.id);
    let made = api.post(operator, &path, &json!({"environment": "prod"})).await?;
    text(&made.expect(StatusCode::CREATED)?, "api_key")
}

/// What people call the party: its slug's words.
fn name(id: &str) -> String {
    let words = id.split('-').map(|word| {
        let (first, rest) = word.split_at_checked(1).unwrap_or((word, ""));
        first.to_uppercase() + rest
    });
    words.collect::<Vec<_>>().join(" ")
}

impl Party {
    fn push_to(&self, origin: &str) -> Value {
        let path = if self.role.manner == Manner::Moved { endpoint::OLD_PATH } else { endpoint::PATH };
        let auth = match self.role.lock {
            Lock::Open => json!({"type": "none"}),
            Lock::ApiKey => json!({"type": "api-key", "name": KEY_HEADER, "value": self.password}),
            Lock::Basic => {
                json!({"type": "basic", "username": self.role.id, "password": self.password})
            }
        };
        json!({"mode": "push", "url": format!("{origin}{path}"), "transport": self.role.transport, "auth": auth})
    }

    /// The header that every message must carry.
    fn expected_header(&self) -> Option<(&'static str, String)> {
        match self.role.lock {
            Lock::Open => None,
            Lock::ApiKey => Some((KEY_HEADER, self.password.clone())),
            Lock::Basic => {
                let pair = BASE64_STANDARD.encode(format!("{}:{}", self.role.id, self.password));
                Some(("authorization", format!("Basic {pair}")))
            }
        }
    }

    fn introduce(&self, delivery: &Value) {
        let wants = match &self.role.filter {
            Value::Null => "what is addressed to it".to_owned(),
            filter => filter["detail"].to_string(),
        };
        let scope = match &self.role.scope {
            Value::Null => String::new(),
            scope => format!(", within {}", scope["detail"]),
        };
        let words = [&delivery["mode"], &delivery["transport"], &delivery["auth"]["type"]];
        let words = words.map(|word| word.as_str().unwrap_or_default());
        let (about, reached) = (self.role.manner.about(), words.join(" "));
        let reached = reached.trim_end_matches(" none");
        self.screen.line(&format!("  {:WHO$}  {about:18}  {reached:20}  {wants}{scope}", self.role.id));
    }

    /// Corrects the address of a party that has moved.
    ///
    /// # Errors
    /// When the gateway refuses.
    pub(super) async fn correct_its_address(&self) -> anyhow::Result<()> {
        let me = self.api.get(&self.key, "/v1/me").await?.expect(StatusCode::OK)?;
        let old = text(&me["delivery"], "url")?;
        let mut delivery = self.push_to("");
        delivery["url"] = old.replace(endpoint::OLD_PATH, endpoint::PATH).into();
        self.api.put(&self.key, "/v1/me/delivery", &delivery).await?.expect(StatusCode::OK)?;
        self.screen.aside(self.role.id, &format!("corrects its address to {}", delivery["url"]));
        Ok(())
    }

    /// What it remembers.
    pub(super) fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn chance(&self) -> MutexGuard<'_, Chance> {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
