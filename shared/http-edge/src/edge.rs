//! What every HTTP service needs to know who is calling and to answer.

use std::sync::Arc;

use jiff::Timestamp;
use marketplace_core::ports::{Clock, Randomness, Store};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::{rate_limit::RateLimiter, token::TokenVerifier};

/// The ports and secrets behind the edge. Cloning is cheap.
#[derive(Clone)]
pub struct Edge<S> {
    /// Everything that is stored.
    pub store: S,
    /// What time it is.
    pub clock: Arc<dyn Clock>,
    /// Ids and keys come from here.
    pub randomness: Arc<dyn Randomness>,
    /// The operator's own token, where there is one.
    pub operator_token: Option<OperatorToken>,
    /// Who users are.
    pub tokens: Arc<dyn TokenVerifier>,
    /// How often each caller may call; none for as often as it likes.
    pub rate_limit: Option<Arc<RateLimiter>>,
}

impl<S> Edge<S> {
    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        self.clock.now()
    }
}

/// The state of a service's router, as the extractors of this crate see it.
pub trait AtEdge: Clone + Send + Sync + 'static {
    /// The platform's store.
    type Store: Store;

    /// What is behind the edge.
    fn edge(&self) -> &Edge<Self::Store>;
}

impl<S: Store> AtEdge for Edge<S> {
    type Store = S;

    fn edge(&self) -> &Edge<S> {
        self
    }
}

impl<T: AtEdge> AtEdge for Arc<T> {
    type Store = T::Store;

    fn edge(&self) -> &Edge<T::Store> {
        T::edge(self)
    }
}

/// The token that makes its bearer the operator. Only its hash is kept.
#[derive(Clone)]
pub struct OperatorToken([u8; 32]);

impl OperatorToken {
    /// Takes the token in clear text.
    #[must_use]
    pub fn new(clear: &str) -> Self {
        Self(Sha256::digest(clear.as_bytes()).into())
    }

    /// Whether this is the token; takes as long whatever differs.
    #[must_use]
    pub fn is(&self, presented: &str) -> bool {
        let presented: [u8; 32] = Sha256::digest(presented.as_bytes()).into();
        self.0.ct_eq(&presented).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_token_itself_is_the_token() {
        let token = OperatorToken::new("correct horse");
        assert!(token.is("correct horse"));
        for other in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!token.is(other), "{other}");
        }
    }
}
