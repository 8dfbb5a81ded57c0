//! Checks that `verify` finds units and network settings that do not take effect.

use crate::support::broken::{Copy, Sound};

#[test]
fn units_that_do_not_start() {
    let sound = Sound::of("raspios-trixie");
    let folder = "/etc/systemd/system";
    sound.shows(
        |it| {
            it.link(&format!("{folder}/etcd-node-data.service"), "/dev/null")
                .remove(&format!("{folder}/multi-user.target.wants/etcd.service"));
        },
        &[
            "no target starts etcd.service: a link to it in /etc/systemd/system/multi-user.target.wants is missing",
            "/etc/systemd/system/etcd-node-data.service masks etcd-node-data.service",
        ],
    );
    sound.shows(
        |it| {
            it.write("/etc/systemd/system.control/etcd.service", "[Service]\nExecStart=/usr/bin/gone\nUser=nemo\n");
            it.write(&format!("{folder}/nftables.service.d/x.conf"), "[Unit]\nConditionPathExists=!/etc/fstab\n");
            it.write("/usr/lib/systemd/system/etcd.service.d/x.conf", "[Service]\nGroup=nobodies\n");
        },
        &[
            "etcd.service starts /usr/bin/gone, which is not a program",
            "etcd.service runs as user `nemo`, whom /etc/passwd does not name",
            "etcd.service runs as group `nobodies`, which /etc/group does not name",
            "/etc/systemd/system.control/etcd.service replaces /etc/systemd/system/etcd.service",
            "/usr/lib/systemd/system/etcd.service.d/x.conf, which the build did not write, changes etcd.service",
            "nftables.service does not start because /etc/fstab exists",
        ],
    );
    sound.shows(
        |it| {
            it.edit("/etc/passwd", "\netcd:", "\nother:")
                .edit("/etc/group", "\netcd:", "\nother:");
        },
        &[
            "etcd.service runs as user `etcd`, whom /etc/passwd does not name",
            "etcd.service runs as group `etcd`, which /etc/group does not name",
        ],
    );
}

#[test]
fn units_of_the_system_that_are_masked() {
    let sound = Sound::of("raspios-trixie");
    let tmpfiles = "/usr/lib/tmpfiles.d/systemd-nologin.conf";
    sound.shows(
        |it| {
            it.write(tmpfiles, "F! /run/nologin 0644 - - - \"booting\"\n");
            it.link("/etc/systemd/system/systemd-udevd.service", "/dev/null")
                .link("/etc/systemd/system/dbus.service", "/dev/null")
                .link(
                    "/etc/systemd/system/systemd-user-sessions.service",
                    "/dev/null",
                )
                .link("/etc/systemd/system/wpa_supplicant.service", "/dev/null");
        },
        &[
            "/etc/systemd/system/dbus.service masks dbus.service",
            "/etc/systemd/system/systemd-udevd.service masks systemd-udevd.service",
            "/etc/systemd/system/systemd-user-sessions.service masks systemd-user-sessions.service",
        ],
    );
    // Nothing keeps the owner out: the base was made from the files of a container.
    sound.shows(
        |it| {
            it.write(tmpfiles, "# nothing\n").link(
                "/etc/systemd/system/systemd-user-sessions.service",
                "/dev/null",
            );
        },
        &[],
    );
    let wifi = "[network.wifi]\nssid = \"home\"\npassword = \"correct horse\"\ncountry = \"DE\"\n";
    Sound::configured("raspios-trixie", wifi).shows(
        |it| {
            it.link("/etc/systemd/system/wpa_supplicant.service", "/dev/null");
        },
        &["/etc/systemd/system/wpa_supplicant.service masks wpa_supplicant.service"],
    );
    let ubuntu = Sound::of("ubuntu-server-24.04");
    ubuntu.shows(
        |it| {
            it.link("/etc/systemd/system/cloud-init-local.service", "/dev/null");
        },
        &["/etc/systemd/system/cloud-init-local.service masks cloud-init-local.service"],
    );
}

#[test]
fn time_servers_that_nothing_asks() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(
        |it| {
            let description = "/usr/local/lib/etcd-node/node.json";
            let servers = "/etc/systemd/timesyncd.conf.d/etcd-node.conf";
            it.edit(description, "/etc/sysctl.d/90-etcd-node.conf", servers);
            it.remove("/etc/systemd/system/sysinit.target.wants/systemd-timesyncd.service");
        },
        &["no target starts systemd-timesyncd.service, which asks the node's time servers"],
    );
}

