//! `user-confirmed`: whoever has confirmed an address with Cognito gets an account here. Cognito waits for it.

use std::sync::Arc;

use aws_lambda_events::cognito::CognitoEventUserPoolsPostConfirmation;
use event_schema::id::UserId;
use jiff::Timestamp;
use marketplace_core::{
    command::Refusal,
    contact,
    ports::{Clock, Randomness, StoreError, UserStore as _},
    user::{Notifications, User},
};
use platform_aws::Aws;
use serde_json::Value;

use crate::sqs::Failure;

/// What the function needs.
pub struct Deps {
    /// Accounts.
    pub store: Aws,
    /// Tells the time.
    pub clock: Arc<dyn Clock>,
    /// For what nobody has to guess.
    pub randomness: Arc<dyn Randomness>,
}

/// Why somebody has no account here. Cognito shows it to them.
#[derive(Debug, thiserror::Error)]
pub enum NoAccount {
    /// Cognito did not say who it is.
    #[error("the attribute `{0}` is missing or cannot be used")]
    Attribute(&'static str),
    /// An account of somebody else has this address.
    #[error("another account has this address")]
    AddressTaken,
}

/// Makes the account, once, and answers Cognito with what it sent, as it wants.
///
/// # Errors
/// [`NoAccount`], or the store could not take it.
pub async fn handle(event: Value, deps: &Deps) -> Result<Value, Failure> {
    let confirmation: CognitoEventUserPoolsPostConfirmation = serde_json::from_value(event.clone())?;
    let attributes = &confirmation.request.user_attributes;
    let attribute = |name: &str| attributes.get(name).map(String::as_str);
    let user = user(attribute, deps.clock.now())?;
    let (id, email) = (user.id.clone(), user.email.clone());
    // Who has an account already has only reset the password.
    if deps.store.user(&id).await?.is_some() {
        return Ok(event);
    }
    // The address is confirmed: nobody will come with this token.
    match deps.store.create_user(user, deps.randomness.secret(), None).await {
        Ok(()) => tracing::info!(user.id = %id, "an account was made"),
        Err(StoreError::Refused(Refusal::State { .. })) => {
            let owner = deps.store.user_by_email(&email).await?;
            if owner.is_none_or(|owner| owner.id != id) {
                return Err(NoAccount::AddressTaken.into());
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(event)
}

/// The account that Cognito's attributes describe.
fn user<'a>(attribute: impl Fn(&str) -> Option<&'a str>, now: Timestamp) -> Result<User, NoAccount> {
    let id = attribute("sub").and_then(|id| id.parse::<UserId>().ok()).ok_or(NoAccount::Attribute("sub"))?;
    let email = attribute("email").and_then(|email| contact::parse_email(email).ok());
    let confirmed = |verified: &str| (attribute(verified) == Some("true")).then_some(now);
    let phone = attribute("phone_number").and_then(|phone| contact::parse_phone(phone).ok());
    Ok(User {
        id,
        email: email.ok_or(NoAccount::Attribute("email"))?,
        password_hash: String::new(),
        name: attribute("name").map(str::to_owned),
        confirmed_at: confirmed("email_verified"),
        phone_confirmed_at: phone.as_ref().and_then(|_| confirmed("phone_number_verified")),
        phone,
        notifications: Notifications::default(),
        test_account: false,
        created_at: now,
    })
}
