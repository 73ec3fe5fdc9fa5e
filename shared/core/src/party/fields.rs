//! Names, in an event's `changed_fields`, of what a party's contact is told of.

/// A key was made.
pub const KEYS: &str = "keys";

/// Somebody signed up, or who had signed up takes part.
pub const SIGN_UP: &str = "sign_up";

/// A key was taken away.
pub const REVOKED_KEYS: &str = "revoked_keys";

/// Messages, or what they are authorized with, go to another origin.
pub const ORIGIN: &str = "origin";
