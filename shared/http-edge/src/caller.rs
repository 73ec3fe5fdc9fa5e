//! Who is calling: an operator, a third party or a user, each by its own credential.
//!
//! No or a bad credential is 401; a good one of the wrong kind for a route is 403 (DESIGN section 6). Whether a
//! thing is the caller's is for the rules to say: 404, the same as for what does not exist.

mod credential;

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::http::{HeaderMap, request::Parts};
use event_schema::id::{Environment, UserId};
use marketplace_core::{
    causes::Causes,
    party::{ApiKey, KeyScope, Party, PartyState},
    ports::Store,
};
use subtle::ConstantTimeEq;

use self::credential::{Credential, credential};
use crate::{
    api_key,
    edge::{AtEdge, Edge},
    problem::{Challenge, Problem},
    token::TokenFault,
};

/// Whoever is calling.
#[derive(Clone, Debug)]
pub enum Caller {
    /// An operator.
    Operator(Operator),
    /// A third party.
    Party(PartyCaller),
    /// A user.
    User(UserCaller),
}

/// An operator of the marketplace.
#[derive(Clone, Debug, Default)]
pub struct Operator {
    /// Which one; none with the operator's token, which has no name on it.
    pub user: Option<UserId>,
}

/// A third party in one of its environments.
#[derive(Clone, Debug)]
pub struct PartyCaller {
    /// The party.
    pub party: Arc<Party>,
    /// The one environment that its key opens.
    pub environment: Environment,
    /// The key that it called with.
    pub key: Arc<ApiKey>,
}

/// A third party whose key may change settings: what every route asks for that does more than to take offers, to answer
/// them, and to read.
#[derive(Clone, Debug)]
pub struct ManagingParty(pub PartyCaller);

/// A user of the marketplace.
#[derive(Clone, Debug)]
pub struct UserCaller {
    /// Who.
    pub id: UserId,
}

/// A user, or an operator who acts like one.
#[derive(Clone, Debug)]
pub enum Person {
    /// A user.
    User(UserCaller),
    /// An operator.
    Operator(Operator),
}

/// Who a caller is, in one line: whose idempotency keys it has.
pub trait Principal {
    /// Two callers have the same one only if they may see the same.
    fn principal(&self) -> String;
}

impl Principal for Operator {
    fn principal(&self) -> String {
        match &self.user {
            Some(user) => format!("operator {user}"),
            None => "operator".to_owned(),
        }
    }
}

impl PartyCaller {
    /// Who changes something, as the journal has it.
    #[must_use]
    pub fn author(&self) -> String {
        self.key.key_id.to_string()
    }
}

impl Principal for PartyCaller {
    fn principal(&self) -> String {
        format!("party {} {}", self.environment, self.party.id)
    }
}

impl Principal for UserCaller {
    fn principal(&self) -> String {
        format!("user {}", self.id)
    }
}

impl Principal for Person {
    fn principal(&self) -> String {
        match self {
            Self::User(user) => user.principal(),
            Self::Operator(operator) => operator.principal(),
        }
    }
}

impl Caller {
    /// Whose rate limit it is: each key of a third party has its own.
    fn limited(&self) -> String {
        match self {
            Self::Party(party) => party.author(),
            caller => caller.principal(),
        }
    }
}

impl Principal for Caller {
    fn principal(&self) -> String {
        match self {
            Self::Operator(operator) => operator.principal(),
            Self::Party(party) => party.principal(),
            Self::User(user) => user.principal(),
        }
    }
}

async fn identify<S: Store>(edge: &Edge<S>, headers: &HeaderMap) -> Result<Caller, Problem> {
    let caller = match credential(headers)? {
        Credential::Bearer(token) => by_token(edge, token).await?,
        Credential::ApiKey(key) => Caller::Party(by_key(edge, key).await?),
    };
    if let Some(limiter) = &edge.rate_limit {
        let standing = limiter.check(&caller.limited(), edge.now()).map_err(|wait| {
            limiter.exhausted(wait).note();
            Problem::too_many("this caller calls too often", wait)
        })?;
        standing.note();
    }
    Ok(caller)
}

