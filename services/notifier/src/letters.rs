//! What third parties' contacts are told, in plain text. No secret is in it, and no key.

use event_schema::{id::Environment, third_party::ThirdPartyDetail};
use marketplace_core::{delivery::DeliverySettings, party::Party};

use crate::{contacts::Topic, templates::one_line};

/// What a letter is made of.
pub(crate) struct Letter<'a> {
    /// What it is about.
    pub(crate) topic: Topic,
    /// What happened.
    pub(crate) event: &'a ThirdPartyDetail,
    /// To whom; as it is now, which may be later.
    pub(crate) party: &'a Party,
    /// What the link to confirm the address ends with, if it has one.
    pub(crate) token: Option<&'a str>,
    /// Where people reach the marketplace.
    pub(crate) public_url: &'a str,
}

impl Letter<'_> {
    /// One line.
    pub(crate) fn subject(&self) -> String {
        let (id, place) = (&self.party.id, self.place());
        match self.topic {
            Topic::SignUp => "Confirm your sign-up".to_owned(),
            Topic::Admitted => format!("{id}: welcome to the marketplace"),
            Topic::NewKey => format!("{id}: a new API key{place}"),
            Topic::NewOrigin => format!("{id}: messages{place} go elsewhere"),
            Topic::Failing => format!("{id}: the endpoint{place} does not work"),
            Topic::StillFailing => format!("{id}: the endpoint{place} still does not work"),
            Topic::Certified => format!("{id}: certified"),
            Topic::Paused => format!("{id}: deliveries{place} are paused"),
            Topic::Disabled => format!("{id} was disabled"),
        }
    }

    /// The text.
    pub(crate) fn body(&self) -> String {
        let (name, at) = (one_line(&self.party.name), self.event.metadata.occurred_at);
        format!(
            "Hello,\n\nthis is about {name} ({}), at {at:.0}.\n\n{}\n\nMarketplace\n{}\n",
            self.party.id,
            self.text(),
            self.public_url
        )
    }

    /// The token stands behind a `#`, which browsers do not send: it is in no server's log.
    fn text(&self) -> String {
        let (place, url) = (self.place(), self.public_url);
        match self.topic {
            Topic::SignUp => {
                let token = self.token.unwrap_or_default();
                format!(
                    "Somebody, probably you, signed it up as a third party with this address.\n\
                     \n\
                     To confirm that it is yours, and to get the first API keys, open this link:\n\
                     {url}/third-parties/confirm#token={token}\n\
                     \n\
                     Programs can send {{\"token\": \"{token}\"}} to {url}/v1/third-parties/confirm instead.\n\
                     It is good for a day, until the keys are used.\n\
                     \n\
                     If it was not you, ignore this message; nothing more will be sent to you."
                )
            }
            Topic::Admitted => format!(
                "It takes part in the marketplace from now on. GET {url}/v1/me says what it may do, with the keys\n\
                 that following the link answered."
            ),
            Topic::NewKey => format!(
                "An API key was made{place}. If that was none of you, take it away: GET {url}/v1/me/keys lists\n\
                 keys, and DELETE {url}/v1/me/keys/<key_id> ends one at once."
            ),
            Topic::NewOrigin => format!(
                "Somebody with one of your keys changed where messages{place} go: {}.\n\
                 If that was none of you, make a new key, take the others away, and set the endpoint again.",
                self.destination()
            ),
            Topic::Failing | Topic::StillFailing => self.failing(),
            Topic::Certified => self.certified(),
            Topic::Paused => format!(
                "Nothing is pushed{place} for now{}. Requests are offered all the same: they wait, can be leased\n\
                 from the inbox, and are pushed when the pause ends (POST {url}/v1/me/resume).",
                self.reason()
            ),
            Topic::Disabled => "It takes part in the marketplace no more, and its keys open nothing.".to_owned(),
        }
    }

    fn certified(&self) -> String {
        if !self.party.environment(Environment::Prod).open {
            return "It has passed its certification. `prod` was closed by the operator, and opens when the operator does so."
                .to_owned();
        }
        format!(
            "It has passed its certification: `prod` is open to it.\n\
             \n\
             POST {}/v1/me/keys with {{\"environment\": \"prod\"}} and the key of `test` answers the first key of `prod`,\n\
             if there is none. Filter and endpoint are set there as they were in `test`.",
            self.public_url
        )
    }

    fn failing(&self) -> String {
        let place = self.place();
        let failing = self.event.environment.and_then(|one| self.party.environment(one).failing);
        let since = failing.map_or_else(String::new, |failing| format!(" since {:.0}", failing.since));
        let outlook = match self.topic {
            Topic::StillFailing => "If none does for as long again, deliveries are paused until you resume them.",
            _ => "We try again from time to time.",
        };
        format!(
            "No message has reached the endpoint{place}{since}. {outlook}\n\
             Nothing is lost: requests are offered all the same, wait in their order, and can be leased from the inbox\n\
             meanwhile. GET {}/v1/me says when the next attempt is made.",
            self.public_url
        )
    }

    fn place(&self) -> String {
        self.event.environment.map_or_else(String::new, |environment| format!(" in {environment}"))
    }

    /// Why it is paused, if it still is.
    fn reason(&self) -> String {
        let paused = self.event.environment.and_then(|one| self.party.environment(one).paused.as_deref());
        paused.map_or_else(String::new, |reason| format!(" ({})", one_line(reason)))
    }

    /// The origins that messages and credentials go to now, without paths and queries, which may be secret.
    fn destination(&self) -> String {
        let delivery = self.event.environment.map(|one| &self.party.environment(one).delivery);
        let origins = delivery.map(|delivery| delivery.new_origins(&DeliverySettings::Poll)).unwrap_or_default();
        if origins.is_empty() { "by now, to the inbox".to_owned() } else { origins.join(" and ") }
    }
}

