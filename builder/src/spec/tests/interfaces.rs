//! Tests of `[[network.other]]`: mistakes, and the resulting networks of the nodes.

use super::super::table_tests::pairs;
use super::*;

const ETCD: &str = "[network]\ninterface = \"eth0\"\n";
const NODES: &str = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n[[node]]\nname = \"etcd2\"\naddress = \"192.168.0.51\"\n";

/// Returns the complaints about a configuration of two nodes with this table, without the file's name and the line.
fn complaints_about(network: &str, interface: &str) -> Vec<String> {
    let text = format!("{network}[[network.other]]\n{interface}\n{NODES}");
    let found = resolve(&input(&text)).err();
    let found = found.map(|invalid| invalid.complaints).unwrap_or_default();
    let short = |line: &String| line.splitn(3, ':').nth(2).unwrap_or(line).trim().to_owned();
    found.iter().map(short).collect()
}

#[test]
fn a_further_network_has_an_address_for_each_node() {
    let text = format!(
        "{ETCD}[[network.other]]\nname = \"eth0\"\nvlan = 20\nmtu = 1400\n\
         addresses = [\"10.1.0.11/24\", \"10.1.0.12/24\"]\nroutes = [\"10.2.0.0/16 via 10.1.0.1\"]\n\
         [[network.other]]\nname = \"eth1\"\ndhcp = true\n{NODES}"
    );
    let cluster = resolve(&input(&text)).unwrap();
    let devices: Vec<_> = cluster
        .network
        .interfaces
        .iter()
        .map(Interface::device)
        .collect();
    assert_eq!(devices, ["eth0.20", "eth1"]);
    let addresses = cluster.further_addresses(&cluster.nodes[1]);
    assert_eq!(addresses, [Some("10.1.0.12/24".parse().unwrap()), None]);
}

const GOOD: &str = "addresses = [\"10.1.0.11/24\", \"10.1.0.12/24\"]\n";

/// Asserts that a table with this name and these further lines causes one complaint.
#[track_caller]
fn complains(network: &str, (name, rest): (&str, &str), wanted: &str) {
    let found = complaints_about(network, &format!("name = \"{name}\"\n{rest}"));
    assert_eq!(found, [wanted], "{name} {rest}");
}

#[test]
fn its_name_is_that_of_another_wired_interface() {
    for (network, name, rest, wanted) in [
        (
            ETCD,
            "eth0",
            "",
            "`eth0` is the interface of etcd's network; set `interface` in [network], or use a `vlan`",
        ),
        (
            "",
            "eth1",
            "",
            "`[[network.other]]` needs `interface` in [network], which distinguishes the two",
        ),
        (
            ETCD,
            "wlan0",
            "",
            "`wlan0` is wireless; only wired interfaces can be further ones",
        ),
        (
            ETCD,
            "enx00112233445",
            "vlan = 20\n",
            "`enx00112233445.20` is longer than 15 characters, the most that Linux allows",
        ),
    ] {
        complains(network, (name, &format!("{rest}{GOOD}")), wanted);
    }
    let twice = format!("{GOOD}[[network.other]]\nname = \"eth1\"\ndhcp = true");
    complains(ETCD, ("eth1", &twice), "`eth1` is configured twice");
}

#[test]
fn its_addresses_are_one_for_each_node_in_a_network_of_their_own() {
    for (addresses, wanted) in pairs(
        r#"
        [] → give the nodes' `addresses`, or `dhcp = true`
        ["10.1.0.11/24"] → `addresses` must have one address for each of the 2 nodes, not 1
        ["10.1.0.11", "10.1.0.12/24"] → `10.1.0.11` needs its prefix length, as in "10.1.0.11/24"
        ["10.1.0.11/24", "10.1.1.12/24"] → 10.1.1.12/24 is not in the network 10.1.0.0/24 of the first node
        ["10.1.0.11/24", "10.1.0.11/24"] → two nodes have 10.1.0.11
        ["192.168.0.11/16", "192.168.0.12/16"] → 192.168.0.0/16 overlaps etcd's network
        "#,
    ) {
        complains(ETCD, ("eth1", &format!("addresses = {addresses}")), wanted);
    }
    let both = format!("dhcp = true\n{GOOD}");
    complains(
        ETCD,
        ("eth1", &both),
        "give `addresses` or `dhcp = true`, not both",
    );
}

#[test]
fn its_routes_lead_through_its_own_network() {
    for (rest, wanted) in [
        (
            &*format!("{GOOD}routes = [\"10.2.0.0/16 via 192.168.0.1\"]"),
            "route 10.2.0.0/16: 192.168.0.1 is outside the nodes' network",
        ),
        (
            &format!("{GOOD}routes = [\"10.1.0.8/29 via 10.1.0.1\"]"),
            "route 10.1.0.8/29 would lead to 10.1.0.11, which is in the nodes' own network, through 10.1.0.1",
        ),
        (
            &format!("{GOOD}routes = [\"192.168.0.0/25 via 10.1.0.1\"]"),
            "route 192.168.0.0/25 would lead to 192.168.0.50, which is in etcd's network, through 10.1.0.1",
        ),
        (
            "dhcp = true\nroutes = [\"10.2.0.0/16 via 10.1.0.1\"]",
            "`routes` needs `addresses`, which show whether the router is in the network",
        ),
        (
            "dhcp = true\ndefault-route = true",
            "etcd's network has the default route already; set `gateway = \"none\"` in [network]",
        ),
        (
            &format!("{GOOD}default-route = true"),
            "`default-route` comes from the DHCP server; it needs `dhcp = true`",
        ),
    ] {
        complains(ETCD, ("eth1", rest), wanted);
    }
}

#[test]
fn the_clusters_of_a_fleet_cannot_share_addresses() {
    let text = format!(
        "{ETCD}[[network.other]]\nname = \"eth1\"\naddresses = [\"10.1.0.11/24\", \"10.1.0.12/24\"]\n{NODES}"
    );
    let mut input = input(&text);
    input.row = Some(FleetRow {
        text: "[cluster]\nname = \"a\"\n".to_owned(),
        place: "clusters.csv:2".to_owned(),
    });
    assert_eq!(
        complaints(&input),
        [
            "lab/cluster.toml:5: all clusters of a fleet would have these addresses; only `dhcp = true` works in a fleet"
        ]
    );
}
