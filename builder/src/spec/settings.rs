//! The settings of cluster.toml. This table is their only source: the parser, the template of `init`, the JSON schema
//! and the reference in the README are all derived from it.

use super::issuing::{CertificateRole, KeyKind};
use super::layout::CertificateLayout;
use super::machine::Board;
use super::section::{Given, Kind, Section, Setting};
use super::{
    appliance, archives, auth, backup, certificate, common_name, etcd, files, firmware, identity,
    names, network, pki, ports, publish, routes, ssh, subnet, system, units, wifi,
};

use Given::{Default, Optional, Required};
use Kind::{Choice, EtcdFlags, Integer, List, Size, Switch, Text};

/// Builds the tables of settings; the doc comments become the descriptions that users read.
macro_rules! sections {
    ($(
        $(#[doc = $about:literal])* $header:literal {
            $($(#[doc = $doc:literal])+ $name:literal: $kind:expr, $given:expr;)*
        }
    )*) => {
        /// All tables, in the order of the template.
        pub(super) static SECTIONS: &[Section] = &[$(
            Section {
                header: $header,
                doc: concat!($($about,)*),
                settings: &[$(
                    Setting { name: $name, kind: $kind, given: $given, doc: concat!($($doc,)+) },
                )*],
            },
        )*];
    };
}

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
        /// Name servers in the order they are tried; may be empty. The default for IPv6 is `2606:4700:4700::1111`.
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
        /// The former member whose place this node takes. It must not be a `[[node]]` any more.
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
        "client-http-port": Integer(1..=65_535, ""), Optional("2382");
        /// The directory of etcd's data below `/var/lib`, `/srv`, `/mnt` or `/data`.
        "data-dir": Text(etcd::data_dir), Default(r#""/var/lib/etcd""#);
        /// The form of etcd's configuration: the `file` `/etc/etcd/etcd.conf.yml`, or `env`, the environment variables in
        /// `/etc/default/etcd`.
        "config": Choice("form", etcd::forms), Default(r#""file""#);
        /// Who may read etcd's metrics and health on port 2381: `"local"` for the node itself, or `"mtls"` for whoever has a
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
        /// Where they go: `"data"` for the data partition of the member, or a directory of another host, to which the nodes
        /// log in with their SSH host keys, as in `"ssh://backup@192.168.0.10/srv/etcd"`, or a bucket of S3: `"s3://bucket/etcd"`.
        "to": Text(backup::place), Required(r#""data""#);
        /// The server of the bucket, if it is not Amazon's: `https://`, a name or an address, and its port.
        "endpoint": Text(backup::endpoint), Optional(r#""https://minio.lan:9000""#);
        /// The region of the bucket.
        "region": Text(backup::region), Default(r#""us-east-1""#);
        /// The public host key of that host. Nodes trust no other.
        "host-key": Text(backup::host_key), Optional(
            r#""ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti""#);
    }

    "[ssh]" {
        /// The login user, who may use sudo.
        "user": Text(names::user), Default(r#""pi""#);
        /// Lines of the user's `authorized_keys`. By default, the public keys in `~/.ssh/*.pub`.
        "authorized-keys": List(&Text(ssh::key)), Optional(
            r#"["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti you@laptop"]"#);
        /// Public keys of certificate authorities that sign the keys of users.
        "trusted-user-ca": List(&Text(ssh::ca_key)), Optional(
            r#"["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user-ca"]"#);
        /// Groups of the base that the user joins, in addition to those for administrators.
        "groups": List(&Text(ssh::group)), Default("[]");
        /// What the user may do with etcdctl: `"admin"` for everything, through a client certificate of its own, or
        /// `"none"`, which leaves etcdctl to root.
        "etcdctl": Choice("access", ssh::access), Default(r#""admin""#);
        /// The hash of a password for the console, made with `openssl passwd -6`. SSH never accepts a password.
        "password-hash": Text(ssh::password_hash), Optional(
            r#""$6$saltsaltsaltsalt$00of8Y8ZpAGaxosd4pu0Ff19hH8rucpwfCxof/ELn604.90zo6K8TACeDQP6Ttrc5F/ngjq/a4JzEcD.BmaGf1""#);
    }

    /// The clock of the nodes.
    "[system]" {
        /// The time zone, as in `"Europe/Berlin"`. By default, that of the base.
        "timezone": Text(system::timezone), Optional(r#""Europe/Berlin""#);
        /// The locale of programs: `C.UTF-8`, or one that the base has compiled, because nothing is compiled on a node. By
        /// default, that of the base.
        "locale": Text(system::locale), Optional(r#""en_GB.UTF-8""#);
        /// The keyboard layout of the console, as XKB names it. By default, that of the base.
        "keyboard": Text(system::keyboard), Optional(r#""de""#);
        /// Time servers, by name or address. By default, those of the base.
        "ntp": List(&Text(system::time_server)), Optional(r#"["192.168.0.1", "pool.ntp.org"]"#);
    }

    "[pki]" {
        /// The key type of all certificates.
        "key": Choice("key kind", KeyKind::names), Default(r#""ecdsa-p256""#);
        /// Days that the CA certificate is valid, from the first build on.
        "ca-days": Integer(1..=pki::MOST_DAYS, " days"), Default("3650");
        /// Days that all other certificates are valid, at most `ca-days`.
        "leaf-days": Integer(1..=pki::MOST_DAYS, " days"), Default("1825");
        /// DNS names (also `*.domain`) and addresses added to the certificates of every node.
        "extra-sans": List(&Text(pki::subject_name)), Default("[]");
        /// The certificate of your own CA as a path relative to this file (PEM). For an intermediate, the certificates above
        /// it follow, up to the root. The first build copies it into the state directory, which keeps it.
        "ca-certificate": Text(|_| Ok(())), Optional(r#""ca.pem""#);
        /// Its private key as a path relative to this file: PEM (PKCS #1, PKCS #8 or SEC 1) without a passphrase. The file is
        /// not needed after the first build. Without this setting, the CA's owner signs the requests of `etcd-image pki csr`.
        "ca-key": Text(|_| Ok(())), Optional(r#""ca-key.pem""#);
        /// Whether all programs on a node trust the CA: it is added to the system's store of trusted certificates.
        "trust-ca": Switch, Default("false");
        /// Where etcd finds its certificates: `etcd` (`/etc/etcd/pki/{ca,server,peer}.crt`), `etcd-pi`
        /// (`/etc/etcd/pki/{ca,etcd,etcd-key}.pem`), `dcs` (`/etc/dcs/cert/<name>.crt`, for the group etcd) or `flat`
        /// (`/etc/etcd/<name>-cert.pem` and `<name>-peer-cert.pem`). `etcd-pi` and `dcs` use one certificate in both
        /// directions.
        "layout": Choice("layout", CertificateLayout::names), Default(r#""etcd""#);
    }

    /// Fields in the subject of every certificate that is issued. A CA that exists keeps its subject.
    "[pki.subject]" {
        /// The country (C) as two capital letters.
        "country": Text(pki::country), Optional(r#""DE""#);
        /// The state or province (ST).
        "state": Text(pki::field), Optional(r#""Bayern""#);
        /// The locality (L).
        "locality": Text(pki::field), Optional(r#""München""#);
        /// The organization (O).
        "organization": Text(pki::field), Optional(r#""Example""#);
        /// The organizational unit (OU).
        "unit": Text(pki::field), Optional(r#""Labs""#);
    }

    /// Common names. In those of nodes, `{name}` stands for the node's name and `{domain}` for its domain.
    "[pki.common-name]" {
        /// That of a new CA. By default, the cluster's name and `etcd CA`.
        "ca": Text(pki::field), Optional(r#""etcd-ca""#);
        /// That of the certificates for clients. etcd takes it for the node's user when authentication is on.
        "server": Text(common_name::check_given), Default(r#""{name}""#);
        /// That of the certificates for members.
        "peer": Text(common_name::check_given), Default(r#""{name}""#);
    }

    /// A certificate of the cluster at a path of your choice, for programs on the nodes; repeat the table for each. Every
    /// build writes the current one.
    "[[certificate]]" {
        /// Which certificate: that of the CA, the node's own for clients (`server`), for members (`peer`) or for both
        /// (`node`), one that may only connect as a client (`client`), or the operator's, which may do everything (`admin`).
        "role": Choice("role", CertificateRole::names), Required(r#""client""#);
        /// The absolute path of the certificate on the node.
        "path": Text(certificate::path), Required(r#""/etc/app/client.crt""#);
        /// The absolute path of the private key. The same path puts both into one file. Required for `client` and `admin`.
        "key": Text(certificate::path), Optional(r#""/etc/app/client.key""#);
        /// The common name of a `client` certificate, which etcd takes for its user, with `{name}` and `{domain}`.
        /// Empty for a certificate without one, which the JSON gateway needs when authentication is on.
        "common-name": Text(common_name::check), Default(r#""{name}""#);
        /// The permissions of the certificate as octal digits.
        "mode": Text(certificate::mode), Default(r#""0644""#);
        /// The permissions of the key, or of the file with both.
        "key-mode": Text(certificate::key_mode), Default(r#""0600""#);
        /// The owner and group of both, by name or number.
        "owner": Text(files::owner), Default(r#""root:root""#);
        /// The only nodes that receive it. By default, every node does.
        "nodes": List(&Text(|_| Ok(()))), Optional(r#"["etcd1"]"#);
    }

    /// etcd's authentication: every client needs a user. The administrator's certificate is the user `root`, and the nodes
    /// have users of their own.
    "[auth]" {
        /// Whether the cluster switches authentication on, by itself and only once, as soon as it serves. An operator may
        /// switch it off later.
        "enabled": Switch, Default("false");
    }

    /// A user of etcd. A certificate with this common name logs in as the user; `etcd-image cluster password` sets a password.
    "[[auth.user]]" {
        /// The name.
        "name": Text(auth::name), Required(r#""patroni""#);
        /// The user's roles: `root`, or names of `[[auth.role]]`.
        "roles": List(&Text(auth::name)), Default("[]");
    }

    /// A role of etcd's users.
    "[[auth.role]]" {
        /// The name.
        "name": Text(auth::name), Required(r#""patroni""#);
        /// Prefixes of the keys that the role may read.
        "read": List(&Text(auth::prefix)), Default("[]");
        /// Prefixes of the keys that the role may read and write.
        "write": List(&Text(auth::prefix)), Default("[]");
    }

    /// The Raspberry Pi's firmware and the kernel.
    "[firmware]" {
        /// Lines of `config.txt` for every board, for example for a fan or a PoE hat.
        "config": List(&Text(firmware::config_line)), Optional(r#"["dtoverlay=rpi-poe"]"#);
        /// Arguments of the kernel in `cmdline.txt`, one for each.
        "cmdline": List(&Text(firmware::argument)), Optional(r#"["usbcore.autosuspend=-1"]"#);
    }

    "[appliance]" {
        /// Whether the system stays unchanged after flashing. Change it by building and flashing again; etcd's data
        /// stays.
        "read-only": Switch, Default("true");
        /// The place of etcd's data: `"card"` for the card from 8 GiB on (16 GB or larger), or a whole disk as in
        /// `"/dev/disk/by-id/usb-…"`.
        "data": Text(appliance::data_place), Default(r#""card""#);
        /// Whether to format a place that holds unknown data. etcd's own data is never formatted.
        "wipe-data": Switch, Default("false");
        /// Seconds until the hardware restarts a system that hangs; 0 for never.
        "watchdog": Integer(0..=15, " seconds"), Default("15");
        /// TCP ports that are open to the network. 2379 and 2380 are etcd's own and required.
        "ports": List(&Integer(1..=65_535, "")), Default("[22, 2379, 2380]");
        /// Further open ports with their protocol, for all or for one network, as in `"22/tcp from 192.168.0.0/24"`.
        "allow": List(&Text(ports::check)), Optional(r#"["161/udp", "9100/tcp from 10.0.0.0/8"]"#);
        /// Whether mDNS answers for `<name>.local`; opens UDP port 5353.
        "avahi": Switch, Default("false");
    }

    /// Publication of the images, for people who did not build them. Either setting, or a compressed `--format`, adds block
    /// maps, a list for Raspberry Pi Imager, bills of materials and provenance.
    "[publish]" {
        /// The address of the directory from which others fetch the images, as in `--publish-url`.
        "url": Text(publish::url), Optional(r#""https://example.org/kv""#);
        /// The SSH key that signs `SHA256SUMS`, as in `--sign`: a path in the home directory (`~/`) or relative to this file.
        "sign": Text(|_| Ok(())), Optional(r#""~/.ssh/id_ed25519""#);
    }

    /// Additional lines of `/etc/hosts`, for machines that are not nodes.
    "[hosts]" {
        /// An address and its names.
        "\"192.168.0.10\"": List(&Text(|_| Ok(()))), Optional(r#"["proxy1", "proxy1.local"]"#);
    }

    /// A unit of systemd, which is installed in `/etc/systemd/system` and enabled; repeat the table for each.
    "[[unit]]" {
        /// The name with its kind, such as `app.service` or `app.timer`.
        "name": Text(units::check), Required(r#""app.service""#);
        /// The unit as a path relative to this file. Give either `source` or `content`.
        "source": Text(|_| Ok(())), Optional(r#""app.service""#);
        /// The unit as text.
        "content": Text(|_| Ok(())), Optional(r#""[Service]\nExecStart=/usr/bin/true\n[Install]\nWantedBy=multi-user.target""#);
        /// Whether the unit is started at boot, as its section `[Install]` says.
        "enable": Switch, Default("true");
        /// The only node that receives the unit. By default, every node does.
        "node": Text(|_| Ok(())), Optional(r#""etcd1""#);
    }

    /// An archive (tar or zip, compressed or not) that is unpacked into the root file system; repeat the table for each.
    "[[archive]]" {
        /// The archive: a path relative to this file, or an address that begins with `https://`.
        "source": Text(archives::source), Required(r#""https://go.dev/dl/go1.23.4.linux-arm64.tar.gz""#);
        /// The SHA-256 of the archive, which an address needs.
        "sha256": Text(archives::sha256), Optional(r#""16e5017863a7f6071363782b1b8042eb12c6ca4f4cd71528b2123f0a1275b13e""#);
        /// The absolute path on the node of the directory that receives the content.
        "path": Text(files::path), Required(r#""/usr/local/go""#);
        /// How many directories are removed from the beginning of every path in the archive.
        "strip": Integer(0..=16, ""), Default("0");
        /// The owner and group of the content, by name or number. Modes are those of the archive.
        "owner": Text(files::owner), Default(r#""root:root""#);
        /// The only node that receives the content. By default, every node does.
        "node": Text(|_| Ok(())), Optional(r#""etcd1""#);
    }

    /// An additional file, directory or link in the root file system; repeat the table for each.
    "[[file]]" {
        /// The absolute path on the node.
        "path": Text(files::path), Required(r#""/etc/motd""#);
        /// The content as text. Give one of `content`, `source` and `link`.
        "content": Text(|_| Ok(())), Optional(r#""Welcome\n""#);
        /// The path of a file or directory to copy, relative to this file. A directory that the base has keeps its own files.
        "source": Text(|_| Ok(())), Optional(r#""motd""#);
        /// The target of a symbolic link.
        "link": Text(files::target), Optional(r#""/usr/share/zoneinfo/UTC""#);
        /// The permissions as octal digits. In a copied directory, executable files have 0755 unless this is set.
        "mode": Text(files::mode), Default(r#""0644""#);
        /// The owner and group, by name or number.
        "owner": Text(files::owner), Default(r#""root:root""#);
        /// The only node that receives the file. By default, every node does.
        "node": Text(|_| Ok(())), Optional(r#""etcd1""#);
    }
}

impl Section {
    /// Returns the keys of the table, including those of inner tables.
    pub(super) fn keys(&self) -> Vec<&'static str> {
        let settings = self.settings.iter().map(|setting| setting.name);
        let inner = SECTIONS
            .iter()
            .filter_map(|inner| self.name_of_inner(inner));
        settings.chain(inner).collect()
    }
}

/// Returns the default of a text setting.
#[cfg(test)]
pub(crate) fn default_text(path: &str, name: &str) -> &'static str {
    let section = SECTIONS.iter().find(|section| section.path() == path);
    section.expect("there is such a table").default_text(name)
}
