//! Changes the members of a booted cluster as the README says: from three to five and back, and a node for another one.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

use etcd_image::boot::BootLab;
use etcd_image::progress;
use serde_json::Value;

use super::operator::{Meanwhile, Operator, SSH_TIMEOUT};
use crate::support::card::insert;
use crate::support::cluster::{Images, NODES, address, answered, inside};

/// The file with the time that each command took.
const TIMES: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/boot-growth.txt");

/// The boards that join.
const BOARDS: &str = r#"
[[node]]
name = "etcd4"
address = "192.168.0.53"
[[node]]
name = "etcd5"
address = "192.168.0.54"
[[node]]
name = "etcd6"
address = "192.168.0.55"
"#;

/// How many minutes a command waits for a new member, whose machine shares two processors with up to four others.
const WAIT: [&str; 2] = ["--wait", "60"];

/// A board without a card.
struct Board {
    name: &'static str,
    /// The image that the command builds.
    image: PathBuf,
    /// When the board was switched on.
    on: Option<Instant>,
}

impl Board {
    /// Writes the card and switches the board on when the command says so. From then on, shows what the node says.
    fn attend(&mut self, lab: &mut BootLab, said: &str) {
        let name = self.name;
        if self.on.is_none() {
            if said.contains(&format!("{name}=/dev/sdX")) {
                insert(lab, name, &self.image);
                lab.machines.start(name).unwrap();
                self.on = Some(Instant::now());
            }
            return;
        }
        let stopped = lab.machines.stopped(name).unwrap();
        assert_eq!(stopped, None, "the machine of {name}");
        let console = lab.machines.console(name).unwrap();
        let lines = console.follow().unwrap();
        for line in lines.iter().filter(|line| line.contains("etcd-node: ")) {
            progress::stderr(false).note(&format!("{name} | {line}"));
        }
        assert_eq!(console.hopeless(), None, "the system of {name}");
    }
}

/// A cluster whose members change.
struct Growing {
    operator: Operator,
    /// The options of the commands.
    options: Vec<String>,
    members: Vec<&'static str>,
    /// The number of keys that were written.
    written: u32,
}

impl Growing {
    fn boot(images: &Images) -> Self {
        let key = images.key().to_str().unwrap().to_owned();
        let login = format!("{key}.pub");
        let options = [
            "--ssh-identity",
            &key,
            "--ssh-timeout",
            SSH_TIMEOUT,
            "--ssh-key",
            &login,
        ];
        let build = [
            "--out",
            "images",
            "--base",
            "debian-trixie",
            "--etcd",
            "debian",
        ];
        let options = options.into_iter().chain(build);
        Self {
            operator: Operator::boot(images, images.lab_with_boards(BOARDS)),
            options: options.map(str::to_owned).collect(),
            members: NODES.to_vec(),
            written: 0,
        }
    }

    /// Runs a command after which `joins` is a member and `leaves` is none, and whose board is off.
    fn change(&mut self, words: &[&str], joins: Option<&'static str>, leaves: Option<&str>) {
        let mut board = joins.map(|name| Board {
            name,
            image: self.operator.folder.join(format!("images/{name}.img")),
            on: None,
        });
        let meanwhile: Meanwhile<'_> = &mut |lab, command| {
            if let Some(board) = &mut board {
                board.attend(lab, &command.err());
            }
        };
        let wait = joins.map_or(&[][..], |_| &WAIT[..]);
        let options = self.options.iter().map(String::as_str);
        let options: Vec<_> = options.chain(wait.iter().copied()).collect();
        let report = self.operator.timed(words, &options, meanwhile);
        if let Some(Board { name, on, .. }) = board {
            let on = on.expect("the command named no card");
            let what = format!("  {name}: from power-on to a vote");
            self.operator.took(&what, on.elapsed(), "");
        }
        if let Some(name) = leaves {
            self.operator.lab.machines.kill(name).unwrap();
        }
        self.members.retain(|name| Some(*name) != leaves);
        self.members.extend(joins);
        assert_eq!(names(&report["members"]), self.wanted(), "{report:#}");
        self.every_member_has_everything();
    }

    fn wanted(&self) -> BTreeSet<String> {
        let names = self.members.iter();
        names.map(|&name| name.to_owned()).collect()
    }

    /// Reads all keys through each member, checks that it sees all members vote, and writes one more key through the first.
    fn every_member_has_everything(&mut self) {
        let (client, lab) = (self.operator.client(), &self.operator.lab);
        for name in &self.members {
            let node = address(lab, name);
            for number in 0..self.written {
                let value = answered(|| client.get(node, &key(number)));
                assert_eq!(value, Some(number.to_string()), "key {number} of {name}");
            }
            // The reads have waited until this member had applied all changes.
            let seen = answered(|| client.members(node));
            let with_vote = seen.iter().filter(|it| it.is_started() && !it.is_learner);
            let voters: BTreeSet<_> = with_vote.map(|member| member.name.clone()).collect();
            assert_eq!(voters, self.wanted(), "{name} sees {seen:?}");
            assert_eq!(seen.len(), voters.len(), "{name} sees {seen:?}");
        }
        let (first, number) = (address(lab, self.members[0]), self.written);
        answered(|| client.put(first, &key(number), &number.to_string()));
        self.written += 1;
    }

    /// The command for the state of the cluster finds nothing wrong.
    fn is_healthy(&mut self) {
        let status = self.operator.nodes(&["status"]);
        let members = status["members"].as_array().unwrap();
        assert_eq!(members.len(), self.members.len(), "{status:#}");
    }
}

fn names(list: &Value) -> BTreeSet<String> {
    let names = list.as_array().unwrap().iter();
    names
        .map(|name| name.as_str().unwrap().to_owned())
        .collect()
}

fn key(number: u32) -> String {
    format!("growth/{number}")
}

#[test]
#[ignore = "boots six machines, five of them at once: about an hour"]
fn three_members_become_five_and_three_again_and_another_node_replaces_one() {
    inside(|| {
        // An earlier run has changed the members.
        Images::forget("growth");
        let mut growing = Growing::boot(&Images::build("growth", 3));
        growing.every_member_has_everything();
        for (name, address) in [("etcd4", "192.168.0.53"), ("etcd5", "192.168.0.54")] {
            growing.change(&["add", name, "--address", address], Some(name), None);
        }
        growing.is_healthy();
        for name in ["etcd4", "etcd5"] {
            growing.change(&["remove", name], None, Some(name));
        }
        growing.is_healthy();
        // The board of this one has died.
        growing.operator.lab.machines.kill("etcd3").unwrap();
        let words = ["replace", "etcd3", "etcd6", "--address", "192.168.0.55"];
        growing.change(&words, Some("etcd6"), Some("etcd3"));
        growing.is_healthy();
        let end = format!("{} keys, each read through every member", growing.written);
        growing.operator.write_times(TIMES, &end);
    });
}
