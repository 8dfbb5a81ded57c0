//! Tests what the other tests rely on: source tree conventions, valid fixtures, and checkers that reject bad input.

mod bans;
mod checkers;
mod constants;
mod dependencies;
mod documents;
mod effects;
mod fixtures;
mod imports;
mod schema_checkers;
mod tree;
mod unused;
