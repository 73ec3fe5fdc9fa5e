//! Local accounts.

use futures::future::join_all;
use marketplace_core::{
    command::Refusal,
    ports::{StoreError, UserStore},
    user::{Notifications, User, UserPatch},
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
        notifications: Some(quiet),
        test_account: Some(true),
    };
    let expected =
        User { name: Some("Anna".to_owned()), phone: None, notifications: quiet, test_account: true, ..ann.clone() };
    assert_eq!(store.patch_user(&ann.id, patch.clone()).await.unwrap(), expected);
    assert_eq!(store.user(&ann.id).await.unwrap(), Some(expected));
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
