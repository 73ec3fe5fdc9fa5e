//! What there is about sign-ups besides the party: the links that were sent, and how often somebody signs up.

use jiff::Timestamp;

use super::StoreError;
use crate::{party::sign_up::SignUpToken, sign_up_turns::SignUpTurn};

/// Keeps the tokens of links, and counts sign-ups as
/// [`RecentSignUps`](crate::sign_up_turns::RecentSignUps) says.
pub trait SignUps: Clone + Send + Sync + 'static {
    /// Takes a turn for this client, if it has one now.
    fn begin_sign_up(
        &self,
        client: &str,
        now: Timestamp,
    ) -> impl Future<Output = Result<SignUpTurn, StoreError>> + Send;

    /// Keeps the token of a link that is about to be sent. Earlier ones stay good.
    fn keep_sign_up_token(&self, token: SignUpToken) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// The token with this hash; it may have expired.
    fn sign_up_token(&self, hash: [u8; 32]) -> impl Future<Output = Result<Option<SignUpToken>, StoreError>> + Send;
}
