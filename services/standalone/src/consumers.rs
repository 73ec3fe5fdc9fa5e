//! Which services consume from the bus, and how their errors read to it.

use std::sync::Arc;

use futures::FutureExt as _;
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
            async move { request_router::handle(&event, &deps).await.map_err(router_error) }.boxed()
        }),
    }
}

fn router_error(error: RouterError) -> ConsumerError {
    match error {
        RouterError::Retry(_) => ConsumerError::Retry(Box::new(error)),
        RouterError::Poison(_) => ConsumerError::Poison(Box::new(error)),
    }
}
