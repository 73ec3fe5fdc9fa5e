//! The marketplace as the people in it see it: an operator, third parties and users, each with what they do most.

use std::{path::Path, sync::Arc};

use serde_json::{Value, json};

use crate::{Answer, Caller, PartyServer, eventually, mailbox::Mailbox, stack::Elsewhere, unique};

/// A running gateway, wherever it runs.
#[derive(Clone, Debug)]
pub struct Market {
    /// Somebody without a credential.
    pub anyone: Caller,
    /// The operator.
    pub operator: Caller,
    /// What was written to people.
    pub mailbox: Mailbox,
    people: People,
}

/// Where people have their accounts.
#[derive(Clone, Debug)]
pub(crate) enum People {
    /// With the gateway itself.
    Here,
    /// In a Cognito pool: whoever is in it has confirmed their address. The platform has a transport of its own, which
    /// the pushes that flows wait for do not take.
    Pool(Arc<Elsewhere>),
}

/// A third party, with its key for `prod`.
#[derive(Clone, Debug)]
pub struct Party {
    /// Its slug.
    pub id: String,
    /// Its first key.
    pub key: String,
    /// Its program, with that key.
    pub api: Caller,
    /// How messages are pushed to it when it does not say.
    pub transport: Option<&'static str>,
}

/// A user who has signed in.
#[derive(Clone, Debug)]
pub struct User {
    /// Their id.
    pub id: String,
    /// What they sign in with.
    pub email: String,
    /// What they sign in with.
    pub password: String,
    /// Their browser, with a token.
    pub api: Caller,
}

impl Market {
    /// The gateway at this address, without a slash at the end, with this data folder.
    #[must_use]
    pub fn new(base: &str, operator_token: &str, data_dir: &Path) -> Self {
        Self::with_people(base, operator_token, Mailbox::of(data_dir), People::Here)
    }

    /// The gateway at this address, whose people and mails are elsewhere.
    pub(crate) fn with_people(base: &str, operator_token: &str, mailbox: Mailbox, people: People) -> Self {
        let anyone = Caller::nobody(base);
        let operator = anyone.with_token(operator_token);
        Self { anyone, operator, mailbox, people }
    }

    /// The operator lets a third party in that may see everything. It has no filter and polls.
    pub async fn join(&self, id: &str) -> Party {
        self.join_as(json!({ "id": id })).await
    }

    /// The operator lets a third party in; what the body leaves out of name and contact is made up.
    pub async fn join_as(&self, mut body: Value) -> Party {
        let id = body["id"].as_str().expect("an id").to_owned();
        for (field, value) in [("name", format!("The {id}")), ("contact_email", format!("{id}@example.com"))] {
            if body[field].is_null() {
                body[field] = value.into();
            }
        }
        let joined = self.operator.post("/v1/third-parties", body).await.must_be(201);
        let key = joined["api_key"].as_str().expect("the first key is shown").to_owned();
        let transport = match self.people {
            People::Here => None,
            People::Pool(_) => Some("direct"),
        };
        Party { id, api: self.anyone.with_key(&key), key, transport }
    }

    /// Lets a third party in to whom messages are pushed, without credentials.
    pub async fn join_pushed(&self, id: &str, url: &str) -> Party {
        let party = self.join(id).await;
        party.takes_pushes(json!({ "url": url })).await;
        party
    }

    /// Lets a third party in whose server [refuses everything for good](crate::Reply::never_again), so that pushes to it
    /// end as dead letters.
    pub async fn join_refusing(&self, id: &str, server: &PartyServer, path: &str) -> Party {
        let mut party = self.join(id).await;
        if let People::Pool(elsewhere) = &self.people {
            elsewhere.gives_up(id, server).await;
            party.transport = Some("managed");
        }
        party.takes_pushes(json!({ "url": server.url(path) })).await;
        if let People::Pool(elsewhere) = &self.people {
            elsewhere.route_of(id).await;
        }
        party
    }

