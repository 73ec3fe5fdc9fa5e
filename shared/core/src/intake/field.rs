//! The fields of a request that have rules, and what each way in calls them.

/// A field of a request that has rules.
#[derive(Clone, Copy)]
pub(super) enum Field {
    UserId,
    RequestStatus,
    ThirdParty,
    Category,
    Region,
    Amount,
    Items,
    Mode,
    Documents,
    Note,
    Attributes,
    Environment,
}

impl Field {
    const ALL: [Self; 12] = [
        Self::UserId,
        Self::RequestStatus,
        Self::ThirdParty,
        Self::Category,
        Self::Region,
        Self::Amount,
        Self::Items,
        Self::Mode,
        Self::Documents,
        Self::Note,
        Self::Attributes,
        Self::Environment,
    ];

    /// The field's name in a request event's detail.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::UserId => "user_id",
            Self::RequestStatus => "request_status",
            Self::ThirdParty => "3rdparty",
            Self::Category => "category",
            Self::Region => "region",
            Self::Amount => "amount",
            Self::Items => "items",
            Self::Mode => "mode",
            Self::Documents => "documents",
            Self::Note => "note",
            Self::Attributes => "attributes",
            Self::Environment => "environment",
        }
    }

    /// The field of a request event's detail that has this name.
    pub(super) fn of_event(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|field| field.name() == name)
    }

    /// The field of a body of `POST /v1/requests` that has this name.
    pub(super) fn of_api(name: &str) -> Option<Self> {
        match name {
            "third_party" => Some(Self::ThirdParty),
            // Who asks is known from the token, and that the request is new goes without saying.
            "user_id" | "request_status" | "3rdparty" | "documents" => None,
            _ => Self::of_event(name),
        }
    }
}
