//! Checks how a member starts: tables of situations for `overlays/etcd/decide`, run in the node's own shell.

use std::path::Path;

use crate::support::tool::tool;

/// Returns the decision for these facts; `/` separates the facts, which the script reads one per line.
pub(super) fn decided(facts: &str) -> String {
    let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays/etcd/decide");
    let script = "DATA=/var/lib/etcd NAME=a; . \"$0\"; printf '%s' \"$1\" | tr / '\\n' | decide";
    let words = ["-eu", "-c", script, decide.to_str().unwrap()];
    let mut facts: Vec<_> = facts
        .split('/')
        .map(|fact| format!("{}/", fact.trim()))
        .collect();
    let said = tool("dash", &[&words[..], &[facts.concat().as_str()]].concat()).done();
    // The order of facts must not matter, except among the names.
    facts.sort_by_key(|fact| fact.starts_with("vow") || fact.starts_with("data"));
    let again = tool("dash", &[&words[..], &[facts.concat().as_str()]].concat()).done();
    assert_eq!(again.text(), said.text(), "{facts:?}");
    said.text().trim().to_owned()
}

/// Checks a table whose rows read: facts → the beginning of the decision.
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
        data yes / peer b cluster no / majority yes / listed no               → aside removed
        data yes / aside yes                                                  → aside asked
        ",
    );
}

#[test]
fn a_cluster_begins_only_with_the_same_content_on_every_node() {
    check(
        "
        vow - / heard 1 / peer b waits - / peer b unlike / peer c waits -             → wait for b: its image and this node's begin with different content
        vow - / heard - / peer b waits - / peer b unlike / peer c silent              → wait for b: its image and this node's begin with different content
        vow - / heard 1 / peer b promised 1 / peer b unlike / peer c waits -          → wait for b: its image and this node's begin with different content
        vow 1 / heard - / peer b waits - / peer b unlike / peer c cluster yes         → new
        vow - / peer b waits - / peer b unlike / peer c cluster no / majority yes     → join
        ",
    );
}

#[test]
fn forcing_is_refused_while_anybody_else_may_have_the_cluster() {
    check(
        "
        data yes / forced 9 / peer b cluster no / peer c cluster no / majority yes / listed yes → unforce a majority of the cluster answers
        data yes / forced 9 / peer b cluster no / peer c silent               → unforce b also has the cluster's data
        data yes / forced 9 / peer b holds 3 / peer c silent                  → unforce b also has the cluster's data
        data yes / forced 9 / peer b holds other / peer c silent              → unforce b also has the cluster's data
        data yes / forced 9 / peer b busy / peer c silent                     → wait for b: it accepts connections and does not answer
        data yes / forced 9 / peer b busy / peer c forced 3                   → unforce c was also asked to force a new cluster
        data yes / forced 9 / peer b forced 7 / peer c silent                 → unforce b was also asked to force a new cluster
        data yes / forced 9 / peer b tls expired / peer c silent              → unforce b (expired) answers, but its certificates
        data yes / forced 0 / peer b silent / peer c silent                   → announce
        data yes / forced 4 / peer b waits - / peer c silent                  → announce
        data yes / forced 5 / peer b waits - / peer c waits -                 → force
        data yes / forced 5                                                   → force
        data yes / forced 5 / learner yes / peer b silent / peer c silent     → unforce this node has no vote yet
        data yes / learner yes / peer b silent / peer c silent                → resume
        ",
    );
}

