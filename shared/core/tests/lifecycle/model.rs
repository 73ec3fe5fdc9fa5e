//! A store in a few lines: one request in memory, to which commands are done as every platform does them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use event_schema::{
    id::{DeliveryId, RequestId},
    words::MessageType,
};
use marketplace_core::{
    command::{Change, Command, Decision, MAX_ROWS, Needs, Refusal},
    fact::JournalEntry,
    offer::Offer,
    publish::{About, Happened},
    request::{Aggregate, Head},
};

/// Whether a platform knows of the pushes that are on the wire.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wire {
    /// It does, and loads their offers as told (one machine).
    Known,
    /// It does not: it learns of a push when its attempt is recorded.
    Unknown,
}

/// One request, as a store has it.
#[derive(Clone, Debug)]
pub(crate) struct Model {
    pub(crate) id: RequestId,
    pub(crate) wire: Wire,
    pub(crate) head: Option<Head>,
    pub(crate) detail: Option<Arc<str>>,
    pub(crate) offers: BTreeMap<DeliveryId, Offer>,
    pub(crate) journal: Vec<JournalEntry>,
    pub(crate) notices: BTreeSet<(u64, &'static str)>,
    pub(crate) on_the_wire: BTreeMap<DeliveryId, MessageType>,
}

impl Model {
    pub(crate) fn new(id: RequestId, wire: Wire) -> Self {
        Self {
            id,
            wire,
            head: None,
            detail: None,
            offers: BTreeMap::new(),
            journal: vec![],
            notices: BTreeSet::new(),
            on_the_wire: BTreeMap::new(),
        }
    }

    /// What a command has asked for, and nothing else: one that looks at more finds it missing.
    fn load(&self, needs: &Needs) -> Aggregate {
        let wanted = |offer: &&Offer| match needs {
            Needs::Head => false,
            Needs::OfferAlone(id) => offer.delivery_id == *id,
            Needs::Offers(ids) => ids.contains(&offer.delivery_id),
            Needs::PartyOffers(party, environment) => offer.party == *party && offer.environment == *environment,
            Needs::AllOffers => true,
        };
        let mut offers: Vec<Offer> = self.offers.values().filter(wanted).cloned().collect();
        if self.wire == Wire::Known {
            offers.iter_mut().for_each(|offer| offer.told |= self.on_the_wire.contains_key(&offer.delivery_id));
        }
        let head = if matches!(needs, Needs::OfferAlone(_)) { None } else { self.head.clone() };
        Aggregate { head, offers }
    }

    /// Lets a command decide, without writing.
    pub(crate) fn decide<C: Command>(&self, command: &C) -> Result<Decision<C::Reply>, Refusal> {
        assert_eq!(command.request(), self.id, "a command for another request");
        let decided = command.decide(&self.load(&command.needs()));
        if let Ok(decision) = &decided {
            assert!(decision.change.rows() <= MAX_ROWS, "{} rows", decision.change.rows());
        }
        decided
    }

    /// Lets a command decide, and writes what it decided.
    pub(crate) fn apply<C: Command>(&mut self, command: &C) -> Result<C::Reply, Refusal> {
        let Decision { change, reply } = self.decide(command)?;
        self.write(change, command);
        Ok(reply)
    }

    fn write(&mut self, change: Change, command: &impl Command) {
        if let Some(notice) = change.notice
            && !self.notices.insert(notice)
        {
            return;
        }
        if let Some(body) = change.body {
            assert!(self.detail.is_none(), "a body is written once");
            self.detail = Some(body);
        }
        self.head = change.head.or(self.head.take());
        let ids: BTreeSet<_> = change.offers.iter().map(|offer| offer.delivery_id).collect();
        assert_eq!(ids.len(), change.offers.len(), "an offer is written once in a change");
        self.offers.extend(change.offers.into_iter().map(|offer| (offer.delivery_id, offer)));
        for fact in change.facts {
            self.journal.push(JournalEntry {
                sequence: self.journal.len() as u64 + 1,
                request: Some(self.id),
                at: command.at(),
                cause: change.cause,
                fact,
            });
        }
    }

    /// Panics if writing this would make a difference.
    pub(crate) fn assert_unchanged_by(&self, change: &Change) {
        if change.notice.is_some_and(|notice| self.notices.contains(&notice)) {
            return;
        }
        assert!(change.head.is_none() && change.body.is_none() && change.notice.is_none(), "{change:?}");
        assert!(change.facts.is_empty() && change.attempt.is_none(), "{change:?}");
        for offer in &change.offers {
            assert_eq!(self.offers.get(&offer.delivery_id), Some(offer));
        }
    }

    /// The offers as commands and readers get them.
    pub(crate) fn offers(&self) -> Vec<Offer> {
        self.offers.values().cloned().collect()
    }

    /// The journal with all that events are made of.
    pub(crate) fn happened(&self) -> impl Iterator<Item = Happened> {
        let about =
            self.head.as_ref().map(|head| About { user_id: head.user_id.clone(), environment: head.environment });
        self.journal.iter().map(move |entry| Happened {
            entry: entry.clone(),
            request: about.clone(),
            detail: self.detail.clone(),
        })
    }
}
