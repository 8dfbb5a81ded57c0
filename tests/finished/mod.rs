//! Tests the check of finished images through `verify`, whatever the early rules refuse. A build runs the same check.

mod boot;
mod certificates;
mod early_rules;
mod login;
mod optional;
mod units;
