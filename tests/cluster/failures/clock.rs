//! The clock of the operator's machine is wrong by a year.

use super::diary::{Diary, words};
use super::{COMMANDS, OWN, at_time, intact, lead, prepare};
use crate::support::nodes::{Nodes, with_nodes};

/// Commands that issue certificates.
const ISSUING: [&str; 4] = [
    "renew --within 5000d",
    "rotate-ca",
    "add etcd4 --address 192.168.0.53",
    "remove etcd3",
];

#[test]
fn a_clock_that_is_off_by_a_year_is_named_and_changes_nothing() {
    with_nodes(|mut nodes| {
        let key = |name: &str| format!("etcd-cluster/{name}");
        let files = [
            key("nodes/etcd1/server.crt"),
            key("admin.crt"),
            key("cluster.json"),
        ];
        let texts = |nodes: &Nodes| files.each_ref().map(|file| nodes.members.scene.text(file));
        let before = texts(&nodes);
        for offset in ["+1y", "-1y"] {
            for command in ISSUING {
                let words = words(&nodes, OWN, command);
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let before = at_time(offset);
                let said = nodes.run(&before.each_ref().map(String::as_str), &words, |_| ());
                assert!(matches!(said.code, Some(4 | 6)), "{}", said.words());
                let (error, hint) = said.err.trim_end().rsplit_once("\nhint: ").unwrap();
                let is_named = error.contains("the clock of this machine");
                assert!(
                    is_named && hint.contains("the clock of this machine"),
                    "{}",
                    said.words()
                );
            }
        }
        without_a_login(&mut nodes);
        assert_eq!(texts(&nodes), before);
        assert_eq!(nodes.members.scene.text("cluster.toml"), "");
        assert!(nodes.etcd_restarted.is_empty());
    });
}

/// No node knows the operator's key, but etcd tells its time, and presents its certificate.
#[track_caller]
fn without_a_login(nodes: &mut Nodes) {
    for (offset, error) in [
        ("+1y", "is 365 days ahead of those of the nodes"),
        (
            "-1y",
            "cannot be compared with those of the nodes: TLS: certificate not valid yet",
        ),
    ] {
        let before = at_time(offset);
        let before = before.each_ref().map(String::as_str);
        let said = nodes.run(&before, &["renew", "--within", "5000d"], |_| ());
        let error = format!("error: the clock of this machine {error}");
        assert!(said.err.contains(&error), "{}", said.words());
        assert_eq!(said.code, Some(4));
    }
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_wrong_clock_issues_no_certificate() {
    with_nodes(|mut nodes| {
        let mut diary = Diary::new("clock");
        prepare(&mut nodes);
        let state = nodes
            .members
            .scene
            .text("etcd-cluster/nodes/etcd1/server.crt");
        for (title, offset) in [("a year ahead", "+1y"), ("a year behind", "-1y")] {
            lead(&mut nodes);
            diary.part(&format!("The operator's clock is {title}"), OWN);
            diary.before = at_time(offset).to_vec();
            for command in COMMANDS {
                let command = command.replace("new.db", &format!("new{offset}.db"));
                diary.run(&mut nodes, &command);
                lead(&mut nodes);
            }
            intact(&nodes);
            let now = nodes
                .members
                .scene
                .text("etcd-cluster/nodes/etcd1/server.crt");
            assert_eq!(now, state);
        }
        diary.reviewed();
    });
}
