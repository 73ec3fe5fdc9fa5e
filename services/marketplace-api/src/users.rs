//! `/v1/users`: people register, confirm their addresses ([`confirmation`]), and say how they want to be told
//! ([`profile`]).

pub(crate) mod confirmation;
pub(crate) mod profile;
mod rules;

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use event_schema::id::UserId;
use http_edge::{
    body::JsonBody,
    caller::Principal,
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    ports::{
        Notices, Remember, Store,
        identity::{Identity, IdentityError},
    },
    user::{Notifications, User},
};
use serde_json::json;

use self::{
    confirmation::Confirmation,
    rules::{NewUser, Registration},
};
use crate::accounts::Accounts;

pub(crate) fn routes<S: Store, I: Identity, N: Notices>() -> Router<Accounts<S, I, N>> {
    Router::new().route("/v1/users", post(register))
}

/// Somebody who has no account yet.
struct Anyone;

impl Principal for Anyone {
    fn principal(&self) -> String {
        "anyone".to_owned()
    }
}

async fn register<S: Store, I: Identity, N: Notices>(
    State(accounts): State<Accounts<S, I, N>>,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let registration = body.parse::<NewUser>()?.check()?;
    let now = accounts.edge.now();
    // Not the body itself: a fast hash of a password must not be kept.
    let fingerprint = registration.without_password();
    let ticket = match key.admit(&accounts.edge.store, &Anyone, fingerprint.as_bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => {
            return same_password(&accounts, &registration, now).await.map(|()| answer);
        }
    };
    let id = UserId::account(accounts.edge.randomness.uuid(now));
    let answer = idempotency::answer(StatusCode::CREATED, json!({ "id": id }).to_string());
    let kept = answer.clone();
    let remember = ticket.remember(move |(): &()| kept.clone());
    ticket.hold(create(accounts, id, registration, remember, now)).await??;
    Ok(reply::located(idempotency::response(answer), "/v1/users/me"))
}

async fn create<S: Store, I: Identity, N: Notices>(
    accounts: Accounts<S, I, N>,
    id: UserId,
    registration: Registration,
    remember: Option<Remember<()>>,
    now: Timestamp,
) -> Result<(), Problem> {
    let user = User {
        id,
        password_hash: accounts.identity.hash_password(&registration.password).await?,
        email: registration.email,
        name: registration.name,
        phone: registration.phone,
        confirmed_at: None,
        phone_confirmed_at: None,
        notifications: Notifications::default(),
        test_account: false,
        created_at: now,
    };
    let people = accounts.people();
    let (id, phone) = (user.id.clone(), user.phone.clone());
    let by_email = Confirmation::by_email(&people, &user, now);
    people.edge.store.create_user(user, by_email.hash, remember).await?;
    let by_sms = async {
        // The account stands without it: its owner can ask again.
        match phone {
            Some(phone) => Confirmation::by_sms(&people, id, phone, now).await.ok(),
            None => None,
        }
    };
    let by_sms = async {
        if let Some(by_sms) = by_sms.await {
            by_sms.send(people.notices.clone()).await;
        }
    };
    tokio::join!(by_email.send(people.notices.clone()), by_sms);
    Ok(())
}

/// Whether a repeat has the password of the first as well: that is not in the kept fingerprint.
async fn same_password<S: Store, I: Identity, N: Notices>(
    accounts: &Accounts<S, I, N>,
    again: &Registration,
    now: Timestamp,
) -> Result<(), Problem> {
    let user = accounts.edge.store.user_by_email(&again.email).await?;
    let stored = user.as_ref().map(|user| user.password_hash.as_str());
    match accounts.identity.check_password(&again.email, stored, &again.password, now).await {
        Err(IdentityError::WrongPassword) => {
            Err(Problem::unprocessable("this `idempotency-key` was used with another body"))
        }
        checked => Ok(checked?),
    }
}
