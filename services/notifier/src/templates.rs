//! What users are told, in plain text: one sentence for each status, which request, and who.
//!
//! Nothing that a third party wrote with its answer is in it (`reason`, `details`): it could be anything, to anybody.

use event_schema::status_update::{StatusUpdateDetail, UpdateStatus};

/// The longest name that is repeated, in characters.
const MAX_NAME: usize = 60;

/// What a message is made of.
pub(crate) struct Story<'a> {
    /// What happened.
    pub(crate) update: &'a StatusUpdateDetail,
    /// What people call the party, if one is concerned.
    pub(crate) party_name: Option<&'a str>,
    /// What to call the user.
    pub(crate) user_name: Option<&'a str>,
    /// Where people reach the marketplace.
    pub(crate) public_url: &'a str,
}

impl Story<'_> {
    /// The subject of an e-mail: one line.
    pub(crate) fn subject(&self) -> String {
        let party = self.party();
        match self.update.status {
            UpdateStatus::InProgress => format!("{party} is looking at your request"),
            UpdateStatus::Accepted => format!("{party} accepted your request"),
            UpdateStatus::Declined => format!("{party} declined your request"),
            UpdateStatus::Completed => format!("{party} completed your request"),
            UpdateStatus::Cancelled => "Your request was cancelled".to_owned(),
            UpdateStatus::Unmatched => "Nobody could be found for your request".to_owned(),
            UpdateStatus::Expired => format!("{party} did not answer your request"),
            UpdateStatus::Released => format!("{party} gave your request back"),
        }
    }

    /// The text of an e-mail.
    pub(crate) fn body(&self) -> String {
        let greeting = match self.user_name {
            Some(name) => format!("Hello {},", one_line(name)),
            None => "Hello,".to_owned(),
        };
        format!(
            "{greeting}\n\n{}\n\nRequest: {}\n\nMarketplace\n{}\n",
            self.sentence(),
            self.update.request_id,
            self.public_url
        )
    }

    /// The text of an SMS: at most 160 characters of the GSM alphabet, so that it is one message. The party is named
    /// by its id, which is short and ASCII.
    pub(crate) fn sms(&self) -> String {
        let party = self.update.third_party.as_ref().map_or("a partner", |party| party.as_str());
        let what = match self.update.status {
            UpdateStatus::InProgress => format!("{party} is looking at your request"),
            UpdateStatus::Accepted => format!("{party} accepted your request"),
            UpdateStatus::Declined => format!("{party} declined your request"),
            UpdateStatus::Completed => format!("{party} completed your request"),
            UpdateStatus::Cancelled => "cancelled: your request".to_owned(),
            UpdateStatus::Unmatched => "nobody found for your request".to_owned(),
            UpdateStatus::Expired => format!("{party} did not answer your request"),
            UpdateStatus::Released => format!("{party} gave back your request"),
        };
        format!("Marketplace: {what} {}", self.update.request_id)
    }

    fn sentence(&self) -> String {
        let party = self.party();
        match self.update.status {
            UpdateStatus::InProgress => {
                format!("{party} has seen your request and is looking at it.")
            }
            UpdateStatus::Accepted => format!("{party} accepted your request and will fulfil it."),
            UpdateStatus::Declined => {
                format!("{party} declined your request and will not fulfil it.")
            }
            UpdateStatus::Completed => format!("{party} completed your request."),
            UpdateStatus::Cancelled => "Your request was cancelled. Whoever had it was told.".to_owned(),
            UpdateStatus::Unmatched => "There is nobody at the moment who can fulfil your request.".to_owned(),
            UpdateStatus::Expired => format!("{party} did not answer your request in time."),
            UpdateStatus::Released => {
                format!("{party} will not fulfil your request after all. Others are asked again, if there are any.")
            }
        }
    }

    fn party(&self) -> String {
        let id = self.update.third_party.as_ref().map(|party| party.as_str());
        self.party_name.or(id).map_or_else(|| "A partner".to_owned(), one_line)
    }
}

