//! Keys that come, change and stay away.

use std::sync::{
    Arc, Mutex as StdMutex,
    atomic::{AtomicUsize, Ordering},
};

use futures::future::join_all;
use serde_json::{Value, json};

use super::*;
use crate::token::tests::{Issuer, NOW, at, claims};

/// An issuer's address: what it answers, and how often it was asked.
#[derive(Clone, Default)]
struct Address {
    answer: Arc<StdMutex<Option<String>>>,
    asked: Arc<AtomicUsize>,
}

impl Address {
    fn answers(&self, keys: &[Value]) {
        *self.answer.lock().unwrap() = Some(json!({ "keys": keys }).to_string());
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

impl KeySource for Address {
    fn fetch(&self) -> BoxFuture<'_, Result<String, SourceError>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let answer = self.answer.lock().unwrap().clone();
        async move {
            tokio::task::yield_now().await;
            answer.ok_or_else(|| "nobody answers".into())
        }
        .boxed()
    }
}

fn verifier(address: &Address) -> RemoteVerifier<Address> {
    let expected = Expected {
        issuer: "https://market.example".to_owned(),
        audience: "marketplace".to_owned(),
        operator_group: None,
    };
    RemoteVerifier::new(address.clone(), expected)
}

#[tokio::test]
async fn keys_are_fetched_once_for_all_who_need_them() {
    let (issuer, address) = (Issuer::new(), Address::default());
    address.answers(&[issuer.jwk()]);
    let (verifier, token) = (verifier(&address), issuer.token(&claims()));
    assert!(matches!(verifier.verify(&token, at(NOW)), Err(TokenFault::UnknownKey)));
    let refreshed = join_all((0..20).map(|_| verifier.refresh(at(NOW)))).await;
    assert!(refreshed.iter().all(Result::is_ok));
    assert!(verifier.verify(&token, at(NOW)).is_ok());
    assert_eq!(address.asked(), 1);
}

#[tokio::test]
async fn a_new_key_is_found_and_strangers_keys_do_not_make_us_ask_often() {
    let (issuer, address) = (Issuer::new(), Address::default());
    address.answers(&[issuer.jwk()]);
    let verifier = verifier(&address);
    verifier.refresh(at(NOW)).await.unwrap();
    let mut new = issuer.jwk();
    new["kid"] = json!("k2");
    address.answers(&[issuer.jwk(), new]);
    let token = issuer.token_of_key("k2", &claims());
    for second in 0..59 {
        verifier.refresh(at(NOW + second)).await.unwrap();
        assert!(matches!(verifier.verify(&token, at(NOW + second)), Err(TokenFault::UnknownKey)));
    }
    assert_eq!(address.asked(), 1);
    verifier.refresh(at(NOW + 60)).await.unwrap();
    assert!(verifier.verify(&token, at(NOW + 60)).is_ok());
    assert!(verifier.verify(&issuer.token(&claims()), at(NOW + 60)).is_ok(), "the old one is still there");
    assert_eq!(address.asked(), 2);
}

#[tokio::test]
async fn an_issuer_that_is_out_of_reach_is_asked_again_soon() {
    let (issuer, address) = (Issuer::new(), Address::default());
    let verifier = verifier(&address);
    for _ in 0..10 {
        verifier.refresh(at(NOW)).await.unwrap_err();
    }
    assert_eq!(address.asked(), 1);
    address.answers(&[]);
    verifier.refresh(at(NOW + 1)).await.unwrap_err();
    address.answers(&[issuer.jwk()]);
    verifier.refresh(at(NOW + 2)).await.unwrap();
    assert!(verifier.verify(&issuer.token(&claims()), at(NOW + 2)).is_ok());
    assert_eq!(address.asked(), 3);
}
