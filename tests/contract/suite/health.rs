//! How parties' endpoints are, as far as the store says it by itself: those who push tell the rest.

use event_schema::id::Environment;
use marketplace_core::{health::Health, ports::EndpointHealth};
use serde_json::json;

use crate::{
    fixture::{join, offered, party, party_id, push_settings},
    platform::PlatformUnderTest,
};

pub(crate) async fn an_endpoint_that_nobody_has_called_is_a_good_one<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut books = party("books");
    books.environments[0].delivery = push_settings("https://books.example/hook", &json!({}));
    join(&store, books).await;
    offered(&store, "books", crate::fixture::START).await;
    for name in ["books", "nobody"] {
        for environment in Environment::ALL {
            assert_eq!(store.health(&party_id(name), environment).await.unwrap(), Health::default());
        }
    }
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(store.health(&party_id("books"), Environment::Prod).await.unwrap(), Health::default());
}
