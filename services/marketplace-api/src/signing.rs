//! Third parties' way to have their messages signed: keys are made here, and a secret is shown once.

use axum::{Router, extract::State, http::StatusCode, response::Response, routing::post};
use http_edge::{
    body::JsonBody,
    caller::ManagingParty,
    edge::Edge,
    idempotency::{self, Admitted, IdempotencyKey},
    problem::Problem,
    reply,
};
use jiff::{SignedDuration, Timestamp};
use marketplace_core::{
    delivery::{DeliverySettings, Secret, Withheld},
    party::{PartyCommand, SigningRotation},
    ports::Store,
    signing::{DEFAULT_GRACE, LONGEST_GRACE, Seed},
};
use serde::{Deserialize, Serialize};

use crate::Deps;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/me/delivery/rotate-secret", post(rotate::<S>))
}

/// What a new key would be made of.
pub(crate) fn seed<S>(edge: &Edge<S>, at: Timestamp) -> Seed {
    Seed { bits: edge.randomness.secret(), at }
}

/// How messages reach a party, as it is shown to it.
#[derive(Serialize)]
pub(crate) struct ShownDelivery<'a> {
    #[serde(flatten)]
    settings: DeliverySettings<Withheld>,
    /// The secret of a key that was just made: shown once.
    #[serde(skip_serializing_if = "Option::is_none")]
    signing_secret: Option<&'a str>,
}

impl<'a> ShownDelivery<'a> {
    /// As it is now, without any secret.
    pub(crate) fn masked(settings: &DeliverySettings, now: Timestamp) -> Self {
        Self { settings: settings.masked().at(now), signing_secret: None }
    }

    /// With the secret of the newest key, if that was made of this seed.
    pub(crate) fn after(settings: &'a DeliverySettings, seed: &Seed) -> Self {
        let current = settings.signing().and_then(|signing| signing.current());
        let made = current.filter(|key| key.is_made_of(seed)).and_then(|key| key.shared_secret());
        Self { signing_secret: made.map(Secret::expose), ..Self::masked(settings, seed.at) }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Rotation {
    grace_hours: Option<i64>,
}

impl Rotation {
    fn grace(&self) -> Result<SignedDuration, Problem> {
        let longest = LONGEST_GRACE.as_hours();
        match self.grace_hours {
            None => Ok(DEFAULT_GRACE),
            Some(hours) if (0..=longest).contains(&hours) => Ok(SignedDuration::from_hours(hours)),
            Some(_) => Err(Problem::invalid_field("/grace_hours", format!("must be 0 to {longest}"))),
        }
    }
}

async fn rotate<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let grace = body.parse_optional::<Rotation>()?.grace()?;
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &caller, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let (seed, environment) = (seed(&deps.edge, now), caller.environment);
    // A repeat is answered without the secret.
    let remember = ticket.remember(move |party: &marketplace_core::party::Party| {
        let shown = ShownDelivery::masked(&party.environment(environment).delivery, now);
        idempotency::json(StatusCode::OK, &shown)
    });
    let command = PartyCommand::RotateSigningKey(environment, SigningRotation { seed, grace });
    let (store, id, by) = (deps.edge.store, caller.party.id.clone(), caller.author());
    let party = ticket.hold(async move { store.apply_to_party(id, command, by, now, remember).await }).await??;
    let shown = ShownDelivery::after(&party.environment(environment).delivery, &seed);
    Ok(reply::json(StatusCode::OK, &shown))
}
