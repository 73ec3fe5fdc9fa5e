//! Every route with every kind of caller: one table says what each gets to hear.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use tests::{
    Answer, Caller, TestGateway, clock, eventually,
    gateway::Setup,
    market::{delivery_of, text},
    unique,
};

use crate::document::{Operation, operation, operations};

/// Who calls, in the order of the columns. `user` placed the request, which was offered to `party` in `prod`;
/// `elsewhere` is that party's key for `test`, and `integrate` one of its for `prod` that may not change settings.
/// `expired` and `revoked` are keys that `party` had.
const CALLERS: [&str; 10] =
    ["nobody", "user", "stranger", "party", "rival", "elsewhere", "integrate", "operator", "expired", "revoked"];

/// What is answered, by route. 404 is what does not exist or is another's, and never says which; 403 a credential
/// that may not do this, whatever it is about; 409 and 400 got past both.
const TABLE: &str = "
                                               nobody user stranger party rival elsewhere integrate operator expired revoked
POST   /                                          400  400      400   400   400       400       400      400     400     400
GET    /.well-known/jwks.json                     200  200      200   200   200       200       200      200     200     200
GET    /docs                                      200  200      200   200   200       200       200      200     200     200
GET    /healthz                                   200  200      200   200   200       200       200      200     200     200
GET    /metrics                                   200  200      200   200   200       200       200      200     200     200
GET    /openapi.json                              200  200      200   200   200       200       200      200     200     200
GET    /readyz                                    200  200      200   200   200       200       200      200     200     200

GET    /v1/requests                               401  200      200   403   403       403       403      403     401     401
POST   /v1/requests                               401  201      201   403   403       403       403      201     401     401
GET    /v1/requests/{id}                          401  200      404   200   404       404       200      200     401     401
POST   /v1/requests/{id}/cancel                   401  200      404   403   403       403       403      200     401     401

POST   /v1/deliveries/{delivery_id}/status        401  403      403   200   404       404       200      403     401     401
POST   /v1/deliveries/{delivery_id}/release       401  403      403   409   404       404       409      403     401     401
POST   /v1/requests/{id}/status                   401  403      403   200   404       404       200      403     401     401
POST   /v1/inbox/lease                            401  403      403   200   200       200       200      403     401     401
POST   /v1/inbox/ack                              401  403      403   200   200       200       200      403     401     401
POST   /v1/inbox/extend                           401  403      403   200   200       200       200      403     401     401
POST   /v1/inbox/release                          401  403      403   200   200       200       200      403     401     401

GET    /v1/me                                     401  403      403   200   200       200       200      403     401     401
GET    /v1/me/certification                       401  403      403   404   404       404       404      403     401     401
POST   /v1/me/certification                       401  403      403   409   409       202       403      403     401     401
GET    /v1/me/changes                             401  403      403   200   200       200       200      403     401     401
GET    /v1/me/deliveries                          401  403      403   200   200       200       200      403     401     401
POST   /v1/me/deliveries/{delivery_id}/replay     401  403      403   202   404       404       202      403     401     401
POST   /v1/me/replay                              401  403      403   200   200       200       200      403     401     401
GET    /v1/me/replays/{replay_id}                 401  403      403   200   404       404       200      403     401     401
PUT    /v1/me/delivery                            401  403      403   200   200       200       403      403     401     401
POST   /v1/me/delivery/rotate-secret              401  403      403   409   409       409       403      403     401     401
POST   /v1/me/delivery/test                       401  403      403   409   409       409       403      403     401     401
PUT    /v1/me/filter                              401  403      403   200   200       200       403      403     401     401
POST   /v1/me/filter/test                         401  403      403   200   200       200       403      403     401     401
GET    /v1/me/keys                                401  403      403   200   200       200       403      403     401     401
POST   /v1/me/keys                                401  403      403   201   201       201       403      403     401     401
DELETE /v1/me/keys/{key_id}                       401  403      403   204   404       404       403      403     401     401
PUT    /v1/me/mapping                             401  403      403   200   200       200       403      403     401     401
POST   /v1/me/mapping/preview                     401  403      403   200   200       200       403      403     401     401
POST   /v1/me/pause                               401  403      403   200   200       200       403      403     401     401
POST   /v1/me/resume                              401  403      403   200   200       200       403      403     401     401

