//! Misspelt tables and settings cause one complaint each, and none about what seems to be missing.

use super::*;

const NODES: &str = "[[nodes]]\nname = \"a\"\naddress = \"192.168.0.50\"\n";

#[test]
fn a_misspelt_table_is_not_missing() {
    let unknown = "lab/cluster.toml:1: unknown table `nodes`; did you mean [[node]]?";
    assert_eq!(complaints(&input(NODES)), [unknown]);
    // Its content is checked as that of the table that it means.
    let address = NODES.replace("192.168.0.50", "192.168.0.500");
    let wrong = "lab/cluster.toml:3: `192.168.0.500` is not an IP address";
    assert_eq!(complaints(&input(&address)), [unknown, wrong]);
}

#[test]
fn a_misspelt_setting_is_not_missing() {
    for (key, wanted) in [
        ("adress", "did you mean `address`?"),
        ("ip", "write `address`"),
    ] {
        let text = format!("[[node]]\nname = \"a\"\n{key} = \"192.168.0.50\"\n");
        let wanted = format!("lab/cluster.toml:3: unknown key `{key}` in [[node]]; {wanted}");
        assert_eq!(complaints(&input(&text)), [wanted]);
    }
}

#[test]
fn a_fleet_is_no_cluster() {
    let text = "template = \"lab.toml\"\ntable = \"clusters.csv\"\n";
    let wanted = "lab/cluster.toml:1: `template` belongs in the file of a fleet, which `--fleet` names; `--config` names a cluster.toml";
    assert_eq!(complaints(&input(text)), [wanted]);
}