    /// Gives a third party a key for another environment; answers its program with that key.
    pub async fn key_for(&self, party: &str, environment: &str) -> Caller {
        let path = format!("/v1/third-parties/{party}/keys");
        let key = self.operator.post(&path, json!({ "environment": environment })).await.must_be(201);
        self.anyone.with_key(key["api_key"].as_str().expect("the key is shown"))
    }

    /// Somebody registers and signs in. Where they have their account with the gateway, their address is not confirmed.
    pub async fn register(&self) -> User {
        if let People::Pool(elsewhere) = &self.people {
            return self.signed_in(elsewhere).await;
        }
        let email = format!("{}@example.com", unique("user"));
        let password = unique("correct horse battery staple");
        let body = json!({ "email": email, "password": password });
        let user = self.anyone.post("/v1/users", body.clone()).await.must_be(201);
        let session = self.anyone.post("/v1/sessions", body).await.must_be(200);
        let token = session["access_token"].as_str().expect("a token");
        User { id: text(&user["id"]), email, password, api: self.anyone.with_token(token) }
    }

    /// Somebody registers, signs in and follows the link that shows that the address is theirs.
    pub async fn register_confirmed(&self) -> User {
        if let People::Pool(elsewhere) = &self.people {
            return self.signed_in(elsewhere).await;
        }
        let user = self.register().await;
        let token = self.mailbox.confirmation_token(&user.email).await;
        self.anyone.post("/v1/users/confirm", json!({ "token": token })).await.must_be(204);
        user
    }

    async fn signed_in(&self, elsewhere: &Elsewhere) -> User {
        let person = elsewhere.pool.person().await;
        let api = self.anyone.with_token(&person.token);
        let profile = api.get("/v1/users/me").await.must_be(200);
        User { id: text(&profile["id"]), email: person.email, password: person.password, api }
    }

    /// A request as the operator sees it.
    pub async fn request(&self, id: &str) -> Value {
        self.operator.get(&format!("/v1/requests/{id}")).await.must_be(200)
    }

    /// Waits until it is decided who may see a request.
    pub async fn routed(&self, id: &str) -> Value {
        self.until(id, "routed", |view| view["status"] != "new").await
    }

    /// Waits until a request has this status.
    pub async fn until_status(&self, id: &str, status: &str) -> Value {
        self.until(id, status, |view| view["status"] == status).await
    }

    /// Waits until a party's offer of a request has this status.
    pub async fn until_offer(&self, id: &str, party: &str, status: &str) -> Value {
        let fits = |view: &Value| offer_of(view, party).is_some_and(|offer| offer["status"] == status);
        self.until(id, format!("{party}: {status}"), fits).await
    }

    /// Waits until a request looks like this to the operator.
    pub async fn until(&self, id: &str, what: impl std::fmt::Display, fits: impl Fn(&Value) -> bool) -> Value {
        let what = format!("{id}: {what}");
        let path = format!("/v1/requests/{id}");
        eventually(what, async || {
            let seen = self.operator.get(&path).await;
            // One that came over the bus may not have been taken in yet.
            (seen.status != 404).then(|| seen.must_be(200)).filter(|view| fits(view))
        })
        .await
    }
}

impl Party {
    /// Says which requests it wants to see, within its scope.
    pub async fn wants(&self, pattern: Value) {
        self.api.put("/v1/me/filter", json!({ "pattern": pattern })).await.must_be(200);
    }

    /// Wants to see everything that its scope allows.
    pub async fn wants_everything(&self) {
        self.wants(json!({ "source": ["com.marketplace.market"] })).await;
    }

    /// Has its messages pushed; what the body leaves out of mode and credentials is `push` and none.
    pub async fn takes_pushes(&self, mut body: Value) -> Value {
        body["mode"] = "push".into();
        if body["auth"].is_null() {
            body["auth"] = json!({ "type": "none" });
        }
        if let Some(transport) = self.transport.filter(|_| body["transport"].is_null()) {
            body["transport"] = transport.into();
        }
        self.api.put("/v1/me/delivery", body).await.must_be(200)
    }

    /// Leases what waits for it.
    pub async fn lease(&self, body: Value) -> Vec<Value> {
        let leased = self.api.post("/v1/inbox/lease", body).await.must_be(200);
        leased["offers"].as_array().expect("a list of offers").clone()
    }

