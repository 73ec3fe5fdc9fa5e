//! A user of the marketplace: who they are, and how they want to be told.

use event_schema::id::UserId;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// A local account.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct User {
    /// Its id.
    pub id: UserId,
    /// The address that it signs in with, lower-case.
    pub email: String,
    /// The password's argon2id hash in PHC form.
    pub password_hash: String,
    /// What to call them.
    pub name: Option<String>,
    /// For SMS, in E.164 form.
    pub phone: Option<String>,
    /// When the address was confirmed; nothing is sent to it before.
    pub confirmed_at: Option<Timestamp>,
    /// When the phone number was confirmed, of its own; nothing is sent to it before, and another number is not.
    pub phone_confirmed_at: Option<Timestamp>,
    /// What they want to be told by.
    pub notifications: Notifications,
    /// Marked by an operator: may place requests in `test` and `dev`.
    pub test_account: bool,
    /// When they registered.
    pub created_at: Timestamp,
}

/// What a user wants to be told by.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Notifications {
    /// E-mail to the confirmed address.
    pub email: bool,
    /// SMS to the confirmed phone number.
    pub sms: bool,
}

impl Default for Notifications {
    fn default() -> Self {
        Self { email: true, sms: false }
    }
}

/// A change to what a user wants to be told by: what is given changes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NotificationsPatch {
    /// By e-mail.
    pub email: Option<bool>,
    /// By SMS.
    pub sms: Option<bool>,
}

impl NotificationsPatch {
    fn apply(self, now: Notifications) -> Notifications {
        Notifications { email: self.email.unwrap_or(now.email), sms: self.sms.unwrap_or(now.sms) }
    }
}

/// A change to an account: what is given changes.
#[derive(Clone, Debug, Default)]
pub struct UserPatch {
    /// A new name; `Some(None)` removes it.
    pub name: Option<Option<String>>,
    /// A new phone number; `Some(None)` removes it. One that is not what it was is not confirmed.
    pub phone: Option<Option<String>>,
    /// New preferences.
    pub notifications: NotificationsPatch,
    /// The operator's mark.
    pub test_account: Option<bool>,
}

impl UserPatch {
    /// The account with the change made.
    #[must_use]
    pub fn apply(&self, mut user: User) -> User {
        if let Some(name) = &self.name {
            user.name.clone_from(name);
        }
        if let Some(phone) = self.phone.as_ref().filter(|phone| **phone != user.phone) {
            user.phone.clone_from(phone);
            user.phone_confirmed_at = None;
        }
        user.notifications = self.notifications.apply(user.notifications);
        user.test_account = self.test_account.unwrap_or(user.test_account);
        user
    }
}
