//! The cluster, its network, its members and etcd.

use super::super::machine::Board;
use super::super::named::Named as _;
use super::super::section::{Given, Section, Setting, ValueKind};
use super::super::{backup, etcd, identity, interfaces, names, network, routes, subnet, wifi};

use Given::{Default, Optional, Required};
use ValueKind::{Choice, EtcdFlags, Integer, List, Size, Switch, Text};

sections! {
    "[cluster]" {
        /// The cluster's short name, which certificates and reports contain.
        "name": Text(identity::cluster_name), Default(r#""main""#);
        /// The DNS domain: a node's full name is `<name>.<domain>`, or `<name>` with `""`. mDNS answers for `local` only if
        /// `avahi` is set.
        "domain": Text(identity::domain_or_none), Default(r#""local""#);
        /// The base system: a recipe (see `etcd-image recipes`) or the path of an image, relative to this file.
        "base": Text(|_| Ok(())), Default(r#""raspios-trixie""#);
        /// etcd's `initial-cluster-token`. By default, the state directory keeps a random one.
        "token": Text(identity::token), Optional(r#""main-2026""#);
    }

    "[network]" {
        /// The network interface. By default `eth0`, or `wlan0` with `[network.wifi]`; on Ubuntu any wired interface.
        "interface": Text(names::interface), Optional(r#""eth0""#);
        /// The prefix length in bits, for example 24 for the netmask 255.255.255.0. The default for IPv6 is 64.
        "prefix": Integer(1..=128, " bits"), Default("24");
        /// The default gateway, or `"none"`. IPv6 has no default.
        "gateway": Text(network::gateway), Default(r#""192.168.0.1""#);
        /// Whether a DHCP server that reserves each node's `address` for it also gives it the gateway and the name servers
        /// (IPv4). A node waits for its address before it starts etcd.
        "dhcp": Switch, Default("false");
        /// Name servers, those of each address family in the order they are tried; may be empty. The default for IPv6 is
        /// `2606:4700:4700::1111`.
        "dns": List(&Text(subnet::check_server)), Default(r#"["1.1.1.1"]"#);
        /// Domains in which short names are looked up. By default, `domain` of `[cluster]`.
        "search": List(&Text(identity::domain_name)), Optional(r#"["lan", "example.org"]"#);
        /// Whether the gateway is reached directly although it is outside the nodes' network, as with the prefix 32.
        "on-link": Switch, Default("false");
        /// Networks that another router reaches, as in `"10.0.0.0/8 via 192.168.0.254"`.
        "routes": List(&Text(routes::check)), Default("[]");
        /// The largest packet of the network in bytes (MTU). By default, the interface decides.
        "mtu": Integer(1280..=9216, " bytes"), Optional("1500");
    }

    /// A wireless network with a password, or an open one.
    "[network.wifi]" {
        /// The network's name.
        "ssid": Text(wifi::ssid), Required(r#""network name""#);
        /// The passphrase of 8 to 63 characters, the key as 64 hexadecimal digits, or `"none"` for an open network.
        "password": Text(wifi::password), Required(r#""correct horse battery""#);
        /// The country as two capital letters (ISO 3166), without which the radio stays off.
        "country": Text(wifi::country), Required(r#""DE""#);
        /// Whether the network does not announce its name.
        "hidden": Switch, Default("false");
        /// Whether the network accepts WPA3 (SAE) only. Otherwise a node uses WPA2, which mixed networks accept as well.
        "wpa3": Switch, Default("false");
    }

    /// Another wireless network that leads to the same addresses; repeat the table for each. A node uses the first of all
    /// these networks that it reaches, in the order of the file.
    "[[network.wifi.other]]" {
        /// The network's name.
        "ssid": Text(wifi::ssid), Required(r#""another network""#);
        /// The passphrase or the key, or `"none"`, as in `[network.wifi]`.
        "password": Text(wifi::password), Required(r#""correct horse battery""#);
        /// Whether the network does not announce its name.
        "hidden": Switch, Default("false");
        /// Whether the network accepts WPA3 (SAE) only.
        "wpa3": Switch, Default("false");
    }

    /// A further wired network of the nodes, beside that of etcd; repeat the table for each. `interface` of `[network]` must
    /// then be set.
    "[[network.other]]" {
        /// The interface, or the one that carries the VLAN.
        "name": Text(names::interface), Required(r#""eth1""#);
        /// The number of a VLAN, whose interface is then `<name>.<vlan>`.
        "vlan": Integer(1..=4094, ""), Optional("20");
        /// The address of each node with its prefix length, in the order of the nodes.
        "addresses": List(&Text(interfaces::address)), Optional(
            r#"["10.1.0.50/24", "10.1.0.51/24", "10.1.0.52/24"]"#);
        /// Whether a DHCP server gives the addresses instead (IPv4), but neither routes nor name servers.
        "dhcp": Switch, Default("false");
        /// Whether that server also gives the routes, among them the default one, and the name servers. `gateway` of
        /// `[network]` must then be `"none"`.
        "default-route": Switch, Default("false");
        /// Networks that a router of this network reaches, as in `"10.0.0.0/8 via 10.1.0.1"`.
        "routes": List(&Text(routes::check)), Default("[]");
        /// The largest packet of this network in bytes (MTU).
        "mtu": Integer(1280..=9216, " bytes"), Optional("1500");
    }

    /// One member of the cluster; repeat the table for each. Choose an odd number: 3 members tolerate the loss of 1,
    /// 5 of 2.
    "[[node]]" {
        /// The name of the host, of the etcd member and of the image.
        "name": Text(names::host_label), Required(r#""etcd1""#);
        /// The static address, without a prefix length.
        "address": Text(subnet::check_node), Required(r#""192.168.0.50""#);
        /// The address before a move, which the node keeps as a second one until all members know the new one. With a
        /// prefix length, as in `192.168.0.50/24`, unless the length is `prefix` of `[network]`.
        "previous-address": Text(subnet::check_previous), Optional(r#""192.168.1.50""#);
        /// The board. A base that cannot boot on it is refused.
        "board": Choice("board", Board::names), Optional(r#""pi4""#);
        /// The former member whose place this node takes. It must no longer be a `[[node]]`.
        "replaces": Text(names::host_label), Optional(r#""etcd9""#);
    }

    "[etcd]" {
        /// A release, `"debian"` for Debian's packages, or a path relative to this file: a release tarball, Debian
        /// packages separated by commas, or a directory.
        "version": Text(|_| Ok(())), Default(r#""3.6.14""#);
        /// Milliseconds between heartbeats. The default is five times etcd's own, because SD cards are slow.
        "heartbeat-interval": Integer(1..=10_000, " ms"), Default("500");
        /// Milliseconds without a heartbeat until an election; at least five heartbeats.
        "election-timeout": Integer(5..=50_000, " ms"), Default("5000");
        /// The database size at which etcd stops accepting writes, in MiB, GiB or (without quotes) bytes.
        "quota": Size(16 << 20..=64 << 30), Default(r#""2GiB""#);
        /// How URLs name a member: by its `address`, or by its full `name`, which is in /etc/hosts of every node.
        "advertise": Choice("kind of URL", etcd::advertised), Default(r#""address""#);
        /// Where etcd listens: at the `node`'s own addresses, or at all that its machine has (`0.0.0.0` or `::`).
        "listen": Choice("place", etcd::listened), Default(r#""node""#);
        /// A port for HTTP alone (`/health`, `/metrics` and the JSON gateway), which is then open to the network; port 2379
        /// speaks gRPC only. etcd has it from 3.4.25 and 3.5.8 on.
        "client-http-port": Integer(1024..=65_535, ""), Optional("2382");
        /// The directory of etcd's data below `/var/lib`, `/srv`, `/mnt` or `/data`.
        "data-dir": Text(etcd::data_dir), Default(r#""/var/lib/etcd""#);
        /// The form of etcd's configuration: the `file` `/etc/etcd/etcd.conf.yml`, or `env`, the environment variables in
        /// `/etc/default/etcd`.
        "config": Choice("form", etcd::forms), Default(r#""file""#);
        /// Who may read etcd's metrics and health on port 2381: `"local"` for the node itself, or `"mtls"` for anyone with a
        /// certificate of the CA, such as `client/metrics.crt`.
        "metrics": Choice("access", etcd::metrics), Default(r#""local""#);
        /// Whether etcd speaks plain HTTP: anybody who reaches its ports reads and writes everything. For laboratories; a
        /// cluster cannot change it.
        "insecure": Switch, Default("false");
        /// Other keys of etcd.conf.yml, which etcd receives unchanged.
        "extra": EtcdFlags, Optional("{ snapshot-count = 20000, max-request-bytes = 3145728 }");
    }

    /// Snapshots that the nodes save by themselves. Each member has a timer, and only the one that leads at that time acts.
    "[backup]" {
        /// How often.
        "every": Choice("interval", backup::intervals), Default(r#""6h""#);
        /// How many snapshots are kept.
        "keep": Integer(1..=1000, " snapshots"), Default("28");
        /// Where they go: `"data"` for the data partition of the member, a directory of another host as in
        /// `"ssh://backup@192.168.0.10/srv/etcd"`, or a bucket of S3 as in `"s3://bucket/etcd"`. The nodes log in to that
        /// host with their SSH host keys.
        "to": Text(backup::place), Required(r#""data""#);
        /// The server of the bucket, if it is not Amazon's: `https://`, a name or an address, and its port.
        "endpoint": Text(backup::endpoint), Optional(r#""https://minio.lan:9000""#);
        /// The region of the bucket.
        "region": Text(backup::region), Default(r#""us-east-1""#);
        /// The public host key of the host in `to`. Nodes trust no other.
        "host-key": Text(backup::host_key), Optional(
            r#""ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti""#);
    }
}