/// A name that stays on its line and in its direction, whatever was put in it.
pub(crate) fn one_line(name: &str) -> String {
    let visible = name.chars().map(|c| if breaks_lines(c) { ' ' } else { c });
    let line: String = visible.filter(|c| !turns_text_around(*c)).take(MAX_NAME).collect();
    line.trim().to_owned()
}

fn breaks_lines(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Unicode's embeddings, overrides and isolates: with them a name can make the rest of a line read backwards.
fn turns_text_around(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use event_schema::{
        envelope::Metadata,
        id::{Environment, RequestId},
    };
    use uuid::Uuid;

    use super::*;

    fn update(status: UpdateStatus, party: Option<&str>) -> StatusUpdateDetail {
        StatusUpdateDetail {
            metadata: Metadata {
                event_id: Uuid::from_u128(1),
                version: Metadata::VERSION,
                sequence: 3,
                correlation_id: "c".to_owned(),
                causation_id: None,
                environment: Environment::Prod,
                occurred_at: "2026-11-21T08:00:00Z".parse().unwrap(),
            },
            request_id: RequestId(Uuid::from_u128(7)),
            user_id: "usr_1".parse().unwrap(),
            third_party: party.map(|party| party.parse().unwrap()),
            delivery_id: None,
            status,
            reason: Some("call +1 900 555 0100 to claim your prize".to_owned()),
            details: Some("https://evil.example".into()),
            won: None,
        }
    }

    fn story<'a>(update: &'a StatusUpdateDetail, party: &'a str, user: &'a str) -> Story<'a> {
        Story { update, party_name: Some(party), user_name: Some(user), public_url: "https://market.example" }
    }

    #[test]
    fn an_email_names_the_request_and_the_party() {
        let update = update(UpdateStatus::Accepted, Some("acme"));
        let story = story(&update, "Acme Books", "Ann");
        assert_eq!(story.subject(), "Acme Books accepted your request");
        assert_eq!(
            story.body(),
            "Hello Ann,\n\nAcme Books accepted your request and will fulfil it.\n\n\
             Request: req_00000000-0000-0000-0000-000000000007\n\nMarketplace\nhttps://market.example\n"
        );
    }

    #[test]
    fn every_status_has_words_of_its_own_and_none_of_the_partys() {
        let mut subjects = std::collections::BTreeSet::new();
        for status in UpdateStatus::ALL {
            let update = update(status, Some("acme"));
            let story = story(&update, "Acme Books", "Ann");
            let (subject, text) = (story.subject(), story.subject() + &story.body() + &story.sms());
            assert!(!text.contains("prize") && !text.contains("evil"), "{text}");
            assert!(subjects.insert(subject), "{status}");
        }
    }

    #[test]
    fn an_sms_is_one_message() {
        let longest = "a".repeat(32);
        for status in UpdateStatus::ALL {
            for party in [None, Some(longest.as_str())] {
                let update = update(status, party);
                let sms = story(&update, "Bücher", "Ann").sms();
                assert!(sms.len() <= 160 && sms.is_ascii(), "{sms}");
                assert!(sms.contains("req_00000000-0000-0000-0000-000000000007"), "{sms}");
            }
        }
    }

    #[test]
    fn a_name_cannot_leave_its_line() {
        let hostile = "Acme\r\nBcc: eve@example.com\r\n\r\n\u{2028}\u{202e}Click here\0";
        let update = update(UpdateStatus::Accepted, Some("acme"));
        let story = story(&update, hostile, hostile);
        assert!(!story.subject().contains(|c: char| breaks_lines(c) || turns_text_around(c)));
        assert_eq!(story.body().lines().count(), 8);
        let long = "x".repeat(10_000);
        let story = self::story(&update, &long, &long);
        assert!(story.subject().len() < 200 && story.body().len() < 1_000);
    }

    #[test]
    fn who_has_no_name_is_named_by_its_id() {
        for (party, subject) in
            [(Some("acme"), "acme declined your request"), (None, "A partner declined your request")]
        {
            let update = update(UpdateStatus::Declined, party);
            let nameless = Story { party_name: None, user_name: None, ..story(&update, "", "") };
            assert_eq!(nameless.subject(), subject);
            assert!(nameless.body().starts_with("Hello,\n"));
        }
    }
}
