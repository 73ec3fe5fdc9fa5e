//! Sign-ups: an id is had once, a link is good once, and nobody signs up all the time.

use event_schema::id::Environment;
use futures::future::join_all;
use marketplace_core::{
    command::Refusal,
    party::{
        ApiKey, Approval, Party, PartyCommand, PartyState,
        sign_up::{OPEN_FROM_THE_START, SignUpToken},
    },
    ports::{PartyStore, SignUps, StoreError},
    sign_up_turns::{MOST_OF_ONE, SignUpTurn},
};

use crate::{
    fixture::{api_key, at, change, hash, party, party_id},
    platform::PlatformUnderTest,
};

fn signs_up(id: &str) -> PartyCommand {
    PartyCommand::SignUp(Box::new(party(id)))
}

fn first_keys(id: &str) -> Vec<ApiKey> {
    OPEN_FROM_THE_START.map(|environment| ApiKey { environment, ..api_key(id) }).to_vec()
}

async fn apply<S: PartyStore>(store: &S, id: &str, command: PartyCommand) -> Result<Party, StoreError> {
    store.apply_to_party(party_id(id), command, "anyone".to_owned(), at(1), None).await
}

pub(crate) async fn who_signs_up_is_stored_and_confirmed_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let new = apply(&store, "books", signs_up("books")).await.unwrap();
    assert_eq!(new.state, PartyState::Unconfirmed);
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    let kept = store.party(&party_id("books")).await.unwrap().unwrap();
    assert_eq!((kept.state, kept.created_at), (PartyState::Unconfirmed, at(1)));
    let open = Environment::ALL.map(|one| kept.environment(one).open);
    assert_eq!(open, [false, true, true]);

    // Ten follow the link at once, or one ten times: the keys of one work, and no others.
    let tries = (0..10).map(|_| {
        let keys = first_keys("books");
        let confirm = PartyCommand::ConfirmSignUp(keys.clone(), Approval::ByAnOperator);
        let store = &store;
        async move {
            assert_eq!(apply(store, "books", confirm).await.unwrap().state, PartyState::Pending);
            keys
        }
    });
    let mut working = vec![];
    for key in join_all(tries).await.concat() {
        if store.key(key.hash).await.unwrap().is_some() {
            working.push(key);
        }
    }
    let environments: Vec<_> = working.iter().map(|key| key.environment).collect();
    assert_eq!(environments, OPEN_FROM_THE_START);
    let mut listed = store.keys(&party_id("books")).await.unwrap();
    listed.sort_by_key(|key| key.environment as u8);
    assert_eq!(listed, working);
    store.record_key_use(&working[0], at(2)).await.unwrap();
    let late = PartyCommand::ConfirmSignUp(first_keys("books"), Approval::ByAnOperator);
    let refused = apply(&store, "books", late).await;
    assert!(matches!(refused, Err(StoreError::Refused(Refusal::NotFound))), "a key has arrived: {refused:?}");
    assert_eq!(change(&store, "books", PartyCommand::Approve).await.state, PartyState::Active);
}

pub(crate) async fn of_many_who_sign_up_with_an_id_one_has_it<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let tries = (0..10).map(|number| {
        let mut new = party("books");
        new.contact_email = format!("{number}@example.com");
        let store = &store;
        async move { (new.contact_email.clone(), apply(store, "books", PartyCommand::SignUp(Box::new(new))).await) }
    });
    let mut signed_up = vec![];
    for (contact, outcome) in join_all(tries).await {
        match outcome {
            Ok(_) => signed_up.push(contact),
            Err(StoreError::Refused(Refusal::State { current_status: "taken", .. })) => {}
            other => panic!("{other:?}"),
        }
    }
    let kept = store.party(&party_id("books")).await.unwrap().unwrap();
    assert_eq!(signed_up, std::slice::from_ref(&kept.contact_email));
    let joined = PartyCommand::Join(Box::new(party("books")), api_key("books"));
    assert!(apply(&store, "books", joined).await.is_err(), "an operator does not take it, either");
}

pub(crate) async fn the_token_of_a_link_is_found_by_its_hash<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let token = |id: &str| SignUpToken { hash: hash(), party: party_id(id), expires_at: at(86_400) };
    let tokens = [token("books"), token("books"), token("pens")];
    for token in &tokens {
        store.keep_sign_up_token(token.clone()).await.unwrap();
    }
    let platform = platform.reopen_after(store).await;
    for token in tokens {
        assert_eq!(platform.store().sign_up_token(token.hash).await.unwrap(), Some(token));
    }
    assert_eq!(platform.store().sign_up_token(hash()).await.unwrap(), None);
}

pub(crate) async fn sign_ups_are_counted_by_client<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let turns = (0..MOST_OF_ONE + 5).map(|_| store.begin_sign_up("192.0.2.1", at(0)));
    let turns: Vec<_> = join_all(turns).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(turns.iter().filter(|turn| **turn == SignUpTurn::Now).count(), MOST_OF_ONE);
    assert_eq!(store.begin_sign_up("192.0.2.2", at(0)).await.unwrap(), SignUpTurn::Now);
    let refused = store.begin_sign_up("192.0.2.1", at(3_599)).await.unwrap();
    assert_eq!(refused, SignUpTurn::After(std::time::Duration::from_secs(1)));
    assert_eq!(store.begin_sign_up("192.0.2.1", at(3_600)).await.unwrap(), SignUpTurn::Now);
}
