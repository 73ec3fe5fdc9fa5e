//! Third parties' own names for what messages and statuses say: tried on offers of the past, and set.

use axum::{
    Router,
    extract::State,
    http::StatusCode,
    response::Response,
    routing::{post, put},
};
use event_schema::{
    fault::Fault,
    id::{DeliveryId, RequestId},
};
use http_edge::{
    body::JsonBody,
    caller::{ManagingParty, PartyCaller},
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    mapping::{Mapped, Mapping},
    party::PartyCommand,
    ports::{PageQuery, Store, Window},
};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::{Deps, me};

/// Most samples of a preview, and how many there are unless asked otherwise.
const MOST_SAMPLES: u8 = 10;
const SAMPLES: u8 = 3;

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new().route("/v1/me/mapping", put(set::<S>)).route("/v1/me/mapping/preview", post(preview::<S>))
}

/// `{"mapping": null}` is a setting, and `{}` a mistake.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Setting {
    #[serde(deserialize_with = "Option::deserialize")]
    mapping: Option<Box<Mapping>>,
}

async fn set<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    body: JsonBody,
) -> Result<Response, Problem> {
    let Setting { mapping } = body.parse()?;
    let faults = mapping.as_ref().map(|mapping| mapping.faults("/mapping")).unwrap_or_default();
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    me::apply(&deps, &caller, PartyCommand::SetMapping(caller.environment, mapping.clone())).await?;
    Ok(reply::json(StatusCode::OK, &Setting { mapping }))
}

/// What is to be tried.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Trial {
    mapping: Mapping,
    samples: Option<u8>,
}

/// Messages as they would have been.
#[derive(Serialize)]
struct Preview {
    samples: Vec<Sample>,
}

/// One of them.
#[derive(Serialize)]
struct Sample {
    delivery_id: DeliveryId,
    request_id: RequestId,
    message: Box<RawValue>,
    missing: Vec<String>,
}

/// Changes nothing, so there is no key by which it would be done only once.
async fn preview<S: Store>(
    State(deps): State<Deps<S>>,
    ManagingParty(caller): ManagingParty,
    body: JsonBody,
) -> Result<Response, Problem> {
    let Trial { mapping, samples } = body.parse()?;
    let samples = samples.unwrap_or(SAMPLES);
    let mut faults = mapping.faults("/mapping");
    if !(1..=MOST_SAMPLES).contains(&samples) {
        faults.push(Fault::new("/samples", format!("must be a whole number from 1 to {MOST_SAMPLES}")));
    }
    if !faults.is_empty() {
        return Err(Problem::invalid(faults));
    }
    let samples = look(&deps.edge.store, &caller, &mapping, samples.into(), deps.edge.now()).await?;
    Ok(reply::json(StatusCode::OK, &Preview { samples }))
}

/// The party's newest offers in its environment, as they would look.
async fn look<S: Store>(
    store: &S,
    caller: &PartyCaller,
    mapping: &Mapping,
    limit: usize,
    now: Timestamp,
) -> Result<Vec<Sample>, Problem> {
    let window = Window { from: Timestamp::MIN, to: now };
    let page = PageQuery { cursor: None, limit };
    let found = store.offers_to(&caller.party.id, caller.environment, window, page).await?;
    let mut samples = Vec::with_capacity(found.items.len());
    for record in found.items {
        let offer = record.offer;
        let request_id = offer.delivery_id.request();
        // It may have been removed since.
        let Some(request) = store.request(request_id, false).await? else { continue };
        let ours = offer.text(&offer.first_message(now), &request.detail, None);
        let Mapped { text, missing } = mapping.apply(&ours);
        let message = RawValue::from_string(text).map_err(Problem::internal)?;
        samples.push(Sample { delivery_id: offer.delivery_id, request_id, message, missing });
    }
    Ok(samples)
}
