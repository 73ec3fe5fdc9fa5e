//! What every platform needs of the operating system: the clock, randomness, and sealed secrets.

pub mod clock;
pub mod randomness;
pub mod vault;
