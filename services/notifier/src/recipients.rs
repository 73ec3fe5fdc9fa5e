//! Who is told, and by which channels: the user's own choice, at confirmed addresses only.

use std::fmt;

use event_schema::id::Environment;
use marketplace_core::{ports::Recipient, user::User};

/// A way to reach a person.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Channel {
    /// E-mail.
    Email,
    /// Text message.
    Sms,
}

impl Channel {
    /// The word under which it is recorded that the user was told.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Email => "email",
            Self::Sms => "sms",
        }
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why nobody is told.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Silence {
    /// It is no event that anybody is told of.
    NotForPeople,
    /// It is nothing that a third party's contact is told of.
    NotForContacts,
    /// The user has no account here, as with events from outside.
    NoAccount,
    /// None of the addresses that the user wants to be told at is confirmed.
    NotConfirmed,
    /// Trials in `test` and `dev` never reach a real user.
    NotATestAccount,
    /// The user does not want to be told.
    NotWanted,
    /// There is no way to reach them, as where no e-mail can be sent.
    NoWay,
}

/// Where the user wants to be told of something that happened in this environment.
pub(crate) fn recipients(user: Option<&User>, environment: Environment) -> Result<Vec<(Channel, Recipient)>, Silence> {
    let user = user.ok_or(Silence::NoAccount)?;
    if environment != Environment::Prod && !user.test_account {
        return Err(Silence::NotATestAccount);
    }
    let email = user.notifications.email.then(|| Recipient::Email(user.email.clone()));
    let number = user.phone.clone().filter(|_| user.notifications.sms);
    let sms = number.map(Recipient::Sms);
    if email.is_none() && sms.is_none() {
        return Err(Silence::NotWanted);
    }
    let email = email.filter(|_| user.confirmed_at.is_some()).map(|to| (Channel::Email, to));
    let sms = sms.filter(|_| user.phone_confirmed_at.is_some()).map(|to| (Channel::Sms, to));
    let confirmed: Vec<_> = [email, sms].into_iter().flatten().collect();
    if confirmed.is_empty() { Err(Silence::NotConfirmed) } else { Ok(confirmed) }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use marketplace_core::user::Notifications;

    use super::*;

    fn user() -> User {
        User {
            id: "usr_1".parse().unwrap(),
            email: "ann@example.com".to_owned(),
            password_hash: String::new(),
            name: None,
            phone: Some("+15551234567".to_owned()),
            confirmed_at: Some(Timestamp::UNIX_EPOCH),
            phone_confirmed_at: Some(Timestamp::UNIX_EPOCH),
            notifications: Notifications { email: true, sms: true },
            test_account: false,
            created_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn channels(user: &User) -> Result<Vec<Channel>, Silence> {
        let recipients = recipients(Some(user), Environment::Prod)?;
        Ok(recipients.into_iter().map(|(channel, _)| channel).collect())
    }

    #[test]
    fn the_user_chooses_the_channels() {
        assert_eq!(channels(&user()), Ok(vec![Channel::Email, Channel::Sms]));
        for (email, sms, phone, expected) in [
            (true, false, true, Ok(vec![Channel::Email])),
            (false, true, true, Ok(vec![Channel::Sms])),
            (true, true, false, Ok(vec![Channel::Email])),
            (false, true, false, Err(Silence::NotWanted)),
            (false, false, true, Err(Silence::NotWanted)),
        ] {
            let phone = user().phone.filter(|_| phone);
            let user = User { notifications: Notifications { email, sms }, phone, ..user() };
            assert_eq!(channels(&user), expected);
        }
    }

    #[test]
    fn nothing_goes_to_an_address_that_is_not_confirmed() {
        let neither = User { confirmed_at: None, phone_confirmed_at: None, ..user() };
        assert_eq!(channels(&neither), Err(Silence::NotConfirmed));
        assert_eq!(channels(&User { confirmed_at: None, ..user() }), Ok(vec![Channel::Sms]));
        assert_eq!(channels(&User { phone_confirmed_at: None, ..user() }), Ok(vec![Channel::Email]));
        let by_sms = Notifications { email: false, sms: true };
        let unconfirmed = User { notifications: by_sms, phone_confirmed_at: None, ..user() };
        assert_eq!(channels(&unconfirmed), Err(Silence::NotConfirmed));
        assert_eq!(recipients(None, Environment::Prod), Err(Silence::NoAccount));
    }

    #[test]
    fn trials_reach_test_accounts_only() {
        let tester = User { test_account: true, ..user() };
        for environment in [Environment::Test, Environment::Dev] {
            assert_eq!(recipients(Some(&user()), environment), Err(Silence::NotATestAccount));
            assert!(recipients(Some(&tester), environment).is_ok());
        }
        assert!(recipients(Some(&tester), Environment::Prod).is_ok());
    }
}
