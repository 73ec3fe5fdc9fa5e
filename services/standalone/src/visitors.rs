//! Each connection's calls are told where they come from.

use std::{
    convert::Infallible,
    future::{Ready, ready},
    task::{Context, Poll},
};

use axum::{Extension, Router, middleware::AddExtension, serve::IncomingStream};
use http_edge::client::Client;
use tower::{Layer as _, Service};

use crate::patience::PatientListener;

/// Makes the service of each connection.
#[derive(Clone)]
pub(crate) struct Visitors(pub(crate) Router);

impl Service<IncomingStream<'_, PatientListener>> for Visitors {
    type Response = AddExtension<Router, Client>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, connection: IncomingStream<'_, PatientListener>) -> Self::Future {
        let client = Client::at(connection.remote_addr().ip());
        ready(Ok(Extension(client).layer(self.0.clone())))
    }
}
