//! DESIGN section 5, "Offer states", written down as a table: what each answer does to an offer in each state.

use event_schema::words::AnswerStatus;
use marketplace_core::lifecycle::{Move, OfferState, answer_move, state_of};

/// What an answer does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Effect {
    /// The offer moves to the state of the answer.
    Moves,
    /// 200, nothing changes; what is new in it is noted.
    Same,
    /// 409.
    Conflict,
}

/// One row for each state; the columns are `in-progress`, `accepted`, `declined`, `completed`.
const TABLE: [(&str, [Effect; 4]); 11] = {
    use Effect::{Conflict as C, Moves as M, Same as S};
    [
        ("pending", [M, M, M, M]),
        ("sent", [M, M, M, M]),
        ("delivered", [M, M, M, M]),
        ("in-progress", [S, M, M, M]),
        ("accepted", [S, S, C, M]),
        ("completed", [C, C, C, S]),
        ("declined", [C, C, S, C]),
        ("withdrawn", [C, C, C, C]),
        ("expired", [C, C, C, C]),
        ("failed", [M, M, M, M]),
        ("released", [C, C, C, C]),
    ]
};

const ANSWERS: [&str; 4] = ["in-progress", "accepted", "declined", "completed"];

/// What the table says of an answer to an offer in a state.
pub(crate) fn effect(state: OfferState, answer: AnswerStatus) -> Effect {
    let (_, row) = TABLE.iter().find(|(word, _)| *word == state.as_str()).expect("a row for each state");
    let column = ANSWERS.iter().position(|word| *word == answer.as_str()).expect("a column for each answer");
    row[column]
}

#[test]
fn every_answer_to_every_state_does_what_the_table_says() {
    for state in OfferState::ALL {
        for answer in AnswerStatus::ALL {
            let expected = match effect(state, answer) {
                Effect::Moves => Move::To(state_of(answer)),
                Effect::Same => Move::Note,
                Effect::Conflict => Move::Refuse,
            };
            assert_eq!(answer_move(state, answer), expected, "{answer} to {state}");
        }
    }
}

#[test]
fn an_answer_and_the_state_that_it_brings_have_the_same_word() {
    for answer in AnswerStatus::ALL {
        assert_eq!(state_of(answer).as_str(), answer.as_str());
        assert_eq!(serde_json::to_value(state_of(answer)).unwrap(), answer.as_str());
    }
    for state in OfferState::ALL {
        assert_eq!(serde_json::to_value(state).unwrap(), state.as_str());
    }
}

#[test]
fn answering_leads_forward_only() {
    // From wherever an offer is, no chain of answers leads back to a state that it has left.
    for start in OfferState::ALL {
        let mut seen = vec![start];
        let mut front = vec![start];
        while let Some(state) = front.pop() {
            for answer in AnswerStatus::ALL {
                if let Move::To(next) = answer_move(state, answer) {
                    assert_ne!(next, start, "{answer} leads from {state} back to {start}");
                    if !seen.contains(&next) {
                        seen.push(next);
                        front.push(next);
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_over_is_taken_back_no_more_and_what_is_live_counts() {
    for state in OfferState::ALL {
        let word = state.as_str();
        let over = ["completed", "declined", "withdrawn", "expired", "released"].contains(&word);
        assert_eq!(state.can_be_withdrawn(), !over, "{state}");
        let counts = !["declined", "withdrawn", "expired", "failed", "released"].contains(&word);
        assert_eq!(state.is_live(), counts, "{state}");
        let silent = ["pending", "sent", "delivered"].contains(&word);
        assert_eq!(state.is_answered_or_ended(), !silent, "{state}");
    }
}
