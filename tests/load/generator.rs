//! A closed loop of callers: each sends its next request when it has the answer to the one before.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use anyhow::Context as _;
use tokio::task::{JoinHandle, JoinSet};

use crate::{http::Connection, ledger::Ledger, request::Template, thread::Thread};

/// A system under load: where it listens, and the credentials of those who call it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// Its address.
    pub(crate) address: SocketAddr,
    /// A header line for each user.
    pub(crate) credentials: Vec<String>,
    /// How many categories of requests there are.
    pub(crate) categories: u64,
}

impl Target {
    /// The requests of one of the users.
    ///
    /// # Errors
    /// There is no user.
    pub(crate) fn template(&self, caller: usize) -> anyhow::Result<Template> {
        let users = self.credentials.len().max(1);
        let credential = self.credentials.get(caller % users);
        Template::new(self.address, credential.context("a user")?, self.categories)
    }
}

/// A running load.
pub(crate) struct Load {
    stop: Arc<AtomicBool>,
    ended: JoinHandle<anyhow::Result<()>>,
}

impl Load {
    /// Starts it with a fixed number of callers, each with a connection that it keeps.
    pub(crate) fn start(thread: &Thread, target: Target, ledger: Arc<Ledger>, callers: usize) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let ended = thread.handle().spawn(all(target, ledger, callers, stop.clone()));
        Self { stop, ended }
    }

    /// Lets every caller get its last answer.
    ///
    /// # Errors
    /// A caller's connection failed at any time.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.store(true, Ordering::Relaxed);
        self.ended.await?
    }
}

async fn all(target: Target, ledger: Arc<Ledger>, callers: usize, stop: Arc<AtomicBool>) -> anyhow::Result<()> {
    let mut running = JoinSet::new();
    for caller in 0..callers {
        let template = target.template(caller)?;
        let connection = Connection::open(target.address).await?;
        running.spawn(one(connection, template, ledger.clone(), stop.clone()));
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    Ok(())
}

async fn one(
    mut connection: Connection,
    mut template: Template,
    ledger: Arc<Ledger>,
    stop: Arc<AtomicBool>,
) -> anyhow::Result<()> {
    while !stop.load(Ordering::Relaxed) {
        let Some(number) = ledger.next() else {
            anyhow::bail!("more requests were made than there is room for in the ledger");
        };
        let answer = connection.call(template.numbered(number)).await?;
        ledger.answered(number, answer.is_success());
    }
    Ok(())
}
