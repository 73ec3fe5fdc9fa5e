//! A small EventBridge: what its control plane stores, and the rules that bite those who call it carelessly.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_sdk_eventbridge::{
    Client,
    config::retry::RetryConfig,
    error::ErrorMetadata,
    operation::{
        create_api_destination::{CreateApiDestinationError, CreateApiDestinationOutput},
        create_connection::{CreateConnectionError, CreateConnectionInput, CreateConnectionOutput},
        create_event_bus::{CreateEventBusError, CreateEventBusOutput},
        delete_api_destination::{DeleteApiDestinationError, DeleteApiDestinationOutput},
        delete_connection::{DeleteConnectionError, DeleteConnectionOutput},
        delete_rule::{DeleteRuleError, DeleteRuleOutput},
        describe_api_destination::{DescribeApiDestinationError, DescribeApiDestinationOutput},
        describe_connection::{DescribeConnectionError, DescribeConnectionOutput},
        describe_event_bus::{DescribeEventBusError, DescribeEventBusOutput},
        describe_rule::{DescribeRuleError, DescribeRuleOutput},
        list_connections::{ListConnectionsError, ListConnectionsOutput},
        list_rules::{ListRulesError, ListRulesOutput},
        list_targets_by_rule::{ListTargetsByRuleError, ListTargetsByRuleOutput},
        put_rule::{PutRuleError, PutRuleOutput},
        put_targets::{PutTargetsError, PutTargetsOutput},
        remove_targets::{RemoveTargetsError, RemoveTargetsOutput},
        update_api_destination::{UpdateApiDestinationError, UpdateApiDestinationOutput},
        update_connection::{UpdateConnectionError, UpdateConnectionInput, UpdateConnectionOutput},
    },
    types::{
        ApiDestinationState, Connection, ConnectionApiKeyAuthResponseParameters, ConnectionAuthResponseParameters,
        ConnectionBasicAuthResponseParameters, ConnectionOAuthClientResponseParameters,
        ConnectionOAuthResponseParameters, ConnectionState, Rule as ListedRule, RuleState, Target,
    },
};
use aws_smithy_mocks::{MockResponse, RuleMode, mock, mock_client};

/// What is stored.
#[derive(Default)]
pub(super) struct World {
    pub(super) connections: BTreeMap<String, StoredConnection>,
    pub(super) destinations: BTreeMap<String, DescribeApiDestinationOutput>,
    /// By bus and name.
    pub(super) rules: BTreeMap<(String, String), StoredRule>,
    pub(super) buses: Vec<String>,
    /// Calls that changed something, in order.
    pub(super) changes: Vec<&'static str>,
    /// So many calls are still turned away, with this code.
    pub(super) faults: (usize, &'static str),
    /// After so many looks a connection is authorized.
    pub(super) looks: usize,
    /// Whether token endpoints refuse the credentials.
    pub(super) refuses: bool,
    made: usize,
}

#[derive(Clone)]
pub(super) struct StoredConnection {
    pub(super) shown: DescribeConnectionOutput,
    pub(super) secret: String,
    looks: usize,
}

#[derive(Clone, Debug)]
pub(super) struct StoredRule {
    pub(super) pattern: String,
    pub(super) state: RuleState,
    pub(super) targets: Vec<Target>,
}

type Code = &'static str;

const NOT_FOUND: Code = "ResourceNotFoundException";
const EXISTS: Code = "ResourceAlreadyExistsException";

fn meta(code: Code) -> ErrorMetadata {
    ErrorMetadata::builder().code(code).build()
}

fn text(option: Option<&str>) -> String {
    option.expect("a parameter that is required").to_owned()
}

impl World {
    fn admit(&mut self) -> Result<(), Code> {
        if self.faults.0 == 0 {
            return Ok(());
        }
        self.faults.0 -= 1;
        Err(self.faults.1)
    }

    fn arn(&mut self, kind: &str, name: &str) -> String {
        self.made += 1;
        format!("arn:aws:events:eu-west-1:123456789012:{kind}/{name}/{}", self.made)
    }

    fn state(&self) -> ConnectionState {
        match (self.looks, self.refuses) {
            (0, false) => ConnectionState::Authorized,
            (0, true) => ConnectionState::Deauthorized,
            _ => ConnectionState::Authorizing,
        }
    }

