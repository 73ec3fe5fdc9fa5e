//! Accounts, and what is confirmed of them.

use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    confirmation::{CONFIRMATION_LIFETIME, MOST_TEXTS, PhoneToken, Texting},
    ports::{StoreError, UserStore},
    user::{Notifications, NotificationsPatch, User, UserPatch},
};

use crate::{
    fixture::{account, at, hash, user_id},
    platform::PlatformUnderTest,
};

pub(crate) async fn an_account_is_found_by_id_and_address<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let mut plain = account("bob@example.com");
    (plain.name, plain.phone) = (None, None);
    let ann = account("ann@example.com");
    for user in [&ann, &plain] {
        store.create_user(user.clone(), hash(), None).await.unwrap();
    }
    for user in [ann, plain] {
        assert_eq!(store.user(&user.id).await.unwrap().as_ref(), Some(&user));
        assert_eq!(store.user_by_email(&user.email).await.unwrap(), Some(user));
    }
    assert_eq!(store.user_by_email("carl@example.com").await.unwrap(), None);
    assert_eq!(store.user_by_email("ann@example.co_").await.unwrap(), None);
    assert_eq!(store.user(&user_id("usr_nobody")).await.unwrap(), None);
}

pub(crate) async fn an_address_is_taken_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let users: Vec<User> = (0..20).map(|_| account("ann@example.com")).collect();
    let created = join_all(users.iter().map(|user| store.create_user(user.clone(), hash(), None))).await;
    let (mut stored, mut taken) = (vec![], 0);
    for (user, created) in users.iter().zip(created) {
        match created {
            Ok(()) => stored.push(user.clone()),
            Err(StoreError::Refused(Refusal::State { .. })) => {
                taken += 1;
                assert_eq!(store.user(&user.id).await.unwrap(), None);
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((stored.len(), taken), (1, 19));
    assert_eq!(store.user_by_email("ann@example.com").await.unwrap(), stored.pop());
}

pub(crate) async fn an_account_is_changed<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let ann = account("ann@example.com");
    store.create_user(ann.clone(), hash(), None).await.unwrap();
    assert_eq!(store.patch_user(&ann.id, UserPatch::default()).await.unwrap(), ann, "nothing given, nothing changed");

    let quiet = Notifications { email: false, sms: false };
    let patch = UserPatch {
        name: Some(Some("Anna".to_owned())),
        phone: Some(None),
        notifications: NotificationsPatch { email: Some(false), sms: Some(false) },
        test_account: Some(true),
    };
    let expected =
        User { name: Some("Anna".to_owned()), phone: None, notifications: quiet, test_account: true, ..ann.clone() };
    assert_eq!(store.patch_user(&ann.id, patch.clone()).await.unwrap(), expected);
    assert_eq!(store.user(&ann.id).await.unwrap().as_ref(), Some(&expected));
    let loud = NotificationsPatch { email: Some(true), sms: None };
    let patched = store.patch_user(&ann.id, UserPatch { notifications: loud, ..UserPatch::default() }).await.unwrap();
    assert_eq!(patched, User { notifications: Notifications { email: true, sms: false }, ..expected });
    let nobody = store.patch_user(&user_id("usr_nobody"), patch).await;
    assert!(matches!(nobody, Err(StoreError::Refused(Refusal::NotFound))), "{nobody:?}");
    assert_eq!(store.user(&user_id("usr_nobody")).await.unwrap(), None);
}

pub(crate) async fn an_address_is_confirmed_once<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (ann, token) = (account("ann@example.com"), hash());
    let bob = account("bob@example.com");
    store.create_user(ann.clone(), token, None).await.unwrap();
    store.create_user(bob.clone(), hash(), None).await.unwrap();
    let unknown = store.confirm_user(hash(), at(1)).await;
    assert!(matches!(unknown, Err(StoreError::Refused(Refusal::NotFound))), "{unknown:?}");

    store.confirm_user(token, at(5)).await.unwrap();
    store.confirm_user(token, at(9)).await.unwrap();
    assert_eq!(store.user(&ann.id).await.unwrap().unwrap().confirmed_at, Some(at(5)), "the first time counts");
    assert_eq!(store.user(&bob.id).await.unwrap().unwrap().confirmed_at, None);
    let patched = store.patch_user(&ann.id, UserPatch::default()).await.unwrap();
    assert_eq!(patched.confirmed_at, Some(at(5)), "a change does not undo it");
}

fn token(user: &User, phone: &str, now: Timestamp) -> PhoneToken {
    PhoneToken { user: user.id.clone(), phone: phone.to_owned(), hash: hash(), at: now }
}

fn number(number: &str) -> UserPatch {
    UserPatch { phone: Some(Some(number.to_owned())), ..UserPatch::default() }
}

fn is_not_found(result: &Result<(), StoreError>) -> bool {
    matches!(result, Err(StoreError::Refused(Refusal::NotFound)))
}

