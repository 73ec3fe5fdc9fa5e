//! Whether the process lives, and whether it can work.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::get};
use http_edge::{problem::Problem, reply};
use marketplace_core::ports::Store;

use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/healthz", get(live)).route("/readyz", get(ready::<S>))
}

async fn live() -> Response {
    reply::json_text(StatusCode::OK, r#"{"status":"ok"}"#)
}

async fn ready<S: Store>(State(deps): State<Deps<S>>) -> Result<Response, Problem> {
    (deps.readiness)().await.map_err(|reason| {
        tracing::warn!(reason, "not ready");
        Problem::unavailable("not ready")
    })?;
    Ok(reply::json_text(StatusCode::OK, r#"{"status":"ready"}"#))
}
