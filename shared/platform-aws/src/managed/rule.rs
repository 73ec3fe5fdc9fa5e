//! Rules and their targets: a route's, and those by which the main bus forwards to the others.

use aws_sdk_eventbridge::types::{DeadLetterConfig, HttpParameters, RetryPolicy, RuleState, Target};

use super::{Managed, ManagedError, buses, plan};

/// The one target of a rule of ours.
const TARGET: &str = "target";

/// A rule with its one target.
pub(super) struct RulePlan<'a> {
    pub(super) bus: u16,
    pub(super) name: &'a str,
    pub(super) pattern: &'a str,
    pub(super) enabled: bool,
    pub(super) target: Target,
}

impl Managed {
    /// What a route's rule does with a delivery: posts the message, under the message's own id, and gives up what
    /// cannot be delivered to the dead-letter queue.
    pub(super) fn push_target(&self, plan: &plan::Plan, destination: &str) -> Result<Target, ManagedError> {
        let retry = RetryPolicy::builder()
            .maximum_event_age_in_seconds(plan.max_age_seconds)
            .maximum_retry_attempts(plan.max_attempts);
        let http = HttpParameters::builder()
            .header_parameters("webhook-id", "$.detail.message_id")
            .header_parameters("webhook-timestamp", "$.detail.message_timestamp");
        Target::builder()
            .id(TARGET)
            .arn(destination)
            .role_arn(&self.place.role_arn)
            .input_path("$.detail.message")
            .http_parameters(http.build())
            .retry_policy(retry.build())
            .dead_letter_config(self.dead_letters())
            .build()
            .map_err(|error| ManagedError::refused("describe a target", error))
    }

    /// Makes a bus other than the main one, with the rule that forwards to it.
    pub(super) async fn open_bus(&self, bus: u16) -> Result<(), ManagedError> {
        let action = "create a bus";
        let name = buses::name(bus);
        let describe = || self.events.describe_event_bus().name(&name).send();
        let arn = match self.calls.find("describe a bus", describe).await? {
            Some(found) => found.arn,
            None => self.calls.make(action, || self.events.create_event_bus().name(&name).send()).await?.event_bus_arn,
        };
        let target = Target::builder()
            .id(TARGET)
            .arn(arn.ok_or(ManagedError::Incomplete(action))?)
            .role_arn(&self.place.role_arn)
            .dead_letter_config(self.dead_letters())
            .build()
            .map_err(|error| ManagedError::refused("describe a target", error))?;
        let (name, pattern) = (format!("{}{bus}", buses::forwarding_prefix()), plan::forwarding_pattern(bus));
        self.rule(&RulePlan { bus: 0, name: &name, pattern: &pattern, enabled: true, target }).await.map(|_| ())
    }

    fn dead_letters(&self) -> DeadLetterConfig {
        DeadLetterConfig::builder().arn(&self.place.dead_letters_arn).build()
    }

    /// Makes a rule what the plan says; false if it was that already.
    pub(super) async fn rule(&self, plan: &RulePlan<'_>) -> Result<bool, ManagedError> {
        let bus = buses::name(plan.bus);
        let state = if plan.enabled { RuleState::Enabled } else { RuleState::Disabled };
        let describe = || self.events.describe_rule().event_bus_name(&bus).name(plan.name).send();
        let found = self.calls.find("describe a rule", describe).await?;
        let stale = found.is_none_or(|rule| rule.state() != Some(&state) || rule.event_pattern() != Some(plan.pattern));
        if stale {
            let put = || {
                let put = self.events.put_rule().event_bus_name(&bus).name(plan.name);
                put.event_pattern(plan.pattern).state(state.clone()).send()
            };
            self.calls.make("put a rule", put).await?;
        }
        Ok(self.aim(&bus, plan.name, &plan.target).await? || stale)
    }

    /// Makes a target the only one of its rule; false if it was that already.
    async fn aim(&self, bus: &str, rule: &str, target: &Target) -> Result<bool, ManagedError> {
        let targets = self.targets(bus, rule).await?;
        let (same, other): (Vec<_>, Vec<_>) = targets.iter().partition(|found| *found == target);
        if same.is_empty() {
            let put = || self.events.put_targets().event_bus_name(bus).rule(rule).targets(target.clone()).send();
            let put = self.calls.make("put a target", put).await?;
            refused("put a target", put.failed_entries().first().and_then(|failed| failed.error_code()))?;
        }
        let strays: Vec<String> = other.iter().map(|found| found.id().to_owned()).filter(|id| id != TARGET).collect();
        self.remove_targets(bus, rule, &strays).await?;
        Ok(same.is_empty() || !strays.is_empty())
    }

    /// Removes a rule with its targets; false if there was none.
    pub(super) async fn remove_rule(&self, bus: u16, rule: &str) -> Result<bool, ManagedError> {
        let bus = buses::name(bus);
        let describe = || self.events.describe_rule().event_bus_name(&bus).name(rule).send();
        if self.calls.find("describe a rule", describe).await?.is_none() {
            return Ok(false);
        }
        let targets = self.targets(&bus, rule).await?;
        let ids: Vec<String> = targets.iter().map(|target| target.id().to_owned()).collect();
        self.remove_targets(&bus, rule, &ids).await?;
        let delete = || self.events.delete_rule().event_bus_name(&bus).name(rule).send();
        self.calls.find("delete a rule", delete).await?;
        Ok(true)
    }

    /// A rule's targets, of which AWS allows five.
    async fn targets(&self, bus: &str, rule: &str) -> Result<Vec<Target>, ManagedError> {
        let list = || self.events.list_targets_by_rule().event_bus_name(bus).rule(rule).send();
        let found = self.calls.find("list a rule's targets", list).await?;
        Ok(found.and_then(|found| found.targets).unwrap_or_default())
    }

    async fn remove_targets(&self, bus: &str, rule: &str, ids: &[String]) -> Result<(), ManagedError> {
        if ids.is_empty() {
            return Ok(());
        }
        let action = "remove a target";
        let remove = || {
            let remove = self.events.remove_targets().event_bus_name(bus).rule(rule);
            remove.set_ids(Some(ids.to_vec())).send()
        };
        let removed = self.calls.find(action, remove).await?;
        let failed = removed.as_ref().and_then(|removed| removed.failed_entries().first());
        refused(action, failed.and_then(|failed| failed.error_code()))
    }
}

/// `PutTargets` and `RemoveTargets` answer 200 with what failed in it.
fn refused(action: &'static str, code: Option<&str>) -> Result<(), ManagedError> {
    code.map_or(Ok(()), |code| Err(ManagedError::Refused { action, source: code.to_owned().into() }))
}
