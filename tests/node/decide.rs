//! How a member starts: the decision of `overlays/etcd/decide` as a table of situations, in the node's own shell.

use std::path::Path;

use crate::support::tool::tool;

/// The decision on facts, one a line; `/` separates them here.
fn decided(facts: &str) -> String {
    let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays/etcd/decide");
    let script = ". \"$0\"; printf '%s' \"$1\" | tr / '\\n' | decide";
    let words = ["-eu", "-c", script, decide.to_str().unwrap()];
    let mut facts: Vec<_> = facts
        .split('/')
        .map(|fact| format!("{}/", fact.trim()))
        .collect();
    let said = tool("dash", &[&words[..], &[facts.concat().as_str()]].concat()).done();
    // Their order says nothing, but for that of the names.
    facts.sort_by_key(|fact| fact.starts_with("vow") || fact.starts_with("data"));
    let again = tool("dash", &[&words[..], &[facts.concat().as_str()]].concat()).done();
    assert_eq!(again.text(), said.text(), "{facts:?}");
    said.text().trim().to_owned()
}

/// Each line: facts → the beginning of the decision.
#[track_caller]
fn check(table: &str) {
    for row in table.trim().lines() {
        let (facts, wanted) = row.split_once('→').unwrap();
        let said = decided(facts);
        assert!(said.starts_with(wanted.trim()), "{}: {said}", facts.trim());
    }
}

#[test]
fn data_is_resumed_unless_a_majority_has_removed_its_member() {
    check(
        "
        data yes                                                              → resume
        data yes / peer b silent / peer c silent                              → resume
        data yes / peer b waits - / peer c waits -                            → resume
        data yes / peer b cluster no / peer c silent                          → resume
        data yes / peer b cluster no / majority yes / listed yes              → resume
        data yes / peer b cluster no / majority yes                           → resume
        data yes / peer b cluster no / majority no / listed no                → resume
        data yes / peer b cluster no / majority yes / listed no               → removed
        data yes / forced yes / peer b waits - / peer c waits -               → force
        ",
    );
}

#[test]
fn a_new_cluster_needs_every_member_and_the_same_vow() {
    check(
        "
        data no / vow -                                                       → wait for the numbers
        data no / vow - / heard 1                                             → vow 1
        data no / vow 1 / heard 1                                             → new
        data no / vow - / peer b silent / peer c silent                       → wait for b c: a new cluster begins only
        data no / vow - / peer b waits - / peer c silent                      → wait for c: a new cluster begins only
        data no / vow 1 / peer b waits 1 / peer c silent                      → wait for c: a new cluster begins only
        data no / vow - / peer b waits - / peer c waits - / heard 1           → vow 1
        data no / vow 1 / peer b waits - / peer c waits 1 / heard 1           → wait for the others to agree
        data no / vow 1 / peer b waits 2 / peer c waits 1 / heard 1           → wait for the others to agree
        data no / vow 1 / peer b waits 1 / peer c waits 1 / heard 2           → vow 2
        data no / vow 1 / peer b waits 1 / peer c waits 1 / heard 1           → new
        data no / vow 1 / peer b cluster yes / peer c waits 1                 → new
        data no / vow 1 / peer b cluster yes / peer c silent                  → new
        ",
    );
}

#[test]
fn without_data_nobody_begins_beside_a_cluster() {
    check(
        "
        data no / vow - / peer b cluster no / peer c cluster no / majority yes → join
        data no / vow - / peer b cluster no / peer c silent / majority yes     → join
        data no / vow 1 / peer b cluster no / peer c cluster no / majority yes → join
        data no / vow - / peer b cluster no / peer c waits -                   → wait for a majority: b has the cluster's data
        data no / vow 1 / peer b cluster no / peer c waits 1                   → wait for a majority: b has the cluster's data
        data no / vow - / peer b cluster no / peer c silent                    → wait for a majority: b has the cluster's data
        data no / vow - / peer b cluster no                                    → wait for a majority: b has the cluster's data
        data no / vow - / forced yes / peer b waits - / peer c silent          → wait for c
        ",
    );
}

#[test]
fn waiting_says_what_to_do() {
    let said = decided("data no / peer b cluster no / peer c waits -");
    assert!(said.contains("Switch the other members on."), "{said}");
    let command =
        "run on b: sudo touch /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd";
    assert!(said.ends_with(command), "{said}");
}
