//! Checks what a node that waits says about the others and advises, by `overlays/etcd/decide`.

use std::path::Path;

use super::decide::decided;
use crate::support::tool::tool;

#[test]
fn the_advice_names_the_one_member_with_the_newest_data() {
    let advice = |facts: &str| {
        let said = decided(facts);
        assert!(said.contains("Switch the other members on."), "{said}");
        said.split_once("then run on ").unwrap().1.to_owned()
    };
    let command = "sudo touch /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd";
    let running = "data no / peer c cluster no / peer b cluster no / peer d waits -";
    for (index, named) in [
        ("peer b index 9 / peer c index 10", "c"),
        ("peer b index 10 / peer c index 9", "b"),
        ("peer c index 9 / peer b index 9", "b"),
        ("peer c learner", "b"),
        ("peer c learner / peer b index 9", "b"),
        (
            "peer c index 9",
            "the one of c b whose console reports the highest raft index",
        ),
        ("peer c index 8 / peer b index 9 / peer e holds 10", "e"),
        ("peer c index 8 / peer b index 9 / peer e holds 7", "b"),
        ("peer c learner / peer b index 9 / peer e holds other", "b"),
        (
            "peer b index 9 / peer e holds 10",
            "the one of c b e (raft index 10) whose console reports the highest raft index",
        ),
        (
            "peer b index 9 / peer e holds 7",
            "the one of c b whose console reports the highest raft index",
        ),
    ] {
        assert_eq!(
            advice(&format!("{running} / {index}")),
            format!("{named}: {command}")
        );
    }
}

/// Returns what a running member lacks by these facts.
fn explained(facts: &str) -> String {
    let script = "DATA=/var/lib/etcd; . \"$0\"; printf '%s' \"$1\" | tr / '\\n' | explain";
    let decide = Path::new(env!("CARGO_MANIFEST_DIR")).join("overlays/etcd/decide");
    let words = ["-eu", "-c", script, decide.to_str().unwrap(), facts];
    tool("dash", &words).done().text().trim().to_owned()
}

#[test]
fn there_is_no_advice_to_force_while_nobody_is_known_to_have_data() {
    assert_eq!(
        explained("data yes/peer b waits -/peer c waits -/"),
        "for a majority: some members have no data. Switch the other members on"
    );
}

/// The others run no etcd: their addresses have changed.
#[test]
fn a_member_that_runs_without_a_vote_knows_where_etcd_runs() {
    assert_eq!(
        explained("data yes/peer a cluster no/peer a learner/"),
        "for a leader: etcd runs on a"
    );
    assert_eq!(
        explained("data yes/peer b holds 9/peer c silent/peer a cluster no/peer a learner/"),
        "for a majority: c does not answer. Switch the other members on. If their data is lost for good, stop etcd wherever it runs \
         (sudo systemctl stop etcd), then run on b: sudo touch /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd"
    );
}

/// It refuses to start, or waits. The others would wait for a leader for ever.
#[test]
fn a_member_that_has_data_and_does_not_run_etcd_is_named() {
    for (facts, named) in [
        ("peer b holds -/peer c waits -/", "b"),
        ("peer b holds -/peer c forced 3/", "b c"),
    ] {
        let own = "peer a cluster no/peer a index 9";
        let said = explained(&format!("data yes/{facts}{own}/"));
        let wanted = format!(
            "for a majority: {named} has the cluster's data and does not run etcd, as its console explains. Switch the other members on."
        );
        assert!(said.starts_with(&wanted), "{said}");
        assert!(said.contains("then run on a: "), "{said}");
    }
}

#[test]
fn a_member_that_made_the_same_vow_and_is_silent_now_is_missing() {
    assert_eq!(
        explained("data yes/vow 1/peer b promised 1/peer c waits 1/"),
        "for a majority: b does not answer. Switch the other members on"
    );
}

#[test]
fn a_rejected_certificate_is_distinguished_from_silence() {
    let said = decided(
        "data no / peer b waits - / peer c tls certificate has expired; this clock says 2020",
    );
    let why = "Rejected certificates: c (certificate has expired; this clock says 2020).";
    assert!(said.ends_with(why), "{said}");
    // Its cluster lacks that member, which may run another one.
    let said = decided("data yes / peer b tls expired / peer b busy / peer c silent");
    let why = " If it hangs, switch it off. Rejected certificates: b (expired).";
    assert!(said.ends_with(why), "{said}");
    // It is named once.
    assert_eq!(
        explained("data yes/peer b tls expired/peer b busy/peer a cluster no/peer a learner/"),
        "for a majority: b does not answer. Rejected certificates: b (expired). Switch the other members on"
    );
}
