//! Where these flows are played: on one machine. `tests/aws` plays the same files on the deployed stack.

pub(crate) use tests::{
    TestGateway,
    gateway::Setup,
    modes::{in_both_modes, in_both_modes_with, on_a_good_day},
};
