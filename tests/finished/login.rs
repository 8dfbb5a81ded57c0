//! Checks that `verify` finds what keeps the owner from logging in: accounts, keys, sshd.

use crate::support::broken::Sound;

#[test]
fn an_account_that_cannot_log_in() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(
        |it| {
            it.edit("/etc/passwd", "\npi:", "\npo:");
        },
        &["/etc/passwd has no user `pi`, as whom the owner logs in"],
    );
    sound.shows(
        |it| {
            it.edit(
                "/etc/passwd",
                "/home/pi:/bin/bash",
                "/home/pi:/usr/sbin/nologin",
            )
            .write("/etc/nologin", "closed\n");
        },
        &[
            "the shell of user `pi` is `/usr/sbin/nologin`, which starts no session",
            "/etc/nologin exists: only root can log in",
        ],
    );
    sound.shows(
        |it| {
            let text = it.root_text("/etc/shadow");
            let (old, _) = text.split_once("\npi:").unwrap();
            it.write("/etc/shadow", &format!("{old}\npi:!:0:0:99999:7::100:\n"));
        },
        &[
            "user `pi` must change a password before the first login (/etc/shadow)",
            "the account of user `pi` has expired (/etc/shadow)",
        ],
    );
}

/// Settings at the start of `sshd_config` with which the owner can log in.
const ACCEPTED: [&str; 8] = [
    "HostKey /etc/ssh/other",
    "UsePAM no",
    "Port 2222\nPort 22",
    "ListenAddress 127.0.0.1\nListenAddress [::]:22",
    "AllowUsers pi@10.0.0.*",
    "AllowUsers p*",
    "PubkeyAcceptedAlgorithms +ssh-rsa",
    "Match User other\nPubkeyAuthentication no\nMatch all",
];

/// Settings at the start of `sshd_config`, and the fault that each one causes.
const REFUSED: [(&str, &str); 15] = [
    (
        "PubkeyAuthentication no",
        "accepts no public keys (PubkeyAuthentication no)",
    ),
    (
        "Match user pi\nPubkeyAuthentication no\nMatch all",
        "accepts no public keys (PubkeyAuthentication no)",
    ),
    (
        "Match User=pi\nPubkeyAuthentication no\nMatch all",
        "accepts no public keys (PubkeyAuthentication no)",
    ),
    (
        "AuthorizedKeysFile /etc/keys/%u",
        "does not find the owner's keys: it reads /etc/keys/pi (AuthorizedKeysFile)",
    ),
    ("AllowUsers admin root", "refuses user `pi` (AllowUsers)"),
    ("DenyUsers p?", "refuses user `pi` (DenyUsers)"),
    (
        "AllowGroups wheel",
        "refuses the groups of user `pi` (AllowGroups)",
    ),
    (
        "DenyGroups=adm",
        "refuses a group of user `pi` (DenyGroups)",
    ),
    (
        "AuthenticationMethods publickey,password",
        "asks for more than a public key (AuthenticationMethods)",
    ),
    (
        "PubkeyAcceptedAlgorithms ecdsa-*,rsa-*",
        "accepts no keys of the kind ssh-ed25519 (PubkeyAcceptedAlgorithms)",
    ),
    (
        "Port 2222",
        "listens on port 2222, which the node's firewall closes (`[appliance] ports`)",
    ),
    (
        "ListenAddress 127.0.0.1:22",
        "listens for the node itself only (ListenAddress)",
    ),
    (
        "ListenAddress 192.168.0.50",
        "starts before the node has 192.168.0.50, and ends (ListenAddress): \
         remove the line, or let ssh.service start after network-online.target",
    ),
    (
        "RevokedKeys /etc/ssh/revoked",
        "reads /etc/ssh/revoked, which does not exist (RevokedKeys)",
    ),
    (
        "PasswordAuthentication yes",
        "accepts passwords: another file sets PasswordAuthentication first, or the node's settings are not read",
    ),
];

