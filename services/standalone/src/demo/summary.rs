//! The sums at the end, each computed in two ways from what the API answers, and compared with what the parties saw.

use std::{cmp::Reverse, collections::BTreeMap, sync::Arc};

use console::style;

use super::{
    answers::{CREATED, OfferAnswer, RequestAnswer},
    party::Party,
    screen::{Screen, WHO},
};

/// What became of the offers of a party, or of all.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
struct Sums {
    offers: usize,
    answered: usize,
    withdrawn: usize,
    expired: usize,
    dead: usize,
    open: usize,
    delivered: usize,
    attempts: usize,
    arrived: usize,
}

/// All sums, and what does not add up.
#[derive(Debug, Default)]
pub(super) struct Summary {
    requests: usize,
    ended: usize,
    by_status: BTreeMap<String, usize>,
    by_party: BTreeMap<String, Sums>,
    /// How often a timeline says that the user was told.
    told: usize,
    letters: Option<usize>,
    faults: Vec<String>,
}

impl Summary {
    /// Adds up the answers about all requests that were placed.
    pub(super) fn of<'a>(
        placed: usize,
        answers: impl Iterator<Item = &'a RequestAnswer>,
        parties: &[Arc<Party>],
    ) -> Self {
        let mut summary = Self { requests: placed, ..Self::default() };
        for answer in answers {
            summary.add(answer);
            for party in parties {
                summary.compare(answer, party);
            }
        }
        summary.check();
        summary
    }

    fn add(&mut self, answer: &RequestAnswer) {
        self.ended += usize::from(answer.has_reached_its_end());
        self.told += answer.entries("user.told").count();
        *self.by_status.entry(answer.status.clone()).or_default() += 1;
        for offer in &answer.offers {
            self.by_party.entry(offer.third_party.clone()).or_default().add(offer, answer);
        }
        let withdrawn = answer.offers.iter().filter(|offer| offer.status == "withdrawn").count();
        self.same(&answer.id, "offers", answer.offers.len(), answer.entries("offer.created").count());
        self.same(&answer.id, "withdrawn offers", withdrawn, answer.entries("offer.withdrawn").count());
    }

    fn same(&mut self, what: &str, of: &str, listed: usize, in_timeline: usize) {
        if listed != in_timeline {
            self.faults.push(format!("{what}: {listed} {of}, but {in_timeline} in its timeline"));
        }
    }

    /// What the gateway says of a party's offers is what the party saw.
    fn compare(&mut self, answer: &RequestAnswer, party: &Party) {
        let notes = party.notes();
        for offer in answer.offers.iter().filter(|offer| offer.third_party == party.role.id) {
            let id = &offer.delivery_id;
            if has_been_delivered(offer, answer) && !notes.offers.contains(id) {
                self.faults.push(format!("{id}: delivered, but {} never saw it", party.role.id));
            }
            let in_timeline = answer.entries("offer.answered").filter(|entry| entry.delivery_id == *id).count();
            let taken = notes.answered.iter().filter(|(delivery, _)| delivery == id).count();
            if in_timeline != taken {
                self.faults.push(format!("{id}: {taken} answers taken with 200, {in_timeline} in the timeline"));
            }
        }
    }

    /// Every time that the user was told, according to the timelines, there is a letter.
    pub(super) fn compare_letters(&mut self, letters: usize) {
        self.letters = Some(letters);
        if letters < self.told {
            self.faults.push(format!("the user was told {} times, by {letters} letters", self.told));
        }
    }

    fn check(&mut self) {
        let by_status: usize = self.by_status.values().sum();
        if by_status != self.requests {
            self.faults.push(format!("{} requests were placed, {by_status} are known", self.requests));
        }
        let whole = self.whole();
        for (who, sums) in self.by_party.iter().map(|(party, sums)| (party.as_str(), *sums)).chain([("all", whole)]) {
            if !sums.adds_up() {
                self.faults.push(format!("{who}: the offers do not add up: {sums:?}"));
            }
        }
    }

    fn whole(&self) -> Sums {
        self.by_party.values().fold(Sums::default(), Sums::plus)
    }

    /// Whether every request reached its end and every sum is right.
    pub(super) fn is_good(&self) -> bool {
        self.faults.is_empty() && self.ended == self.requests
    }

    fn statuses(&self) -> String {
        let mut statuses: Vec<_> = self.by_status.iter().collect();
        statuses.sort_by_key(|(_, count)| Reverse(**count));
        let terms: Vec<_> = statuses.iter().map(|(status, count)| format!("{count} {status}")).collect();
        terms.join(" + ")
    }

    /// Writes it.
    pub(super) fn show(&self, screen: &Screen) {
        screen.heading("Summary", "every number is read back from the API, and compared with what the parties saw");
        screen.line(&format!("\n{} requests = {}", self.requests, self.statuses()));
        self.table(screen, OFFERS_HEAD, Sums::offers_row);
        self.table(screen, DELIVERIES_HEAD, Sums::deliveries_row);
        if let Some(letters) = self.letters {
            screen.line(&format!("\nTheir user got {letters} e-mails about them."));
        }
        for fault in &self.faults {
            screen.line(&style(fault).red().to_string());
        }
        let verdict = if self.is_good() {
            style(format!("\nAll {} requests reached their end, and every sum adds up.", self.requests)).green()
        } else {
            style(format!(
                "\n{} of {} requests reached their end; {} sums are wrong.",
                self.ended,
                self.requests,
                self.faults.len()
            ))
            .red()
        };
        screen.line(&verdict.bold().to_string());
    }

    fn table(&self, screen: &Screen, head: &str, row: fn(&Sums, &str) -> String) {
        screen.line(&format!("\n{}", style(head).dim()));
        for (party, sums) in &self.by_party {
            screen.line(&row(sums, party));
        }
        screen.line(&style(row(&self.whole(), "all")).bold().to_string());
    }
}

