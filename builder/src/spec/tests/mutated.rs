//! Feeds the readers of configurations and of public keys with damaged ones.

use super::super::key_options;
use super::super::public_key::{checked, checked_bare, lines};
use super::*;
use crate::mutated::survives_texts;

#[test]
fn damaged_configurations() {
    survives_texts("configurations", &[VALID], |text| {
        match resolve(&input(text)) {
            Ok(cluster) => assert!(!cluster.nodes.is_empty(), "a cluster has nodes"),
            Err(invalid) => assert!(!invalid.complaints.is_empty(), "a refusal has a reason"),
        }
    });
}

#[test]
fn damaged_public_keys() {
    let options = format!("from=\"10.0.0.0/8,!10.0.0.1\",command=\"a \\\" b\",restrict {KEY}");
    let several = format!("# comment\n{KEY}\n\n{options}\r\n");
    survives_texts("keys", &[KEY, &options, &several], |text| {
        for line in lines(text) {
            if let Ok(line) = checked(line) {
                assert_eq!(line.lines().count(), 1, "one key is one line: {line:?}");
            }
            let _ = checked_bare(line);
            let _ = key_options::check(line);
        }
    });
}
