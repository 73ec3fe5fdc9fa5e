//! What a party has set in one of its environments.

use super::{AcceptanceClock, fields, route};
use crate::{
    certification::Certification, delivery::DeliverySettings, health::Failing, mapping::Mapping, pattern::Pattern,
};

/// What a party has set in one environment.
#[derive(Clone, Debug)]
pub struct EnvironmentSettings {
    /// Whether the party may use it. Parties that an operator made are open in every environment.
    pub open: bool,
    /// Whether an operator closed it, so that only an operator opens it.
    pub shut: bool,
    /// Why nothing is pushed here for now, if so.
    pub paused: Option<String>,
    /// Narrows the scope; none means addressed requests only.
    pub filter: Option<Pattern>,
    /// What its contact was told of attempts that do nothing but fail, until one succeeds or it is resumed.
    pub failing: Option<Failing>,
    /// How offers get to it.
    pub delivery: DeliverySettings,
    /// Whether the managed transport has a route that is made of these settings ([`concerns_routes`](super::concerns_routes)).
    pub route: bool,
    /// How long the party may take to answer; none: as long as offers wait in its inbox.
    pub acceptance: Vec<AcceptanceClock>,
    /// Its own names for what messages and answers say; none: ours.
    pub mapping: Option<Box<Mapping>>,
    /// Its newest certification; in `test` alone.
    pub certification: Option<Box<Certification>>,
}

impl EnvironmentSettings {
    /// An environment that is open, with nothing set: addressed requests only, into the inbox.
    #[must_use]
    pub fn new() -> Self {
        Self {
            open: true,
            shut: false,
            paused: None,
            filter: None,
            failing: None,
            delivery: DeliverySettings::Poll,
            route: false,
            acceptance: Vec::new(),
            mapping: None,
            certification: None,
        }
    }

    /// The names of what has changed.
    pub(super) fn set_filter(&mut self, filter: Option<&Pattern>) -> Vec<String> {
        self.filter = filter.cloned();
        vec!["filter".to_owned()]
    }

    /// The names of what has changed.
    pub(super) fn set_mapping(&mut self, mapping: Option<Box<Mapping>>) -> Vec<String> {
        self.mapping = mapping;
        vec![route::MAPPING.to_owned()]
    }

    /// Keys that sign already stay; another endpoint has not been failing. The names of what has changed.
    pub(super) fn set_delivery(&mut self, delivery: &DeliverySettings) -> Vec<String> {
        let elsewhere = !delivery.new_origins(&self.delivery).is_empty();
        if !delivery.goes_where(&self.delivery) {
            self.failing = None;
        }
        self.delivery = delivery.clone().replacing(&self.delivery);
        let fields = [(true, route::DELIVERY), (elsewhere, fields::ORIGIN)];
        fields.into_iter().filter(|(changed, _)| *changed).map(|(_, field)| field.to_owned()).collect()
    }

    /// Pushes are made again, and what its contact was told is over.
    pub(super) fn resume(&mut self) {
        self.paused = None;
        self.failing = None;
    }
}

impl Default for EnvironmentSettings {
    fn default() -> Self {
        Self::new()
    }
}
