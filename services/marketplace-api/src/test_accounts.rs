//! Operators mark users as test accounts, who may place requests outside `prod`.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::patch};
use event_schema::id::UserId;
use http_edge::{body::JsonBody, caller::Operator, path::PathId, problem::Problem, reply};
use marketplace_core::{ports::Store, user::UserPatch};
use serde::Deserialize;
use serde_json::json;

use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/users/{id}", patch(mark::<S>))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Mark {
    test_account: bool,
}

async fn mark<S: Store>(
    State(deps): State<Deps<S>>,
    _: Operator,
    PathId(id): PathId<UserId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    let Mark { test_account } = body.parse()?;
    let change = UserPatch { test_account: Some(test_account), ..UserPatch::default() };
    let user = deps.edge.store.patch_user(&id, change).await?;
    Ok(reply::json(StatusCode::OK, &json!({ "id": user.id, "test_account": user.test_account })))
}
