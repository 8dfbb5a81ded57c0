//! Chores of the project: demo, test, fixtures, bench.

fn main() {}
