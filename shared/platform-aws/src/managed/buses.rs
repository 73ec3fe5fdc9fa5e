//! How parties are spread over buses: a bus has room for 300 rules, and every route is one.
//!
//! With one bus, all routes are rules of the bus `marketplace`. With more, routes are spread over it and
//! `marketplace-1`, `marketplace-2`, ...: the main bus forwards to each of them the deliveries that are theirs. Which
//! those are cannot be said in a pattern over party ids, so [`Spread`](super::Spread) names the bus in the `resources`
//! of every delivery that is published, and the forwarding rule looks at that.
//!
//! The spread is a jump consistent hash (Lamping and Veach, 2014) of the route's name. The main bus has one share and
//! the others two each, because it also holds our own rules and a forwarding rule for every other bus. When the number
//! grows, routes move to the new buses only; it must never shrink.

use std::num::NonZeroU16;

use event_schema::names::BUS;
use sha2::{Digest, Sha256};

use super::route::Route;

/// Routes that one share is meant for: a bus with two shares then stays under its 300 rules, however chance falls.
pub const ROUTES_PER_SHARE: usize = 110;

/// How many buses there are, the main one among them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Buses(NonZeroU16);

impl Buses {
    /// Only the bus `marketplace`.
    pub const ONE: Self = Self(NonZeroU16::MIN);

    /// So many buses.
    #[must_use]
    pub fn new(count: NonZeroU16) -> Self {
        Self(count)
    }

    /// The bus that holds a route's rule: 0 is the main one.
    #[must_use]
    pub fn of(self, route: &Route) -> u16 {
        bus_of_share(jump(hash(route), self.shares()))
    }

    /// The buses that held the route's rule when there were fewer, each once.
    #[must_use]
    pub fn before(self, route: &Route) -> Vec<u16> {
        let now = self.of(route);
        let fewer = (1..self.0.get()).filter_map(NonZeroU16::new);
        let mut before: Vec<u16> = fewer.map(|fewer| Self(fewer).of(route)).collect();
        before.dedup();
        before.retain(|bus| *bus != now);
        before
    }

    /// The numbers of all buses but the main one.
    pub fn others(self) -> impl Iterator<Item = u16> {
        1..self.0.get()
    }

    fn shares(self) -> u32 {
        2 * u32::from(self.0.get()) - 1
    }
}

/// A bus's name: `marketplace`, `marketplace-1`, ...
#[must_use]
pub fn name(bus: u16) -> String {
    if bus == 0 { BUS.to_owned() } else { format!("{BUS}-{bus}") }
}

/// What the names of the rules on the main bus that forward to the others begin with; the bus's number follows.
pub(super) fn forwarding_prefix() -> String {
    format!("{BUS}-forward-")
}

/// Share 0 is the main bus's; 1 and 2 are the first other's, 3 and 4 the second's.
fn bus_of_share(share: u32) -> u16 {
    u16::try_from(share.div_ceil(2)).unwrap_or(u16::MAX)
}

fn hash(route: &Route) -> u64 {
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&Sha256::digest(route.name())[..8]);
    u64::from_be_bytes(bytes)
}

/// The algorithm of the paper, to the letter.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "as published"
)]
fn jump(mut key: u64, buckets: u32) -> u32 {
    let (mut bucket, mut next) = (0_u64, 0_u64);
    while next < u64::from(buckets) {
        bucket = next;
        key = key.wrapping_mul(2_862_933_555_777_941_757).wrapping_add(1);
        next = ((bucket + 1) as f64 * ((1_u64 << 31) as f64 / ((key >> 33) + 1) as f64)) as u64;
    }
    u32::try_from(bucket).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use event_schema::id::Environment;

    use super::*;

    fn buses(count: u16) -> Buses {
        Buses::new(NonZeroU16::new(count).unwrap())
    }

    fn routes(count: usize) -> Vec<Route> {
        let route = |number: usize| Route {
            party: format!("party-{}", number / 2).parse().unwrap(),
            environment: Environment::ALL[number % 2],
        };
        (0..count).map(route).collect()
    }

    #[test]
    fn one_bus_holds_all() {
        assert!(routes(300).iter().all(|route| Buses::ONE.of(route) == 0 && Buses::ONE.before(route).is_empty()));
        assert_eq!((name(0).as_str(), name(7).as_str()), ("marketplace", "marketplace-7"));
    }

    /// Ten thousand parties with two environments each, at the fullest that the buses are meant to be.
    #[test]
    fn no_bus_has_more_rules_than_it_may() {
        /// Rules of ours on the main bus.
        const OURS: usize = 20;
        for count in [2, 10, 50, 92] {
            let mut rules = vec![0; usize::from(count)];
            for route in routes(ROUTES_PER_SHARE * (2 * usize::from(count) - 1)) {
                rules[usize::from(buses(count).of(&route))] += 1;
            }
            rules[0] += usize::from(count) - 1 + OURS;
            assert!(rules.iter().all(|rules| *rules <= 300), "{count} buses: {rules:?}");
        }
        const { assert!(ROUTES_PER_SHARE * (2 * 92 - 1) >= 20_000) };
    }

    #[test]
    fn growing_moves_routes_to_the_new_bus_only_and_it_is_known_from_where() {
        for route in routes(500) {
            let mut been = vec![];
            for count in 1..20 {
                let bus = buses(count).of(&route);
                if let Some(last) = been.last().filter(|last| **last != bus) {
                    assert_eq!(bus, count - 1, "{route} went from {last} to an old bus");
                }
                let mut before = been.clone();
                before.retain(|old| *old != bus);
                assert_eq!(buses(count).before(&route), before);
                if been.last() != Some(&bus) {
                    been.push(bus);
                }
            }
        }
    }

    /// Routes would change buses if this ever did. The numbers are another implementation's (in Python).
    #[test]
    fn the_spread_is_forever() {
        let spread: Vec<u16> = routes(8).iter().map(|route| buses(10).of(route)).collect();
        assert_eq!(spread, SPREAD);
    }

    const SPREAD: [u16; 8] = [4, 8, 1, 6, 1, 5, 0, 4];
}
