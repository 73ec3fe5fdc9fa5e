//! The simulated third parties: who they are, what they want, and how they behave.

use std::ops::Range;

use serde_json::{Value, json};

/// How a party behaves.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Manner {
    /// Takes a message at once, and works through it.
    Prompt,
    /// Answers 5xx or drops the connection now and then.
    Flaky,
    /// Takes seconds to answer a push.
    Slow,
    /// Has no endpoint: fetches from its inbox.
    Polling,
    /// Wants nothing of what it is offered.
    Declining,
    /// Its endpoint is no longer where it said: 404.
    Moved,
}

/// What the gateway must show to a party's endpoint.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Lock {
    /// Nothing.
    Open,
    /// A header with a secret.
    ApiKey,
    /// A user name and a password.
    Basic,
}

/// A simulated third party.
#[derive(Clone, Debug)]
pub(super) struct Role {
    /// Its slug.
    pub(super) id: &'static str,
    /// How it behaves.
    pub(super) manner: Manner,
    /// How its endpoint is locked.
    pub(super) lock: Lock,
    /// Who carries its messages.
    pub(super) transport: &'static str,
    /// What it may see, for the operator; null is everything.
    pub(super) scope: Value,
    /// What it wants; null is what is addressed to it.
    pub(super) filter: Value,
}

impl Role {
    fn new(id: &'static str, manner: Manner, filter: Value) -> Self {
        Self { id, manner, lock: Lock::Open, transport: "managed", scope: Value::Null, filter }
    }
}

impl Manner {
    /// What the party answers to an offer, one after the other.
    pub(super) fn answers(self) -> &'static [&'static str] {
        match self {
            Self::Declining => &["declined"],
            Self::Prompt | Self::Flaky | Self::Slow | Self::Polling | Self::Moved => {
                &["in-progress", "accepted", "completed"]
            }
        }
    }

    /// Milliseconds until its endpoint answers a push.
    pub(super) fn push_answer_after(self) -> Range<u64> {
        match self {
            Self::Slow => 1_000..3_000,
            Self::Prompt | Self::Flaky | Self::Polling | Self::Declining | Self::Moved => 1..8,
        }
    }

    /// For people.
    pub(super) fn about(self) -> &'static str {
        match self {
            Self::Prompt => "prompt",
            Self::Flaky => "fails now and then",
            Self::Slow => "takes 1 to 3 s",
            Self::Polling => "polls its inbox",
            Self::Declining => "declines",
            Self::Moved => "has moved: 404",
        }
    }
}

/// Everybody.
pub(super) fn roles() -> Vec<Role> {
    let category = |words: &[&str]| json!({"detail": {"category": words}});
    vec![
        Role { lock: Lock::ApiKey, ..Role::new("prompt-books", Manner::Prompt, category(&["books"])) },
        Role {
            lock: Lock::Basic,
            transport: "direct",
            scope: json!({"detail": {"region": ["eu", "uk"]}}),
            ..Role::new("euro-books", Manner::Prompt, category(&["books", "pens"]))
        },
        Role { lock: Lock::Basic, ..Role::new("flaky-pens", Manner::Flaky, category(&["pens"])) },
        Role { transport: "direct", ..Role::new("slow-furniture", Manner::Slow, category(&["furniture"])) },
        Role::new("polling-garden", Manner::Polling, json!({"detail": {"category": [{"prefix": "garden"}, "toys"]}})),
        Role {
            lock: Lock::ApiKey,
            ..Role::new("declining-art", Manner::Declining, json!({"detail": {"amount": [{"numeric": [">=", 500]}]}}))
        },
        Role::new("moved-toys", Manner::Moved, category(&["toys"])),
        Role { transport: "direct", ..Role::new("3rdparty1", Manner::Prompt, Value::Null) },
    ]
}