    fn create_connection(&mut self, input: &CreateConnectionInput) -> Result<(), Code> {
        let name = text(input.name());
        if self.connections.contains_key(&name) {
            return Err(EXISTS);
        }
        self.changes.push("create connection");
        let parameters = input.auth_parameters().expect("credentials");
        let (mut shown, mut secret) = (ConnectionAuthResponseParameters::builder(), String::new());
        if let Some(key) = parameters.api_key_auth_parameters() {
            let header = ConnectionApiKeyAuthResponseParameters::builder().api_key_name(key.api_key_name());
            (shown, secret) = (shown.api_key_auth_parameters(header.build()), key.api_key_value().to_owned());
        }
        if let Some(basic) = parameters.basic_auth_parameters() {
            let user = ConnectionBasicAuthResponseParameters::builder().username(basic.username());
            (shown, secret) = (shown.basic_auth_parameters(user.build()), basic.password().to_owned());
        }
        if let Some(oauth) = parameters.o_auth_parameters() {
            let client = oauth.client_parameters().expect("a client");
            let named = ConnectionOAuthClientResponseParameters::builder().client_id(client.client_id()).build();
            let with = ConnectionOAuthResponseParameters::builder()
                .authorization_endpoint(oauth.authorization_endpoint())
                .client_parameters(named)
                .set_o_auth_http_parameters(oauth.o_auth_http_parameters().cloned());
            (shown, secret) = (shown.o_auth_parameters(with.build()), client.client_secret().to_owned());
        }
        let shown = DescribeConnectionOutput::builder()
            .name(&name)
            .connection_arn(self.arn("connection", &name))
            .set_description(input.description().map(str::to_owned))
            .set_authorization_type(input.authorization_type().cloned())
            .auth_parameters(shown.build())
            .build();
        self.connections.insert(name, StoredConnection { shown, secret, looks: self.looks });
        Ok(())
    }

    fn update_connection(&mut self, input: &UpdateConnectionInput) -> Result<(), Code> {
        let (state, looks) = (self.state(), self.looks);
        let found = self.connections.get_mut(&text(input.name())).ok_or(NOT_FOUND)?;
        self.changes.push("update connection");
        let parameters = input.auth_parameters().expect("credentials");
        let mut shown = ConnectionAuthResponseParameters::builder();
        if let Some(key) = parameters.api_key_auth_parameters() {
            let header = ConnectionApiKeyAuthResponseParameters::builder().api_key_name(text(key.api_key_name()));
            (shown, found.secret) = (shown.api_key_auth_parameters(header.build()), text(key.api_key_value()));
        }
        if let Some(basic) = parameters.basic_auth_parameters() {
            let user = ConnectionBasicAuthResponseParameters::builder().username(text(basic.username()));
            (shown, found.secret) = (shown.basic_auth_parameters(user.build()), text(basic.password()));
        }
        if let Some(oauth) = parameters.o_auth_parameters() {
            let client = oauth.client_parameters().expect("a client");
            let named = ConnectionOAuthClientResponseParameters::builder().client_id(text(client.client_id()));
            let with = ConnectionOAuthResponseParameters::builder()
                .authorization_endpoint(text(oauth.authorization_endpoint()))
                .client_parameters(named.build())
                .set_o_auth_http_parameters(oauth.o_auth_http_parameters().cloned());
            (shown, found.secret) = (shown.o_auth_parameters(with.build()), text(client.client_secret()));
        }
        found.shown.description = input.description().map(str::to_owned);
        found.shown.authorization_type = input.authorization_type().cloned();
        found.shown.auth_parameters = Some(shown.build());
        found.shown.connection_state = Some(state);
        found.looks = looks;
        Ok(())
    }

    fn describe_connection(&mut self, name: &str) -> Result<DescribeConnectionOutput, Code> {
        let refuses = self.refuses;
        let found = self.connections.get_mut(name).ok_or(NOT_FOUND)?;
        let state = match (found.looks, refuses) {
            (0, false) => ConnectionState::Authorized,
            (0, true) => ConnectionState::Deauthorized,
            _ => ConnectionState::Authorizing,
        };
        found.looks = found.looks.saturating_sub(1);
        found.shown.connection_state = Some(state);
        found.shown.state_reason = refuses.then(|| "invalid_client".to_owned());
        Ok(found.shown.clone())
    }