/// Its log may have other entries than those of the others at the same index.
#[test]
fn forcing_that_was_interrupted_is_finished_before_anything_else() {
    check(
        "
        data yes / unfinished yes / forced 9 / peer b silent / peer c silent  → announce
        data yes / unfinished yes / peer b silent / peer c silent             → announce
        data yes / unfinished yes / forced 10 / peer b silent / peer c waits - → force
        data yes / unfinished yes / forced 10                                 → force
        data yes / unfinished yes / forced 10 / ahead 9 7                     → force
        data yes / unfinished yes / forced 10 / moved yes / index 7           → force
        data yes / unfinished yes / forced 10 / started no / failed 3 / error x → force
        data yes / unfinished yes / forced 10 / peer b busy / peer c silent   → wait for b: it accepts connections and does not answer
        data yes / unfinished yes / forced 10 / peer b cluster no / majority yes / listed yes → refuse to start: forcing a new cluster was interrupted here, and b may have
        data yes / unfinished yes / forced 10 / peer b cluster no / majority yes / listed no → refuse to start: forcing a new cluster was interrupted
        data yes / unfinished yes / forced 10 / apart b / peer b cluster no / majority yes → refuse to start: forcing a new cluster was interrupted
        data yes / unfinished yes / forced 10 / peer b cluster no / peer c silent → refuse to start: forcing a new cluster was interrupted here, and b may have
        data yes / unfinished yes / forced 10 / peer b holds 7 / peer c forced 7 → refuse to start: forcing a new cluster was interrupted here, and b c may have
        data yes / unfinished yes / forced 10 / peer b tls expired            → refuse to start: forcing a new cluster was interrupted here, and b (expired) may have
        data yes / unfinished yes / forced 10 / aside yes                     → aside asked
        data yes / unfinished yes / forced 10 / owner b of this cluster       → refuse the data on this node
        ",
    );
}

#[test]
fn data_of_somebody_else_is_neither_used_nor_deleted() {
    check(
        "
        data yes / owner b of this cluster                                    → refuse the data on this node: it belongs to b of this cluster
        data yes / owner b of this cluster / forced 9                         → refuse the data on this node
        data yes / owner b of this cluster / majority yes / listed no         → refuse the data on this node
        data yes / owner b of this cluster / aside yes                        → aside asked
        data yes / owner b of this cluster / use yes                          → use
        data yes / owner b of this cluster / use yes / peer c cluster no      → refuse to use the data on this node: c already has
        data yes / owner b of this cluster / use yes / peer c holds 7         → refuse to use the data on this node: c already has
        data yes / owner b of this cluster / use yes / peer c holds -         → refuse to use the data on this node: c already has
        data yes / owner b of this cluster / use yes / peer b holds other / peer c holds 7 → refuse to use the data on this node: c already has
        data yes / owner b of this cluster / use yes / peer b holds other / peer c holds other → use
        data yes / owner b of this cluster / use yes / peer b holds other / peer c busy → wait for c: it listens and does not answer yet, and may
        data yes / owner b of this cluster / use yes / peer c forced 7        → refuse to use the data on this node: c already has
        data yes / owner b of this cluster / use yes / peer c busy            → wait for c: it listens and does not answer yet, and may have
        data yes / owner b of this cluster / use yes / peer c silent          → use
        data yes / owner nobody known / majority yes / listed yes / named yes → use
        data yes / owner b of this cluster / majority yes / listed yes        → refuse the data on this node
        ",
    );
}

#[test]
fn a_changed_address_is_reported_to_the_majority_and_never_forced_unasked() {
    check(
        "
        data yes / moved yes / index -                                        → resume
        data yes / moved yes / index - / majority yes / listed yes            → update
        data yes / moved yes / index 7 / majority yes / listed no             → aside removed
        data yes / moved yes / index 7 / peer b holds 6 / peer c holds 7      → wait for a majority: the addresses
        data yes / moved yes / index 7 / peer b holds 8 / peer c holds 7      → wait for a majority: the addresses
        data yes / moved yes / index 7                                        → wait for a majority: the addresses
        data yes / moved yes / index 7 / peer b holds 6 / peer c silent       → wait for a majority: the addresses
        data yes / moved yes / index 7 / peer b holds 6 / peer c waits -      → wait for a majority: the addresses
        data yes / moved yes / index 7 / peer b holds 6 / peer c cluster no   → wait for a majority: c runs etcd
        data yes / moved yes / index 7 / peer b forced 6 / peer c holds 3     → wait for b to begin anew
        ",
    );
}

