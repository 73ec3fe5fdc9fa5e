//! Routes that are not what their parties' settings ask for, whoever changed them: a part of all routes every hour.

use std::collections::BTreeSet;

use jiff::Timestamp;
use marketplace_core::causes::Causes;
use platform_aws::managed::Route;

use super::Deps;
use crate::{settings, sqs::Failure};

/// Routes that are looked at in an hour: each takes a handful of calls, of which 25 are made in a second, and all of
/// them have to fit into the minute that the function may run.
const AN_HOUR: usize = 200;

/// Repairs this hour's part of what parties ask for and of what there is.
///
/// # Errors
/// The first route that could not be repaired; the others were.
pub(super) async fn repair(deps: &Deps) -> Result<(), Failure> {
    let mut routes: BTreeSet<Route> = deps.managed.existing().await?;
    routes.extend(deps.store.managed_routes().await?);
    let mut first = Ok(());
    for route in part(&routes.into_iter().collect::<Vec<_>>(), deps.clock.now()) {
        if let Err(failure) = settings::reconcile(route, deps).await {
            tracing::error!(%route, error = %Causes(&*failure), "a route was not repaired");
            first = first.and(Err(failure));
        }
    }
    first
}

/// The part of a list whose turn it is in this hour: hour after hour, all of it.
fn part<T>(all: &[T], now: Timestamp) -> impl Iterator<Item = &T> {
    let hour = usize::try_from(now.as_second() / 3_600).unwrap_or(0);
    let begin = (hour * AN_HOUR).checked_rem(all.len()).unwrap_or(0);
    all.iter().cycle().skip(begin).take(all.len().min(AN_HOUR))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_route_has_its_turn() {
        for count in [0, 1, 199, 200, 201, 999] {
            let all: Vec<usize> = (0..count).collect();
            let mut seen: BTreeSet<usize> = BTreeSet::new();
            for hour in 0..6 {
                let now = Timestamp::from_second(1_800_000_000 + hour * 3_600).unwrap();
                let part: Vec<_> = part(&all, now).collect();
                assert!(part.len() <= AN_HOUR);
                seen.extend(part);
            }
            assert_eq!(seen.len(), count);
        }
    }
}