/// Whether the party is known to have it: by an attempt, an acknowledgement or an answer.
fn has_been_delivered(offer: &OfferAnswer, answer: &RequestAnswer) -> bool {
    let about_it = |kind| answer.entries(kind).filter(|entry| entry.delivery_id == offer.delivery_id);
    offer.attempts.iter().any(|attempt| attempt.message == CREATED && attempt.outcome == "delivered")
        || about_it("message.delivered").any(|entry| entry.message == CREATED)
        || about_it("offer.answered").next().is_some()
}

impl Sums {
    fn add(&mut self, offer: &OfferAnswer, answer: &RequestAnswer) {
        self.offers += 1;
        self.answered += usize::from(offer.is_answered());
        self.open += usize::from(offer.is_open());
        match offer.status.as_str() {
            "withdrawn" => self.withdrawn += 1,
            "expired" => self.expired += 1,
            "failed" => self.dead += 1,
            _ => {}
        }
        self.delivered += usize::from(has_been_delivered(offer, answer));
        self.attempts += offer.attempts.len();
        self.arrived += offer.attempts.iter().filter(|attempt| attempt.outcome == "delivered").count();
    }

    fn plus(self, other: &Self) -> Self {
        Self {
            offers: self.offers + other.offers,
            answered: self.answered + other.answered,
            withdrawn: self.withdrawn + other.withdrawn,
            expired: self.expired + other.expired,
            dead: self.dead + other.dead,
            open: self.open + other.open,
            delivered: self.delivered + other.delivered,
            attempts: self.attempts + other.attempts,
            arrived: self.arrived + other.arrived,
        }
    }

    /// Every offer stands in exactly one way; what was answered had been delivered; what is dead had not.
    fn adds_up(&self) -> bool {
        self.offers == self.answered + self.withdrawn + self.expired + self.dead + self.open
            && (self.answered..=self.offers - self.dead).contains(&self.delivered)
            && self.arrived <= self.attempts
    }