#[test]
fn data_that_etcd_cannot_use_is_replaced_once_a_majority_has_everything() {
    check(
        "
        data yes / failed 2 / error x / majority yes / listed yes             → resume
        data yes / failed 3 / error x / majority yes / listed yes             → aside unreadable
        data yes / failed 9 / error x / peer b cluster no                     → resume
        data yes / failed 9 / error etcd was killed or does not run here / majority yes / listed yes → resume
        data yes / started no / failed 1 / error etcd was killed or does not run here → resume
        data yes / failed 9 / error write: no space left on device / majority yes / listed yes → resume
        data yes / failed 9 / error invalid downgrade; server version is lower than determined cluster version / majority yes / listed yes → resume
        data yes / started no / failed 1 / error invalid downgrade; server version is lower than determined cluster version → resume
        data yes / failed 9 / error discovery failed: version 3.7.0 is not supported / majority yes / listed yes → resume
        data yes / failed 9 / error runtime: out of memory: cannot allocate 4194304-byte block / majority yes / listed yes → resume
        data yes / failed 9 / error listener failed: tls: private key does not match public key / majority yes / listed yes → resume
        data yes / failed 1 / error tocommit(5) is out of range [lastIndex(3)] / majority yes / listed yes → aside unreadable
        data yes / started no                                                 → resume
        data yes / started no / failed 1 / error x                            → aside unfinished
        data yes / started no / failed 1 / error x / majority yes / listed yes → aside unreadable
        data yes / started no / failed 1 / error x / peer b cluster no        → resume
        data yes / started no / failed 1 / error x / peer b waits 1           → aside unfinished
        data yes / started no / failed 1 / error x / peer b silent            → resume
        data yes / started no / failed 1 / error x / vow 1 / peer b promised 1 / peer c waits 1 → resume
        data yes / started no / failed 1 / error listen tcp [::1]:2380: bind: cannot assign requested address → resume
        data yes / failed 3 / error listen tcp: bind: cannot assign requested address / majority yes / listed yes → resume
        ",
    );
}

#[test]
fn data_that_differs_is_replaced_only_if_all_others_agree() {
    check(
        "
        data yes / failed 1 / error discovery failed: 1a found data inconsistency with peers / majority yes / listed yes / agree yes → aside unreadable
        data yes / failed 2 / error discovery failed: 1a found data inconsistency with peers / majority yes / listed yes / agree no → resume
        data yes / failed 3 / error discovery failed: 1a found data inconsistency with peers / majority yes / listed yes / agree no → unchecked
        data yes / failed 3 / error discovery failed: 1a found data inconsistency with peers / majority yes / listed yes → unchecked
        data yes / failed 2 / error discovery failed: 1a found data inconsistency with peers / peer b cluster no → resume
        data yes / failed 3 / error discovery failed: 1a found data inconsistency with peers / peer b cluster no → unchecked
        data yes / failed 3 / error discovery failed: 1a found data inconsistency with peers / majority yes / listed no → aside removed
        ",
    );
}

#[test]
fn a_member_whose_place_is_taken_does_not_take_it_back() {
    check(
        "
        data yes / majority yes / listed no / taken 5                         → refuse to start: another board or card
        data yes / majority yes / listed no / stranger d                      → refuse to join: the cluster has members that this node's image does not list: d
        data yes / majority yes / listed no / unlisted b c                    → refuse to join: the image of no running member lists this node (asked: b c).
        data yes / majority yes / listed no / unlisted b / taken 5            → refuse to start: another board or card has taken this node's place
        data yes / majority yes / listed yes / unlisted b                     → resume
        data no / majority yes / unlisted b                                   → refuse to join: the image of no running member lists this node
        data no / majority yes / unlisted b / taken 5                         → join
        data no / majority yes / stranger d                                   → refuse to join: the cluster has members
        data no / majority yes / stranger d / taken 5                         → join
        ",
    );
}

