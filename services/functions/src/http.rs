//! `marketplace-api` and `status-ingest`: the same routers as on one machine, behind an HTTP API.

use std::{sync::Arc, time::Duration};

use axum::{Router, extract::Request, middleware};
use futures::future::{BoxFuture, FutureExt as _};
use http_edge::{
    client::Client,
    edge::Edge,
    finish::finish,
    token::{Expected, KeySource, RemoteVerifier, SourceError, TokenVerifier},
};
use lambda_http::request::RequestContext;
use marketplace_api::{
    endpoint_tests::{self, EndpointTests},
    people::People,
};
use platform_aws::Aws;
use tokio::sync::watch;
use url::Url;
use webhook_sender::SenderConfig;

use crate::{
    config::{self, Tokens},
    on_demand::OnDemand,
    sqs::Failure,
    wiring::{Parts, without_slash},
};

/// Whose members are operators.
const OPERATORS: &str = "operator";

/// How long the issuer may take to tell its keys.
const PATIENCE: Duration = Duration::from_secs(3);

/// HTTP for people and operators, and third parties' self-service.
///
/// # Errors
/// Something that everything needs cannot be had.
pub fn api(config: config::Api) -> Result<Router, Failure> {
    let parts = Parts::load(&config.table)?;
    Ok(api_of(&parts, parts.store(&config.secrets_key), &config)?)
}

/// The same, of these parts and this store.
///
/// # Errors
/// The client that fetches the issuer's keys cannot be set up.
pub fn api_of(parts: &Parts, store: Aws, config: &config::Api) -> Result<Router, reqwest::Error> {
    let edge = edge(parts, store, &config.tokens)?;
    let people = marketplace_api::people::routes(People {
        edge: edge.clone(),
        // Of e-mail addresses Cognito takes care.
        notices: parts.notices(None),
        public_url: without_slash(&config.public_url),
    });
    let sender = SenderConfig { allow_private: config.allow_private_endpoints, ..SenderConfig::default() };
    let tests = endpoint_tests::routes(EndpointTests { edge: edge.clone(), push: OnDemand::new(sender) });
    let routes = marketplace_api::routes(marketplace_api::Deps {
        edge,
        allow_private_endpoints: config.allow_private_endpoints,
        sign_up: config.sign_up,
        // Whoever asks has come through everything that there is.
        readiness: Arc::new(|| Box::pin(async { Ok(()) })),
    });
    let routes = routes.merge(people).merge(tests).layer(middleware::map_request(located));
    Ok(finish(routes, parts.clock.clone(), parts.randomness.clone()))
}

/// A call with where it comes from, as the HTTP API says.
async fn located(mut request: Request) -> Request {
    if let Some(RequestContext::ApiGatewayV2(context)) = request.extensions().get::<RequestContext>()
        && let Some(Ok(address)) = context.http.source_ip.as_ref().map(|address| address.parse())
    {
        request.extensions_mut().insert(Client::at(address));
    }
    request
}

/// HTTP for third parties' machines.
///
/// # Errors
/// Something that everything needs cannot be had.
pub fn ingest(config: config::Ingest) -> Result<Router, Failure> {
    let parts = Parts::load(&config.table)?;
    Ok(ingest_of(&parts, parts.store(&config.secrets_key), &config.tokens, config.max_wait)?)
}

/// The same, of these parts and this store.
///
/// # Errors
/// The client that fetches the issuer's keys cannot be set up.
pub fn ingest_of(parts: &Parts, store: Aws, tokens: &Tokens, max_wait: Duration) -> Result<Router, reqwest::Error> {
    let edge = edge(parts, store, tokens)?;
    // Lambda does not say when it will stop a function that is at work.
    let (_, closing) = watch::channel(false);
    let routes = status_ingest::routes(status_ingest::Deps { edge, max_wait, closing });
    Ok(finish(routes, parts.clock.clone(), parts.randomness.clone()))
}

fn edge(parts: &Parts, store: Aws, tokens: &Tokens) -> Result<Edge<Aws>, reqwest::Error> {
    let expected = Expected {
        issuer: tokens.issuer.clone(),
        audience: tokens.client.clone(),
        operator_group: Some(OPERATORS.to_owned()),
    };
    let verifier = Arc::new(RemoteVerifier::new(Jwks::new(tokens.jwks_url.clone())?, expected));
    // The first token does not have to wait for all of it; and third parties' keys need none of it.
    let (first, now) = (verifier.clone(), parts.clock.now());
    tokio::spawn(async move { first.refresh(now).await });
    Ok(Edge {
        store,
        clock: parts.clock.clone(),
        randomness: parts.randomness.clone(),
        operator_token: None,
        tokens: verifier,
        // The HTTP API has limits of its own.
        rate_limit: None,
    })
}

/// An issuer's key set, fetched from its address.
struct Jwks {
    client: reqwest::Client,
    url: Url,
}

impl Jwks {
    fn new(url: Url) -> Result<Self, reqwest::Error> {
        let client = reqwest::Client::builder().timeout(PATIENCE).no_proxy().build()?;
        Ok(Self { client, url })
    }
}

impl KeySource for Jwks {
    fn fetch(&self) -> BoxFuture<'_, Result<String, SourceError>> {
        async move {
            let answer = self.client.get(self.url.clone()).send().await?.error_for_status()?;
            Ok(answer.text().await?)
        }
        .boxed()
    }
}
