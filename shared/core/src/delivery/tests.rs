//! Settings from bodies, faults named, secrets kept and never shown.
