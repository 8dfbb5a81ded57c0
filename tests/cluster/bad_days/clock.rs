//! Days on which the clock of the operator's machine is wrong by a year.

use super::diary::Diary;
use super::{COMMANDS, OWN, at_time, intact, lead, prepare};
use crate::support::nodes::with_nodes;

#[test]
#[ignore = "not run to its end yet; its messages are not reviewed"]
fn a_wrong_clock_issues_no_certificate() {
    with_nodes(
        "cluster::bad_days::clock::a_wrong_clock_issues_no_certificate",
        |mut nodes| {
            let mut diary = Diary::new("clock");
            prepare(&mut nodes);
            let state = nodes
                .members
                .scene
                .text("etcd-cluster/nodes/etcd1/server.crt");
            for (title, offset) in [("a year ahead", "+1y"), ("a year behind", "-1y")] {
                lead(&mut nodes);
                diary.day(&format!("The operator's clock is {title}"), OWN);
                diary.before = at_time(offset).to_vec();
                for command in COMMANDS {
                    let command = command.replace("new.db", &format!("new{offset}.db"));
                    diary.run(&mut nodes, &command);
                }
                nodes.settle();
                intact(&nodes);
                let now = nodes
                    .members
                    .scene
                    .text("etcd-cluster/nodes/etcd1/server.crt");
                assert_eq!(now, state);
            }
            diary.reviewed();
        },
    );
}
