//! What the registry of parties promises besides: that a new process need not read what happened long ago.

use std::collections::BTreeMap;

use event_schema::id::Environment;
use marketplace_core::{
    delivery::DeliverySettings,
    party::{PartyCommand, PartyPatch},
    ports::PartyStore,
};
use platform_aws::{
    Aws,
    item::Key,
    managed::{Route, buses::Buses},
    registry::snapshot,
    table::{Query, Range, Write},
};
use serde_json::json;

use super::OnAws;
use crate::{
    fixture::{START, change, join, party, party_id, pattern, push_settings},
    platform::PlatformUnderTest,
};

/// What can be told of every party but its secrets, and the table's version.
async fn known(store: &Aws) -> (u64, BTreeMap<String, String>) {
    let tell = |routing: &marketplace_core::routing::RoutingTable| {
        let told = routing.parties().map(|party| (party.id.to_string(), format!("{party:?}"))).collect();
        (routing.version(), told)
    };
    store.with_routing(tell).await.unwrap()
}

/// So many parties of ten kilobytes each.
async fn large_parties(store: &Aws, count: usize) {
    for number in 0..count {
        let mut large = party(&format!("party-{number}"));
        large.name = "n".repeat(10_000);
        large.environments[0].filter = Some(pattern(&json!({ "detail": { "category": [format!("c{number}")] } })));
        join(store, large).await;
    }
}

async fn rename(store: &Aws, name: String) {
    change(store, "party-0", PartyCommand::Patch(PartyPatch { name: Some(name), ..PartyPatch::default() })).await;
}

/// The rows of snapshots that there are, the one that names them left out.
async fn snapshot_rows(platform: &OnAws<false>) -> Vec<Key> {
    let rows = platform.table().all(&Query::partition("REG", Range::Prefix("SNAPSHOT#".into()))).await.unwrap();
    rows.iter().map(|row| row.key().unwrap()).collect()
}

async fn forget_the_log(platform: &OnAws<false>) {
    let table = platform.table();
    let log = table.all(&Query::partition("REG", Range::Prefix("V#".into()))).await.unwrap();
    for rows in log.chunks(100) {
        table.write(rows.iter().map(|row| Write::delete(row.key().unwrap())).collect()).await.unwrap();
    }
}

#[tokio::test]
async fn a_new_process_begins_with_the_newest_snapshot() {
    let platform = OnAws::<false>::open().await;
    let store = platform.store();
    large_parties(&store, 50).await;
    assert!(!store.write_snapshot(START).await.unwrap(), "not worth it yet");
    for number in 50..usize::try_from(snapshot::EVERY).unwrap() {
        rename(&store, format!("Name {number}")).await;
    }
    assert!(store.write_snapshot(START).await.unwrap());
    assert!(!store.write_snapshot(START).await.unwrap(), "there is one");
    assert!(snapshot_rows(&platform).await.len() > 1, "it takes several rows");

    // Without the log, only the snapshot can tell.
    let before = known(&store).await;
    assert_eq!(before.0, snapshot::EVERY);
    forget_the_log(&platform).await;
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(known(&store).await, before);
    rename(&store, "Newer than the snapshot".to_owned()).await;
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    let (version, parties) = known(&store).await;
    assert_eq!(version, snapshot::EVERY + 1);
    assert!(parties["party-0"].contains("Newer than the snapshot"));
}

#[tokio::test]
async fn only_two_snapshots_are_kept() {
    let platform = OnAws::<false>::open().await;
    let store = platform.store();
    join(&store, party("party-0")).await;
    let mut sizes = vec![];
    for round in 0..3 {
        for number in 0..snapshot::EVERY {
            rename(&store, format!("Name {round} {number}")).await;
        }
        assert!(store.write_snapshot(START).await.unwrap());
        sizes.push(snapshot_rows(&platform).await.len());
    }
    assert_eq!(sizes, [1, 2, 2]);
    let before = known(&store).await;
    let platform = platform.reopen_after(store).await;
    assert_eq!(known(&platform.store()).await, before);
}

#[tokio::test]
async fn a_route_is_planned_from_what_is_stored_and_marks_change_with_the_secret() {
    let platform = OnAws::<false>::open().await;
    let store = platform.store();
    join(&store, party("books")).await;
    let route = Route { party: party_id("books"), environment: Environment::Prod };
    let plan = async || store.managed_plan(&route, Buses::ONE).await.unwrap();
    assert!(plan().await.is_none(), "it polls");
    let set = async |url: &str, secret: &str| {
        let more = json!({ "transport": "managed", "auth": { "type": "api-key", "name": "x-key", "value": secret } });
        let push = PartyCommand::SetDelivery(Environment::Prod, Box::new(push_settings(url, &more)));
        change(&store, "books", push).await;
        let plan = plan().await.unwrap();
        assert_eq!(plan.auth.secret().unwrap().expose(), secret);
        assert!(!plan.credential_mark.contains(secret));
        plan.credential_mark
    };
    let first = set("https://books.example/1", "k1").await;
    assert_eq!(set("https://books.example/2", "k1").await, first, "the same secret");
    rename_books(&store).await;
    assert_eq!(plan().await.unwrap().credential_mark, first);
    let second = set("https://books.example/2", "k2").await;
    assert_ne!(second, first);
    assert_eq!(store.managed_routes().await.unwrap(), std::slice::from_ref(&route));

    let poll = PartyCommand::SetDelivery(Environment::Prod, Box::new(DeliverySettings::Poll));
    change(&store, "books", poll).await;
    assert!(plan().await.is_none() && store.managed_routes().await.unwrap().is_empty());
    let nobody = Route { party: party_id("nobody"), ..route.clone() };
    assert!(store.managed_plan(&nobody, Buses::ONE).await.unwrap().is_none());
}

async fn rename_books(store: &Aws) {
    let patch = PartyPatch { name: Some("Books and more".to_owned()), ..PartyPatch::default() };
    change(store, "books", PartyCommand::Patch(patch)).await;
}

/// What a process with an old table reads is what changed, not everybody.
#[tokio::test]
async fn two_processes_see_each_others_changes() {
    let platform = OnAws::<false>::open().await;
    let (here, there) = (platform.store(), super::store(&platform.config));
    join(&here, party("party-0")).await;
    for number in 0..20 {
        let (writer, reader) = if number % 2 == 0 { (&here, &there) } else { (&there, &here) };
        rename(writer, format!("Name {number}")).await;
        assert!(known(reader).await.1["party-0"].contains(&format!("Name {number}\"")));
    }
    // Both at once, and nothing is lost.
    let count = 10;
    let names = |side: &str| (0..count).map(|number| format!("{side}-{number}")).collect::<Vec<_>>();
    let join_all = async |store: &Aws, names: Vec<String>| {
        for name in names {
            join(store, party(&name)).await;
        }
    };
    futures::join!(join_all(&here, names("here")), join_all(&there, names("there")));
    assert_eq!(known(&here).await, known(&there).await);
    assert_eq!(known(&here).await.1.len(), 1 + 2 * count);
}