/// A forced member keeps its id, and the members that have not heard of the forcing still list it.
#[test]
fn a_member_does_not_serve_beside_another_cluster_whether_that_lists_it_or_not() {
    check(
        "
        data yes / apart b / peer b cluster no / peer c silent / majority yes / listed no → refuse to start: this node's cluster was forced or has removed members, and b runs another one. Decide
        data yes / apart b c d / majority yes / listed no                     → refuse to start: this node's cluster was forced or has removed members, and b c d runs another one. Decide
        data yes / apart b c / majority yes / listed yes                      → refuse to start: this node's cluster was forced
        data yes / apart b c / peer d busy / majority yes / listed yes        → refuse to start: this node's cluster was forced
        data yes / apart b c / majority yes / listed yes / moved yes          → refuse to start: this node's cluster was forced
        data yes / apart b c / majority yes / listed yes / failed 3 / error x → refuse to start: this node's cluster was forced
        data yes / apart b c / majority yes / denied etcd-2                   → refuse to start: this node's cluster was forced
        data yes / apart b / majority yes / listed no / taken 5               → refuse to start: another board or card
        data yes / apart b / majority yes / listed no / stranger d            → refuse to join: the cluster has members
        data yes / apart b / aside yes / majority yes / listed no             → aside asked
        data yes / rivals b c / peer b cluster no / peer c cluster no         → wait for b c: they run etcd and may elect a leader
        data yes / rivals b c / peer b cluster no / majority yes / listed yes → resume
        data yes / rivals b / peer b cluster no / forced 5                    → unforce b also has
        data yes / peer b cluster no / majority yes / listed yes              → resume
        data yes / peer b cluster no / peer c busy / majority yes / listed yes → resume
        data yes / peer b silent / peer c waits -                             → resume
        data yes / peer b busy / peer c silent                                → wait for b: it listens and does not answer yet, and may run another cluster
        data yes / peer b busy / peer c cluster no                            → wait for b: it listens and does not answer yet, and may run another cluster
        data yes / peer b tls expired / peer b busy / peer c silent           → wait for b: it listens and does not answer yet, and may run another cluster
        data yes / peer b tls expired / peer b busy / peer c silent / forced 9 → unforce b (expired) answers, but its certificates
        data yes / owner b of this cluster / use yes / peer c tls expired / peer c busy → wait for c: it listens and does not answer yet, and may have
        ",
    );
}

/// An old copy of a card was put back, or another member was forced. The others may have more of something else by now.
#[test]
fn data_that_the_others_have_forgotten_is_neither_used_nor_given_up_unasked() {
    let said = decided("data yes / ahead 900 700");
    assert_eq!(
        said,
        "refuse to start: the members that run lack writes that this node has: it has agreed to raft index 900, and they had only 700 when \
         they answered it. An old copy of a card was put back, a card has lost data, or another member was forced. Decide whose data you \
         keep. To keep this node's, stop etcd on the others (sudo systemctl stop etcd), then run here: sudo touch \
         /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd. To give it up: sudo touch /var/lib/etcd/set-data-aside"
    );
    // It does not resume after that.
    assert_eq!(
        decided("data yes / ahead 9 7 / forced 5 / majority yes"),
        "unforce a majority of the cluster answers, and forcing would begin a second cluster"
    );
    check(
        "
        data yes / ahead 9 7 / peer b cluster no / majority yes / listed yes  → refuse to start: the members that run lack writes
        data yes / ahead 9 7 / peer b cluster no / majority yes / listed no   → refuse to start: the members that run lack writes
        data yes / ahead 9 7 / majority yes / listed yes / failed 3 / error x → refuse to start: the members that run lack writes
        data yes / ahead 9 7 / moved yes / majority yes / listed yes          → refuse to start: the members that run lack writes
        data yes / ahead 9 7 / aside yes                                      → aside asked
        data yes / ahead 9 7 / forced 5 / peer b silent / peer c silent       → force
        data yes / ahead 9 7 / forced 5 / majority yes                        → unforce a majority of the cluster answers
        data yes / ahead 9 7 / owner b of this cluster                        → refuse the data on this node
        ",
    );
}

