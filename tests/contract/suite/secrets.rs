//! Credentials of third parties' endpoints, and keys that their messages are signed with: kept, and never in clear text.

use std::sync::Arc;

use event_schema::id::{Environment, PartyId};
use futures::future::join_all;
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    command::Refusal,
    delivery::DeliverySettings,
    party::{Party, PartyCommand, SigningRotation},
    ports::{PartyStore, StoreError},
    signing::{DEFAULT_GRACE, Scheme, Seed, Signing, SigningKey},
};
use serde_json::{Value, json};

use crate::{
    fixture::{at, change, join, party, party_id, push_settings},
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

/// Settings that ask for signing, with the key that would be made of this seed.
fn signed(signature: Scheme, seed: &Seed) -> PartyCommand {
    let DeliverySettings::Push(mut push) = settings(&json!({ "type": "none" })) else { panic!("it is a push") };
    push.signing = SigningKey::new(signature, seed).into();
    PartyCommand::SetDelivery(Environment::Prod, Box::new(DeliverySettings::Push(push)))
}

fn seed(number: u8, now: Timestamp) -> Seed {
    Seed { bits: [number; 32], at: now }
}

fn rotation(number: u8, now: Timestamp, grace: SignedDuration) -> PartyCommand {
    PartyCommand::RotateSigningKey(Environment::Prod, SigningRotation { seed: seed(number, now), grace })
}

fn signing_of(party: &Party) -> Signing {
    party.environment(Environment::Prod).delivery.signing().cloned().unwrap_or_default()
}

/// A party with a secret and one that it has replaced, and one with a key pair; their keys.
async fn store_signed<S: PartyStore>(store: &S) -> [Signing; 2] {
    for (name, scheme, number) in [("with-secrets", Scheme::V1, 0x51), ("with-pairs", Scheme::V1a, 0x61)] {
        join(store, party(name)).await;
        change(store, name, signed(scheme, &seed(number, at(1)))).await;
    }
    let rotated = change(store, "with-secrets", rotation(0x52, at(2), DEFAULT_GRACE)).await;
    [signing_of(&rotated), SigningKey::new(Scheme::V1a, &seed(0x61, at(1))).into()]
}

pub(crate) async fn signing_keys_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let keys = store_signed(&store).await;
    let old = Signing::from(SigningKey::new(Scheme::V1, &seed(0x51, at(1))));
    assert_eq!(keys[0], old.rotated(SigningKey::new(Scheme::V1, &seed(0x52, at(2))), DEFAULT_GRACE));
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(signing_of(&*known(&store, party_id("with-secrets")).await), keys[0]);
    assert_eq!(signing_of(&*known(&store, party_id("with-pairs")).await), keys[1]);

    // Asked for once more they stay, and without being asked for they are gone.
    let stayed = change(&store, "with-secrets", signed(Scheme::V1, &seed(0x53, at(3)))).await;
    assert_eq!(signing_of(&stayed), keys[0]);
    let unsigned = Box::new(settings(&json!({ "type": "none" })));
    change(&store, "with-secrets", PartyCommand::SetDelivery(Environment::Prod, unsigned)).await;
    assert_eq!(signing_of(&*known(&store, party_id("with-secrets")).await), Signing::default());
    let unsigned = rotation(0x54, at(4), DEFAULT_GRACE);
    let refused = store.apply_to_party(party_id("with-secrets"), unsigned, "operator".to_owned(), at(4), None).await;
    let says_why = |refusal: &StoreError| {
        matches!(refusal, StoreError::Refused(Refusal::State { current_status: "unsigned", .. }))
    };
    assert!(refused.as_ref().is_err_and(says_why), "{refused:?}");
}

pub(crate) async fn signing_keys_are_nowhere_in_clear_text<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let keys = store_signed(&store).await;
    let secrets: Vec<String> = keys.iter().flat_map(Signing::keys).map(|key| key.secret.expose().to_owned()).collect();
    assert_eq!(secrets.len(), 3);
    // Overwritten ones, too: what is replaced must not lie about.
    change(&store, "with-secrets", rotation(0x55, at(3), SignedDuration::ZERO)).await;
    change(&store, "with-pairs", PartyCommand::SetDelivery(Environment::Prod, Box::new(DeliverySettings::Poll))).await;
    let stored = platform.stored_bytes().await;
    let contains = |text: &[u8]| stored.windows(text.len()).any(|window| window == text);
    assert!(contains(b"sig_"), "this is what is stored");
    let events = platform.events(2 + 2 + 1 + 2).await;
    let told: String = events.iter().map(|event| event.detail.get()).collect();
    assert!(told.contains("signing_keys"), "{told}");
    for secret in secrets {
        let (prefix, clear) = secret.split_once('_').expect("a prefix");
        assert!(!contains(clear.as_bytes()), "a {prefix} is stored in clear text");
        assert!(!told.contains(clear), "a {prefix} is on the bus");
    }
    for bits in [[0x51; 32], [0x52; 32], [0x55; 32], [0x61; 32]] {
        assert!(!contains(&bits), "the bits of a key are stored in clear text");
    }
}

pub(crate) async fn of_rotations_at_the_same_time_no_key_is_lost<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    join(&store, party("books")).await;
    change(&store, "books", signed(Scheme::V1, &seed(0, at(1)))).await;
    // Between them the party sets its endpoint again, from what it has read before.
    let settings = (100..105).map(|number| signed(Scheme::V1, &seed(number, at(2))));
    let rotations = (1..=5).map(|number| rotation(number, at(2), DEFAULT_GRACE));
    let commands: Vec<_> = rotations.chain(settings).collect();
    let store = &store;
    join_all(commands.into_iter().map(async |command| change(store, "books", command).await)).await;
    let signing = signing_of(&*known(store, party_id("books")).await);
    let mut ids: Vec<_> = signing.keys().iter().map(|key| format!("{:?}", key.id)).collect();
    ids.sort();
    let made = |number| format!("{:?}", SigningKey::new(Scheme::V1, &seed(number, at(2))).id);
    let mut all: Vec<_> = (0..=5).map(made).collect();
    all.sort();
    assert_eq!(ids, all);
}
