//! An error with everything that led to it, in one line: for logs, whose formats know only the last link of the chain.

use std::{error::Error, fmt};

/// Shows an error, then its source, then that one's, with `: ` between them.
pub struct Causes<'a>(pub &'a (dyn Error + 'static));

impl fmt::Display for Causes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)?;
        let mut cause = self.0.source();
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("the store cannot be reached")]
    struct Unreachable(#[source] std::io::Error);

    #[test]
    fn the_whole_chain_is_told() {
        let error = Unreachable(std::io::Error::other("connection refused"));
        assert_eq!(Causes(&error).to_string(), "the store cannot be reached: connection refused");
    }
}
