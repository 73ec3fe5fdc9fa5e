//! Keeps our connections away from addresses that only we can reach (server-side request forgery).
//!
//! A host name is resolved once per connection, each of its addresses is judged by
//! [`marketplace_core::address`], and only those that pass are handed to the connector: what was checked
//! is what is connected to, whatever the name resolves to a moment later. Addresses written in the URL
//! itself never come here; [`crate::endpoint`] judges those.

use std::{
    collections::HashMap,
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
};

use futures::future::{BoxFuture, FutureExt, Shared};
use marketplace_core::address;
use reqwest::dns::{Addrs, Name, Resolve, Resolving};

/// All addresses of a host name are refused; the text says what the first one is.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the name resolves to {0}")]
pub(crate) struct AddressRefused(pub(crate) &'static str);

/// A host name that does not resolve.
#[derive(Clone, Debug, thiserror::Error)]
#[error("the name does not resolve")]
struct NotResolved(#[source] Arc<io::Error>);

/// A resolver that hands out only addresses that may be called.
pub(crate) struct Guard {
    allow_private: bool,
    lookups: Arc<Lookups>,
}

impl Guard {
    pub(crate) fn new(allow_private: bool) -> Self {
        Self { allow_private, lookups: Arc::default() }
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let allow_private = self.allow_private;
        let lookup = self.lookups.find(name.as_str());
        Box::pin(async move {
            let found = lookup.await?;
            let admitted = admit(&found, allow_private)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// The addresses that may be called; refused when there is none among them.
fn admit(found: &[SocketAddr], allow_private: bool) -> Result<Vec<SocketAddr>, AddressRefused> {
    let mut refused = None;
    let judge = |found: &&SocketAddr| match address::refusal(found.ip(), allow_private) {
        Some(reason) => {
            refused.get_or_insert(AddressRefused(reason));
            false
        }
        None => true,
    };
    let admitted: Vec<SocketAddr> = found.iter().filter(judge).copied().collect();
    match refused {
        Some(refused) if admitted.is_empty() => Err(refused),
        _ => Ok(admitted),
    }
}

type Found = Result<Arc<[SocketAddr]>, NotResolved>;

/// Look-ups that are under way, one per name.
///
/// The system's resolver blocks a thread for as long as a name server keeps it waiting. One thread per
/// name is what a party with a slow name server can take from all the others, however often it is tried.
#[derive(Default)]
struct Lookups(Mutex<HashMap<Arc<str>, Shared<BoxFuture<'static, Found>>>>);

impl Lookups {
    /// Joins the look-up of this name that is under way, or begins one.
    ///
    /// It is a task of its own: it goes on, and clears itself away, when nobody waits for it any more.
    fn find(self: &Arc<Self>, name: &str) -> Shared<BoxFuture<'static, Found>> {
        let mut running = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lookup) = running.get(name) {
            return lookup.clone();
        }
        let (name, lookups): (Arc<str>, _) = (name.into(), Arc::clone(self));
        let key = Arc::clone(&name);
        let task = tokio::spawn(async move {
            let found = look_up(&name).await;
            lookups.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            found
        });
        let lookup = task.map(|ended| match ended {
            Ok(found) => found,
            Err(stopped) => Err(NotResolved(Arc::new(io::Error::other(stopped)))),
        });
        running.entry(key).insert_entry(lookup.boxed().shared()).get().clone()
    }
}

/// The port is 0; the connector puts the URL's port there.
async fn look_up(name: &str) -> Found {
    let found = tokio::net::lookup_host((name, 0)).await;
    found.map(Iterator::collect).map_err(|error| NotResolved(Arc::new(error)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(texts: &[&str]) -> Vec<SocketAddr> {
        texts.iter().map(|text| SocketAddr::new(text.parse().unwrap(), 0)).collect()
    }

    #[test]
    fn of_several_addresses_only_those_that_may_be_called_remain() {
        let found = addresses(&["127.0.0.1", "8.8.8.8", "::1", "10.0.0.1", "2606:4700::1111"]);
        assert_eq!(admit(&found, false), Ok(addresses(&["8.8.8.8", "2606:4700::1111"])));
        assert_eq!(admit(&found, true), Ok(found));
    }

    #[test]
    fn a_name_with_no_admissible_address_is_refused_with_the_reason() {
        let found = addresses(&["169.254.169.254", "127.0.0.1"]);
        let refused = AddressRefused("a link-local address (RFC 3927)");
        assert_eq!(admit(&found, false), Err(refused));
        assert_eq!(admit(&found, true), Ok(addresses(&["127.0.0.1"])));
        assert_eq!(admit(&found[..1], true), Err(refused));
    }

    #[tokio::test]
    async fn a_name_is_looked_up_once_at_a_time_and_forgotten_afterwards() {
        let lookups = Arc::<Lookups>::default();
        let first = lookups.find("localhost");
        let second = lookups.find("localhost");
        assert!(first.ptr_eq(&second));
        assert!(!lookups.find("other.invalid").ptr_eq(&first));
        let found = first.await.unwrap();
        assert!(found.iter().all(|address| address.ip().is_loopback()));
        lookups.find("other.invalid").await.unwrap_err();
        assert!(lookups.0.lock().unwrap().is_empty());
    }
}
