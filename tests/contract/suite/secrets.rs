//! Credentials of third parties' endpoints: kept, and never in clear text.

use std::sync::Arc;

use event_schema::id::{Environment, PartyId};
use marketplace_core::{
    delivery::DeliverySettings,
    party::{Party, PartyCommand},
    ports::PartyStore,
};
use serde_json::{Value, json};

use crate::{
    fixture::{change, join, party, party_id, push_settings},
    platform::PlatformUnderTest,
};

/// Each way that a message can prove where it comes from, with the secret in it.
fn credentials() -> [(&'static str, Value, &'static str); 3] {
    [
        (
            "with-key",
            json!({ "type": "api-key", "name": "x-books-key", "value": "SECRET-of-api-key-51a9" }),
            "SECRET-of-api-key-51a9",
        ),
        (
            "with-password",
            json!({ "type": "basic", "username": "market", "password": "SECRET-of-basic-77cd" }),
            "SECRET-of-basic-77cd",
        ),
        (
            "with-token",
            json!({
                "type": "oauth-client-credentials", "token_url": "https://id.example/token",
                "client_id": "market", "client_secret": "SECRET-of-oauth-03fe",
            }),
            "SECRET-of-oauth-03fe",
        ),
    ]
}

fn settings(auth: &Value) -> DeliverySettings {
    push_settings("https://books.example/hook", &json!({ "auth": auth }))
}

async fn store_all<P: PlatformUnderTest>(store: &P::Store) {
    for (name, auth, _) in credentials() {
        join(store, party(name)).await;
        for environment in [Environment::Prod, Environment::Dev] {
            let command = PartyCommand::SetDelivery(environment, Box::new(settings(&auth)));
            change(store, name, command).await;
        }
    }
}

async fn known<S: PartyStore>(store: &S, id: PartyId) -> Arc<Party> {
    store.party(&id).await.unwrap().unwrap()
}

pub(crate) async fn credentials_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    store_all::<P>(&store).await;
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    for (name, auth, secret) in credentials() {
        let party = known(&store, party_id(name)).await;
        let delivery = &party.environment(Environment::Prod).delivery;
        assert_eq!(*delivery, settings(&auth), "{name}");
        assert_eq!(delivery.secrets().auth.unwrap().expose(), secret);
        assert_eq!(party.environment(Environment::Dev).delivery, settings(&auth));
        assert_eq!(party.environment(Environment::Test).delivery, DeliverySettings::Poll);
    }
}

pub(crate) async fn credentials_are_nowhere_in_clear_text<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let first = join(&store, party("books")).await;
    store_all::<P>(&store).await;
    // Overwritten ones, too: what is replaced must not lie about.
    for (name, ..) in credentials() {
        change(&store, name, PartyCommand::SetDelivery(Environment::Prod, Box::new(DeliverySettings::Poll))).await;
    }
    let stored = platform.stored_bytes().await;
    let contains = |text: &[u8]| stored.windows(text.len()).any(|window| window == text);
    assert!(contains(b"x-books-key") && contains(first.party.as_str().as_bytes()), "this is what is stored");
    for (name, _, secret) in credentials() {
        assert!(!contains(secret.as_bytes()), "the secret of {name} is stored in clear text");
    }
    let events = platform.events(1 + 3 + 6 + 3).await;
    let told: String = events.iter().map(|event| event.detail.get()).collect();
    for (name, _, secret) in credentials() {
        assert!(!told.contains(secret), "the secret of {name} is on the bus");
    }
}
