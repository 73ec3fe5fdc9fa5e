//! How people show that an address is theirs: a token goes to it and comes back. One rule for e-mail and SMS.

use std::time::Duration;

use event_schema::id::UserId;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{command::Refusal, user::User};

/// How long a token is good for.
pub const CONFIRMATION_LIFETIME: SignedDuration = SignedDuration::from_hours(24);

/// Most tokens that are sent by SMS within [`TEXTING_WINDOW`]: for one account, and to one number whoever asks. Nobody
/// can have a stranger's phone texted all day.
pub const MOST_TEXTS: usize = 3;

/// See [`MOST_TEXTS`].
pub const TEXTING_WINDOW: SignedDuration = SignedDuration::from_hours(1);

/// What a token was sent for; kept under the token's hash.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Confirmation {
    /// Whose address it is.
    pub user: UserId,
    /// The number that the token went to; none when it went to the account's e-mail address.
    pub phone: Option<String>,
    /// From when on it confirms nothing.
    pub expires_at: Timestamp,
}

impl Confirmation {
    /// Of the e-mail address that an account was made with.
    #[must_use]
    pub fn of_email(user: &User) -> Self {
        Self { user: user.id.clone(), phone: None, expires_at: end_of_life(user.created_at) }
    }

    /// The account with the address confirmed; the first time counts.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] when the token's time is over, or the account has another number by now.
    pub fn confirm(&self, mut user: User, at: Timestamp) -> Result<User, Refusal> {
        let other_number = self.phone.is_some() && self.phone != user.phone;
        if at >= self.expires_at || other_number {
            return Err(Refusal::NotFound);
        }
        let confirmed_at = if self.phone.is_some() { &mut user.phone_confirmed_at } else { &mut user.confirmed_at };
        confirmed_at.get_or_insert(at);
        Ok(user)
    }
}

/// A token that is about to go to a phone number.
#[derive(Clone, Debug)]
pub struct PhoneToken {
    /// For whose account.
    pub user: UserId,
    /// The number, which need not be the account's yet.
    pub phone: String,
    /// SHA-256 of the token.
    pub hash: [u8; 32],
    /// Now.
    pub at: Timestamp,
}

impl PhoneToken {
    /// What is kept under the token's hash.
    #[must_use]
    pub fn confirmation(&self) -> Confirmation {
        Confirmation { user: self.user.clone(), phone: Some(self.phone.clone()), expires_at: end_of_life(self.at) }
    }

    /// Those whose texts are counted: the account, and the number.
    #[must_use]
    pub fn counted(&self) -> [String; 2] {
        [format!("user/{}", self.user), format!("phone/{}", self.phone)]
    }
}

/// Whether a token may be sent by SMS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Texting {
    /// It is counted, and can go out.
    Now,
    /// There were enough lately; nothing is counted. Again after this long.
    After(Duration),
}

/// When tokens were sent by SMS lately, oldest first: to one number, or for one account.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Texts(Vec<Timestamp>);

impl Texts {
    /// Counts one more in each of these, or in none.
    pub fn count(counted: &mut [Self], now: Timestamp) -> Texting {
        for texts in &mut *counted {
            texts.0.retain(|at| now.duration_since(*at) < TEXTING_WINDOW);
        }
        if let Some(wait) = counted.iter().filter_map(|texts| texts.wait(now)).max() {
            return Texting::After(wait);
        }
        counted.iter_mut().for_each(|texts| texts.0.push(now));
        Texting::Now
    }

    /// From when on nothing of this counts any more.
    #[must_use]
    pub fn expire_at(now: Timestamp) -> Timestamp {
        now.checked_add(TEXTING_WINDOW).unwrap_or(now)
    }

    fn wait(&self, now: Timestamp) -> Option<Duration> {
        let first = self.0.len().checked_sub(MOST_TEXTS).and_then(|first| self.0.get(first))?;
        let wait = TEXTING_WINDOW.checked_sub(now.duration_since(*first)).unwrap_or(TEXTING_WINDOW);
        Some(wait.unsigned_abs())
    }
}

fn end_of_life(sent: Timestamp) -> Timestamp {
    sent.checked_add(CONFIRMATION_LIFETIME).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::user::{Notifications, UserPatch};

    const NOW: Timestamp = Timestamp::constant(1_800_000_000, 0);

    fn ann() -> User {
        User {
            id: "ann".parse().unwrap(),
            email: "ann@example.com".to_owned(),
            password_hash: String::new(),
            name: None,
            phone: Some("+15551234567".to_owned()),
            confirmed_at: None,
            phone_confirmed_at: None,
            notifications: Notifications::default(),
            test_account: false,
            created_at: NOW,
        }
    }

    fn token(phone: &str) -> PhoneToken {
        PhoneToken { user: ann().id, phone: phone.to_owned(), hash: [0; 32], at: NOW }
    }

    #[test]
    fn each_token_confirms_the_address_that_it_went_to() {
        let later = NOW + SignedDuration::from_hours(23);
        let by_email = Confirmation::of_email(&ann()).confirm(ann(), later).unwrap();
        assert_eq!((by_email.confirmed_at, by_email.phone_confirmed_at), (Some(later), None));
        let both = token("+15551234567").confirmation().confirm(by_email, NOW).unwrap();
        assert_eq!((both.confirmed_at, both.phone_confirmed_at), (Some(later), Some(NOW)));
        let again = token("+15551234567").confirmation().confirm(both.clone(), later).unwrap();
        assert_eq!(again, both, "the first time counts");
    }

    #[test]
    fn a_token_confirms_no_other_number_and_nothing_after_a_day() {
        for phone in [None, Some("+15557654321".to_owned())] {
            let moved = UserPatch { phone: Some(phone), ..UserPatch::default() }.apply(ann());
            assert_eq!(token("+15551234567").confirmation().confirm(moved, NOW), Err(Refusal::NotFound));
        }
        let over = NOW + CONFIRMATION_LIFETIME;
        assert_eq!(token("+15551234567").confirmation().confirm(ann(), over), Err(Refusal::NotFound));
        assert_eq!(Confirmation::of_email(&ann()).confirm(ann(), over), Err(Refusal::NotFound));
    }

    #[test]
    fn another_number_is_not_confirmed_and_the_same_stays_so() {
        let confirmed = User { phone_confirmed_at: Some(NOW), ..ann() };
        let set = |phone: Option<&str>| {
            let patch = UserPatch { phone: Some(phone.map(str::to_owned)), ..UserPatch::default() };
            patch.apply(confirmed.clone()).phone_confirmed_at
        };
        assert_eq!(set(Some("+15551234567")), Some(NOW));
        assert_eq!((set(Some("+15557654321")), set(None)), (None, None));
    }

    #[test]
    fn enough_is_enough_for_an_hour() {
        let mut counted = [Texts::default(), Texts(vec![NOW])];
        let minutes = |minutes: i64| NOW + SignedDuration::from_mins(minutes);
        assert_eq!(Texts::count(&mut counted, minutes(10)), Texting::Now);
        assert_eq!(Texts::count(&mut counted, minutes(20)), Texting::Now);
        let before = counted.clone();
        let wait = Texting::After(Duration::from_secs(30 * 60));
        assert_eq!(Texts::count(&mut counted, minutes(30)), wait, "the second has three");
        assert_eq!(counted, before, "what is not sent is not counted");
        assert_eq!(Texts::count(&mut counted, minutes(60)), Texting::Now);
        assert_eq!(Texts::count(&mut counted, minutes(61)), Texting::After(Duration::from_secs(9 * 60)));
    }
}
