//! A request while it is being read: the rules of each field, and the faults found so far.

use std::borrow::Cow;

use event_schema::{
    fault::Fault,
    id::{Environment, UserId},
    request::limits,
    words::Mode,
};
use serde_json::Number;

use super::{
    IntakeError, MAX_FAULTS, NewRequest,
    field::Field,
    json::{self, Member},
};

/// What has been read of a request.
pub(super) struct Draft {
    user_id: Option<UserId>,
    is_new: bool,
    environment: Environment,
    mode: Mode,
    addressed_to: Option<String>,
    category: Option<String>,
    /// The detail's text but for its last brace.
    detail: String,
    /// Whether objects of ours within the request may have members that we do not know.
    is_open: bool,
    faults: Vec<Fault>,
}

impl Draft {
    /// A request of this user that came through the API.
    pub(super) fn from_api(user_id: UserId, bytes: usize) -> Self {
        /// Room for the names and values that the body does not have.
        const OURS: usize = 192;

        let mut draft = Self { is_open: false, is_new: true, ..Self::from_event(bytes + OURS) };
        let mut quoted_id = String::with_capacity(48);
        json::push_quoted(&mut quoted_id, user_id.as_str());
        draft.keep(Field::UserId.name(), &quoted_id);
        draft.keep(Field::RequestStatus.name(), "\"new\"");
        draft.user_id = Some(user_id);
        draft
    }

    /// A request that came as an event.
    pub(super) fn from_event(bytes: usize) -> Self {
        let mut detail = String::with_capacity(bytes + 2);
        detail.push('{');
        Self {
            user_id: None,
            is_new: false,
            environment: Environment::default(),
            mode: Mode::default(),
            addressed_to: None,
            category: None,
            detail,
            is_open: true,
            faults: Vec::new(),
        }
    }

    /// Adds a member to the detail as it is written.
    pub(super) fn keep(&mut self, name: &str, text: &str) {
        if self.detail.len() > 1 {
            self.detail.push(',');
        }
        json::push_quoted(&mut self.detail, name);
        self.detail.push(':');
        self.detail.push_str(text);
    }

    /// Reads the value of a field and takes note of what is wrong with it. `null` is as good as absent, but for
    /// the fields that every request must have.
    pub(super) fn read(&mut self, field: Field, member: &Member<'_>) {
        let (at, text) = ([&*member.name], member.text);
        match field {
            Field::UserId => self.read_user_id(&at, text),
            Field::RequestStatus => self.read_request_status(&at, text),
            _ if text == "null" => {}
            Field::ThirdParty => {
                let addressee = self.string(&at, text, 0, limits::ADDRESSEE_CHARS);
                self.addressed_to = addressee.map(Cow::into_owned);
            }
            Field::Category => {
                let category = self.string(&at, text, 1, limits::WORD_CHARS);
                self.category = category.map(Cow::into_owned);
            }
            Field::Region => drop(self.string(&at, text, 1, limits::WORD_CHARS)),
            Field::Note => drop(self.string(&at, text, 0, limits::NOTE_CHARS)),
            Field::Amount => drop(self.number(&at, text)),
            Field::Items => self.read_items(&at, text),
            Field::Mode => self.mode = self.word(&at, text, Mode::ALL, Mode::as_str),
            Field::Environment => {
                self.environment = self.word(&at, text, Environment::ALL, Environment::as_str);
            }
            Field::Documents => self.composite(&at, text, '[', "must be an array"),
            Field::Attributes => self.composite(&at, text, '{', "must be an object"),
        }
    }

    fn read_user_id(&mut self, at: &[&str], text: &str) {
        let Some(id) = json::string(text) else {
            return self.refuse(at, "must be a string");
        };
        match id.parse::<UserId>() {
            Ok(id) => self.user_id = Some(id),
            Err(error) => self.refuse(at, format!("must be {}", error.rule)),
        }
    }

    fn read_request_status(&mut self, at: &[&str], text: &str) {
        self.is_new = json::string(text).is_some_and(|status| status == "new");
        if !self.is_new {
            self.refuse(at, "must be `new`");
        }
    }

    fn read_items(&mut self, at: &[&str], text: &str) {
        let faults = self.faults.len();
        self.composite(at, text, '[', "must be an array");
        if self.faults.len() > faults {
            return;
        }
        let items = json::elements_of_value(text).unwrap_or_default();
        if items.len() > limits::ITEMS {
            return self.refuse(at, format!("must have at most {} elements", limits::ITEMS));
        }
        for (index, item) in items.into_iter().enumerate() {
            let index = index.to_string();
            self.read_item(&[at[0], &index], item);
        }
    }

