//! Tests of `[appliance]` and `replaces`: defaults, values, and mistakes with their lines.

use super::super::table_tests::pairs;
use super::*;

#[test]
fn a_node_changes_nothing_and_lets_in_little_unless_told() {
    let cluster = resolve(&numbered(3)).unwrap();
    let wanted = Appliance {
        read_only: true,
        data: Data::Card,
        wipe_data: false,
        watchdog: 15,
        ports: vec![22, 2379, 2380],
        allow: Vec::new(),
        avahi: false,
    };
    assert_eq!(cluster.appliance, wanted);
}

#[test]
fn ports_are_sorted_and_a_disk_is_taken_by_its_stable_name() {
    let text = "[appliance]\nports = [2380, 9100, 22, 2379, 22]\ndata = \"/dev/disk/by-id/usb-SSD_1-0:0\"\n";
    let mut input = input(text);
    input.flags.nodes = Some(3);
    let appliance = resolve(&input).unwrap().appliance;
    assert_eq!(appliance.ports, [22, 2379, 2380, 9100]);
    assert_eq!(
        appliance.data,
        Data::Disk("/dev/disk/by-id/usb-SSD_1-0:0".to_owned())
    );
}

#[test]
fn a_node_may_take_the_place_of_one_that_is_gone() {
    let text = VALID.replace("board = \"pi5\"", "replaces = \"kv9\"");
    let nodes = resolve(&input(&text)).unwrap().nodes;
    let replaced: Vec<_> = nodes.iter().map(|node| node.replaces.as_deref()).collect();
    assert_eq!(replaced, [None, Some("kv9"), None]);
}

#[test]
fn each_mistake_in_appliance_has_its_line() {
    for (line, wanted) in pairs(
        r#"
        read-only = 1 → `read-only` must be true or false, not an integer
        readonly = true → unknown key `readonly` in [appliance]; did you mean `read-only`?
        wipe-data = "yes" → `wipe-data` must be true or false, not a string
        avahi = 0 → `avahi` must be true or false, not an integer
        watchdog = 16 → `watchdog` must be from 0 to 15 seconds, not 16
        ports = 22 → `ports` must be a list of integers, not an integer
        ports = [2379, 2380, 0] → each item of `ports` must be from 1 to 65535, not 0
        ports = [22, "ssh"] → each item of `ports` must be an integer, not a string
        allow = ["161/udp", "22/tcp from 10.0.0.0/8"] → `ports` already opens TCP port 22 to everybody
        ports = [22, 2379] → `ports` must have 2380: without it there is no cluster
        "#,
    ) {
        let complaints = complaints(&input(&format!("{VALID}[appliance]\n{line}\n")));
        assert_eq!(complaints, [format!("lab/cluster.toml:54: {wanted}")]);
    }
    for place in [
        "/dev/sda",
        "/dev/disk/by-id/",
        "/dev/disk/by-id/../sda",
        "Card",
        "",
    ] {
        let complaints = complaints(&input(&format!("{VALID}[appliance]\ndata = \"{place}\"\n")));
        let wanted = "lab/cluster.toml:54: `data` is \"card\" or a disk by a name that never changes, as in \"/dev/disk/by-id/usb-…\"";
        assert_eq!(complaints, [wanted], "{place}");
    }
    let line = "data = \"/dev/disk/by-id/usb-SSD_1-0:0-part1\"";
    let complaints = complaints(&input(&format!("{VALID}[appliance]\n{line}\n")));
    let wanted = "lab/cluster.toml:54: `/dev/disk/by-id/usb-SSD_1-0:0-part1` is a partition; `data` is a whole disk, whose name \
                  has no `-part` and number at its end";
    assert_eq!(complaints, [wanted]);
}

#[test]
fn only_one_that_is_gone_is_replaced_and_only_once() {
    let text = VALID.replace("board = \"pi5\"", "replaces = \"etcd1\"");
    let wanted = "lab/cluster.toml:21: etcd1 cannot be replaced: it is a node, in line 16";
    assert_eq!(complaints(&input(&text)), [wanted]);
    let twice = VALID
        .replace("board = \"pi5\"", "replaces = \"kv9\"")
        .replace("name = \"etcd3\"", "replaces = \"kv9\"\nname = \"etcd3\"");
    let wanted = "lab/cluster.toml:23: kv9 is replaced already, in line 21";
    assert_eq!(complaints(&input(&twice)), [wanted]);
}
