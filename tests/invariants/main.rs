//! What DESIGN section 4 promises and no flow shows by itself: commits that fail half-way, consumers that end with an
//! event in their hands, and parties that hold on to whatever they are given.
// Says to clippy, too, that all of this is test code.
#![cfg(test)]

mod commits;
mod isolation;
mod positions;
mod sabotage;
