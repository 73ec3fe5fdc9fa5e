//! Names, in an event's `changed_fields`, of what a party's contact is told of.

/// A key was made.
pub const KEYS: &str = "keys";

/// Somebody signed up, or who had signed up takes part.
pub const SIGN_UP: &str = "sign_up";

/// A key was taken away.
pub const REVOKED_KEYS: &str = "revoked_keys";

/// Messages, or what they are authorized with, go to another origin.
pub const ORIGIN: &str = "origin";

/// Nothing but failures has come of attempts at its endpoint for some time.
pub const FAILING: &str = "failing";

/// The same for half of the time after which it is paused.
pub const STILL_FAILING: &str = "still_failing";

/// An attempt has succeeded after that; nobody is told.
pub const RECOVERED: &str = "recovered";

/// A certification began, or was not passed.
pub const CERTIFICATION: &str = "certification";

/// A certification was passed.
pub const CERTIFIED: &str = "certified";
