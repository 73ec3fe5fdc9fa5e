//! Where the flows of `tests/it` are played here: each on a stack of its own.

use std::{any::type_name, time::Duration};

use marketplace_core::health::HealthRules;
use platform_embedded::bus::Mischief;
pub(crate) use tests::Stack as TestGateway;
use tests::stack::Deployment;

use crate::excuses;

/// How a stack is deployed, in the words of a gateway's configuration.
#[derive(Clone, Debug, Default)]
pub(crate) struct Setup(Deployment);

impl Setup {
    /// Sets the parameter that becomes this variable of the functions.
    pub(crate) fn variable(self, name: &str, value: &str) -> Self {
        match name {
            "MARKETPLACE_ALLOW_PRIVATE_ENDPOINTS" => Self(self.0.parameter("AllowPrivateEndpoints", value)),
            "MARKETPLACE_SIGNUP" => Self(self.0.parameter("SignUp", value)),
            // The emulator refuses what is no parameter of the template.
            other => Self(self.0.parameter(other, value)),
        }
    }

    /// Only flows with an excuse ask for it.
    pub(crate) fn attempt_timeout(self, _: Duration) -> Self {
        self
    }

    /// There it is as it is: flows take longer.
    pub(crate) fn health(self, _: HealthRules) -> Self {
        self
    }

    /// Only flows with an excuse ask for it.
    pub(crate) fn mischief(self, _: Option<Mischief>) -> Self {
        self
    }

    /// Deploys it.
    pub(crate) async fn start(self) -> TestGateway {
        self.0.start().await
    }
}

/// Plays a scenario on the stack.
pub(crate) async fn in_both_modes(scenario: impl AsyncFn(TestGateway)) {
    on_a_good_day(Setup::default(), scenario).await;
}

/// The same with a stack that is deployed in a special way.
pub(crate) async fn in_both_modes_with(setup: Setup, scenario: impl AsyncFn(TestGateway)) {
    on_a_good_day(setup, scenario).await;
}

/// Plays a scenario on the stack, unless the flow that it is in has an excuse.
pub(crate) async fn on_a_good_day<S: AsyncFn(TestGateway)>(setup: Setup, scenario: S) {
    // A closure's type is called after the function that it is in.
    if !excuses::has_one(type_name::<S>()) {
        scenario(setup.start().await).await;
    }
}
