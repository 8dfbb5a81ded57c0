//! Tests of what a removal requires, and of its end.

use super::*;
use crate::cluster::assess::assess;
use crate::cluster::quorum::tests::cluster;
use crate::cluster::report::Role;
use crate::failure::explain;

#[test]
fn a_removal_that_would_lose_the_majority_is_refused() {
    let cases: [(&[bool], &str, bool); 8] = [
        (&[true; 3], "m0", true),
        (&[true, true, false], "m2", true),
        (&[true, true, false], "m0", false),
        (&[true; 2], "m0", true),
        (&[true, false], "m1", false),
        (&[true], "m0", false),
        (&[true, true, true, false, false], "m4", true),
        (&[true, true, true, false, false], "m0", false),
    ];
    for (working, name, wanted) in cases {
        let outcome = cluster(working).can_remove(name);
        assert_eq!(outcome.is_ok(), wanted, "{working:?} {name}");
    }
    let error = cluster(&[true, true, false]).can_remove("m0").unwrap_err();
    assert_eq!(
        error.to_string(),
        "cluster main would have no majority without m0: 1 of the other 2 members work: m2 does not take part: no \
         answer within 3 s"
    );
    assert_eq!(explain(&error).0, Kind::Unhealthy);
}

#[test]
fn a_learner_is_no_part_of_the_majority_that_removes() {
    let with_learner = |working: &[bool]| {
        let mut report = cluster(working);
        report.members[0].role = Some(Role::Learner);
        report
    };
    let cases: [(&[bool], &str, bool); 6] = [
        (&[true; 4], "m0", true),
        (&[true; 4], "m1", true),
        (&[true, true, true, false], "m0", true),
        (&[true, true, true, false], "m1", false),
        (&[true, true, true, false], "m3", true),
        (&[true, true, false, false], "m0", false),
    ];
    for (working, name, wanted) in cases {
        let outcome = with_learner(working).can_remove(name);
        assert_eq!(outcome.is_ok(), wanted, "{working:?} {name}");
    }
    let error = with_learner(&[true; 2]).can_remove("m1").unwrap_err();
    assert_eq!(
        error.to_string(),
        "m1 is the only voting member of cluster main"
    );
    assert_eq!(explain(&error).0, Kind::Refused);
}

#[test]
fn a_member_is_removed_only_when_none_of_its_entries_is_left() {
    let entry = |name: &str, host: u8, id: &str, started: bool| MemberReport {
        started: Some(started),
        id: Some(id.to_owned()),
        ..MemberReport::new(name, Some([10, 0, 0, host].into()))
    };
    let before = assess("main", vec![entry("m3", 3, "abc", false)], &[]);
    let leaver = before.leaver("m3").unwrap();
    assert_eq!(leaver.number(), Some(0xabc));
    let is_listed = |entry: MemberReport| {
        let report = assess("main", vec![entry], &[]);
        report.entry_of(&leaver).is_some()
    };
    // Once the state directory does not describe it, one that never started has no name.
    assert!(is_listed(entry("", 3, "abc", false)));
    assert!(is_listed(entry("", 3, "def", false)), "it was added again");
    assert!(is_listed(entry("m3", 9, "def", true)), "it has rejoined");
    assert!(!is_listed(entry("m4", 3, "def", true)));
    assert!(!is_listed(entry("", 4, "def", false)));
    let unlisted = MemberReport::new("m3", Some([10, 0, 0, 3].into()));
    assert!(!is_listed(unlisted));
}

#[test]
fn a_member_without_a_name_is_removed_by_its_address() {
    let entry = MemberReport {
        started: Some(false),
        id: Some("abc".to_owned()),
        ..MemberReport::new("", Some([10, 0, 0, 3].into()))
    };
    let report = assess("main", vec![entry], &[]);
    assert_eq!(report.leaver("m3"), None);
    assert_eq!(report.leaver("10.0.0.4"), None);
    assert_eq!(report.leaver("10.0.0.3").unwrap().number(), Some(0xabc));
}

#[test]
fn a_member_is_admitted_only_while_all_others_answer() {
    cluster(&[true; 3]).can_admit("m3", None).unwrap();
    let report = cluster(&[true, true, false]);
    report.can_admit("m3", Some("m2")).unwrap();
    // The member to admit may already be listed without answering.
    report.can_admit("m2", None).unwrap();
    let error = report.can_admit("m3", None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "cluster main cannot admit m3 while m2 does not take part: no answer within 3 s"
    );
    let error = cluster(&[false; 3]).can_admit("m3", None).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("no member of cluster main answers")
    );
}

/// Another operator has added it. It works, and nobody has to replace it.
#[test]
fn a_member_that_is_not_described_is_not_called_silent() {
    let mut report = cluster(&[true; 3]);
    report.members.push(MemberReport {
        started: Some(true),
        ..MemberReport::new("m3", None)
    });
    let error = report.can_admit("m4", None).unwrap_err();
    let wanted =
        "cluster main cannot admit m4: the state directory does not describe its member m3";
    assert_eq!(error.to_string(), wanted);
}

/// The connection breaks after etcd has removed the member, or etcd itself waits too long for the others.
#[test]
fn an_answer_that_was_lost_does_not_hide_a_removal() {
    let silent = |reason: &str| CallError::Silent(reason.to_owned());
    let answer = |reason: &str| CallError::Answer(reason.to_owned());
    let undecided = [
        silent("Connection reset by peer (os error 104)"),
        silent("no answer within 30 s"),
        answer("etcdserver: member not found"),
        answer("etcdserver: request timed out, possibly due to previous leader failure"),
    ];
    for trouble in undecided {
        assert!(may_be_done(&trouble), "{trouble}");
    }
    let refused = [
        answer("etcdserver: re-configuration failed due to not enough started members"),
        answer("etcdserver: permission denied"),
        CallError::Tls("received fatal alert: UnknownCA".to_owned()),
    ];
    for trouble in refused {
        assert!(!may_be_done(&trouble), "{trouble}");
    }
    let leaver = cluster(&[true; 3]).leaver("m2").unwrap();
    assert!(!is_settled(&cluster(&[true; 3]), &leaver));
    assert!(is_settled(&cluster(&[true; 2]), &leaver));
    // No member answers.
    assert!(!is_settled(&cluster(&[false; 2]), &leaver));
}
