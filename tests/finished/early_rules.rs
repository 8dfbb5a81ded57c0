//! Checks that the last check finds each mistake that an early rule refuses, as if that rule did not exist.
//!
//! A finished image is changed to what the build would have written without the rule; the early rules have tests of their own.

use crate::support::broken::{Copy, Sound};
use crate::support::tool::tool;

/// A mistake, how it looks in a finished image, and what is reported.
struct Mistake {
    name: &'static str,
    breaking: fn(&Copy<'_>),
    faults: &'static [&'static str],
}

const CONFIGURATION: &str = "/etc/etcd/etcd.conf.yml";
const KEYS: &str = "/home/pi/.ssh/authorized_keys";
const PROFILE: &str = "/etc/NetworkManager/system-connections/etcd-eth0.nmconnection";
const SYSCTL: &str = "/etc/sysctl.d/90-etcd-node.conf";
const DATA_PROGRAM: &str = "/usr/local/lib/etcd-node/data";
const DESCRIPTION: &str = "/usr/local/lib/etcd-node/node.json";

/// Replaces the owner's key in the file and in the node's description.
fn key(it: &Copy<'_>, line: &str) {
    let text = it.root_text(KEYS);
    let written = line.replace("KEY", text.trim());
    let described = text.trim().to_owned();
    it.write(KEYS, &format!("{written}\n")).edit(
        DESCRIPTION,
        &described,
        &written.replace('"', "\\\""),
    );
    it.debugfs(&[
        format!("sif {KEYS} uid 1000"),
        format!("sif {KEYS} mode 0100600"),
    ]);
}

fn append(it: &Copy<'_>, path: &str, line: &str) {
    it.write(path, &format!("{}{line}\n", it.root_text(path)));
}

fn edit(it: &Copy<'_>, path: &str, old: &str, new: &str) {
    it.edit(path, old, new);
}

/// Adds an argument of the kernel.
fn argument(it: &Copy<'_>, argument: &str) {
    let new = format!(" rootwait {argument}");
    it.boot_edit("cmdline.txt", " rootwait", &new);
}

/// Changes the profile, which only root may read.
fn profile(it: &Copy<'_>, old: &str, new: &str) {
    it.edit(PROFILE, old, new).inode(PROFILE, "mode", "0100600");
}