#[test]
fn settings_of_sshd_that_refuse_the_owner() {
    let sound = Sound::of("raspios-trixie");
    let config = "/etc/ssh/sshd_config";
    let shows = |lines: &str, faults: &[&str]| {
        sound.shows(
            |it| {
                it.prepend(config, lines);
            },
            faults,
        );
    };
    for lines in ACCEPTED {
        shows(lines, &[]);
    }
    for (lines, fault) in REFUSED {
        shows(lines, &[&format!("sshd {fault}")]);
    }
    for (lines, wrong, why) in [
        ("NoSuchKey yes", "NoSuchKey yes", "there is no such keyword"),
        ("PermitTTY true", "PermitTTY true", "it must be yes or no"),
        (
            "Match User other\nPrintMotd no\nMatch all",
            "PrintMotd no",
            "it is not allowed in a Match block",
        ),
    ] {
        let fault = format!("sshd does not start with `{wrong}` in {config}: {why}");
        shows(lines, &[&fault]);
    }
    sound.shows(
        |it| {
            it.prepend(config, "UsePAM no");
            it.edit("/etc/shadow", "\npi:*:", "\npi:!:");
        },
        &["sshd refuses user `pi`, whose password is locked, without UsePAM"],
    );
}

#[test]
fn a_port_that_an_option_gives_to_sshd() {
    let sound = Sound::of("raspios-trixie");
    let unit = "[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStart=\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n";
    let closed =
        "sshd listens on port 2222, which the node's firewall closes (`[appliance] ports`)";
    let other = "[Service]\nEnvironmentFile=/etc/default/ssh.local\n";
    let other: &str = &format!("{unit}{other}");
    let cases: [(&str, &str, &[&str]); 4] = [
        (unit, "Port 22", &[closed]),
        (unit, "ListenAddress 0.0.0.0:22", &[]),
        (other, "Port 22", &[]),
        ("[Service]\n", "Port 22", &[]),
    ];
    for (unit, config, faults) in cases {
        sound.shows(
            |it| {
                it.write("/etc/systemd/system/ssh.service.d/options.conf", unit)
                    .write("/etc/default/ssh", "SSHD_OPTS=\"-p 2222\"\n")
                    .prepend("/etc/ssh/sshd_config", config);
            },
            faults,
        );
    }
}

#[test]
fn a_port_that_a_setting_among_the_options_gives_to_sshd() {
    let sound = Sound::of("raspios-trixie");
    let unit = "[Service]\nEnvironmentFile=-/etc/default/ssh\nExecStart=\nExecStart=/usr/sbin/sshd -D $SSHD_OPTS\n";
    let closed =
        "sshd listens on port 2222, which the node's firewall closes (`[appliance] ports`)";
    // Unlike `-p`, the setting adds to those of the file.
    let cases: [(&str, &[&str]); 2] = [("# Port 22", &[closed]), ("Port 22", &[])];
    for (config, faults) in cases {
        sound.shows(
            |it| {
                it.write("/etc/systemd/system/ssh.service.d/options.conf", unit)
                    .write("/etc/default/ssh", "SSHD_OPTS=\"-o Port=2222\"\n")
                    .prepend("/etc/ssh/sshd_config", config);
            },
            faults,
        );
    }
}

#[test]
fn lists_that_refuse_the_owner() {
    let sound = Sound::of("raspios-trixie");
    let status = "/var/lib/dpkg/status";
    let wrapped = "Package: openssh-server\nStatus: install ok installed\nDepends: libc6, libwrap0 (>= 7.6)\n";
    sound.shows(
        |it| {
            it.prepend(status, wrapped)
                .write("/etc/hosts.deny", "# all\nALL: ALL\n")
                .write("/etc/hosts.allow", "# none\n")
                .write("/etc/pam.d/sshd", "account  required  pam_access.so\n")
                .write("/etc/security/access.conf", "+:root:ALL\n-:ALL:ALL\n")
                .prepend("/etc/ssh/sshd_config", "UsePAM yes");
        },
        &[
            "sshd refuses everyone: /etc/hosts.deny says `ALL: ALL`",
            "PAM refuses user `pi` (/etc/security/access.conf)",
        ],
    );
    // The lists have no effect if nothing asks for them.
    sound.shows(
        |it| {
            it.write("/etc/hosts.deny", "ALL: ALL\n")
                .write("/etc/pam.d/sshd", "# account  required  pam_access.so\n")
                .write("/etc/security/access.conf", "-:ALL:ALL\n")
                .prepend("/etc/ssh/sshd_config", "UsePAM yes");
        },
        &[],
    );
}

