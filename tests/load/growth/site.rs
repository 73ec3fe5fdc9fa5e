//! A gateway with a store of some size, and the calls whose times are compared.

use std::time::{Duration, Instant};

use ::tests::{Party, User};
use anyhow::Context as _;
use serde_json::Value;

use super::fill::Stored;
use crate::{generator::Target, http::Connection, ledger::Ledger, people, process::Gateway, request};

/// What is timed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Operation {
    Create,
    List,
    ListFromTheMiddle,
    Timeline,
    Lease,
}

impl Operation {
    pub(super) const ALL: [Self; 5] = [Self::Create, Self::List, Self::ListFromTheMiddle, Self::Timeline, Self::Lease];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::List => "listing, first page",
            Self::ListFromTheMiddle => "listing, a page in the middle",
            Self::Timeline => "timeline",
            Self::Lease => "inbox lease",
        }
    }
}

/// One of the gateways that are compared.
pub(super) struct Site {
    /// The process.
    pub(super) gateway: Gateway,
    connection: Connection,
    target: Target,
    poller: String,
    stored: Vec<Stored>,
}

impl Site {
    /// Connects to a gateway.
    pub(super) async fn new(
        gateway: Gateway,
        users: &[User],
        poller: &Party,
        stored: Vec<Stored>,
    ) -> anyhow::Result<Self> {
        let connection = Connection::open(gateway.server.address).await?;
        let target = people::target(&gateway, users, 1)?;
        Ok(Self { gateway, connection, target, poller: format!("x-api-key: {}", poller.key), stored })
    }

    /// Does something once and tells how long it took.
    pub(super) async fn time(
        &mut self,
        operation: Operation,
        sample: usize,
        ledger: &Ledger,
    ) -> anyhow::Result<Duration> {
        let call = self.call(operation, sample, ledger)?;
        let began = Instant::now();
        let answer = self.connection.call(&call).await?;
        let time = began.elapsed();
        let text = String::from_utf8_lossy(answer.body);
        anyhow::ensure!(answer.is_success(), "{}: {} {text}", operation.name(), answer.status);
        if operation == Operation::Lease {
            let answer = serde_json::from_str(&text)?;
            self.release(&answer).await?;
        }
        Ok(time)
    }

    fn call(&self, operation: Operation, sample: usize, ledger: &Ledger) -> anyhow::Result<Vec<u8>> {
        // Far apart from one to the next, and the same at every site.
        let place = sample * 7_919 % self.stored.len();
        let Stored { user, id } = self.stored[place];
        match operation {
            Operation::Create => {
                let number = ledger.next().context("room in the ledger")?;
                Ok(self.target.template(sample)?.numbered(number).to_vec())
            }
            Operation::List => self.get(user, "/v1/requests"),
            Operation::ListFromTheMiddle => self.get(user, &format!("/v1/requests?cursor={id}")),
            Operation::Timeline => self.get(user, &format!("/v1/requests/{id}")),
            Operation::Lease => Ok(self.inbox("lease", r#"{"max":1}"#)),
        }
    }

    fn get(&self, user: usize, path: &str) -> anyhow::Result<Vec<u8>> {
        let credential = self.target.credentials.get(user).context("a user")?;
        Ok(request::call("GET", path, self.target.address, credential, ""))
    }

    fn inbox(&self, what: &str, body: &str) -> Vec<u8> {
        request::call("POST", &format!("/v1/inbox/{what}"), self.target.address, &self.poller, body)
    }

    /// Gives back what was leased, so that there is as much to lease the next time.
    async fn release(&mut self, leased: &Value) -> anyhow::Result<()> {
        let delivery = leased["offers"][0]["delivery_id"].as_str().context("nothing was leased")?;
        let call = self.inbox("release", &format!(r#"{{"delivery_ids":["{delivery}"]}}"#));
        let answer = self.connection.call(&call).await?;
        anyhow::ensure!(answer.is_success(), "release: {}", answer.status);
        Ok(())
    }
}