    fn read_item(&mut self, at: &[&str; 2], text: &str) {
        let Some(members) = json::members_of_value(text) else {
            return self.refuse(at, "must be an object");
        };
        let mut is_named = false;
        for member in &members {
            let (at, text) = ([at[0], at[1], &member.name], member.text);
            match &*member.name {
                "name" => {
                    is_named = true;
                    self.string(&at, text, 1, limits::ITEM_NAME_CHARS);
                }
                "quantity" if text == "null" => {}
                "quantity" => {
                    let quantity = self.number(&at, text);
                    if quantity.is_some_and(|number| !is_positive(&number)) {
                        self.refuse(&at, "must be more than 0");
                    }
                }
                _ if self.is_open => {}
                _ => self.refuse_unknown(&at),
            }
        }
        if !is_named {
            self.refuse(&[at[0], at[1], "name"], "is required");
        }
    }

    /// A string of so many characters.
    fn string<'a>(&mut self, at: &[&str], text: &'a str, least: usize, most: usize) -> Option<Cow<'a, str>> {
        let Some(string) = json::string(text) else {
            self.refuse(at, "must be a string");
            return None;
        };
        if (least..=most).contains(&string.chars().count()) {
            return Some(string);
        }
        self.refuse(at, format!("must have {least} to {most} characters"));
        None
    }

    /// A number of JSON that a double can hold; its text is kept, so its digits are too.
    fn number(&mut self, at: &[&str], text: &str) -> Option<Number> {
        if !text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
            self.refuse(at, "must be a number");
            return None;
        }
        let number = serde_json::from_str(text).ok();
        if number.is_none() {
            self.refuse(at, "is too large a number");
        }
        number
    }

    /// One of a closed list of words, or its default along with a fault.
    fn word<T: Copy + Default, const N: usize>(
        &mut self,
        at: &[&str],
        text: &str,
        all: [T; N],
        as_str: fn(T) -> &'static str,
    ) -> T {
        let sent = json::string(text);
        let found = all.into_iter().find(|&word| sent.as_deref() == Some(as_str(word)));
        if found.is_none() {
            let words = all.map(|word| format!("`{}`", as_str(word))).join(", ");
            self.refuse(at, format!("must be one of {words}"));
        }
        found.unwrap_or_default()
    }

    /// An array or an object, whatever is in it.
    fn composite(&mut self, at: &[&str], text: &str, opening: char, rule: &str) {
        if text.starts_with(opening) {
            self.inspect(at, text);
        } else {
            self.refuse(at, rule);
        }
    }

    /// Takes note of what some reader of this value would trip over.
    pub(super) fn inspect(&mut self, at: &[&str], text: &str) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.extend(json::inspect(at, text));
        }
    }

    pub(super) fn refuse_repeated(&mut self, members: &[Member<'_>]) {
        for name in json::repeated(members).into_iter().take(MAX_FAULTS) {
            self.refuse(&[name], "is given twice");
        }
    }

    pub(super) fn refuse_unknown(&mut self, at: &[&str]) {
        self.refuse(at, "there is no such field; a request's free part is `attributes`");
    }

    fn refuse(&mut self, at: &[&str], rule: impl Into<String>) {
        if self.faults.len() < MAX_FAULTS {
            self.faults.push(Fault::at(at, rule));
        }
    }

    /// The request, or all that is wrong with it.
    pub(super) fn finish(mut self) -> Result<NewRequest, IntakeError> {
        let has = |faults: &[Fault], at: &str| faults.iter().any(|fault| fault.pointer == at);
        if self.user_id.is_none() && !has(&self.faults, "/user_id") {
            self.refuse(&["user_id"], "is required");
        }
        if !self.is_new && !has(&self.faults, "/request_status") {
            self.refuse(&["request_status"], "is required");
        }
        self.detail.push('}');
        match self.user_id {
            Some(user_id) if self.faults.is_empty() => Ok(NewRequest {
                user_id,
                environment: self.environment,
                mode: self.mode,
                addressed_to: self.addressed_to,
                category: self.category,
                detail: self.detail.into(),
            }),
            _ => Err(IntakeError::Invalid(self.faults)),
        }
    }
}

fn is_positive(number: &Number) -> bool {
    number.as_f64().is_some_and(|value| value > 0.0)
}
