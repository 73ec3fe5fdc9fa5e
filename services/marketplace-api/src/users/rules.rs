//! What people may say of themselves; every fault is named at once.

use event_schema::fault::Fault;
use http_edge::{body::given, problem::Problem};
use marketplace_core::{
    contact::{self, ContactFault},
    delivery::Secret,
    user::{NotificationsPatch, UserPatch},
};
use serde::Deserialize;
use serde_json::json;

/// The shortest password (NIST SP 800-63B section 5.1.1.2), in characters.
const MIN_PASSWORD: usize = 8;

/// The longest password, in characters.
const MAX_PASSWORD: usize = 128;

/// The longest name, in characters.
const MAX_NAME: usize = 100;

/// The body of `POST /v1/users`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct NewUser {
    email: String,
    password: Secret,
    name: Option<String>,
    phone: Option<String>,
}

/// A body of `POST /v1/users` that keeps the rules.
pub(super) struct Registration {
    pub(super) email: String,
    pub(super) password: Secret,
    pub(super) name: Option<String>,
    pub(super) phone: Option<String>,
}

/// The body of `POST /v1/users/confirm`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Confirm {
    pub(super) token: Secret,
}

/// The body of `PATCH /v1/users/me`: what is given changes, and null removes.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Changes {
    #[serde(default, deserialize_with = "given")]
    name: Option<Option<String>>,
    #[serde(default, deserialize_with = "given")]
    phone: Option<Option<String>>,
    notifications: Option<Channels>,
}

/// What is left out stays; null is no choice.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Channels {
    #[serde(default, deserialize_with = "given")]
    email: Option<bool>,
    #[serde(default, deserialize_with = "given")]
    sms: Option<bool>,
}

impl NewUser {
    /// # Errors
    /// 422 with every field at fault.
    pub(super) fn check(self) -> Result<Registration, Problem> {
        let mut faults = Faults::default();
        let email = faults.note("/email", contact::parse_email(&self.email).map_err(contact_fault));
        let password = faults.note("/password", check_password(&self.password));
        let name = faults.note("/name", self.name.map(check_name).transpose());
        let phone = faults.note("/phone", self.phone.map(check_phone).transpose());
        match (email, password, name, phone) {
            (Some(email), Some(()), Some(name), Some(phone)) => {
                Ok(Registration { email, password: self.password, name, phone })
            }
            _ => Err(Problem::invalid(faults.0)),
        }
    }
}

impl Registration {
    /// Everything that may be kept to tell one registration from another.
    pub(super) fn without_password(&self) -> String {
        json!([self.email, self.name, self.phone]).to_string()
    }
}

impl Changes {
    /// # Errors
    /// 422 with every field at fault.
    pub(super) fn check(self) -> Result<UserPatch, Problem> {
        let mut faults = Faults::default();
        let name = faults.note("/name", self.name.map(|name| name.map(check_name).transpose()).transpose());
        let phone = faults.note("/phone", self.phone.map(|phone| phone.map(check_phone).transpose()).transpose());
        match (name, phone) {
            (Some(name), Some(phone)) => {
                let Channels { email, sms } = self.notifications.unwrap_or_default();
                Ok(UserPatch { name, phone, notifications: NotificationsPatch { email, sms }, test_account: None })
            }
            _ => Err(Problem::invalid(faults.0)),
        }
    }
}

#[derive(Default)]
struct Faults(Vec<Fault>);

impl Faults {
    fn note<T>(&mut self, pointer: &str, checked: Result<T, String>) -> Option<T> {
        checked.map_err(|rule| self.0.push(Fault::new(pointer, rule))).ok()
    }
}

fn check_password(password: &Secret) -> Result<(), String> {
    let characters = password.expose().chars().count();
    let rule = || format!("must have {MIN_PASSWORD} to {MAX_PASSWORD} characters");
    (MIN_PASSWORD..=MAX_PASSWORD).contains(&characters).then_some(()).ok_or_else(rule)
}

fn check_name(name: String) -> Result<String, String> {
    let sized = (1..=MAX_NAME).contains(&name.chars().count());
    let valid = sized && !name.chars().any(contact::is_unfit_for_names);
    valid.then_some(name).ok_or_else(|| format!("must have 1 to {MAX_NAME} characters and no control characters"))
}

fn check_phone(phone: String) -> Result<String, String> {
    contact::parse_phone(&phone).map_err(contact_fault)
}

fn contact_fault(fault: ContactFault) -> String {
    fault.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(body: serde_json::Value) -> Vec<String> {
        let problem = serde_json::from_value::<NewUser>(body).unwrap().check().err();
        let errors = problem.as_ref().map(Problem::errors).unwrap_or_default();
        errors.iter().map(|fault| fault.pointer.clone()).collect()
    }

    #[test]
    fn every_fault_is_named_at_once() {
        let body = json!({ "email": "ann", "password": "short", "name": "a\u{202E}b", "phone": "555" });
        assert_eq!(faults(body), ["/email", "/password", "/name", "/phone"]);
        assert_eq!(faults(json!({ "email": "ann@example.com", "password": "12345678" })), [""; 0]);
    }

    #[test]
    fn a_passwords_length_is_counted_in_characters() {
        for (password, valid) in [
            ("1234567".to_owned(), false),
            ("ä".repeat(7), false),
            ("ä".repeat(8), true),
            ("🐴".repeat(128), true),
            ("x".repeat(129), false),
        ] {
            let body = json!({ "email": "ann@example.com", "password": password });
            assert_eq!(faults(body).is_empty(), valid, "{password}");
        }
    }

    #[test]
    fn null_removes_and_nothing_keeps() {
        let patch = |body| serde_json::from_value::<Changes>(body).unwrap().check().unwrap();
        let kept = patch(json!({}));
        assert_eq!((kept.name, kept.phone, kept.notifications), (None, None, NotificationsPatch::default()));
        let removed = patch(json!({ "name": null, "phone": null }));
        assert_eq!((removed.name, removed.phone), (Some(None), Some(None)));
        let set = patch(json!({ "name": "Ann", "notifications": { "email": false, "sms": true } }));
        assert_eq!(set.name, Some(Some("Ann".to_owned())));
        assert_eq!(set.notifications, NotificationsPatch { email: Some(false), sms: Some(true) });
        let quiet = patch(json!({ "notifications": { "email": false } }));
        assert_eq!(quiet.notifications, NotificationsPatch { email: Some(false), sms: None });
    }

    #[test]
    fn nobody_makes_themselves_a_test_account() {
        for body in [json!({ "test_account": true }), json!({ "email": "new@example.com" })] {
            assert!(serde_json::from_value::<Changes>(body.clone()).is_err(), "{body}");
        }
    }

    #[test]
    fn a_password_is_not_in_what_is_kept() {
        let body = json!({ "email": "Ann@example.com", "password": "hunter2-hunter2", "name": "Ann" });
        let registration = serde_json::from_value::<NewUser>(body).unwrap().check().ok().unwrap();
        assert_eq!(registration.without_password(), r#"["ann@example.com","Ann",null]"#);
    }
}