#[test]
fn an_sshd_that_may_use_an_address_before_the_node_has_it() {
    let sound = Sound::of("raspios-trixie");
    for (path, text) in [
        (
            "/etc/systemd/system/sshd.service.d/wait.conf",
            "[Unit]\nAfter=network-online.target\n",
        ),
        (
            "/etc/systemd/system/ssh.service.d/again.conf",
            "[Service]\nRestartPreventExitStatus=\nRestartSec=5\n",
        ),
        (
            "/etc/sysctl.d/50-bind.conf",
            "net.ipv4.ip_nonlocal_bind = 1\n",
        ),
    ] {
        sound.shows(
            |it| {
                it.prepend("/etc/ssh/sshd_config", "ListenAddress 192.168.0.50")
                    .write(path, text);
            },
            &[],
        );
    }
}

#[test]
fn an_sshd_without_the_family_of_the_address() {
    let configuration =
        "[network]\ngateway = \"none\"\n[[node]]\nname = \"etcd1\"\naddress = \"fd00::50\"\n";
    let sound = Sound::configured("raspios-trixie", configuration);
    let inet = "AddressFamily inet";
    let closed = "sshd listens at IPv4 addresses only, and the node has none (AddressFamily)";
    let config = "/etc/ssh/sshd_config";
    sound.shows(
        |it| {
            it.prepend(config, inet);
        },
        &[closed],
    );
    let other = "/etc/NetworkManager/system-connections/lan.nmconnection";
    sound.shows(
        |it| {
            it.prepend(config, inet).write(other, "");
        },
        &[],
    );
    sound.shows(
        |it| {
            it.prepend(config, "AddressFamily any");
        },
        &[],
    );
    Sound::of("raspios-trixie").shows(
        |it| {
            it.prepend(config, inet);
        },
        &[],
    );
}

#[test]
fn a_keyword_that_the_release_of_sshd_does_not_know() {
    let sound = Sound::of("raspios-bookworm");
    let record = |version: &str| {
        format!(
            "Package: openssh-server\nStatus: install ok installed\nArchitecture: arm64\nVersion: {version}\n"
        )
    };
    let release = |version: &str, faults: &[&str]| {
        sound.shows(
            |it| {
                it.edit("/var/lib/dpkg/status", &record("1"), &record(version))
                    .prepend("/etc/ssh/sshd_config", "PerSourcePenalties no");
            },
            faults,
        );
    };
    release("1:9.8p1-1", &[]);
    release(
        "1:9.2p1-2+deb12u3",
        &[
            "sshd does not start with `PerSourcePenalties no` in /etc/ssh/sshd_config: \
           OpenSSH knows it since 9.8, and the image has 9.2",
        ],
    );
}

#[test]
fn an_sshd_that_does_not_start_or_finds_no_keys() {
    let sound = Sound::of("raspios-trixie");
    let keys = "/home/pi/.ssh/authorized_keys";
    let missing = "sshd does not find the owner's keys: it reads /home/pi/.ssh/authorized_keys (AuthorizedKeysFile)";
    sound.shows(
        |it| {
            it.link("/etc/systemd/system/ssh.service", "/dev/null");
        },
        &["/etc/systemd/system/ssh.service masks ssh.service"],
    );
    sound.shows(
        |it| {
            it.write(keys, "");
        },
        &[missing],
    );
    for (path, field, value) in [
        (keys, "mode", "0100666"),
        ("/home/pi/.ssh", "mode", "040777"),
        ("/home/pi", "uid", "33"),
    ] {
        let fault = format!(
            "sshd ignores the owner's keys: users other than `pi` own or may change {path} (StrictModes)"
        );
        sound.shows(
            |it| {
                it.inode(path, field, value);
            },
            &[&fault],
        );
    }
}