    fn rule(&mut self, bus: Option<&str>, rule: Option<&str>) -> Result<&mut StoredRule, Code> {
        self.rules.get_mut(&(text(bus), text(rule))).ok_or(NOT_FOUND)
    }
}

/// A world and a client that lives in it.
#[derive(Clone)]
pub(super) struct Eventbridge(Arc<Mutex<World>>);

/// The mock of one operation, answered by the world.
macro_rules! operation {
    ($world:expr, $operation:path, $error:ty, |$state:ident, $input:ident| $answer:expr) => {{
        let world = $world.clone();
        mock!($operation).then_compute_response(move |$input| {
            let mut guard = world.look();
            let $state = &mut *guard;
            match $state.admit().and_then(|()| $answer) {
                Ok(output) => MockResponse::Output(output),
                Err(code) => MockResponse::Error(<$error>::generic(meta(code))),
            }
        })
    }};
}

impl Eventbridge {
    pub(super) fn new() -> Self {
        let world = World { buses: vec!["marketplace".to_owned()], ..World::default() };
        Self(Arc::new(Mutex::new(world)))
    }

    pub(super) fn look(&self) -> MutexGuard<'_, World> {
        self.0.lock().expect("nobody has panicked with it")
    }

    pub(super) fn client(&self) -> Client {
        let rules = [self.connections(), self.destinations(), self.rules(), self.targets(), self.buses()].concat();
        // The SDK's own retries would hide ours.
        let once = |config: aws_sdk_eventbridge::config::Builder| config.retry_config(RetryConfig::disabled());
        mock_client!(aws_sdk_eventbridge, RuleMode::MatchAny, &rules, once)
    }

    fn connections(&self) -> Vec<aws_smithy_mocks::Rule> {
        vec![
            operation!(self, Client::create_connection, CreateConnectionError, |world, input| {
                world.create_connection(input).map(|()| CreateConnectionOutput::builder().build())
            }),
            operation!(self, Client::update_connection, UpdateConnectionError, |world, input| {
                world.update_connection(input).map(|()| UpdateConnectionOutput::builder().build())
            }),
            operation!(self, Client::describe_connection, DescribeConnectionError, |world, input| {
                world.describe_connection(input.name().unwrap())
            }),
            operation!(self, Client::delete_connection, DeleteConnectionError, |world, input| {
                let gone = world.connections.remove(input.name().unwrap()).ok_or(NOT_FOUND);
                gone.map(|_| {
                    world.changes.push("delete connection");
                    DeleteConnectionOutput::builder().build()
                })
            }),
            operation!(self, Client::list_connections, ListConnectionsError, |world, input| {
                // Pages of one, so that whoever reads only the first is found out.
                let after = input.next_token().unwrap_or_default();
                let mut left = world.connections.keys().filter(|name| name.as_str() > after);
                let prefix = input.name_prefix().unwrap();
                let first = left.find(|name| name.starts_with(prefix)).cloned();
                let more = left.next().and(first.clone());
                let listed = first.map(|name| vec![Connection::builder().name(name).build()]);
                Ok(ListConnectionsOutput::builder().set_connections(listed).set_next_token(more).build())
            }),
        ]
    }

    fn destinations(&self) -> Vec<aws_smithy_mocks::Rule> {
        vec![
            operation!(self, Client::create_api_destination, CreateApiDestinationError, |world, input| {
                let name = text(input.name());
                if world.destinations.contains_key(&name) {
                    Err(EXISTS)
                } else {
                    world.changes.push("create destination");
                    let arn = world.arn("api-destination", &name);
                    let stored = DescribeApiDestinationOutput::builder()
                        .api_destination_arn(&arn)
                        .api_destination_state(ApiDestinationState::Active)
                        .connection_arn(text(input.connection_arn()))
                        .invocation_endpoint(text(input.invocation_endpoint()))
                        .set_http_method(input.http_method().cloned())
                        .set_invocation_rate_limit_per_second(input.invocation_rate_limit_per_second());
                    world.destinations.insert(name, stored.build());
                    Ok(CreateApiDestinationOutput::builder().api_destination_arn(arn).build())
                }
            }),
            operation!(self, Client::update_api_destination, UpdateApiDestinationError, |world, input| {
                let found = world.destinations.get_mut(input.name().unwrap()).ok_or(NOT_FOUND);
                found.map(|found| {
                    found.connection_arn = input.connection_arn().map(str::to_owned);
                    found.invocation_endpoint = input.invocation_endpoint().map(str::to_owned);
                    found.http_method = input.http_method().cloned();
                    found.invocation_rate_limit_per_second = input.invocation_rate_limit_per_second();
                    world.changes.push("update destination");
                    UpdateApiDestinationOutput::builder().build()
                })
            }),
            operation!(self, Client::describe_api_destination, DescribeApiDestinationError, |world, input| {
                world.destinations.get(input.name().unwrap()).cloned().ok_or(NOT_FOUND)
            }),
            operation!(self, Client::delete_api_destination, DeleteApiDestinationError, |world, input| {
                let gone = world.destinations.remove(input.name().unwrap()).ok_or(NOT_FOUND);
                gone.map(|_| {
                    world.changes.push("delete destination");
                    DeleteApiDestinationOutput::builder().build()
                })
            }),
        ]
    }