/// It would follow the advice, and the request would be refused.
#[test]
fn a_member_without_a_vote_is_not_advised_to_be_forced() {
    let said = decided("data yes / ahead 9 7 / learner yes");
    let advice = "Decide whose data you keep. This node has no vote yet, and etcd cannot begin anew with its data. To keep these writes, \
                  switch on a member that has a vote and these writes, or restore a backup. To give it up: sudo touch \
                  /var/lib/etcd/set-data-aside";
    assert!(said.ends_with(advice), "{said}");
}

#[test]
fn between_two_clusters_nobody_joins_one_or_is_removed_by_one() {
    check(
        "
        data no / split b c / majority yes                                    → refuse to join: b and c run two clusters. Decide whose data you keep
        data no / split b c / majority yes / denied etcd-2                    → refuse to join: b and c run two clusters
        data no / split b c / majority yes / missing d                        → refuse to join: b and c run two clusters
        data no / split b c / vow 1 / peer b cluster yes                      → new
        data yes / split b c / majority yes / listed no                       → refuse to start: b and c run two clusters
        data yes / split b c / majority yes / listed yes                      → resume
        data yes / split b c / apart b c / majority yes / listed yes          → refuse to start: this node's cluster was forced
        ",
    );
}

#[test]
fn nothing_changes_in_the_cluster_before_joining_can_succeed() {
    check(
        "
        data no / majority yes                                                → join
        data no / majority yes / taken 5                                      → join
        data no / majority yes / taken 5 / missing d                          → wait for d: the cluster admits nobody
        data no / majority yes / denied etcd-2                                → wait to join the cluster: authentication is on, and the user etcd-2 may
        data yes / majority yes / denied etcd-2                               → resume
        data yes / forced 9 / majority yes / denied etcd-2                    → unforce a majority of the cluster answers
        data no / majority yes / denied etcd node 2                           → wait to join the cluster: authentication is on, and the user etcd node 2 may not change members. Run with the admin certificate: etcdctl user add 'etcd node 2' --no-password; etcdctl user grant-role 'etcd node 2' root
        data no / majority yes / older 3.4 3.5                                → refuse to join: this image has etcd 3.4, the cluster runs 3.5
        data no / majority yes / space 20 144                                 → refuse to join: the data partition has 20 MiB free, and joining needs 144 MiB
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
        data no / vow - / peer b waits - / peer c tls expired                 → wait for c: a new cluster begins only
        data no / vow - / peer b waits - / peer c holds 4                     → wait for c, which has the cluster's data
        data no / vow 1 / peer b waits 1 / peer c silent                      → wait for c: a new cluster begins only
        data no / vow - / peer b waits - / peer c waits - / heard 1           → vow 1
        data no / vow 1 / peer b waits - / peer c waits 1 / heard 1           → wait for the others to agree
        data no / vow 1 / peer b waits 2 / peer c waits 1 / heard 1           → wait for b to agree. If this lasts, the image of one
        data no / vow 1 / peer b waits 1 / peer c waits 1 / heard 2           → vow 2
        data no / vow 1 / peer b waits 1 / peer c waits 1 / heard 1           → new
        data no / vow 1 / peer b waits 1 / peer c promised 1 / heard 1        → new
        data no / vow 1 / peer b waits 2 / peer c promised 1 / heard 2        → wait for c: a new cluster begins only
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
        data no / vow - / forced 0 / peer b waits - / peer c silent            → wait for c
        ",
    );
}