GET    /v1/third-parties                          401  403      403   403   403       403       403      200     401     401
POST   /v1/third-parties                          401  403      403   403   403       403       403      201     401     401
GET    /v1/third-parties/{id}                     401  403      403   403   403       403       403      200     401     401
PATCH  /v1/third-parties/{id}                     401  403      403   403   403       403       403      200     401     401
DELETE /v1/third-parties/{id}                     401  403      403   403   403       403       403      204     401     401
GET    /v1/third-parties/{id}/keys                401  403      403   403   403       403       403      200     401     401
POST   /v1/third-parties/{id}/keys                401  403      403   403   403       403       403      201     401     401
DELETE /v1/third-parties/{id}/keys/{key_id}       401  403      403   403   403       403       403      204     401     401
GET    /v1/dead-letters                           401  403      403   403   403       403       403      200     401     401
POST   /v1/dead-letters/replay                    401  403      403   403   403       403       403      202     401     401

GET    /third-parties/confirm                     200  200      200   200   200       200       200      200     200     200
POST   /v1/third-parties/signup                   202  202      202   202   202       202       202      202     202     202
POST   /v1/third-parties/confirm                  404  404      404   404   404       404       404      404     404     404
POST   /v1/third-parties/{id}/approve             401  403      403   403   403       403       403      200     401     401

POST   /v1/users                                  201  201      201   201   201       201       201      201     201     201
POST   /v1/users/confirm                          404  404      404   404   404       404       404      404     404     404
POST   /v1/sessions                               200  200      200   200   200       200       200      200     200     200
GET    /v1/users/me                               401  200      200   403   403       403       403      403     401     401
PATCH  /v1/users/me                               401  200      200   403   403       403       403      403     401     401
PATCH  /v1/users/{id}                             401  403      403   403   403       403       403      200     401     401
";

/// The table's rows: what is expected of each route.
fn rows() -> Vec<(String, Vec<u16>)> {
    let mut lines = TABLE.lines().filter(|line| !line.is_empty()).map(str::split_whitespace);
    let heads: Vec<_> = lines.next().expect("a heading").collect();
    assert_eq!(heads, CALLERS);
    let row = |mut words: std::str::SplitWhitespace<'static>| {
        let (method, path) = (words.next().expect("a method"), words.next().expect("a path"));
        let statuses: Vec<u16> = words.map(|word| word.parse().expect("a status")).collect();
        assert_eq!(statuses.len(), CALLERS.len(), "{method} {path}");
        (format!("{method} {path}"), statuses)
    };
    lines.map(row).collect()
}

/// A marketplace in which there is something of everything.
struct World {
    gateway: TestGateway,
    /// In the order of the columns.
    callers: Vec<Caller>,
    user: Value,
    /// What the user asked for twice, one of which is to be cancelled.
    request: String,
    cancelled: String,
    delivery: String,
    /// Keys of the party's that are to be taken away, by itself and by the operator.
    spare_keys: [String; 2],
    /// A replay of the party's.
    replay: String,
}

impl World {
    async fn make() -> Self {
        let setup = Setup::default().variable("MARKETPLACE_MAX_WAIT_SECONDS", "0");
        let gateway = setup.start().await;
        let party = gateway.join("3rdparty1").await;
        let rival = gateway.join("rival").await;
        gateway.join("leaver").await;
        let (user, stranger) = (gateway.register().await, gateway.register().await);
        let request = user.place(json!({ "third_party": "3rdparty1" })).await;
        let cancelled = user.place(json!({ "third_party": "3rdparty1" })).await;
        let delivery = delivery_of(&gateway.routed(&request).await, "3rdparty1");

        let key = async |by: &Caller, path: &str, wish: Value| by.post(path, wish).await.must_be(201);
        let with = |key: &Value| gateway.anyone.with_key(&text(&key["api_key"]));
        let operators = "/v1/third-parties/3rdparty1/keys";
        let elsewhere = key(&gateway.operator, operators, json!({ "environment": "test" })).await;
        let integrate = key(&party.api, "/v1/me/keys", json!({ "scope": "integrate" })).await;
        let now = Timestamp::try_from(clock::now()).expect("now");
        let soon = now.saturating_add(SignedDuration::from_secs(1)).expect("soon");
        let expired = key(&party.api, "/v1/me/keys", json!({ "expires_at": soon })).await;
        let revoked = key(&party.api, "/v1/me/keys", json!({})).await;
        party.api.delete(&format!("/v1/me/keys/{}", text(&revoked["key_id"]))).await.must_be(204);
        let mut spare_keys = [String::new(), String::new()];
        for spare in &mut spare_keys {
            *spare = text(&key(&party.api, "/v1/me/keys", json!({})).await["key_id"]);
        }
        let again = json!({ "since": "2026-01-01T00:00:00Z" });
        let again = party.api.post("/v1/me/replay", again).await.must_be(202);
        let replay = text(&again["replay_id"]);
        let callers = vec![
            gateway.anyone.clone(),
            user.api.clone(),
            stranger.api,
            party.api,
            rival.api,
            with(&elsewhere),
            with(&integrate),
            gateway.operator.clone(),
            with(&expired),
            with(&revoked),
        ];
        assert_eq!(callers.len(), CALLERS.len());
        let has_expired = async || (callers[8].get("/v1/me").await.status == 401).then_some(());
        eventually("the key has expired", has_expired).await;
        let user = json!({ "id": user.id, "email": user.email, "password": user.password });
        Self { gateway, callers, user, request, cancelled, delivery, spare_keys, replay }
    }

