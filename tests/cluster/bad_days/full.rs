//! Days on which a disk is full: that of the operator's machine, or those of the nodes.

use std::fs;

use super::diary::Diary;
use super::{COMMANDS, OWN, copy_state, intact, lead, prepare};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::tool::tool;

const MEMBERSHIP: [&str; 3] = ["replace", "add", "remove"];

fn kind(command: &str) -> &str {
    command.split(' ').next().unwrap_or_default()
}

#[test]
#[ignore = "not run to its end yet; its messages are not reviewed"]
fn a_full_disk_leaves_everything_as_it_was() {
    with_nodes(
        "cluster::bad_days::full::a_full_disk_leaves_everything_as_it_was",
        |mut nodes| {
            let mut diary = Diary::new("full");
            prepare(&mut nodes);
            lead(&mut nodes);
            full_nodes(&mut nodes, &mut diary);
            intact(&nodes);
            lead(&mut nodes);
            full_laptop(&mut nodes, &mut diary);
            nodes.settle();
            intact(&nodes);
            diary.reviewed();
        },
    );
}

/// The data partitions of all nodes are full. Every change of the members has a state directory of its own.
fn full_nodes(nodes: &mut Nodes, diary: &mut Diary) {
    copy_state(nodes, "full");
    diary.day("The data partitions of the nodes are full", "full");
    (0..3).for_each(|node| nodes.fill(node));
    for command in COMMANDS {
        if !MEMBERSHIP.contains(&kind(command)) {
            diary.run(nodes, command);
        }
    }
    for (command, state) in COMMANDS
        .iter()
        .filter(|command| MEMBERSHIP.contains(&kind(command)))
        .zip(["full-replace", "full-add", "full-remove"])
    {
        copy_state(nodes, state);
        nodes.members.scene.file(&format!("{state}.toml"), "");
        diary.state = state;
        diary.run(
            nodes,
            &format!("{command} --config {state}.toml --out {state}-images"),
        );
    }
    (0..3).for_each(|node| nodes.free(node));
    diary.day("There is room on the nodes again", "full");
    for command in ["renew", "rotate-ca", "rotate-ca --abort", "status"] {
        diary.run(nodes, command).done();
    }
}

/// The disk of the operator's machine is full, where the state directory and the other files are.
fn full_laptop(nodes: &mut Nodes, diary: &mut Diary) {
    let small = nodes.members.scene.at("small");
    fs::create_dir(&small).unwrap();
    let place = small.to_str().unwrap().to_owned();
    tool("mount", &["-t", "tmpfs", "-o", "size=2m", "tmpfs", &place]).done();
    let own = nodes.members.scene.at(OWN).display().to_string();
    tool("cp", &["-a", &own, &format!("{place}/state")]).done();
    nodes.members.scene.file("small/cluster.toml", "");
    tool(
        "sh",
        &["-c", &format!("cat /dev/zero >{place}/filler 2>/dev/null")],
    );
    diary.day("The disk of the operator's machine is full", "small/state");
    for command in COMMANDS {
        let mut command = command.replace("new.db", "small/new.db");
        if MEMBERSHIP.contains(&kind(&command)) {
            command += " --config small/cluster.toml";
        }
        diary.run(nodes, &command);
        nodes.settle();
    }
    tool("diff", &["-r", &own, &format!("{place}/state")]).done();
    assert_eq!(nodes.members.scene.names("small").len(), 2);
    fs::remove_file(small.join("filler")).unwrap();
    diary.day(
        "There is room on the operator's machine again",
        "small/state",
    );
    for command in ["backup small/new.db", "renew --within 5000d", "status"] {
        diary.run(nodes, command).done();
    }
}
