//! A member is cut off: all the time, or in the middle of a command.

use std::time::{Duration, Instant};

use super::diary::Diary;
use super::{COMMANDS, OWN, having, intact, lead, prepare, run};
use crate::support::members::{Members, NAMES};
use crate::support::nodes::{Nodes, with_nodes, with_nodes_of};
use crate::support::tool::Said;

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_command_without_one_member_does_what_it_can() {
    with_nodes(|mut nodes| {
        let mut diary = Diary::new("cut");
        prepare(&mut nodes);
        lead(&mut nodes);
        Members::cut(1);
        diary.part("One member is cut off", OWN);
        for command in COMMANDS {
            diary.run(&mut nodes, command);
        }
        Members::connect(1);
        intact(&nodes);
        diary.part("The member is there again", OWN);
        diary.run(&mut nodes, "renew").done();
        diary.run(&mut nodes, "status").done();
        diary.reviewed();
    });
}

/// How long a member is cut off: longer than ssh waits for it.
const CUT: Duration = Duration::from_secs(20);

/// A command, and the node that is cut off when the moment has come.
type Moment = (&'static str, fn(&Nodes) -> Option<usize>);

const MOMENTS: [Moment; 5] = [
    ("renew --within 5000d", |nodes| {
        let first = nodes.folder(0).join("data/certificates/server.pem");
        first.exists().then_some(1)
    }),
    ("reboot --rolling", |nodes| {
        having(|node| nodes.folder(node).join("restart"))
    }),
    ("restore good.db --in-place", |nodes| {
        having(|node| nodes.folder(node).join("stop"))
    }),
    ("rotate-ca", |nodes| nodes.etcd_restarted.last().copied()),
    ("rotate-ca --abort", |nodes| {
        nodes.etcd_restarted.last().copied()
    }),
];

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_cut_in_the_middle_of_a_command_does_no_harm() {
    with_nodes(|mut nodes| {
        prepare(&mut nodes);
        for (command, moment) in MOMENTS {
            cut_and_repeat(&mut nodes, command, moment);
        }
        intact(&nodes);
    });
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_cut_in_the_middle_of_an_upgrade_does_no_harm() {
    with_nodes_of("3.4", |mut nodes| {
        prepare(&mut nodes);
        let release = super::release_of(&nodes, "3.5");
        let command = format!("upgrade --etcd {release}");
        cut_and_repeat(&mut nodes, &command, |nodes| {
            having(|node| nodes.members.data(NAMES[node]).join("programs/new"))
        });
        intact(&nodes);
    });
}

/// Cuts a member off for a while in the middle of a command, and runs the command again if it failed. Whatever restarts
/// meanwhile, [`Nodes`] checks that both other members are well.
fn cut_and_repeat(nodes: &mut Nodes, command: &str, moment: fn(&Nodes) -> Option<usize>) {
    let said = cut(nodes, command, moment);
    nodes.settle();
    if said.code != Some(0) {
        let last = said.err.lines().last().unwrap_or_default();
        assert!(last.starts_with("hint: "), "{}", said.words());
        run(nodes, command).done();
        nodes.settle();
    }
    run(nodes, "status").done();
}

fn cut(nodes: &mut Nodes, command: &str, moment: fn(&Nodes) -> Option<usize>) -> Said {
    nodes.etcd_restarted.clear();
    let (mut cut, mut since, mut is_over) = (None, Instant::now(), false);
    let said = super::run_until(nodes, command, |nodes| {
        if cut.is_none() {
            cut = moment(nodes);
            if let Some(node) = cut {
                Members::cut(node);
                since = Instant::now();
            }
        } else if let (Some(node), true) = (cut, !is_over && since.elapsed() > CUT) {
            Members::connect(node);
            is_over = true;
        }
        false
    });
    let node = cut.expect("the moment never came");
    if !is_over {
        Members::connect(node);
    }
    said
}