    /// Leases until something is there, and answers that.
    pub async fn lease_some(&self) -> Vec<Value> {
        let what = format!("{} finds something in its inbox", self.id);
        let look = async || Some(self.lease(json!({ "wait_seconds": 5 })).await);
        eventually(what, async || look().await.filter(|offers| !offers.is_empty())).await
    }

    /// Does something with leased offers: `ack`, `extend` or `release`. Answers the word for each.
    pub async fn inbox(&self, call: &str, mut body: Value, deliveries: &[&str]) -> Vec<String> {
        body["delivery_ids"] = json!(deliveries);
        let answer = self.api.post(&format!("/v1/inbox/{call}"), body).await.must_be(200);
        let results = answer["results"].as_array().expect("results");
        let ids: Vec<_> = results.iter().map(|result| result["delivery_id"].clone()).collect();
        assert_eq!(json!(ids), json!(deliveries), "one result for each, in order");
        results.iter().map(|result| text(&result["result"])).collect()
    }

    /// Acknowledges one offer; answers the word.
    pub async fn acknowledge(&self, delivery: &str) -> String {
        self.inbox("ack", json!({}), &[delivery]).await.remove(0)
    }

    /// Answers an offer.
    pub async fn answer(&self, delivery: &str, status: &str) -> Answer {
        self.api.post(&format!("/v1/deliveries/{delivery}/status"), json!({ "status": status })).await
    }

    /// Gives an offer back that it has accepted.
    pub async fn release(&self, delivery: &str) -> Answer {
        self.api.post(&format!("/v1/deliveries/{delivery}/release"), json!({ "reason": "out of stock" })).await
    }
}

impl User {
    /// Places a request; answers its id.
    pub async fn place(&self, body: Value) -> String {
        let placed = self.api.post("/v1/requests", body).await.must_be(201);
        assert_eq!(placed["status"], "new");
        text(&placed["id"])
    }

    /// One of their requests.
    pub async fn request(&self, id: &str) -> Value {
        self.api.get(&format!("/v1/requests/{id}")).await.must_be(200)
    }

    /// Takes a request back.
    pub async fn cancel(&self, id: &str) -> Answer {
        self.api.post(&format!("/v1/requests/{id}/cancel"), json!({})).await
    }
}

/// A party's newest offer in a request as somebody sees it.
#[must_use]
pub fn offer_of<'a>(view: &'a Value, party: &str) -> Option<&'a Value> {
    view["offers"].as_array().expect("offers").iter().rfind(|offer| offer["third_party"] == party)
}

/// The id of a party's newest offer in a request as somebody sees it.
///
/// # Panics
/// When there is none.
#[must_use]
pub fn delivery_of(view: &Value, party: &str) -> String {
    let offer = offer_of(view, party).unwrap_or_else(|| panic!("no offer to {party} in {view:#}"));
    text(&offer["delivery_id"])
}

/// The parties that a request was offered to, sorted.
#[must_use]
pub fn offered_to(view: &Value) -> Vec<String> {
    let offers = view["offers"].as_array().expect("offers");
    let mut parties: Vec<_> = offers.iter().map(|offer| text(&offer["third_party"])).collect();
    parties.sort();
    parties
}

/// How a party's offers in a request stand as somebody sees them, oldest first.
#[must_use]
pub fn states_of(view: &Value, party: &str) -> Vec<String> {
    let offers = view["offers"].as_array().expect("offers");
    offers.iter().filter(|offer| offer["third_party"] == party).map(|offer| text(&offer["status"])).collect()
}

/// The entries of a timeline that have this type.
#[must_use]
pub fn entries(view: &Value, kind: &str) -> Vec<Value> {
    let timeline = view["timeline"].as_array().expect("a timeline");
    timeline.iter().filter(|entry| entry["type"] == kind).cloned().collect()
}

/// A text in an answer.
///
/// # Panics
/// When it is something else.
#[must_use]
#[track_caller]
pub fn text(value: &Value) -> String {
    value.as_str().unwrap_or_else(|| panic!("a text, not {value}")).to_owned()
}
