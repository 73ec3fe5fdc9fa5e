//! The parties and users of a benchmark, let in through the API as anybody is.

use ::tests::{Market, User};
use anyhow::Context as _;
use futures::{StreamExt as _, stream};
use reqwest::{Method, header::AUTHORIZATION};
use serde_json::{Value, json};

use crate::{generator::Target, process::Gateway, request, sink::Sink};

/// How many third parties there are.
pub(crate) const PARTIES: usize = 200;

/// How many users.
pub(crate) const USERS: usize = 20;

/// How many are let in at the same time.
const AT_ONCE: usize = 8;

/// The id of the third party with this number.
pub(crate) fn party_id(number: usize) -> String {
    format!("party-{number:03}")
}

/// Lets the parties in, and has their messages signed if they are to be; each request then matches as many of them as
/// the fan-out.
pub(crate) async fn let_parties_in(gateway: &Gateway, sink: &Sink, fan_out: usize, signed: bool) {
    let joining = (0..PARTIES).map(|number| {
        let category = request::category((number / fan_out) as u64);
        let mut settings = json!({ "url": sink.endpoint(number % fan_out) });
        if signed {
            settings["transport"] = "direct".into();
            settings["signed"] = true.into();
        }
        join(&gateway.market, number, category, settings)
    });
    stream::iter(joining).buffer_unordered(AT_ONCE).collect::<()>().await;
}

async fn join(market: &Market, number: usize, category: String, settings: Value) {
    let party = market.join(&party_id(number)).await;
    let filter = json!({ "source": ["com.marketplace.market"], "detail": { "category": [category] } });
    party.wants(filter).await;
    party.takes_pushes(settings).await;
}

/// Lets the users in.
pub(crate) async fn let_users_in(gateway: &Gateway) -> Vec<User> {
    let joining = (0..USERS).map(|_| gateway.market.register());
    stream::iter(joining).buffered(AT_ONCE).collect().await
}

/// The gateway as a target of these users' requests.
///
/// # Errors
/// A user has no token.
pub(crate) fn target(gateway: &Gateway, users: &[User], fan_out: usize) -> anyhow::Result<Target> {
    Ok(Target {
        address: gateway.server.address,
        credentials: users.iter().map(credential).collect::<anyhow::Result<_>>()?,
        categories: (PARTIES / fan_out) as u64,
    })
}

/// The header line that a user's requests carry.
///
/// # Errors
/// The user has no token.
pub(crate) fn credential(user: &User) -> anyhow::Result<String> {
    let request = user.api.request(Method::GET, "/").build()?;
    let value = request.headers().get(AUTHORIZATION).context("a user's token")?;
    Ok(format!("authorization: {}", value.to_str()?))
}