    /// How the offers stand.
    fn offers_row(&self, name: &str) -> String {
        let Self { offers, answered, withdrawn, expired, dead, open, .. } = self;
        format!("{name:WHO$} {offers:>7} = {answered:>8} + {withdrawn:>9} + {expired:>7} + {dead:>4} + {open:>4}")
    }

    /// What it took to deliver them.
    fn deliveries_row(&self, name: &str) -> String {
        let Self { offers, delivered, attempts, arrived, .. } = self;
        let (undelivered, failed) = (offers - delivered, attempts - arrived);
        format!(
            "{name:WHO$} {offers:>7} = {delivered:>9} + {undelivered:>11}   {attempts:>8} = {arrived:>7} + {failed:>6}"
        )
    }
}

const OFFERS_HEAD: &str = "                 offers = answered + withdrawn + expired + dead + open";
const DELIVERIES_HEAD: &str = "                 offers = delivered + undelivered   attempts = arrived + failed";

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn answer(status: &str, offers: &[(&str, &str)], timeline: &Value) -> RequestAnswer {
        let offers: Vec<_> = offers
            .iter()
            .map(|(party, status)| json!({"delivery_id": format!("dlv_{party}"), "third_party": party, "status": status}))
            .collect();
        let answer = json!({"id": "req_1", "status": status, "request": {}, "offers": offers, "timeline": timeline});
        serde_json::from_value(answer).unwrap()
    }

    fn entry(kind: &str, party: &str) -> Value {
        let delivery = format!("dlv_{party}");
        json!({"at": "2026-01-02T12:00:00Z", "sequence": 1, "type": kind, "delivery_id": delivery, "third_party": party})
    }

    fn raced() -> RequestAnswer {
        let timeline =
            [("offer.created", "a"), ("offer.created", "b"), ("offer.answered", "a"), ("offer.withdrawn", "b")];
        let timeline = timeline.map(|(kind, party)| entry(kind, party));
        answer("completed", &[("a", "completed"), ("b", "withdrawn")], &json!(timeline))
    }

    #[test]
    fn every_offer_is_counted_once_and_what_ended_is_good() {
        let summary = Summary::of(1, [raced()].iter(), &[]);
        let whole = Sums { offers: 2, answered: 1, withdrawn: 1, delivered: 1, ..Sums::default() };
        assert_eq!(summary.whole(), whole);
        assert!(summary.is_good(), "{:?}", summary.faults);
    }

    #[test]
    fn a_request_that_is_lost_or_has_not_ended_is_not_good() {
        assert!(!Summary::of(2, [raced()].iter(), &[]).is_good());
        let waiting = answer("offered", &[("a", "pending")], &json!([entry("offer.created", "a")]));
        let summary = Summary::of(1, [waiting].iter(), &[]);
        assert_eq!((summary.faults.len(), summary.is_good()), (0, false));
    }

    #[test]
    fn a_list_and_a_timeline_that_differ_are_a_fault() {
        let untold = answer("declined", &[("a", "withdrawn")], &json!([entry("offer.created", "a")]));
        assert_eq!(Summary::of(1, [untold].iter(), &[]).faults, ["req_1: 1 withdrawn offers, but 0 in its timeline"]);
        let unheard = answer("odd", &[("a", "on-the-moon")], &json!([entry("offer.created", "a")]));
        assert_eq!(Summary::of(1, [unheard].iter(), &[]).faults.len(), 2, "neither a's offers nor all add up");
    }

    #[test]
    fn a_user_who_was_told_has_letters() {
        let mut told = raced();
        told.timeline.push(serde_json::from_value(entry("user.told", "a")).unwrap());
        let mut summary = Summary::of(1, [told].iter(), &[]);
        summary.compare_letters(1);
        assert!(summary.is_good());
        summary.compare_letters(0);
        assert!(!summary.is_good());
    }
}
