//! Which services consume from the bus, and how their errors read to it.

use std::sync::Arc;

use futures::FutureExt as _;
use marketplace_core::ports::Notices;
use notifier::NotifierError;
use platform_embedded::{
    Embedded,
    bus::{Consumer, ConsumerError},
};
use request_router::RouterError;

/// The router, as a consumer.
pub(crate) fn router(deps: request_router::Deps<Embedded>) -> Consumer {
    let deps = Arc::new(deps);
    Consumer {
        name: "request-router",
        kinds: request_router::KINDS,
        handler: Arc::new(move |event| {
            let deps = deps.clone();
            async move { request_router::handle(&event, &deps).await.map(drop).map_err(router_error) }.boxed()
        }),
    }
}

/// The notifier, as a consumer.
pub(crate) fn notifier<N: Notices>(deps: notifier::Deps<Embedded, N>) -> Consumer {
    let deps = Arc::new(deps);
    Consumer {
        name: "notifier",
        kinds: notifier::KINDS,
        handler: Arc::new(move |event| {
            let deps = deps.clone();
            async move { notifier::handle(&event, &deps).await.map(drop).map_err(notifier_error) }.boxed()
        }),
    }
}

fn router_error(error: RouterError) -> ConsumerError {
    match error {
        RouterError::Retry(_) => ConsumerError::Retry(Box::new(error)),
        RouterError::Poison(_) => ConsumerError::Poison(Box::new(error)),
    }
}

fn notifier_error(error: NotifierError) -> ConsumerError {
    match error {
        NotifierError::Retry(_) => ConsumerError::Retry(Box::new(error)),
        NotifierError::Poison(_) => ConsumerError::Poison(Box::new(error)),
    }
}
