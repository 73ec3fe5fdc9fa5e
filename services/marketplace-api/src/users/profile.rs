//! `/v1/users/me`: who people are here and how they want to be told, wherever their identity is.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use event_schema::id::UserId;
use http_edge::{body::JsonBody, caller::UserCaller, problem::Problem, reply};
use jiff::Timestamp;
use marketplace_core::{
    ports::{Notices, Store},
    user::{Notifications, User},
};
use serde::Serialize;

use super::{confirmation::Confirmation, rules::Changes};
use crate::people::People;

pub(crate) fn routes<S: Store, N: Notices>() -> Router<People<S, N>> {
    Router::new().route("/v1/users/me", get(profile::<S, N>).patch(change_profile::<S, N>))
}

async fn profile<S: Store, N: Notices>(
    State(people): State<People<S, N>>,
    caller: UserCaller,
) -> Result<Response, Problem> {
    let user = people.edge.store.user(&caller.id).await?.ok_or_else(Problem::not_found)?;
    Ok(reply::json(StatusCode::OK, &Profile::of(&user)))
}

async fn change_profile<S: Store, N: Notices>(
    State(people): State<People<S, N>>,
    caller: UserCaller,
    body: JsonBody,
) -> Result<Response, Problem> {
    let patch = body.parse::<Changes>()?.check()?;
    let confirmation = match patch.phone.clone().flatten() {
        Some(phone) => confirmation_of(&people, &caller.id, phone).await?,
        None => None,
    };
    let user = people.edge.store.patch_user(&caller.id, patch).await?;
    if let Some(confirmation) = confirmation {
        confirmation.send(people.notices).await;
    }
    Ok(reply::json(StatusCode::OK, &Profile::of(&user)))
}

/// What has to go to a number that is given, also again; none when it is confirmed.
async fn confirmation_of<S: Store, N: Notices>(
    people: &People<S, N>,
    id: &UserId,
    phone: String,
) -> Result<Option<Confirmation>, Problem> {
    let user = people.edge.store.user(id).await?.ok_or_else(Problem::not_found)?;
    if user.phone_confirmed_at.is_some() && user.phone.as_ref() == Some(&phone) {
        return Ok(None);
    }
    Confirmation::by_sms(people, user.id, phone, people.edge.clock.now()).await.map(Some)
}

/// An account as its owner sees it.
#[derive(Serialize)]
struct Profile<'a> {
    id: &'a UserId,
    email: &'a str,
    name: Option<&'a str>,
    phone: Option<&'a str>,
    /// Null until the address is confirmed; nothing is sent to it before.
    confirmed_at: Option<Timestamp>,
    /// The same of the phone number.
    phone_confirmed_at: Option<Timestamp>,
    notifications: Notifications,
    /// Whether the account may place requests in `test` and `dev`.
    test_account: bool,
    created_at: Timestamp,
}

impl<'a> Profile<'a> {
    fn of(user: &'a User) -> Self {
        Self {
            id: &user.id,
            email: &user.email,
            name: user.name.as_deref(),
            phone: user.phone.as_deref(),
            confirmed_at: user.confirmed_at,
            phone_confirmed_at: user.phone_confirmed_at,
            notifications: user.notifications,
            test_account: user.test_account,
            created_at: user.created_at,
        }
    }
}
