//! The whole gateway in one process: opened, wired, served and drained.

mod options;
mod secrets;

use std::{
    io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use axum::{
    Router,
    routing::{post, post_service},
};
use http_edge::{
    edge::{Edge, OperatorToken},
    finish::finish,
    problem::Problem,
    rate_limit::RateLimiter,
    token::{Expected, JwksVerifier, KeySetFault},
};
use marketplace_api::{accounts::Accounts, endpoint_tests::EndpointTests};
use marketplace_core::ports::{Clock, Randomness, StoreError, identity::Identity as _};
use platform_base::{
    clock::SystemClock,
    randomness::OsRandomness,
    vault::{Vault, VaultError},
};
use platform_embedded::{
    Embedded, OpenError, alarms,
    background::Background,
    bus::Bus,
    filing,
    identity::{AUDIENCE, LocalIdentity},
    notices::{LocalNotices, NoticesFault},
    push::{PushDeps, PushWorkers},
    retention,
};
use secrecy::{ExposeSecret as _, SecretString};
use tokio::{net::TcpListener, sync::watch, task::JoinHandle};
use webhook_sender::{Sender, SenderConfig, SenderError};

pub use self::options::Options;
use self::secrets::Secrets;
use crate::{
    certifications, config::Config, consumers, event_sink::StoreSink, operations, patience::PatientListener, replays,
    visitors::Visitors,
};

/// How long calls that are under way may take when the gateway stops; a lease may wait for 20 s.
const CALLS: Duration = Duration::from_secs(25);

/// How long events and pushes that are under way may take then; an attempt takes 5 s at most.
const WORK: Duration = Duration::from_secs(8);

/// Why the gateway did not start.
#[derive(Debug, thiserror::Error)]
#[expect(missing_docs, reason = "each says it all in its message")]
pub enum StartError {
    #[error("cannot listen on {0}")]
    Listen(SocketAddr, #[source] io::Error),
    #[error("the data folder {0} cannot be used")]
    DataDir(PathBuf, #[source] io::Error),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("MARKETPLACE_SECRET_KEY cannot be used")]
    Vault(#[from] VaultError),
    #[error("notices cannot be sent")]
    Notices(#[from] NoticesFault),
    #[error("the operating system gives no randomness")]
    Randomness(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("users' tokens cannot be verified")]
    KeySet(#[from] KeySetFault),
    #[error(transparent)]
    Sender(#[from] SenderError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// A running gateway.
pub struct Gateway {
    address: SocketAddr,
    secrets: Secrets,
    stop: watch::Sender<bool>,
    server: JoinHandle<io::Result<()>>,
    bus: Bus,
    workers: PushWorkers,
    background: [Background; 5],
}

/// What everything is made of.
struct Parts {
    store: Embedded,
    clock: Arc<dyn Clock>,
    randomness: Arc<dyn Randomness>,
    identity: LocalIdentity,
    notices: LocalNotices,
    public_url: Arc<str>,
}

impl Gateway {
    /// Opens the data folder, starts every service, and serves.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub async fn start(config: Config, options: Options) -> Result<Self, StartError> {
        operations::recorder();
        let listener =
            TcpListener::bind(config.listen).await.map_err(|error| StartError::Listen(config.listen, error))?;
        let address = listener.local_addr().map_err(|error| StartError::Listen(config.listen, error))?;
        let secrets = Secrets::load(&config).map_err(|error| StartError::DataDir(config.data_dir.clone(), error))?;
        let parts = Parts::open(&config, &secrets, address)?;
        let (stop, mut stopped) = watch::channel(false);
        let sender = Sender::new(&SenderConfig {
            allow_private: config.allow_private_endpoints,
            timeout: options.attempt_timeout,
            ..SenderConfig::default()
        })?;
        let app = parts.app(&config, &secrets, sender.clone(), stop.subscribe())?;
        let (clock, randomness) = (parts.clock.clone(), parts.randomness.clone());
        let bus = Bus::start(&parts.store, parts.consumers(), options.mischief).await?;
        let (push, health) = (sender.clone(), options.health);
        let push = PushDeps { push, clock: clock.clone(), randomness: randomness.clone(), health };
        let workers = PushWorkers::start(parts.store.clone(), push).await?;
        let store = || parts.store.clone();
        let background = [
            filing::start(store()),
            alarms::start(store(), clock.clone()),
            replays::start(store(), clock.clone()),
            certifications::start(store(), sender, clock.clone(), randomness),
            retention::start(store(), clock, config.retention),
        ];
        let listener = PatientListener::new(listener);
        let draining = async move {
            let _ = stopped.wait_for(|stop| *stop).await;
        };
        let server = tokio::spawn(axum::serve(listener, Visitors(app)).with_graceful_shutdown(draining).into_future());
        tracing::info!(%address, data_dir = %config.data_dir.display(), "serving");
        Ok(Self { address, secrets, stop, server, bus, workers, background })
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What makes its bearer the operator.
    #[must_use]
    pub fn operator_token(&self) -> &SecretString {
        &self.secrets.operator_token
    }

    /// The secret access key for `PutEvents`.
    #[must_use]
    pub fn events_secret(&self) -> &SecretString {
        &self.secrets.events_secret
    }

    /// Drains: accepts no more, finishes what is under way, and stops.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let abort = self.server.abort_handle();
        if tokio::time::timeout(CALLS, self.server).await.is_err() {
            tracing::warn!("calls were still under way at the end");
            abort.abort();
        }
        for background in self.background {
            background.stop().await;
        }
        self.bus.stop(WORK).await;
        self.workers.stop(WORK).await;
    }
}

impl Parts {
    fn open(config: &Config, secrets: &Secrets, address: SocketAddr) -> Result<Self, StartError> {
        let folder: &Path = &config.data_dir;
        let vault = Vault::new(&secrets.secret_key)?.after(&config.previous_secret_keys)?;
        let store = Embedded::open(platform_embedded::Options::new(folder.to_owned(), vault))?;
        let public_url = config.public_url.as_ref().map_or_else(|| format!("http://{address}"), ToString::to_string);
        let public_url: Arc<str> = public_url.trim_end_matches('/').into();
        let identity = LocalIdentity::open(&folder.join("token-key"), &public_url)
            .map_err(|error| StartError::DataDir(folder.to_owned(), error))?;
        Ok(Self {
            store,
            clock: Arc::new(SystemClock),
            randomness: Arc::new(OsRandomness::new().map_err(|error| StartError::Randomness(Box::new(error)))?),
            identity,
            notices: LocalNotices::open(&folder.join("outbox"), config.smtp_url.as_ref())?,
            public_url,
        })
    }

    /// Every route of every service.
    fn app(
        &self,
        config: &Config,
        secrets: &Secrets,
        push: Sender,
        closing: watch::Receiver<bool>,
    ) -> Result<Router, StartError> {
        let edge = self.edge(config, secrets)?;
        let store = self.store.clone();
        let api = marketplace_api::Deps {
            edge: edge.clone(),
            allow_private_endpoints: config.allow_private_endpoints,
            sign_up: config.sign_up,
            readiness: Arc::new(move || {
                let store = store.clone();
                Box::pin(async move { store.check().await.map_err(|error| error.to_string()) })
            }),
        };
        let tests = EndpointTests { edge: edge.clone(), push };
        let ingest = status_ingest::Deps { edge: edge.clone(), max_wait: config.max_wait, closing };
        let accounts = Accounts {
            edge,
            identity: self.identity.clone(),
            notices: self.notices.clone(),
            public_url: self.public_url.clone(),
        };
        let rest = Router::new()
            .merge(marketplace_api::routes(api))
            .merge(marketplace_api::accounts::routes(accounts))
            .merge(marketplace_api::endpoint_tests::routes(tests))
            .merge(status_ingest::routes(ingest))
            .merge(operations::routes(self.store.clone()))
            // Never reached, since the wire is asked first: it tells the rest that the root can be posted to.
            .route("/", post(async || Problem::not_found()));
        let rest = finish(rest, self.clock.clone(), self.randomness.clone());
        // The wire answers in AWS's shape, errors and limits too.
        Ok(Router::new()
            .route_service("/", post_service(self.wire(secrets)).fallback_service(rest.clone()))
            .fallback_service(rest))
    }

    /// What AWS's own clients call.
    fn wire(&self, secrets: &Secrets) -> Router {
        aws_wire::app(aws_wire::Deps {
            sink: StoreSink(self.store.clone()),
            clock: self.clock.clone(),
            randomness: self.randomness.clone(),
            secret: secrets.events_secret.clone(),
        })
    }

    /// Who is calling, for all services alike.
    fn edge(&self, config: &Config, secrets: &Secrets) -> Result<Edge<Embedded>, StartError> {
        let expected =
            Expected { issuer: self.public_url.to_string(), audience: AUDIENCE.to_owned(), operator_group: None };
        Ok(Edge {
            store: self.store.clone(),
            clock: self.clock.clone(),
            randomness: self.randomness.clone(),
            operator_token: Some(OperatorToken::new(secrets.operator_token.expose_secret())),
            tokens: Arc::new(JwksVerifier::new(self.identity.key_set(), expected)?),
            rate_limit: config.rate_limit_per_second.map(|limit| Arc::new(RateLimiter::new(limit, limit))),
        })
    }

    fn consumers(&self) -> Vec<platform_embedded::bus::Consumer> {
        let router = request_router::Deps {
            store: self.store.clone(),
            clock: self.clock.clone(),
            bus: request_router::Bus::Ours,
            managed: request_router::Managed::Pushed,
        };
        let notifier = notifier::Deps::new(
            self.store.clone(),
            self.notices.clone(),
            self.clock.clone(),
            self.randomness.clone(),
            notifier::Config { public_url: self.public_url.clone() },
        );
        vec![consumers::router(router), consumers::notifier(notifier)]
    }
}
