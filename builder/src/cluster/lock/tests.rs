//! Tests of what commands say about the lock, and of who has left it.

use super::*;
use crate::failure::explain;

fn holder(process: u32) -> Holder {
    Holder {
        command: "cluster reboot".to_owned(),
        operator: "ada@laptop".to_owned(),
        process,
        since: 1_796_774_280,
    }
}

#[test]
fn the_refusal_names_who_has_the_lock_and_since_when() {
    let error = refusal("main", &serde_json::to_string(&holder(7)).unwrap());
    let (kind, hint) = explain(&error);
    assert_eq!(kind, Kind::Refused);
    assert_eq!(
        hint,
        "wait until it ends; if it was killed, its lock ends within 30 s"
    );
    let wanted = "cluster main is being changed by another command: ada@laptop has run `etcd-image cluster reboot` \
                  since 2026-12-08 23:58:00 UTC";
    assert_eq!(error.to_string(), wanted);
    let error = refusal("main", "\u{1b}[2J");
    let wanted = "cluster main is being changed by another command: the key etcd-image/lock exists";
    assert_eq!(error.to_string(), wanted);
}

#[test]
fn a_loss_of_the_lock_names_the_next_step() {
    let (kind, hint) = explain(&loss("main", LOST));
    assert_eq!(kind, Kind::Refused);
    let wanted = "look at the cluster with `etcd-image cluster status`, then run the command again, which continues";
    assert_eq!(hint, wanted);
    let wanted = "cluster main may have been changed by another command while this one ran: it was paused or cut off \
                  from the cluster, and its lock has ended";
    assert_eq!(loss("main", LOST).to_string(), wanted);
}

#[cfg(unix)]
#[test]
fn only_a_command_that_ended_on_this_machine_has_left_its_lock() {
    let here = Operator {
        name: "ada@laptop".to_owned(),
        process: 1,
    };
    let other = Operator {
        name: "ada@desktop".to_owned(),
        ..here.clone()
    };
    // No system has a process with this number.
    let ended = holder(i32::MAX.unsigned_abs());
    assert!(ended.has_ended_here(&here) && !ended.has_ended_here(&other));
    assert!(!holder(std::process::id()).has_ended_here(&here));
    let text = |holder: &Holder| serde_json::to_string(holder).unwrap();
    let own = text(&holder(std::process::id()));
    assert!(has_ended(&text(&ended), &own, &here));
    // The answer to an earlier attempt was lost.
    assert!(has_ended(&own, &own, &here));
    assert!(!has_ended("text", &own, &here));
}

#[test]
fn only_a_failure_that_may_end_with_an_election_is_waited_for() {
    let answer = |reason: &str| CallError::Answer(format!("etcdserver: {reason}"));
    let cases = [
        (
            CallError::Silent("no answer within 5 s".to_owned()),
            Persistence::Temporary,
        ),
        (answer("no leader"), Persistence::Temporary),
        (answer("leader changed"), Persistence::Temporary),
        (
            answer("request timed out, possibly due to previous leader failure"),
            Persistence::Temporary,
        ),
        (answer("server stopped"), Persistence::Temporary),
        (
            CallError::Answer("raft proposal dropped".to_owned()),
            Persistence::Temporary,
        ),
        (answer("rpc not supported for learner"), Persistence::Local),
        (
            answer("mvcc: database space exceeded"),
            Persistence::Permanent,
        ),
        (answer("permission denied"), Persistence::Permanent),
        (
            CallError::Tls("received fatal alert: UnknownCA".to_owned()),
            Persistence::Local,
        ),
    ];
    for (trouble, wanted) in cases {
        assert_eq!(Persistence::of(&trouble), wanted, "{trouble}");
    }
    let (kind, hint) = explain(&no_majority("main", &answer("no leader")));
    assert_eq!(kind, Kind::Unhealthy);
    let wanted = "look at the cluster with `etcd-image cluster status`, and run the command again once a majority of its \
                  members works";
    assert_eq!(hint, wanted);
}
