//! Ids in addresses: what is not an id of the right kind names nothing, so it is 404 and no more.

use std::str::FromStr;

use axum::{
    extract::{FromRequestParts, RawPathParams},
    http::request::Parts,
};

use crate::problem::Problem;

/// The one id in an address.
#[derive(Clone, Copy, Debug)]
pub struct PathId<T>(pub T);

/// The two ids in an address, in order.
#[derive(Clone, Copy, Debug)]
pub struct PathIds<A, B>(pub A, pub B);

impl<T: FromStr + Send, S: Send + Sync> FromRequestParts<S> for PathId<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        nth(&params, 0).map(Self)
    }
}

impl<A: FromStr + Send, B: FromStr + Send, S: Send + Sync> FromRequestParts<S> for PathIds<A, B> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let params = params(parts, state).await?;
        Ok(Self(nth(&params, 0)?, nth(&params, 1)?))
    }
}

async fn params<S: Send + Sync>(parts: &mut Parts, state: &S) -> Result<RawPathParams, Problem> {
    RawPathParams::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())
}

fn nth<T: FromStr>(params: &RawPathParams, index: usize) -> Result<T, Problem> {
    let text = params.iter().nth(index).map(|(_, text)| text);
    text.and_then(|text| text.parse().ok()).ok_or_else(Problem::not_found)
}