async fn by_token<S: Store>(edge: &Edge<S>, token: &str) -> Result<Caller, Problem> {
    if edge.operator_token.as_ref().is_some_and(|operator| operator.is(token)) {
        return Ok(Caller::Operator(Operator::default()));
    }
    let now = edge.now();
    let user = match edge.tokens.verify(token, now) {
        Err(TokenFault::UnknownKey) => match edge.tokens.refresh(now).await {
            Ok(()) => edge.tokens.verify(token, now),
            Err(_) => return Err(Problem::unavailable("tokens cannot be verified now")),
        },
        verified => verified,
    };
    let user = user.map_err(refused)?;
    Ok(if user.operator {
        Caller::Operator(Operator { user: Some(user.id) })
    } else {
        Caller::User(UserCaller { id: user.id })
    })
}

fn refused(fault: TokenFault) -> Problem {
    tracing::debug!(%fault, "a token was refused");
    let detail = match fault {
        TokenFault::Expired => "the token has expired; sign in again",
        TokenFault::UnknownKey | TokenFault::Invalid(_) | TokenFault::Forged(_) => "the token is not valid",
    };
    Problem::unauthorized(Challenge::BearerToken, detail)
}

async fn by_key<S: Store>(edge: &Edge<S>, presented: &str) -> Result<PartyCaller, Problem> {
    let refused = || Problem::unauthorized(Challenge::ApiKey, "this key opens nothing");
    let hash = api_key::hash_of(presented).ok_or_else(refused)?;
    let key = edge.store.key(hash).await?.ok_or_else(refused)?;
    if !bool::from(key.hash.ct_eq(&hash)) {
        return Err(refused());
    }
    let now = edge.now();
    if key.has_expired(now) {
        return Err(Problem::unauthorized(Challenge::ApiKey, "this key has expired"));
    }
    let party = edge.store.party(&key.party).await?.ok_or_else(refused)?;
    match party.state {
        PartyState::Disabled | PartyState::Unconfirmed => return Err(refused()),
        PartyState::Pending => return Err(Problem::forbidden("pending approval: an operator has to let you in first")),
        PartyState::Active | PartyState::Paused => {}
    }
    if key.is_use_worth_recording(now)
        && let Err(error) = edge.store.record_key_use(&key, now).await
    {
        // Nobody is turned away for it: the next call records it.
        tracing::warn!(error = %Causes(&error), "the use of a key was not recorded");
    }
    Ok(PartyCaller { party, environment: key.environment, key })
}

impl<T: AtEdge> FromRequestParts<T> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        identify(state.edge(), &parts.headers).await
    }
}

impl<T: AtEdge> FromRequestParts<T> for Operator {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        match identify(state.edge(), &parts.headers).await? {
            Caller::Operator(operator) => Ok(operator),
            Caller::Party(_) | Caller::User(_) => Err(Problem::forbidden("this is for operators")),
        }
    }
}

impl<T: AtEdge> FromRequestParts<T> for PartyCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        match identify(state.edge(), &parts.headers).await? {
            Caller::Party(party) => Ok(party),
            Caller::Operator(_) | Caller::User(_) => Err(Problem::forbidden("this is for third parties")),
        }
    }
}

impl<T: AtEdge> FromRequestParts<T> for ManagingParty {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        let caller = PartyCaller::from_request_parts(parts, state).await?;
        match caller.key.scope {
            KeyScope::Manage => Ok(Self(caller)),
            KeyScope::Integrate => Err(Problem::forbidden("this needs a key with scope `manage`")),
        }
    }
}

impl<T: AtEdge> FromRequestParts<T> for UserCaller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        match identify(state.edge(), &parts.headers).await? {
            Caller::User(user) => Ok(user),
            Caller::Operator(_) | Caller::Party(_) => Err(Problem::forbidden("this is for users")),
        }
    }
}

impl<T: AtEdge> FromRequestParts<T> for Person {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &T) -> Result<Self, Problem> {
        match identify(state.edge(), &parts.headers).await? {
            Caller::User(user) => Ok(Self::User(user)),
            Caller::Operator(operator) => Ok(Self::Operator(operator)),
            Caller::Party(_) => Err(Problem::forbidden("this is for users")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_kinds_of_caller_share_a_principal() {
        let id: UserId = "operator".parse().unwrap();
        let operators = [Operator::default(), Operator { user: Some(id.clone()) }];
        let mut all: Vec<_> = operators.iter().map(Principal::principal).collect();
        all.push(UserCaller { id }.principal());
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 3, "{all:?}");
    }
}
