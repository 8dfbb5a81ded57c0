//! The machine, the publication of its image, and what a user adds to it.

use super::super::section::{Given, Section, Setting, ValueKind};
use super::super::{appliance, archives, firmware, packages, placement, ports, publish, units};

use Given::{Default, Optional, Required};
use ValueKind::{Integer, List, Switch, Text};

sections! {
    /// The Raspberry Pi's firmware and the kernel.
    "[firmware]" {
        /// Lines of `config.txt` for every board, for example for a fan or a PoE hat.
        "config": List(&Text(firmware::config_line)), Optional(r#"["dtoverlay=rpi-poe"]"#);
        /// Arguments of the kernel in `cmdline.txt`, one for each.
        "cmdline": List(&Text(firmware::argument)), Optional(r#"["usbcore.autosuspend=-1"]"#);
    }

    "[appliance]" {
        /// Whether the system stays unchanged after flashing. Changing it moves etcd's data (see `data`).
        "read-only": Switch, Default("true");
        /// The place of etcd's data: `"card"` for the card from 8 GiB on (16 GB or larger), or a whole disk as in
        /// `"/dev/disk/by-id/usb-…"`. The new place begins empty: change one node at a time, with `flash --wipe-data`, while
        /// the others have the data.
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

    /// Software that the base contains in addition, where the base is made on this machine (`debian-trixie`).
    "[packages]" {
        /// Names of packages of Debian 13. They are installed with what they need when the base is made, and their versions
        /// are locked.
        "install": List(&Text(packages::name)), Optional(r#"["htop", "tmux"]"#);
    }

    /// Publication of the images, for people who did not build them. Either setting, or a compressed `--format`, adds block
    /// maps to what every build writes.
    "[publish]" {
        /// The address of the directory from which others fetch the images, as in `--publish-url`.
        "url": Text(publish::url), Optional(r#""https://example.org/kv""#);
        /// The SSH key that signs `SHA256SUMS`, as in `--sign`: a path in the home directory (`~/`) or relative to this file. It
        /// does not sign shards.
        "sign": Text(|_| Ok(())), Optional(r#""~/.ssh/id_ed25519""#);
    }

    /// Additional lines of `/etc/hosts`, for machines that are not nodes.
    "[hosts]" {
        /// An address and its names.
        "\"192.168.0.10\"": List(&Text(|_| Ok(()))), Optional(r#"["proxy1", "proxy1.local"]"#);
    }

    /// A unit of systemd, which is installed in `/etc/systemd/system` and enabled; repeat the table for each.
    "[[unit]]" {
        /// The name with its kind, such as `app.service`, `app.timer` or, as an instance, `app@1.service`.
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
        "path": Text(placement::path), Required(r#""/usr/local/go""#);
        /// How many directories are removed from the beginning of every path in the archive.
        "strip": Integer(0..=16, ""), Default("0");
        /// The owner and group of the content, by name or number. Modes are those of the archive.
        "owner": Text(placement::owner), Default(r#""root:root""#);
        /// The only node that receives the content. By default, every node does.
        "node": Text(|_| Ok(())), Optional(r#""etcd1""#);
    }

    /// An additional file, directory or link in the root file system; repeat the table for each.
    "[[file]]" {
        /// The absolute path on the node.
        "path": Text(placement::path), Required(r#""/etc/motd""#);
        /// The content as text. Give one of `content`, `source` and `link`.
        "content": Text(|_| Ok(())), Optional(r#""Welcome\n""#);
        /// The path of a file or directory to copy, relative to this file. A directory that the base has keeps its own files.
        "source": Text(|_| Ok(())), Optional(r#""motd""#);
        /// The target of a symbolic link.
        "link": Text(placement::target), Optional(r#""/usr/share/zoneinfo/UTC""#);
        /// The permissions as octal digits. In a copied directory, executable files have 0755 unless this is set.
        "mode": Text(placement::mode), Default(r#""0644""#);
        /// The owner and group, by name or number.
        "owner": Text(placement::owner), Default(r#""root:root""#);
        /// The only node that receives the file. By default, every node does.
        "node": Text(|_| Ok(())), Optional(r#""etcd1""#);
    }
}
