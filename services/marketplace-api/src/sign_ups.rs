//! Third parties sign up by themselves: anybody may, the contact confirms by a link, and where the configuration says
//! so an operator approves. No key ever travels by e-mail: the first keys are what following the link answers.

mod input;

use axum::{
    Router,
    extract::State,
    http::{
        StatusCode,
        header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY},
    },
    response::{IntoResponse as _, Response},
    routing::{get, post},
};
use event_schema::id::PartyId;
use http_edge::{
    body::JsonBody,
    caller::{Operator, Principal},
    client::Client,
    idempotency::{self, Admitted, IdempotencyKey},
    path::PathId,
    problem::Problem,
    reply,
};
use jiff::Timestamp;
use marketplace_core::{
    delivery::Secret,
    party::{
        ApiKey, Approval, Party, PartyCommand, PartyState,
        sign_up::{OPEN_FROM_THE_START, SignUpToken},
    },
    ports::{Store, StoredAnswer},
    sign_up_turns::SignUpTurn,
};
use serde::Serialize;
use serde_json::json;
use sha2::{Digest, Sha256};

use self::input::{Confirmation, NewSignUp};
use crate::{
    Deps,
    keys::{self, NewKeyView},
    third_parties::PartyView,
};

/// Who may sign up, and what comes of it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum SignUpPolicy {
    /// Nobody: operators make parties.
    Off,
    /// Anybody, and an operator approves.
    Approve,
    /// Anybody.
    Open,
}

impl std::str::FromStr for SignUpPolicy {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "off" => Ok(Self::Off),
            "approve" => Ok(Self::Approve),
            "open" => Ok(Self::Open),
            _ => Err("must be off, approve or open"),
        }
    }
}

pub(crate) fn routes<S: Store>() -> Router<Deps<S>> {
    Router::new()
        .route("/third-parties/confirm", get(page))
        .route("/v1/third-parties/signup", post(sign_up::<S>))
        .route("/v1/third-parties/confirm", post(confirm::<S>))
        .route("/v1/third-parties/{id}/approve", post(approve::<S>))
}

/// Somebody who is not a third party yet.
struct Anyone;

impl Principal for Anyone {
    fn principal(&self) -> String {
        "anyone".to_owned()
    }
}

fn off() -> Problem {
    Problem::forbidden("nobody signs up here: ask an operator of the marketplace")
}

async fn sign_up<S: Store>(
    State(deps): State<Deps<S>>,
    client: Client,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    if deps.sign_up == SignUpPolicy::Off {
        return Err(off());
    }
    let now = deps.edge.now();
    let party = body.parse::<NewSignUp>()?.check(now)?;
    let ticket = match key.admit(&deps.edge.store, &Anyone, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    if let SignUpTurn::After(wait) = deps.edge.store.begin_sign_up(&client.to_string(), now).await? {
        return Err(Problem::too_many("too many sign-ups lately", wait));
    }
    let id = party.id.clone();
    let answer = json!({ "id": id, "state": PartyState::Unconfirmed }).to_string();
    let answer = idempotency::answer(StatusCode::ACCEPTED, answer);
    let kept = answer.clone();
    let remember = ticket.remember(move |_: &Party| kept.clone());
    let (store, command) = (deps.edge.store, PartyCommand::SignUp(Box::new(party)));
    ticket.hold(async move { store.apply_to_party(id, command, Anyone.principal(), now, remember).await }).await??;
    Ok(idempotency::response(answer))
}

/// Where the link leads: what stands behind its `#` is sent only by the page's button, so that neither the link's preview
/// in a mail program nor a server's log takes the keys away.
async fn page() -> Response {
    const PAGE: &str = include_str!("sign_ups/confirm.html");
    /// The page's own script and style, and calls to the server that it is from.
    const POLICY: &str = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [
        (CONTENT_TYPE, "text/html; charset=utf-8"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, PAGE).into_response()
}

/// What following the link answers.
#[derive(Serialize)]
struct Confirmed<'a> {
    id: &'a PartyId,
    name: &'a str,
    state: PartyState,
    keys: Vec<NewKeyView<'a>>,
}

impl<'a> Confirmed<'a> {
    /// A stored answer has no keys in it: they are shown once.
    fn of(party: &'a Party, keys: &'a [ApiKey], secrets: Option<&'a [Secret]>) -> Self {
        let secret = |place| secrets.and_then(|secrets| secrets.get(place));
        let keys = keys.iter().enumerate().map(|(place, key)| NewKeyView::of(key, secret(place)));
        Self { id: &party.id, name: &party.name, state: party.state, keys: keys.collect() }
    }
}

async fn confirm<S: Store>(
    State(deps): State<Deps<S>>,
    key: IdempotencyKey,
    body: JsonBody,
) -> Result<Response, Problem> {
    let approval = match deps.sign_up {
        SignUpPolicy::Off => return Err(off()),
        SignUpPolicy::Approve => Approval::ByAnOperator,
        SignUpPolicy::Open => Approval::NotNeeded,
    };
    let Confirmation { token } = body.parse()?;
    let (now, edge) = (deps.edge.now(), deps.edge);
    let ticket = match key.admit(&edge.store, &Anyone, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let known = edge.store.sign_up_token(Sha256::digest(token.expose()).into()).await?;
    let SignUpToken { party, .. } = known.filter(|known| now < known.expires_at).ok_or_else(Problem::not_found)?;
    let fresh = OPEN_FROM_THE_START.map(|environment| keys::first(&edge, &party, environment, now));
    let (secrets, api_keys): (Vec<Secret>, Vec<ApiKey>) = fresh.into_iter().unzip();
    let kept = api_keys.clone();
    let remember = ticket.remember(move |party: &Party| -> StoredAnswer {
        idempotency::json(StatusCode::OK, &Confirmed::of(party, &kept, None))
    });
    let command = PartyCommand::ConfirmSignUp(api_keys.clone(), approval);
    let store = edge.store.clone();
    let confirmed = async move { store.apply_to_party(party, command, Anyone.principal(), now, remember).await };
    let party = ticket.hold(confirmed).await??;
    Ok(reply::json(StatusCode::OK, &Confirmed::of(&party, &api_keys, Some(secrets.as_slice()))))
}

async fn approve<S: Store>(
    State(deps): State<Deps<S>>,
    operator: Operator,
    key: IdempotencyKey,
    PathId(id): PathId<PartyId>,
    body: JsonBody,
) -> Result<Response, Problem> {
    body.is_nothing()?;
    let now = deps.edge.now();
    let ticket = match key.admit(&deps.edge.store, &operator, body.bytes(), now).await? {
        Admitted::New(ticket) => ticket,
        Admitted::Done(answer) => return Ok(answer),
    };
    let answer = move |party: &Party| view(party, now);
    let (store, by, remember) = (deps.edge.store, operator.principal(), ticket.remember(answer));
    let approved = async move { store.apply_to_party(id, PartyCommand::Approve, by, now, remember).await };
    Ok(idempotency::response(answer(&ticket.hold(approved).await??)))
}

fn view(party: &Party, now: Timestamp) -> StoredAnswer {
    idempotency::json(StatusCode::OK, &PartyView::of(party, now))
}