pub(crate) async fn a_phone_number_is_confirmed_of_its_own<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (ann, by_email) = (account("ann@example.com"), hash());
    store.create_user(ann.clone(), by_email, None).await.unwrap();
    let by_sms = token(&ann, "+15551234567", at(1));
    assert_eq!(store.keep_phone_token(by_sms.clone()).await.unwrap(), Texting::Now);
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    for seconds in [5, 9] {
        store.confirm_user(by_sms.hash, at(seconds)).await.unwrap();
        let ann = store.user(&ann.id).await.unwrap().unwrap();
        assert_eq!((ann.confirmed_at, ann.phone_confirmed_at), (None, Some(at(5))), "the first time counts");
    }
    let same = store.patch_user(&ann.id, number("+15551234567")).await.unwrap();
    assert_eq!(same.phone_confirmed_at, Some(at(5)));
    store.confirm_user(by_email, at(10)).await.unwrap();
    let other = store.patch_user(&ann.id, number("+15557654321")).await.unwrap();
    assert_eq!((other.confirmed_at, other.phone_confirmed_at), (Some(at(10)), None), "another number is not");
}

pub(crate) async fn no_token_confirms_another_number<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let ann = account("ann@example.com");
    store.create_user(ann.clone(), hash(), None).await.unwrap();
    let (old, new) = (token(&ann, "+15551234567", at(1)), token(&ann, "+15557654321", at(2)));
    store.keep_phone_token(old.clone()).await.unwrap();
    store.keep_phone_token(new.clone()).await.unwrap();
    assert!(is_not_found(&store.confirm_user(new.hash, at(3)).await), "it is not the account's yet");
    store.patch_user(&ann.id, number("+15557654321")).await.unwrap();
    assert!(is_not_found(&store.confirm_user(old.hash, at(4)).await), "it is the account's no more");
    assert_eq!(store.user(&ann.id).await.unwrap().unwrap().phone_confirmed_at, None);
    store.confirm_user(new.hash, at(5)).await.unwrap();
    assert_eq!(store.user(&ann.id).await.unwrap().unwrap().phone_confirmed_at, Some(at(5)));
}

pub(crate) async fn a_token_is_good_for_a_day<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (ann, by_email) = (account("ann@example.com"), hash());
    store.create_user(ann.clone(), by_email, None).await.unwrap();
    let by_sms = token(&ann, "+15551234567", ann.created_at);
    store.keep_phone_token(by_sms.clone()).await.unwrap();
    let over = ann.created_at + CONFIRMATION_LIFETIME;
    for token in [by_email, by_sms.hash] {
        assert!(is_not_found(&store.confirm_user(token, over).await));
    }
    assert_eq!(store.user(&ann.id).await.unwrap(), Some(ann.clone()));
    let just = over - Duration::from_secs(1);
    for token in [by_email, by_sms.hash] {
        store.confirm_user(token, just).await.unwrap();
    }
    let confirmed = User { confirmed_at: Some(just), phone_confirmed_at: Some(just), ..ann.clone() };
    assert_eq!(store.user(&ann.id).await.unwrap(), Some(confirmed));
}

pub(crate) async fn texts_are_counted_by_account_and_by_number<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (ann, bob) = (account("ann@example.com"), account("bob@example.com"));
    // All at once: no more than the rule says, whoever is first.
    let tokens: Vec<_> = (0..8).map(|_| token(&ann, "+15551234567", at(1))).collect();
    let kept = join_all(tokens.iter().map(|token| store.keep_phone_token(token.clone()))).await;
    let kept: Vec<_> = kept.into_iter().map(Result::unwrap).collect();
    assert_eq!(kept.iter().filter(|texting| **texting == Texting::Now).count(), MOST_TEXTS);
    let wait = |seconds| Texting::After(Duration::from_secs(seconds));
    assert!(kept.iter().all(|texting| [Texting::Now, wait(3_600)].contains(texting)), "{kept:?}");

    let elsewhere = token(&ann, "+15557654321", at(61));
    assert_eq!(store.keep_phone_token(elsewhere).await.unwrap(), wait(3_540), "the account");
    let stranger = token(&bob, "+15551234567", at(61));
    assert_eq!(store.keep_phone_token(stranger.clone()).await.unwrap(), wait(3_540), "the number");
    assert!(is_not_found(&store.confirm_user(stranger.hash, at(62)).await), "what is not sent confirms nothing");
    assert_eq!(store.keep_phone_token(token(&bob, "+15557654321", at(61))).await.unwrap(), Texting::Now);
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(store.keep_phone_token(token(&ann, "+15557654321", at(3_600))).await.unwrap(), wait(1));
    assert_eq!(store.keep_phone_token(token(&ann, "+15557654321", at(3_601))).await.unwrap(), Texting::Now);
}

pub(crate) async fn accounts_survive_a_restart<P: PlatformUnderTest>(platform: P) {
    let store = platform.store();
    let (ann, token) = (account("ann@example.com"), hash());
    store.create_user(ann.clone(), token, None).await.unwrap();
    let platform = platform.reopen_after(store).await;
    let store = platform.store();
    assert_eq!(store.user_by_email("ann@example.com").await.unwrap(), Some(ann.clone()));
    store.confirm_user(token, at(5)).await.unwrap();
    let platform = platform.reopen_after(store).await;
    assert_eq!(platform.store().user(&ann.id).await.unwrap().unwrap().confirmed_at, Some(at(5)));
}
