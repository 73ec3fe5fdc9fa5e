//! A route's connection: the party's credentials, kept by EventBridge.

use std::time::Duration;

use aws_sdk_eventbridge::{operation::describe_connection::DescribeConnectionOutput, types::ConnectionState as State};
use data_encoding::HEXLOWER;
use marketplace_core::delivery::Auth;
use sha2::{Digest, Sha256};
use tokio::time::sleep;

use super::{Managed, ManagedError, auth, plan::Plan};

/// How often a connection is looked at while it is being authorized. The pause grows by half each time: half a minute
/// in all, of which a token endpoint may take as long as it likes.
const LOOKS: u32 = 12;

/// The first pause between two looks.
const FIRST_PAUSE: Duration = Duration::from_millis(200);

impl Managed {
    /// Makes the connection what the plan says and answers its ARN once it can be used, and whether anything changed.
    pub(super) async fn connect(&self, plan: &Plan) -> Result<(String, bool), ManagedError> {
        let name = plan.route.name();
        let changed = match self.look_up_connection(&name).await? {
            Some(found) if is_as_planned(&found, plan) => false,
            // Two changes of one party are reconciled side by side: what the other has created is updated.
            None if self.create_connection(plan, &name).await? => true,
            None | Some(_) => self.update_connection(plan, &name).await.map(|()| true)?,
        };
        Ok((self.authorized(&name).await?, changed))
    }

    /// Removes the connection; false if there was none.
    pub(super) async fn disconnect(&self, name: &str) -> Result<bool, ManagedError> {
        let delete = || self.events.delete_connection().name(name).send();
        Ok(self.calls.find("delete a connection", delete).await?.is_some())
    }

    async fn look_up_connection(&self, name: &str) -> Result<Option<DescribeConnectionOutput>, ManagedError> {
        self.calls.find("describe a connection", || self.events.describe_connection().name(name).send()).await
    }

    /// False when there is one by now.
    async fn create_connection(&self, plan: &Plan, name: &str) -> Result<bool, ManagedError> {
        let action = "create a connection";
        let parameters = auth::created(&plan.auth).map_err(|error| ManagedError::refused(action, error))?;
        let create = || {
            let create = self.events.create_connection().name(name).authorization_type(auth::kind(&plan.auth));
            create.description(description(plan)).auth_parameters(parameters.clone()).send()
        };
        Ok(self.calls.create(action, create).await?.is_some())
    }

    async fn update_connection(&self, plan: &Plan, name: &str) -> Result<(), ManagedError> {
        let update = || {
            let update = self.events.update_connection().name(name).authorization_type(auth::kind(&plan.auth));
            update.description(description(plan)).auth_parameters(auth::updated(&plan.auth)).send()
        };
        self.calls.make("update a connection", update).await.map(|_| ())
    }

    /// Waits until the connection can be used. An API destination may only be made then.
    async fn authorized(&self, name: &str) -> Result<String, ManagedError> {
        let action = "describe a connection";
        let mut reason = String::from("it takes too long");
        let mut pause = FIRST_PAUSE;
        for _ in 0..LOOKS {
            let found = self.look_up_connection(name).await?.ok_or(ManagedError::Incomplete(action))?;
            match found.connection_state() {
                Some(State::Authorized | State::Active) => {
                    return found.connection_arn.ok_or(ManagedError::Incomplete(action));
                }
                Some(State::Deauthorized | State::FailedConnectivity) => {
                    reason = found.state_reason.unwrap_or_else(|| "AWS does not say why".to_owned());
                    break;
                }
                _ => {}
            }
            sleep(pause).await;
            pause += pause / 2;
        }
        Err(ManagedError::NotAuthorized { name: name.to_owned(), reason })
    }
}

/// What tells whether the stored secret, and the scope that a token is asked for with, are those that the party has set.
fn description(plan: &Plan) -> String {
    let credential = format!("credential {}", plan.credential_mark);
    match &plan.auth {
        Auth::OauthClientCredentials { scope: Some(scope), .. } => {
            format!("{credential}, scope {}", HEXLOWER.encode(&Sha256::digest(scope)[..8]))
        }
        _ => credential,
    }
}

/// A connection that has lost its authorization is updated, too: that is how EventBridge is made to try again.
fn is_as_planned(found: &DescribeConnectionOutput, plan: &Plan) -> bool {
    found.authorization_type() == Some(&auth::kind(&plan.auth))
        && found.description() == Some(&description(plan))
        && auth::shows(found.auth_parameters(), &plan.auth)
        && !matches!(found.connection_state(), Some(State::Deauthorized | State::FailedConnectivity))
}
