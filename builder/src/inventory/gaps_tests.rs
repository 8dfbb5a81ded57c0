//! Checks that a value which cannot be taken over is named, and that the order of the file is kept.

use super::tests::{from, whole};

#[test]
fn nodes_keep_the_order_of_a_yaml_file() {
    let inventory = "etcd:\n  hosts:\n    pi-2: {ip: 10.0.0.2}\n    Pi-3: {ip: 10.0.0.3}\n    pi-1: {ip: 10.0.0.1}\n";
    let text = from("hosts.yml", inventory);
    let names: Vec<&str> = text
        .lines()
        .filter(|line| line.starts_with("name = "))
        .collect();
    let expected = ["name = \"pi-2\"", "name = \"pi-3\"", "name = \"pi-1\""];
    assert_eq!(names, expected);
}

#[test]
fn an_invalid_address_is_named_and_not_called_missing() {
    let inventory = "[etcd]\na ansible_host=192.168.1.300\nb ansible_host=pi1.lan\nc ip=x ansible_host=10.0.0.3\nd\n";
    let converted = whole("x.ini", inventory).unwrap();
    let expected = "\
[[node]]
name = \"a\"
# `192.168.1.300` is not an IP address: correct it, as in `address = \"…\"`.

[[node]]
name = \"b\"
# `pi1.lan` is not an IP address: correct it, as in `address = \"…\"`.

[[node]]
name = \"c\"
address = \"10.0.0.3\"

[[node]]
name = \"d\"
# x.ini has no address for this machine: add `address = \"…\"`.

# Not taken over from x.ini:
# - ip = x of c: it is not an IP address
";
    let (_, nodes) = converted.text.split_once("\n[[node]]").unwrap();
    assert_eq!(format!("[[node]]{nodes}"), expected);
    assert_eq!(
        converted.gaps,
        [
            "x.ini has no valid address of a and 2 other machines: add them",
            "x.ini does not name the gateway: check it and the prefix length"
        ]
    );
}
