//! A party gets a new key that its messages are signed with, and goes over to it while the old one still signs.

use jiff::SignedDuration;

use crate::{
    command::Refusal,
    delivery::DeliverySettings,
    signing::{Seed, SigningKey},
};

/// A new signing key, in the place of the one that there is.
#[derive(Clone, Copy, Debug)]
pub struct SigningRotation {
    /// What the new key is made of.
    pub seed: Seed,
    /// How long the old one goes on signing.
    pub grace: SignedDuration,
}

impl SigningRotation {
    /// Puts the new key into these settings. It signs in the same way as the one before.
    ///
    /// # Errors
    /// [`Refusal::State`] when messages are not signed.
    pub(super) fn apply(&self, delivery: &mut DeliverySettings) -> Result<(), Refusal> {
        if let DeliverySettings::Push(push) = delivery
            && let Some(current) = push.signing.current()
        {
            let fresh = SigningKey::new(current.signature, &self.seed);
            push.signing = push.signing.rotated(fresh, self.grace);
            return Ok(());
        }
        let detail = "messages are not signed here; turn `signed` on first".to_owned();
        Err(Refusal::State { current_status: "unsigned", detail })
    }
}