#[test]
fn a_network_that_nothing_configures() {
    let sound = Sound::of("raspios-trixie");
    let profile = "/etc/NetworkManager/system-connections/etcd-eth0.nmconnection";
    sound.shows(
        |it| {
            it.link("/etc/systemd/system/NetworkManager.service", "/dev/null");
        },
        &["/etc/systemd/system/NetworkManager.service masks NetworkManager.service"],
    );
    sound.shows(
        |it| {
            it.inode(profile, "mode", "0100644")
                .remove("/usr/sbin/NetworkManager")
                .write(
                    "/etc/network/interfaces",
                    "auto eth0\niface eth0 inet dhcp\n",
                );
        },
        &[
            "NetworkManager.service starts /usr/sbin/NetworkManager, which is not a program",
            &format!("NetworkManager ignores {profile}: only root may read it"),
            "/etc/network/interfaces configures eth0, which NetworkManager then ignores",
        ],
    );
    sound.shows(
        |it| {
            let path = "/etc/NetworkManager/conf.d/a.conf";
            it.write(path, "[keyfile]\nunmanaged-devices = mac:0;interface-name:eth*\n");
        },
        &["/etc/NetworkManager/conf.d/a.conf excludes eth0 from NetworkManager (unmanaged-devices)"],
    );
    let ubuntu = Sound::of("ubuntu-server-24.04");
    ubuntu.shows(
        |it| {
            it.write("/etc/cloud/cloud-init.disabled", "").remove("/usr/sbin/netplan");
            it.write("/etc/cloud/cloud.cfg.d/50-off.cfg", "network: {config: disabled}\n");
            it.link("/etc/systemd/system/systemd-networkd.service", "/dev/null");
        },
        &[
            "/etc/systemd/system/systemd-networkd.service masks systemd-networkd.service",
            "/etc/cloud/cloud-init.disabled exists: cloud-init would not set the node's address",
            "/usr/sbin/netplan, which sets the node's address, is not a program",
            "/etc/cloud/cloud.cfg.d/50-off.cfg disables cloud-init's network settings, which hold the node's address",
        ],
    );
}

/// Enables systemd-networkd with a profile for every wired interface.
fn enable_networkd(it: &Copy<'_>) {
    let unit = "/usr/lib/systemd/system/systemd-networkd.service";
    it.write(unit, "[Service]\nExecStart=/usr/bin/dash\n");
    let wants = "/etc/systemd/system/multi-user.target.wants";
    it.link(&format!("{wants}/systemd-networkd.service"), unit);
    let path = "/etc/systemd/network/20-wired.network";
    it.write(path, "[Match]\nName=e*\n\n[Network]\nDHCP=yes\n");
}

#[test]
fn another_program_that_configures_the_interface() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(
        |it| {
            enable_networkd(it);
            let generator = "/usr/lib/systemd/system-generators/netplan";
            let wired = "network:\n  renderer: networkd\n  ethernets:\n    eth0:\n      dhcp4: true\n";
            it.write(generator, "").write("/etc/netplan/60-wired.yaml", wired);
        },
        &[
            "/etc/systemd/network/20-wired.network configures eth0 as well: systemd-networkd is enabled beside NetworkManager",
            "/etc/netplan/60-wired.yaml gives eth0 to systemd-networkd, and NetworkManager then ignores it",
        ],
    );
    sound.shows(
        |it| {
            enable_networkd(it);
            let path = "/etc/systemd/network/10-other.network";
            it.write(path, "[Match]\nName=eth0\n\n[Link]\nUnmanaged=yes\n");
        },
        &[],
    );
    sound.shows(
        |it| {
            enable_networkd(it);
            let path = "/etc/systemd/network/20-wired.network.d/unmanaged.conf";
            it.write(path, "[Link]\nUnmanaged=yes\n");
        },
        &[],
    );
}

/// Enables ufw, which admits what one rule of the user says.
fn enable_ufw(it: &Copy<'_>, rule: &str) {
    let unit = "/usr/lib/systemd/system/ufw.service";
    it.write(unit, "[Service]\nExecStart=/usr/bin/dash\n");
    let wants = "/etc/systemd/system/multi-user.target.wants";
    it.link(&format!("{wants}/ufw.service"), unit);
    it.write("/etc/ufw/ufw.conf", "ENABLED=yes\n")
        .write("/etc/default/ufw", "DEFAULT_INPUT_POLICY=\"DROP\"\n")
        .write("/etc/ufw/user.rules", rule);
}

