//! The disk of the operator's machine is full.

use std::fs;

use super::diary::Diary;
use super::{COMMANDS, OWN, intact, lead, prepare};
use crate::support::nodes::{Nodes, with_nodes};
use crate::support::tool::tool;

const MEMBERSHIP: [&str; 3] = ["replace", "add", "remove"];

fn kind(command: &str) -> &str {
    command.split(' ').next().unwrap_or_default()
}

#[test]
#[ignore = "takes minutes: `cargo xtask test --full` runs it"]
fn a_full_disk_leaves_everything_as_it_was() {
    with_nodes(|mut nodes| {
        let mut diary = Diary::new("full");
        prepare(&mut nodes);
        lead(&mut nodes);
        full_laptop(&mut nodes, &mut diary);
        nodes.settle();
        intact(&nodes);
        diary.reviewed();
    });
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
    diary.part("The disk of the operator's machine is full", "small/state");
    for command in COMMANDS {
        let mut command = command.replace("new.db", "small/new.db");
        if MEMBERSHIP.contains(&kind(&command)) {
            command += " --config small/cluster.toml";
        }
        diary.run(nodes, &command);
        lead(nodes);
    }
    tool("diff", &["-r", &own, &format!("{place}/state")]).done();
    let mut files = nodes.members.scene.names("small");
    files.retain(|name| !name.starts_with("small/state/"));
    assert_eq!(files, ["small/cluster.toml", "small/filler"]);
    fs::remove_file(small.join("filler")).unwrap();
    diary.part(
        "There is room on the operator's machine again",
        "small/state",
    );
    for command in ["backup small/new.db", "renew --within 5000d", "status"] {
        diary.run(nodes, command).done();
    }
}
