//! The managed transport: EventBridge itself calls the third parties, and this makes it do so.
//!
//! For every party environment that wants managed pushes there is a [`Route`]: a connection (the credentials), an API
//! destination (the endpoint and its rate) and a rule (which deliveries go there). [`Plan`] says what it should look
//! like, [`Managed::reconcile`] makes it so, whatever it finds: doing it twice is doing it once, and what somebody
//! changed by hand is put right.
//!
//! There is one dead-letter queue for all routes, and not one for each. Its policy admits `events.amazonaws.com` for
//! rules named by [`Route::prefix`] (`aws:SourceArn` like `arn:aws:events:<region>:<account>:rule/marketplace*/
//! marketplace-to-*`), so it is written once with the rest of the stack and nothing has to be granted at run time. Each
//! dead letter says in its attributes which rule it comes from, and one function records them all; ten thousand queues
//! would be ten thousand things to poll.

mod auth;
pub mod buses;
mod calls;
mod connection;
mod destination;
mod plan;
mod route;
mod rule;
mod spread;
#[cfg(test)]
pub(crate) mod tests;

use std::{
    collections::{BTreeSet, HashSet},
    sync::Arc,
};

use aws_sdk_eventbridge::Client;
use marketplace_core::ports::Randomness;
use tokio::sync::Mutex;

use self::{buses::Buses, calls::Calls, rule::RulePlan};
pub use self::{calls::ManagedError, plan::Plan, route::Route, spread::Spread};

/// What all routes have in common.
#[derive(Clone, Debug)]
pub struct Place {
    /// The role with which EventBridge calls API destinations and forwards to other buses.
    pub role_arn: String,
    /// The queue that takes what could not be delivered.
    pub dead_letters_arn: String,
    /// Over how many buses the routes are spread.
    pub buses: Buses,
}

/// Makes routes and takes them away.
pub struct Managed {
    events: Client,
    place: Place,
    calls: Calls,
    /// Buses that are known to exist, with what forwards to them.
    open: Mutex<HashSet<u16>>,
}

impl Managed {
    /// In the account and region of this client.
    #[must_use]
    pub fn new(events: Client, place: Place, randomness: Arc<dyn Randomness>) -> Self {
        Self { events, place, calls: Calls::new(randomness), open: Mutex::new(HashSet::new()) }
    }

    /// Makes a route what its plan says, or removes what there is of it when there is no plan. Answers whether
    /// anything had to be changed.
    ///
    /// # Errors
    /// [`ManagedError`]; what is done is done, and the next call goes on from there.
    pub async fn reconcile(&self, route: &Route, plan: Option<&Plan>) -> Result<bool, ManagedError> {
        match plan {
            Some(plan) => self.build(plan).await,
            None => self.remove(route).await,
        }
    }

    async fn build(&self, plan: &Plan) -> Result<bool, ManagedError> {
        self.open(plan.bus).await?;
        let (connection, connected) = self.connect(plan).await?;
        let (destination, directed) = self.direct(plan, &connection).await?;
        let target = self.push_target(plan, &destination)?;
        let name = plan.route.name();
        let rule = RulePlan { bus: plan.bus, name: &name, pattern: &plan.pattern, enabled: plan.enabled, target };
        let ruled = self.rule(&rule).await?;
        // Only now, so that no delivery falls between two buses; one that goes by both is one message.
        let moved = self.remove_rules(&plan.route, self.place.buses.before(&plan.route)).await?;
        Ok(connected || directed || ruled || moved)
    }

    /// From the rule to the credentials, so that nothing is ever sent by half a route.
    async fn remove(&self, route: &Route) -> Result<bool, ManagedError> {
        let mut buses = self.place.buses.before(route);
        buses.push(self.place.buses.of(route));
        let ruled = self.remove_rules(route, buses).await?;
        let name = route.name();
        let directed = self.undirect(&name).await?;
        let connected = self.disconnect(&name).await?;
        Ok(ruled || directed || connected)
    }

    async fn remove_rules(&self, route: &Route, buses: Vec<u16>) -> Result<bool, ManagedError> {
        let mut removed = false;
        for bus in buses {
            removed |= self.remove_rule(bus, &route.name()).await?;
        }
        Ok(removed)
    }

    async fn open(&self, bus: u16) -> Result<(), ManagedError> {
        let mut open = self.open.lock().await;
        if bus > 0 && !open.contains(&bus) {
            self.open_bus(bus).await?;
            open.insert(bus);
        }
        Ok(())
    }

    /// Every route of which there is anything: what a full pass has to look at besides the parties that want one.
    ///
    /// # Errors
    /// [`ManagedError`] when AWS does not list it.
    pub async fn existing(&self) -> Result<BTreeSet<Route>, ManagedError> {
        let prefix = Route::prefix();
        let mut names = BTreeSet::new();
        let mut token = None;
        loop {
            let list = || self.events.list_connections().name_prefix(&prefix).set_next_token(token.clone()).send();
            let page = self.calls.make("list connections", list).await?;
            names.extend(page.connections().iter().filter_map(|found| found.name().and_then(Route::of_name)));
            token = page.next_token;
            if token.is_none() {
                break;
            }
        }
        for bus in std::iter::once(0).chain(self.place.buses.others()) {
            names.extend(self.rules_of(bus, &prefix).await?);
        }
        Ok(names)
    }

    async fn rules_of(&self, bus: u16, prefix: &str) -> Result<BTreeSet<Route>, ManagedError> {
        let bus = buses::name(bus);
        let mut names = BTreeSet::new();
        let mut token = None;
        loop {
            let list = || {
                let list = self.events.list_rules().event_bus_name(&bus).name_prefix(prefix);
                list.set_next_token(token.clone()).send()
            };
            // A bus that nobody has needed yet does not exist.
            let Some(page) = self.calls.find("list rules", list).await? else {
                return Ok(names);
            };
            names.extend(page.rules().iter().filter_map(|found| found.name().and_then(Route::of_name)));
            token = page.next_token;
            if token.is_none() {
                return Ok(names);
            }
        }
    }
}