const MISTAKES: &[Mistake] = &[
    Mistake {
        name: "a base with a third partition",
        breaking: |it| it.add_partition(),
        faults: &["the first boot would overwrite partition 3 with the node's data"],
    },
    Mistake {
        name: "a base with its root on partition 3",
        breaking: |it| {
            it.move_root_to_entry_3();
            it.boot_edit("cmdline.txt", "-02 ", "-03 ")
                .edit("/etc/fstab", "-02 ", "-03 ");
        },
        faults: &["the first boot would overwrite partition 3 with the node's data"],
    },
    Mistake {
        name: "a value of another language in a program",
        breaking: |it| {
            it.edit(DATA_PROGRAM, "WIPE=false", "WIPE=False").inode(
                DATA_PROGRAM,
                "mode",
                "0100755",
            );
        },
        faults: &["/usr/local/lib/etcd-node/data: sh does not understand `WIPE=False`"],
    },
    Mistake {
        name: "a [[file]] below /var/run",
        breaking: |it| edit(it, DESCRIPTION, SYSCTL, "/var/run/motd"),
        faults: &["/var/run/motd is in /run, whose content a running system does not keep"],
    },
    Mistake {
        name: "a [[file]] below /var/lock",
        breaking: |it| edit(it, DESCRIPTION, SYSCTL, "/var/lock/motd"),
        faults: &["/var/lock/motd is in /run, whose content a running system does not keep"],
    },
    Mistake {
        name: "wal-dir in [etcd.extra]",
        breaking: |it| append(it, CONFIGURATION, "wal-dir: /var/wal"),
        faults: &[
            "/etc/etcd/etcd.conf.yml: `wal-dir` would change what the node's programs rely on",
        ],
    },
    Mistake {
        name: "force-new-cluster, other addresses and another directory in [etcd.extra]",
        breaking: |it| {
            it.edit(CONFIGURATION, "data-dir: /var/lib/etcd", "data-dir: /srv")
                .edit(CONFIGURATION, "127.0.0.1:2381", "127.0.0.1:9000");
            append(it, CONFIGURATION, "force-new-cluster: true");
        },
        faults: &[
            "/etc/etcd/etcd.conf.yml: `force-new-cluster` would change what the node's programs rely on",
            "/etc/etcd/etcd.conf.yml does not set `data-dir` to `/var/lib/etcd`, on which the node's programs rely",
            "/etc/etcd/etcd.conf.yml does not set `listen-metrics-urls` to `http://127.0.0.1:2381`, on which the node's programs rely",
        ],
    },
    Mistake {
        name: "URLs in [etcd.extra]",
        breaking: |it| {
            let other = "https://192.168.0.99:2380";
            it.edit(
                CONFIGURATION,
                "advertise-client-urls: \"https://192.168.0.50:2379\"",
                "advertise-client-urls: \"https://192.168.0.99:2379\"",
            );
            it.edit(
                CONFIGURATION,
                "initial-advertise-peer-urls: \"https://192.168.0.50:2380\"",
                &format!("initial-advertise-peer-urls: \"{other}\""),
            );
        },
        faults: &[
            "/etc/etcd/etcd.conf.yml does not set `advertise-client-urls` to `https://192.168.0.50:2379`, on which the node's programs rely",
            "/etc/etcd/etcd.conf.yml does not set `initial-advertise-peer-urls` to `https://192.168.0.50:2380`, on which the node's programs rely",
        ],
    },
    Mistake {
        name: "[etcd.extra] with the wrong type and an unknown key",
        breaking: |it| {
            it.edit(CONFIGURATION, "max-wals: 5", "max-wals: \"five\"");
            append(it, CONFIGURATION, "max-walls: 5");
        },
        faults: &[
            "/etc/etcd/etcd.conf.yml: etcd ignores `max-walls`, which it does not know",
            "/etc/etcd/etcd.conf.yml: etcd does not start: `max-wals` must be an integer",
        ],
    },
    Mistake {
        name: "[etcd.extra] with values that etcd does not take",
        breaking: |it| {
            it.edit(CONFIGURATION, "max-wals: 5", "max-wals: -5").edit(
                CONFIGURATION,
                "auto-compaction-mode: periodic",
                "auto-compaction-mode: revision",
            );
            append(it, CONFIGURATION, "log-level: bogus");
        },
        faults: &[
            "/etc/etcd/etcd.conf.yml: `log-level` must be debug or info, because the node's programs read these lines, not `bogus`",
            "/etc/etcd/etcd.conf.yml: `max-wals` must not be negative, as -5 is",
            "/etc/etcd/etcd.conf.yml: `auto-compaction-mode` is `revision`: `auto-compaction-retention` must be the number of revisions, such as \"10000\"",
        ],
    },
    Mistake {
        name: "[etcd.extra] with keys for tokens that etcd does not find or may not read",
        breaking: |it| {
            let key = "/etc/etcd/jwt.key";
            it.write(key, "secret").inode(key, "mode", "0100600");
            let options = "sign-method=RS256,priv-key=/etc/etcd/jwt.key,pub-key=/etc/etcd/jwt.pub";
            append(it, CONFIGURATION, &format!("auth-token: \"jwt,{options}\""));
        },
        faults: &[
            "/etc/etcd/etcd.conf.yml: `auth-token` names /etc/etcd/jwt.key, which user `etcd` cannot read",
            "/etc/etcd/etcd.conf.yml: `auth-token` names /etc/etcd/jwt.pub, which the image does not have",
        ],
    },
    Mistake {
        name: "[etcd.extra] with a quote in a key",
        breaking: |it| append(it, CONFIGURATION, "\"a\"b\": 1"),
        faults: &["etcd cannot read /etc/etcd/etcd.conf.yml: it is not a YAML mapping"],
    },
    Mistake {
        name: "no root=",
        breaking: |it| {
            it.boot_write("cmdline.txt", "console=tty1\n");
        },
        faults: &["cmdline.txt has no `root=`: the kernel would not find its root file system"],
    },
    Mistake {
        name: "a base that Imager has customized",
        breaking: |it| argument(it, "systemd.run=/boot/firstrun.sh"),
        faults: &[
            "cmdline.txt says `systemd.run=/boot/firstrun.sh`: the boot would run that instead of the node's programs",
        ],
    },
    Mistake {
        name: "a seed of Imager that cloud-init would apply",
        breaking: |it| {
            it.remove("/etc/cloud/cloud-init.disabled")
                .boot_write("user-data", "#cloud-config\nhostname: other\n");
        },
        faults: &[
            "/etc/cloud/cloud-init.disabled is missing: cloud-init would change the name, the users and the network of the node",
        ],
    },
    Mistake {
        name: "a base without NetworkManager and without sshd",
        breaking: |it| {
            it.remove("/usr/lib/systemd/system/NetworkManager.service")
                .remove("/usr/lib/systemd/system/ssh.service");
        },
        faults: &[
            "the image has no unit NetworkManager.service",
            "the image has no unit ssh.service",
        ],
    },
    Mistake {
        name: "a certificate that is not of the CA",
        breaking: |it| {
            let new = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=x -days 3650";
            let words: Vec<_> = new.split(' ').collect();
            it.write(
                "/etc/etcd/pki/server.crt",
                &tool("openssl", &words).done().text(),
            );
        },
        faults: &[
            "certificate server is not signed by the node's CA",
            "certificate server is not that of the private key beside it",
            "no client accepts certificate server: it is not valid yet",
        ],
    },
    Mistake {
        name: "options of a key that sshd does not know",
        breaking: |it| key(it, "from=10.0.0.1 KEY"),
        faults: &["sshd accepts no line of /home/pi/.ssh/authorized_keys"],
    },
    Mistake {
        name: "a key that has expired",
        breaking: |it| key(it, "expiry-time=\"20200101\" KEY"),
        faults: &["sshd accepts no line of /home/pi/.ssh/authorized_keys"],
    },
    Mistake {
        name: "a name that programs take for an address",
        breaking: |it| edit(it, DESCRIPTION, "\"node\": \"etcd1\"", "\"node\": \"0x1\""),
        faults: &[
            "no node can be called `0x1`",
            "/etc/hostname is not that of node 0x1",
            "/etc/etcd/etcd.conf.yml does not set `name` to `0x1`, on which the node's programs rely",
        ],
    },
    Mistake {
        name: "a name that the hosts table of the node has already",
        breaking: |it| {
            it.edit(
                DESCRIPTION,
                "\"node\": \"etcd1\"",
                "\"node\": \"ip6-localhost\"",
            );
        },
        faults: &[
            "no node can be called `ip6-localhost`",
            "/etc/hostname is not that of node ip6-localhost",
            "/etc/etcd/etcd.conf.yml does not set `name` to `ip6-localhost`, on which the node's programs rely",
        ],
    },
    Mistake {
        name: "a password hash that is cut short",
        breaking: |it| edit(it, "/etc/shadow", "\npi:*:", "\npi:$6$salt$short:"),
        faults: &["the password of user `pi` is not a hash that crypt(3) accepts (/etc/shadow)"],
    },
    Mistake {
        name: "a hash of yescrypt that is cut short",
        breaking: |it| edit(it, "/etc/shadow", "\npi:*:", "\npi:$y$j9T$salt$short:"),
        faults: &["the password of user `pi` is not a hash that crypt(3) accepts (/etc/shadow)"],
    },
    Mistake {
        name: "a country that does not exist",
        breaking: |it| argument(it, "cfg80211.ieee80211_regdom=UK"),
        faults: &[
            "cmdline.txt sets the Wi-Fi country to `UK`, which does not exist: the radio stays off",
        ],
    },
    Mistake {
        name: "a placeholder instead of a country",
        breaking: |it| argument(it, "cfg80211.ieee80211_regdom=XX"),
        faults: &[
            "cmdline.txt sets the Wi-Fi country to `XX`, which does not exist: the radio stays off",
        ],
    },
    Mistake {
        name: "what another machine left in the base",
        breaking: |it| {
            it.write("/etc/machine-id", "0f1e2d3c4b5a69788796a5b4c3d2e1f0\n")
                .write("/var/lib/systemd/random-seed", "x")
                .write("/var/lib/etcd/default/member/snap/db", "x");
        },
        faults: &[
            "/etc/machine-id is not that of node etcd1",
            "/var/lib/etcd/default/member is another machine's",
            "/var/lib/systemd/random-seed is another machine's",
        ],
    },
];

