//! What the other tests rely on: the habits of the source tree, sound fixtures, and checkers that reject bad input.

mod checkers;
mod dependencies;
mod effects;
mod fixtures;
mod imports;
mod tree;
