//! What is asked of the gateway besides its work: its numbers, and its interface for machines and for people.

use std::sync::OnceLock;

use axum::{
    Router,
    extract::State,
    http::{
        StatusCode,
        header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE},
    },
    response::{IntoResponse, Response},
    routing::get,
};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use platform_embedded::Embedded;

/// The interface's description (OpenAPI 3.1), made of `schemas/openapi/marketplace.yaml`.
const OPENAPI: &str = include_str!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// The reference that people read, made of the same: one page that needs nothing else.
const DOCS: &str = include_str!(concat!(env!("OUT_DIR"), "/docs.html"));

/// What the page may load: nothing, and its style is in it.
const DOCS_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; frame-ancestors 'none'";

/// `/metrics`, `/openapi.json` and `/docs`.
pub(crate) fn routes(store: Embedded) -> Router {
    Router::new()
        .route("/metrics", get(numbers))
        .route("/openapi.json", get(async || ([(CONTENT_TYPE, "application/json")], OPENAPI)))
        .route(
            "/docs",
            get(async || ([(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, DOCS_POLICY)], DOCS)),
        )
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
