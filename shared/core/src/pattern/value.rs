//! The values that fields have and conditions name, compared as JSON compares them.

use std::cmp::Ordering;

use serde_json::Value;

/// A JSON number with one representation per value, so that `300`, `300.0` and `3.0e2` are equal, in
/// hash maps too, and large integers keep all their digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Number {
    /// Every whole number below two to the 64th, either sign.
    Whole(i128),
    /// The bits of any other finite number.
    Other(u64),
}

impl Number {
    /// Converts a number of `serde_json`.
    pub(super) fn from_json(number: &serde_json::Number) -> Self {
        match (number.as_i64(), number.as_u64()) {
            (Some(whole), _) => Self::from(whole),
            (None, Some(whole)) => Self::from(whole),
            (None, None) => Self::from(number.as_f64().unwrap_or(f64::MAX)),
        }
    }

    /// How two numbers are ordered. Exact: only whole numbers below two to the 53rd ever meet a
    /// fraction, and a float represents those without loss.
    pub(super) fn compare(self, other: Self) -> Ordering {
        match (self, other) {
            (Self::Whole(a), Self::Whole(b)) => a.cmp(&b),
            (a, b) => a.to_float().total_cmp(&b.to_float()),
        }
    }

    /// The number as JSON has it.
    pub(super) fn to_json(self) -> Value {
        match self {
            Self::Whole(whole) => match (i64::try_from(whole), u64::try_from(whole)) {
                (Ok(whole), _) => Value::from(whole),
                (_, Ok(whole)) => Value::from(whole),
                _ => Value::from(self.to_float()),
            },
            Self::Other(bits) => Value::from(f64::from_bits(bits)),
        }
    }

    fn to_float(self) -> f64 {
        match self {
            Self::Whole(whole) => whole as f64,
            Self::Other(bits) => f64::from_bits(bits),
        }
    }
}

impl From<i64> for Number {
    fn from(whole: i64) -> Self {
        Self::Whole(whole.into())
    }
}

impl From<u64> for Number {
    fn from(whole: u64) -> Self {
        Self::Whole(whole.into())
    }
}

impl From<f64> for Number {
    fn from(float: f64) -> Self {
        const LIMIT: f64 = 18_446_744_073_709_551_616.0;
        if float.fract() == 0.0 && float.abs() < LIMIT {
            // In range, and zero loses its sign, which JSON does not give a meaning.
            return Self::Whole(float as i128);
        }
        Self::Other(float.to_bits())
    }
}

/// A value that an event has: what a condition is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Scalar<'a> {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(&'a str),
}

impl<'a> Scalar<'a> {
    /// The scalar that a JSON value is; `None` for arrays and objects.
    pub(super) fn of(value: &'a Value) -> Option<Self> {
        match value {
            Value::Null => Some(Self::Null),
            Value::Bool(flag) => Some(Self::Bool(*flag)),
            Value::Number(number) => Some(Self::Number(Number::from_json(number))),
            Value::String(text) => Some(Self::Text(text)),
            Value::Array(_) | Value::Object(_) => None,
        }
    }

    /// The same value by itself.
    pub(super) fn to_json(self) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Bool(flag) => Value::from(flag),
            Self::Number(number) => number.to_json(),
            Self::Text(text) => Value::from(text),
        }
    }
}

/// A value that a pattern names, to be equalled.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Literal {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number.
    Number(Number),
    /// A string.
    Text(Box<str>),
}

impl Literal {
    /// The same value in the form that events have.
    pub(super) fn as_scalar(&self) -> Scalar<'_> {
        match self {
            Self::Null => Scalar::Null,
            Self::Bool(flag) => Scalar::Bool(*flag),
            Self::Number(number) => Scalar::Number(*number),
            Self::Text(text) => Scalar::Text(text),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_value_has_one_representation() {
        assert_eq!(Number::from(300_i64), Number::from(300.0));
        assert_eq!(Number::from(300_u64), Number::from(3.0e2));
        assert_eq!(Number::from(0_i64), Number::from(-0.0));
        assert_eq!(Number::from(1_u64 << 63), Number::from(9.223_372_036_854_776e18));
        assert_ne!(Number::from(u64::MAX), Number::from(u64::MAX - 1));
    }

    #[test]
    fn whole_numbers_and_fractions_are_ordered_together() {
        let ascending = [
            Number::from(-1e300),
            Number::from(i64::MIN),
            Number::from(-0.5),
            Number::from(0_i64),
            Number::from(0.1),
            Number::from(u64::MAX - 1),
            Number::from(u64::MAX),
            Number::from(1e300),
        ];
        for pair in ascending.windows(2) {
            assert_eq!(pair[0].compare(pair[1]), Ordering::Less, "{pair:?}");
        }
    }
}
