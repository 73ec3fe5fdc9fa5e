//! What operators' machines ask besides health: the gateway's numbers, and its interface.

use std::sync::OnceLock;

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use platform_embedded::Embedded;

/// The interface's description (OpenAPI 3.1), made of `schemas/openapi/marketplace.yaml`.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// `/metrics` and `/openapi.json`.
pub(crate) fn routes(store: Embedded) -> Router {
    Router::new()
        .route("/metrics", get(numbers))
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], OPENAPI)))
        .with_state(store)
}

async fn numbers(State(store): State<Embedded>) -> Response {
    let Some(recorder) = recorder() else {
        return StatusCode::NOT_FOUND.into_response();
    };
    store.report_gauges();
    ([(CONTENT_TYPE, "text/plain; version=0.0.4")], recorder.render()).into_response()
}

/// The process has one recorder, however many gateways a test starts in it; none if somebody else's is installed.
pub(crate) fn recorder() -> Option<&'static PrometheusHandle> {
    static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();
    RECORDER.get_or_init(|| PrometheusBuilder::new().install_recorder().ok()).as_ref()
}