#[test]
fn another_firewall_that_closes_the_port_of_the_members() {
    let ssh = "-A ufw-user-input -p tcp --dport 22 -j ACCEPT\n";
    let sound = Sound::of_three("raspios-trixie");
    sound.shows(
        |it| enable_ufw(it, ssh),
        &["ufw is enabled, and closes port 2380 to the other members: /etc/ufw/user.rules has no rule for it; allow ports 2379 and 2380 in ufw, or disable ufw"],
    );
    let members = "-A ufw-user-input -p tcp -s 192.168.0.0/24 -j ACCEPT\n";
    sound.shows(|it| enable_ufw(it, members), &[]);
    // What an administrator wrote may open the port, or keep ufw from starting.
    for (path, text) in [
        ("/etc/ufw/ufw.conf", "ENABLED=Yes\n"),
        (
            "/etc/ufw/ufw.conf",
            "ENABLED=yes\nDEFAULT_INPUT_POLICY=ACCEPT\n",
        ),
        (
            "/etc/ufw/before.rules",
            "-A ufw-before-input -s 192.168.0.0/24 -j ACCEPT\n",
        ),
        (
            "/etc/systemd/system/ufw.service.d/open.conf",
            "[Service]\nExecStartPost=/usr/local/sbin/open\n",
        ),
        ("/etc/rc.local", "#!/bin/sh\nufw allow 2380/tcp\n"),
        (
            "/etc/cloud/cloud.cfg.d/50-open.cfg",
            "runcmd: [ufw allow 2380/tcp]\n",
        ),
    ] {
        sound.shows(
            |it| {
                enable_ufw(it, ssh);
                it.write(path, text);
            },
            &[],
        );
    }
    // A single member has no others.
    Sound::of("raspios-trixie").shows(|it| enable_ufw(it, ssh), &[]);
}

#[test]
fn another_firewall_that_closes_the_address_of_the_node() {
    let configuration =
        "[network]\ngateway = \"none\"\n[[node]]\nname = \"etcd1\"\naddress = \"fd00::50\"\n";
    let sound = Sound::configured("raspios-trixie", configuration);
    let closed = "ufw is enabled, and closes the node's IPv6 address: /etc/default/ufw says `IPV6=no`; set `IPV6=yes`, or disable ufw";
    let cases: [(&str, &str, &[&str]); 4] = [
        ("IPV6=no", "ENABLED=yes", &[closed]),
        ("IPV6=yes", "ENABLED=yes", &[]),
        ("IPV6=no", "ENABLED=no", &[]),
        ("IPV6=no", "ENABLED=yes\nIPV6=yes", &[]),
    ];
    for (defaults, switch, faults) in cases {
        sound.shows(
            |it| {
                enable_ufw(it, "");
                it.write("/etc/default/ufw", &format!("{defaults}\n"))
                    .write("/etc/ufw/ufw.conf", &format!("{switch}\n"));
            },
            faults,
        );
    }
}

#[test]
fn an_interface_that_has_another_name() {
    let sound = Sound::of("raspios-trixie");
    let links = "/etc/systemd/network";
    let new = "(`interface` in [network] is the new name)";
    sound.shows(
        |it| {
            let path = format!("{links}/10-lan.link");
            it.write(&path, "[Match]\nOriginalName=eth*\n\n[Link]\nName=lan0\n");
        },
        &[&format!("{links}/10-lan.link renames eth0 to lan0 {new}")],
    );
    sound.shows(
        |it| {
            let rule = "SUBSYSTEM==\"net\", ACTION==\"add\", KERNEL==\"eth0\", NAME=\"lan0\"\n";
            it.write("/etc/udev/rules.d/70-net.rules", rule);
        },
        &[&format!(
            "/etc/udev/rules.d/70-net.rules renames eth0 to lan0 {new}"
        )],
    );
    let by_place = "[Match]\nOriginalName=*\n\n[Link]\nNamePolicy=keep kernel onboard path\n";
    let own = "/usr/lib/systemd/network/99-default.link";
    // The base masks this file.
    sound.shows(
        |it| {
            it.write(own, by_place);
        },
        &[],
    );
    sound.shows(
        |it| {
            it.write(own, by_place)
                .remove(&format!("{links}/99-default.link"));
        },
        &[&format!(
            "{own} renames eth0 after its place on the board, for example to end0 {new}"
        )],
    );
    sound.shows(
        |it| {
            let kept = "[Link]\nNamePolicy=keep kernel\n";
            it.write(own, by_place)
                .remove(&format!("{links}/99-default.link"))
                .write(&format!("{links}/99-default.link.d/names.conf"), kept);
        },
        &[],
    );
    sound.shows(
        |it| {
            it.write(own, by_place)
                .remove(&format!("{links}/99-default.link"))
                .write("/etc/udev/rules.d/80-net-setup-link.rules", "");
        },
        &[],
    );
}