    fn rules(&self) -> Vec<aws_smithy_mocks::Rule> {
        vec![
            operation!(self, Client::put_rule, PutRuleError, |world, input| {
                let key = (text(input.event_bus_name()), text(input.name()));
                if world.buses.contains(&key.0) {
                    world.changes.push("put rule");
                    let targets = world.rules.get(&key).map(|rule| rule.targets.clone()).unwrap_or_default();
                    let (pattern, state) = (text(input.event_pattern()), input.state().unwrap().clone());
                    world.rules.insert(key, StoredRule { pattern, state, targets });
                    Ok(PutRuleOutput::builder().build())
                } else {
                    Err(NOT_FOUND)
                }
            }),
            operation!(self, Client::describe_rule, DescribeRuleError, |world, input| {
                world.rule(input.event_bus_name(), input.name()).map(|rule| {
                    let shown = DescribeRuleOutput::builder().event_pattern(&rule.pattern).state(rule.state.clone());
                    shown.build()
                })
            }),
            operation!(self, Client::delete_rule, DeleteRuleError, |world, input| {
                let key = (text(input.event_bus_name()), text(input.name()));
                if world.rules.get(&key).is_some_and(|rule| !rule.targets.is_empty()) {
                    Err("ValidationException")
                } else {
                    world.changes.push("delete rule");
                    world.rules.remove(&key);
                    Ok(DeleteRuleOutput::builder().build())
                }
            }),
            operation!(self, Client::list_rules, ListRulesError, |world, input| {
                let bus = text(input.event_bus_name());
                if world.buses.contains(&bus) {
                    let prefix = input.name_prefix().unwrap();
                    let names = world.rules.keys().filter(|key| key.0 == bus && key.1.starts_with(prefix));
                    let listed = names.map(|key| ListedRule::builder().name(&key.1).build()).collect();
                    Ok(ListRulesOutput::builder().set_rules(Some(listed)).build())
                } else {
                    Err(NOT_FOUND)
                }
            }),
        ]
    }

    fn targets(&self) -> Vec<aws_smithy_mocks::Rule> {
        vec![
            operation!(self, Client::list_targets_by_rule, ListTargetsByRuleError, |world, input| {
                let found = world.rule(input.event_bus_name(), input.rule());
                found.map(|rule| ListTargetsByRuleOutput::builder().set_targets(Some(rule.targets.clone())).build())
            }),
            operation!(self, Client::put_targets, PutTargetsError, |world, input| {
                let put = world.rule(input.event_bus_name(), input.rule()).map(|rule| {
                    rule.targets.retain(|old| input.targets().iter().all(|new| new.id() != old.id()));
                    rule.targets.extend_from_slice(input.targets());
                });
                put.map(|()| {
                    world.changes.push("put target");
                    PutTargetsOutput::builder().build()
                })
            }),
            operation!(self, Client::remove_targets, RemoveTargetsError, |world, input| {
                let removed = world
                    .rule(input.event_bus_name(), input.rule())
                    .map(|rule| rule.targets.retain(|old| !input.ids().contains(&old.id)));
                removed.map(|()| {
                    world.changes.push("remove target");
                    RemoveTargetsOutput::builder().build()
                })
            }),
        ]
    }

    fn buses(&self) -> Vec<aws_smithy_mocks::Rule> {
        let arn = |name: &str| format!("arn:aws:events:eu-west-1:123456789012:event-bus/{name}");
        vec![
            operation!(self, Client::describe_event_bus, DescribeEventBusError, |world, input| {
                let name = text(input.name());
                let found = world.buses.contains(&name).then_some(()).ok_or(NOT_FOUND);
                found.map(|()| DescribeEventBusOutput::builder().arn(arn(&name)).build())
            }),
            operation!(self, Client::create_event_bus, CreateEventBusError, |world, input| {
                let name = text(input.name());
                world.changes.push("create bus");
                world.buses.push(name.clone());
                Ok(CreateEventBusOutput::builder().event_bus_arn(arn(&name)).build())
            }),
        ]
    }
}
