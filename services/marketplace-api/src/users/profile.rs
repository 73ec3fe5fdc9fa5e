//! `/v1/users/me`: who people are here and how they want to be told, wherever their identity is.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use event_schema::id::UserId;
use http_edge::{body::JsonBody, caller::UserCaller, problem::Problem, reply};
use jiff::Timestamp;
use marketplace_core::{
    ports::Store,
    user::{Notifications, User},
};
use serde::Serialize;

use super::rules::Changes;
use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/users/me", get(profile::<S>).patch(change_profile::<S>))
}

async fn profile<S: Store>(State(deps): State<Deps<S>>, caller: UserCaller) -> Result<Response, Problem> {
    let user = deps.edge.store.user(&caller.id).await?.ok_or_else(Problem::not_found)?;
    Ok(reply::json(StatusCode::OK, &Profile::of(&user)))
}

async fn change_profile<S: Store>(
    State(deps): State<Deps<S>>,
    caller: UserCaller,
    body: JsonBody,
) -> Result<Response, Problem> {
    let patch = body.parse::<Changes>()?.check()?;
    let user = deps.edge.store.patch_user(&caller.id, patch).await?;
    Ok(reply::json(StatusCode::OK, &Profile::of(&user)))
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
            notifications: user.notifications,
            test_account: user.test_account,
            created_at: user.created_at,
        }
    }
}
