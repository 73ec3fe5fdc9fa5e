//! A route's API destination: the endpoint, and how fast it may be called.

use aws_sdk_eventbridge::{
    operation::describe_api_destination::DescribeApiDestinationOutput,
    types::{ApiDestinationHttpMethod, ApiDestinationState},
};

use super::{Managed, ManagedError, plan::Plan};

impl Managed {
    /// Makes the API destination what the plan says, and answers its ARN and whether anything changed.
    pub(super) async fn direct(&self, plan: &Plan, connection: &str) -> Result<(String, bool), ManagedError> {
        let name = plan.route.name();
        let describe = || self.events.describe_api_destination().name(&name).send();
        let action = "describe an API destination";
        let found = match self.calls.find(action, describe).await? {
            Some(found) => found,
            None => match self.create_destination(plan, &name, connection).await? {
                Some(arn) => return Ok((arn, true)),
                // Somebody else has created it meanwhile.
                None => self.calls.make(action, describe).await?,
            },
        };
        let changed = !is_as_planned(&found, plan, connection);
        if changed {
            self.update_destination(plan, &name, connection).await?;
        }
        Ok((found.api_destination_arn.ok_or(ManagedError::Incomplete(action))?, changed))
    }

    /// Removes the API destination; false if there was none.
    pub(super) async fn undirect(&self, name: &str) -> Result<bool, ManagedError> {
        let delete = || self.events.delete_api_destination().name(name).send();
        Ok(self.calls.find("delete an API destination", delete).await?.is_some())
    }

    /// None when there is one by now.
    async fn create_destination(
        &self,
        plan: &Plan,
        name: &str,
        connection: &str,
    ) -> Result<Option<String>, ManagedError> {
        let action = "create an API destination";
        let create = || {
            let create = self.events.create_api_destination().name(name).connection_arn(connection);
            create
                .invocation_endpoint(&plan.url)
                .http_method(ApiDestinationHttpMethod::Post)
                .invocation_rate_limit_per_second(plan.rate_per_second)
                .send()
        };
        let created = self.calls.create(action, create).await?;
        created.map(|created| created.api_destination_arn.ok_or(ManagedError::Incomplete(action))).transpose()
    }

    async fn update_destination(&self, plan: &Plan, name: &str, connection: &str) -> Result<(), ManagedError> {
        let update = || {
            let update = self.events.update_api_destination().name(name).connection_arn(connection);
            update
                .invocation_endpoint(&plan.url)
                .http_method(ApiDestinationHttpMethod::Post)
                .invocation_rate_limit_per_second(plan.rate_per_second)
                .send()
        };
        self.calls.make("update an API destination", update).await.map(|_| ())
    }
}

fn is_as_planned(found: &DescribeApiDestinationOutput, plan: &Plan, connection: &str) -> bool {
    found.connection_arn() == Some(connection)
        && found.invocation_endpoint() == Some(&plan.url)
        && found.http_method() == Some(&ApiDestinationHttpMethod::Post)
        && found.invocation_rate_limit_per_second() == Some(plan.rate_per_second)
        && found.api_destination_state() == Some(&ApiDestinationState::Active)
}