#[cfg(test)]
mod tests {
    use event_schema::{envelope::Metadata, id::Environment, third_party::ThirdPartyChange};
    use marketplace_core::party::fields;
    use serde_json::json;

    use super::*;

    fn event(change: ThirdPartyChange, fields: &[&str]) -> ThirdPartyDetail {
        ThirdPartyDetail {
            metadata: Metadata {
                event_id: uuid::Uuid::from_u128(1),
                version: Metadata::VERSION,
                sequence: 3,
                correlation_id: "c".to_owned(),
                causation_id: None,
                environment: Environment::Test,
                occurred_at: "2026-11-21T08:00:00.25Z".parse().unwrap(),
            },
            third_party: "books".parse().unwrap(),
            environment: Some(Environment::Test),
            change,
            changed_fields: Some(fields.iter().map(|field| (*field).to_owned()).collect()),
        }
    }

    fn party() -> Party {
        let hostile = "Books\r\nBcc: eve@example.com".to_owned();
        let mut party =
            Party::new("books".parse().unwrap(), hostile, "dev@books.example".to_owned(), jiff::Timestamp::UNIX_EPOCH);
        party.environments[0].open = true;
        party.environments[1].paused = Some("the endpoint answered 410".to_owned());
        party.environments[1].delivery = serde_json::from_value(json!({
            "mode": "push", "url": "https://books.example/hook?token=hunter2", "transport": "direct", "signed": false,
            "auth": {
                "type": "oauth-client-credentials", "token_url": "https://login.example/token", "client_id": "us",
                "client_secret": "hunter2",
            },
            "max_age_hours": 24,
        }))
        .unwrap();
        party
    }

    #[test]
    fn a_letter_says_what_happened_and_no_secret() {
        let party = party();
        for (change, field, said) in [
            (ThirdPartyChange::Changed, fields::SIGN_UP, "/third-parties/confirm#token=t0k3n"),
            (ThirdPartyChange::Joined, fields::SIGN_UP, "takes part"),
            (ThirdPartyChange::Changed, fields::KEYS, "/v1/me/keys"),
            (ThirdPartyChange::Changed, fields::ORIGIN, "https://books.example and https://login.example."),
            (ThirdPartyChange::Changed, fields::FAILING, "We try again"),
            (ThirdPartyChange::Changed, fields::STILL_FAILING, "paused until you resume"),
            (ThirdPartyChange::Changed, fields::CERTIFIED, "`prod` is open"),
            (ThirdPartyChange::Paused, "state", "(the endpoint answered 410)"),
            (ThirdPartyChange::Disabled, "state", "no more"),
        ] {
            let event = event(change, &[field]);
            let topic = Topic::of(&event).unwrap();
            let letter = Letter {
                topic,
                event: &event,
                party: &party,
                token: Some("t0k3n"),
                public_url: "https://market.example",
            };
            let (subject, body) = (letter.subject(), letter.body());
            assert!(!subject.contains('\n'), "{subject}");
            assert!(body.contains(said) && body.contains("2026-11-21T08:00:00Z"), "{body}");
            assert!(!body.contains("hunter2") && body.lines().all(|line| !line.starts_with("Bcc")), "{body}");
        }
    }

    #[test]
    fn who_is_certified_where_an_operator_has_closed_prod_is_told_so() {
        let mut party = party();
        party.environments[0].open = false;
        let event = event(ThirdPartyChange::Changed, &[fields::CERTIFIED]);
        let public_url = "https://market.example";
        let letter = Letter { topic: Topic::Certified, event: &event, party: &party, token: None, public_url };
        assert!(letter.body().contains("closed by the operator"), "{}", letter.body());
    }

    #[test]
    fn of_other_changes_nobody_is_told() {
        for (change, field) in [
            (ThirdPartyChange::Joined, "keys"),
            (ThirdPartyChange::Changed, "filter"),
            (ThirdPartyChange::Changed, "delivery"),
            (ThirdPartyChange::Changed, fields::REVOKED_KEYS),
            (ThirdPartyChange::Changed, fields::RECOVERED),
            (ThirdPartyChange::Changed, fields::CERTIFICATION),
            (ThirdPartyChange::Resumed, "state"),
        ] {
            assert_eq!(Topic::of(&event(change, &[field])), None, "{change:?} {field}");
        }
    }
}