#[test]
fn the_last_check_finds_what_the_early_rules_refuse() {
    let sound = Sound::of("raspios-trixie");
    let missed: Vec<_> = MISTAKES
        .iter()
        .filter_map(|it| {
            sound
                .difference(it.breaking, it.faults)
                .map(|why| format!("{}: {why}", it.name))
        })
        .collect();
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

#[test]
fn the_last_check_finds_a_network_that_early_rules_refuse() {
    let sound = Sound::of("raspios-trixie");
    for name in ["br0", "eth0.100", "bond0", "wg0"] {
        let new = format!("interface-name={name}");
        let fault =
            format!("{PROFILE} is for the interface {name}, which nothing creates on the node");
        sound.shows(|it| profile(it, "interface-name=eth0", &new), &[&fault]);
    }
    for (key, old, new, what) in [
        ("address1", "192.168.0.50", "240.0.0.5", "address"),
        ("address1", "192.168.0.50", "0.0.0.5", "address"),
        ("address1", "192.168.0.50", "::ffff:192.168.0.50", "address"),
        ("dns", "1.1.1.1", "0.0.0.0", "name server"),
    ] {
        let [before, after] = [old, new].map(|value| format!("{key}={value}"));
        let fault = format!("{PROFILE} gives the node the {what} {new}, which no host can have");
        sound.shows(|it| profile(it, &before, &after), &[&fault]);
    }
}