    /// The operation's path with ids of this world.
    fn path(&self, operation: &Operation) -> String {
        let leaving = operation.method == "delete";
        let id = match operation.path.split('/').nth(2) {
            Some("requests") if operation.path.ends_with("/cancel") => self.cancelled.as_str(),
            Some("requests") => &self.request,
            Some("third-parties") if leaving && !operation.path.contains("/keys") => "leaver",
            Some("third-parties") => "3rdparty1",
            _ => self.user["id"].as_str().expect("an id"),
        };
        let key = &self.spare_keys[usize::from(!operation.path.starts_with("/v1/me"))];
        let path = operation.path.replace("{id}", id).replace("{delivery_id}", &self.delivery);
        path.replace("{key_id}", key).replace("{replay_id}", &self.replay)
    }

    /// A body that the operation takes: its first example, unless something has to be of this world.
    fn body(&self, operation: &Operation) -> Option<Value> {
        let example = || operation.body_examples().first().map(|(_, body)| (*body).clone());
        match &*operation.name() {
            "POST /v1/users" => {
                Some(json!({ "email": format!("{}@example.com", unique("user")), "password": "correct horse" }))
            }
            "POST /v1/sessions" => Some(json!({ "email": self.user["email"], "password": self.user["password"] })),
            "POST /v1/third-parties/signup" => {
                Some(json!({ "id": unique("party"), "name": "Pens", "contact_email": "dev@pens.example" }))
            }
            "POST /v1/third-parties" => {
                Some(json!({ "id": unique("party"), "name": "Pens", "contact_email": "dev@pens.example" }))
            }
            "PATCH /v1/third-parties/{id}" => Some(json!({ "name": "Books and more" })),
            "PATCH /v1/users/me" => Some(json!({ "name": "Ann" })),
            "PUT /v1/me/delivery" => Some(json!({ "mode": "poll" })),
            "POST /v1/deliveries/{delivery_id}/status" | "POST /v1/requests/{id}/status" => {
                Some(json!({ "status": "in-progress" }))
            }
            _ => example(),
        }
    }

    async fn statuses(&self, operation: &Operation) -> Vec<u16> {
        let mut statuses = vec![];
        for caller in &self.callers {
            let mut request = caller.request(operation.http_method(), &self.path(operation));
            if let Some(body) = self.body(operation) {
                request = request.json(&body);
            }
            statuses.push(Answer::to(request).await.status);
        }
        statuses
    }
}

#[test]
fn every_route_has_a_row() {
    let described: BTreeSet<_> = operations().iter().map(Operation::name).collect();
    let rows: BTreeSet<_> = rows().into_iter().map(|(name, _)| name).collect();
    let missing: Vec<_> = described.difference(&rows).collect();
    assert!(missing.is_empty(), "say in the table who may call these: {missing:?}");
    let extra: Vec<_> = rows.difference(&described).collect();
    assert!(extra.is_empty(), "these are no routes: {extra:?}");
}

#[tokio::test]
async fn every_caller_hears_what_the_table_says() {
    let world = World::make().await;
    let mut wrong = vec![];
    for (name, expected) in rows() {
        let (method, path) = name.split_once(' ').expect("a method and a path");
        let heard = world.statuses(&operation(method, path)).await;
        if heard != expected {
            wrong.push(format!("{name}\n  expected {expected:?}\n  heard    {heard:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    world.gateway.stop().await;
}
