//! Tests of `[[node]]`: mistakes with their lines.

use super::mistakes::check;
use super::{VALID, input, resolve};

#[test]
fn a_previous_address_takes_the_prefix_length_of_its_family() {
    let previous = |text: &str| {
        let line = format!("previous-address = \"{text}\"\nboard");
        let cluster = resolve(&input(&VALID.replace("board", &line))).unwrap();
        cluster.nodes[1].previous_address.unwrap().to_string()
    };
    assert_eq!(previous("10.9.9.9"), "10.9.9.9/24");
    assert_eq!(previous("10.9.9.9/16"), "10.9.9.9/16");
    assert_eq!(previous("fd00::9"), "fd00::9/64");
}

#[test]
fn each_mistake_in_nodes_has_its_line() {
    check(
        r#"
name = "etcd1" → name = "ETCD1"
    16: `ETCD1` is not a host name: write it in lower case

name = "etcd1" → name = "etcd1.local"
    16: `etcd1.local` is not a host name: the domain is set by `domain` in [cluster]

name = "etcd3" → name = "root"
    23: `root` is not a host name: etcd treats the certificate of that name as its administrator's

name = "etcd3" → name = "ip6-localhost"
    23: `ip6-localhost` is not a host name: /etc/hosts of every machine has that name

name = "etcd3" → name = "0x1"
    23: `0x1` is not a host name: it must not look like a number

name = "etcd3" → name = "a\u001b[31m"
    23: `a\u{1b}[31m` is not a host name: only a-z, 0-9 and `-` are allowed

name = "etcd3" → name = "etcd1"
    23: another node is called etcd1, in line 16

name = "etcd3" → nmae = "etcd3"
    23: unknown key `nmae` in [[node]]; did you mean `name`?

address = "10.1.2.50" → #
    15: [[node]] has no `address`

"10.1.2.52" → "10.1.2.51"
    24: another node has address 10.1.2.51, in line 20

"10.1.2.52" → "10.1.2.52/24"
    24: `10.1.2.52/24`: write the address alone; the prefix is set in [network]

"10.1.2.52" → "::ffff:10.1.2.52"
    24: `::ffff:10.1.2.52` is an IPv4 address in the form of IPv6; write 10.1.2.52

"10.1.2.52" → "0.0.0.5"
    24: address 0.0.0.5 is in 0.0.0.0/8, which is not for hosts

"10.1.2.52" → "240.0.0.5"
    24: address 240.0.0.5 is in 240.0.0.0/4, which is reserved

"10.1.2.52" → "10.1.2.256"
    24: `10.1.2.256` is not an IP address

"10.1.2.52" → "10.1.2.0"
    24: address 10.1.2.0 is the network's own address

"10.1.2.52" → "10.1.2.255"
    24: address 10.1.2.255 is the network's broadcast address

"10.1.2.52" → "10.1.2.1"
    24: address 10.1.2.1 is the gateway's

"10.1.2.52" → "10.1.3.52"
    24: address 10.1.3.52 is outside the network 10.1.2.0/24

"10.1.2.52" → "fd00::52"
    24: address fd00::52 is not of the same family as 10.1.2.0/24

"pi5" → "pi6"
    21: unknown board `pi6`; known are pi3, zero2w, pi4, cm4, pi5, cm5, pi400, pi500, cm5lite

"pi5" → "Zero_2W"
    21: unknown board `Zero_2W`; did you mean `zero2w`?

[cluster] → node = 3\n[cluster]
    16: duplicate key `node`
    19: duplicate key `node`
    23: duplicate key `node`
"#,
    );
}

#[test]
fn each_mistake_in_a_previous_address_has_its_line() {
    check(
        r#"
board = "pi5" → previous-address = "10.0.0"
    21: `10.0.0` is not an IP address

board = "pi5" → previous-address = "10.9.9.9/40"
    21: `10.9.9.9/40`: the prefix length must be from 1 to 32

board = "pi5" → previous-address = "fd00::9/0"
    21: `fd00::9/0`: the prefix length must be from 1 to 128

board = "pi5" → previous-address = "10.9.9.0"
    21: address 10.9.9.0 is the network's own address

board = "pi5" → previous-address = "10.1.2.1"
    21: address 10.1.2.1 is the gateway's

board = "pi5" → previous-address = "10.1.2.51"
    21: previous address 10.1.2.51 is an address of a node, in line 20

board = "pi5" → previous-address = "10.1.2.52"
    21: previous address 10.1.2.52 is an address of a node, in line 24

"pi5" → "pi5"\nprevious-address = "10.9.9.9"\n[[node]]\nname = "d"\naddress = "10.1.2.53"\nprevious-address = "10.9.9.9"
    26: two nodes have the previous address 10.9.9.9, in line 22
"#,
    );
}

#[test]
fn what_the_dhcp_server_gives_is_not_set() {
    check(
        r"
prefix = 24 → prefix = 24\ndhcp = true
    10: `gateway` comes from the DHCP server with `dhcp = true`; remove it
    11: `dns` comes from the DHCP server with `dhcp = true`; remove it
",
    );
    let text = VALID
        .replace("gateway = \"10.1.2.1\"", "dhcp = true")
        .replace("dns = [\"10.1.2.1\", \"9.9.9.9\"]\n", "");
    let network = resolve(&input(&text)).unwrap().network;
    assert_eq!((network.gateway, network.dns), (None, Vec::new()));
}
