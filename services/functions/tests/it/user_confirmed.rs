//! Cognito's post-confirmation trigger.

use functions::user_confirmed::{self, Deps, NoAccount};
use marketplace_core::ports::UserStore as _;
use serde_json::{Value, json};

use crate::world::World;

fn deps(world: &World) -> Deps {
    let parts = world.parts();
    Deps { store: parts.store_without_secrets(), clock: parts.clock, randomness: parts.randomness }
}

/// What Cognito sends (Cognito Developer Guide, "Post confirmation Lambda trigger").
fn confirmation(sub: &str, email: &str, source: &str) -> Value {
    json!({
        "version": "1",
        "triggerSource": source,
        "region": "eu-central-1",
        "userPoolId": "eu-central-1_abcdefghi",
        "userName": sub,
        "callerContext": { "awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "1example23456789" },
        "request": {
            "userAttributes": {
                "sub": sub,
                "cognito:user_status": "CONFIRMED",
                "email_verified": "true",
                "email": email,
            },
        },
        "response": {},
    })
}

/// Somebody with a confirmed address; their id.
pub(crate) async fn confirmed(world: &World, sub: &str, email: &str) -> String {
    let event = confirmation(sub, email, "PostConfirmation_ConfirmSignUp");
    assert_eq!(user_confirmed::handle(event.clone(), &deps(world)).await.unwrap(), event, "Cognito wants it back");
    sub.to_owned()
}

#[tokio::test]
async fn whoever_confirms_has_an_account_once() {
    let world = World::new().await;
    for _ in 0..2 {
        confirmed(&world, "0b1c2d3e-1111-2222-3333-444455556666", "Ann@Example.com").await;
    }
    let id = "0b1c2d3e-1111-2222-3333-444455556666".parse().unwrap();
    let user = world.store.user(&id).await.unwrap().unwrap();
    assert_eq!(user.email, "ann@example.com");
    assert!(user.confirmed_at.is_some());

    let reset = confirmation(id.as_str(), "ann@example.com", "PostConfirmation_ConfirmForgotPassword");
    user_confirmed::handle(reset, &deps(&world)).await.unwrap();
    assert_eq!(world.store.user(&id).await.unwrap().unwrap(), user, "a new password changes nothing here");
}

#[tokio::test]
async fn an_address_is_one_persons() {
    let world = World::new().await;
    confirmed(&world, "first", "ann@example.com").await;
    let second = confirmation("second", "ann@example.com", "PostConfirmation_ConfirmSignUp");
    let refused = user_confirmed::handle(second, &deps(&world)).await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(NoAccount::AddressTaken)), "{refused}");
    let nobody = confirmation("third", "no address", "PostConfirmation_ConfirmSignUp");
    let refused = user_confirmed::handle(nobody, &deps(&world)).await.unwrap_err();
    assert!(matches!(refused.downcast_ref(), Some(NoAccount::Attribute("email"))), "{refused}");
}
