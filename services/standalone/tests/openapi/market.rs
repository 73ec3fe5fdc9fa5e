//! A gateway with one caller of each kind.

use serde_json::json;
use tests::{Caller, TestGateway, gateway::Setup};

/// The names of the credentials in the description, AWS's signature apart.
pub(crate) const CREDENTIALS: [&str; 3] = ["operatorToken", "thirdPartyKey", "userToken"];

/// A running gateway and who calls it.
pub(crate) struct Market {
    pub(crate) gateway: TestGateway,
    third_party: Caller,
    user: Caller,
}

impl Market {
    pub(crate) async fn start() -> Self {
        // Nobody here waits for what does not come.
        let gateway = Setup::default().variable("MARKETPLACE_MAX_WAIT_SECONDS", "0").start().await;
        let party = gateway.join("some-party").await;
        let user = gateway.register().await;
        Self { third_party: party.api, user: user.api, gateway }
    }

    /// Whoever has this credential.
    pub(crate) fn caller(&self, credential: &str) -> &Caller {
        match credential {
            "operatorToken" => &self.gateway.operator,
            "thirdPartyKey" => &self.third_party,
            "userToken" => &self.user,
            other => panic!("nobody has a {other}"),
        }
    }

    /// Somebody who may call an operation: the first whom it names, or anyone.
    pub(crate) fn entitled(&self, credentials: &[&str]) -> &Caller {
        credentials.first().map_or(&self.gateway.anyone, |credential| self.caller(credential))
    }

    /// Lets the third party of the examples in, so that calls about it find it.
    pub(crate) async fn with_the_examples_parties(self) -> Self {
        let body = json!({ "id": "3rdparty1", "name": "Books", "contact_email": "dev@books.example" });
        self.gateway.operator.post("/v1/third-parties", body).await.must_be(201);
        self
    }
}
