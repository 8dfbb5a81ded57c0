//! Tests that replace one text in the valid file and compare every resulting complaint.

use super::*;

/// Checks cases of the form `old → new` (with `\n` for a newline), then the indented complaints without the file name.
#[track_caller]
pub(super) fn check(cases: &str) {
    for case in cases.trim().split("\n\n") {
        let (change, wanted) = case.split_once('\n').expect("a change, then complaints");
        let (old, new) = change.split_once(" → ").expect("old → new");
        let (old, new) = (old.replace("\\n", "\n"), new.replace("\\n", "\n"));
        assert_eq!(
            VALID.matches(&old).count(),
            1,
            "{old:?} must be there exactly once"
        );
        let complaints = complaints(&input(&VALID.replace(&old, &new)));
        let wanted: Vec<_> = wanted
            .lines()
            .map(|line| format!("lab/cluster.toml:{}", line.trim()))
            .collect();
        assert_eq!(complaints, wanted, "{change}");
    }
}

#[test]
fn each_mistake_in_cluster_has_its_line() {
    check(
        r#"
"lab" → "Lab"
    2: `Lab` is not a cluster name: use lower-case letters, digits and `-`

"lab" → "a23456789012345678901234567890123456789012345678901234567"
    2: the cluster name is longer than 56 characters

"lab" → 7
    2: `name` must be a string, not an integer

"kube.demo"\n → ".local"\n
    3: `.local`: write the domain without the leading dot

"kube.demo"\n → "home.lan."\n
    3: `home.lan.`: write the domain without the dot at its end

"kube.demo"\n → "ku be"\n
    3: `ku be` is not a valid DNS name

"kube.demo"\n → "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.local.lan"\n
    3: the domain is longer than 189 characters

debian-trixie → Debian 13
    4: `Debian 13` is neither a recipe, as `etcd-image recipes` lists them, nor an image; write ./Debian 13 for a file

"lab-1" → "\""
    5: `token` must have 1 to 128 letters, digits, `.`, `_` or `-`

domain = → domian =
    3: unknown key `domian` in [cluster]; did you mean `domain`?

token = → user_name =
    5: unknown key `user_name` in [cluster]; known are name, domain, base, token

prefix = → netmask =
    8: unknown key `netmask` in [network]; write `prefix`

name = "etcd2" → ip = "10.1.2.9"\nname = "etcd2"
    19: unknown key `ip` in [[node]]; write `address`

heartbeat-interval = 250 → runtime = "podman"
    27: unknown key `runtime` in [etcd]; etcd runs as a program of the system, not in a container

password-hash = → password =
    36: unknown key `password` in [ssh]; write `password-hash`

token = → gateway =
    5: unknown key `gateway` in [cluster]; it belongs in [network]

[pki] → [pik]
    37: unknown table `pik`; did you mean [pki]?

[hosts] → [kubernetes]
    42: unknown table `kubernetes`; known are [cluster], [network], [[node]], [etcd], [backup], [ssh], [system], [pki], [[certificate]], [auth], [firmware], [appliance], [packages], [publish], [hosts], [[unit]], [[archive]], [[file]]

[cluster] → cluster = 1\n[spare]
    1: `cluster` must be a table, not an integer
    2: unknown table `spare`; known are [cluster], [network], [[node]], [etcd], [backup], [ssh], [system], [pki], [[certificate]], [auth], [firmware], [appliance], [packages], [publish], [hosts], [[unit]], [[archive]], [[file]]
"#,
    );
}

#[test]
fn each_mistake_in_syntax_has_its_line() {
    check(
        r#"
prefix = 24 → prefix = 24 25
    8: string values must be quoted, expected literal string

prefix = 24 → prefix = 255.255.255.0
    8: `prefix` is the number of bits of the netmask: write `prefix = 24`

prefix = 24 → prefix = 24\nroutes = 10.1.2.1
    9: `10.1.2.1` must be in quotes: write `routes = "10.1.2.1"`

prefix = 24 → prefix = 24\nprefix = 25
    9: duplicate key `prefix`

"lab" → "lab"\nname = 'lab' # or 'kv'
    3: duplicate key `name`

"correct horse" → "correct horse
    13: invalid basic string, expected `"`

[ssh] → [network]
    31: duplicate key `network`
"#,
    );
}

#[test]
fn each_mistake_in_network_has_its_line() {
    check(
        r#"
"wlan0" → "eth0"
    7: [network.wifi] is for a wireless interface, not eth0

"wlan0" → "lo"
    7: `lo` is not an interface name such as eth0 or wlan0

prefix = 24 → prefix = 24\nroutes = ["10.1.2.48/28 via 10.1.2.2", "10.1.2.0/29 via 10.1.2.2"]
    9: route 10.1.2.48/28 would lead to 10.1.2.50, which is in the nodes' own network, through 10.1.2.2
    9: route 10.1.2.0/29 would lead to 10.1.2.1, which is in the nodes' own network, through 10.1.2.2

prefix = 24 → prefix = 24\nroutes = ["10.9.0.0/16 via 10.1.2.2", "10.9.0.0/16 via 10.1.2.3"]
    9: another route also leads to 10.9.0.0/16

prefix = 24 → prefix = 33
    8: `prefix` is 33; IPv4 has 32 bits

prefix = 24 → prefix = 0
    8: `prefix` must be from 1 to 128 bits, not 0

prefix = 24 → prefix = "24"
    8: `prefix` must be an integer, not a string; write 24

prefix = 24 → prefix = "255.255.255.0"
    8: `prefix` must be an integer, not a string; write 24

prefix = 24 → prefix = "255.0.255.0"
    8: `prefix` must be an integer, not a string

"wlan0" → "br0"
    7: `br0` is a virtual interface, which nothing creates on a node; name a physical one such as eth0

"wlan0" → "wlan0.100"
    7: `wlan0.100` is not an interface name such as eth0 or wlan0

gateway = "10.1.2.1" → gateway = "fe80::1%wlan0"
    9: `fe80::1%wlan0`: write fe80::1; the interface is set in [network]

gateway = "10.1.2.1" → gateway = "10.1.2"
    9: `10.1.2` is not an IP address

gateway = "10.1.2.1" → gateway = ""
    9: `gateway` is empty: write "none" for a network without one

gateway = "10.1.2.1" → gateway = "10.1.2.255"
    9: gateway 10.1.2.255 is the network's broadcast address

gateway = "10.1.2.1" → gateway = "10.1.2.52"
    24: address 10.1.2.52 is the gateway's

gateway = "10.1.2.1" → gateway = "10.1.3.1"
    17: address 10.1.2.50 is outside the network 10.1.3.0/24
    20: address 10.1.2.51 is outside the network 10.1.3.0/24
    24: address 10.1.2.52 is outside the network 10.1.3.0/24

gateway = "10.1.2.1" → gateway = "fd00::1"
    9: gateway fd00::1 is not of the nodes' address family; set `gateway` in [network], or "none"

"9.9.9.9" → "0.0.0.0"
    10: name server 0.0.0.0 is the unspecified address

"9.9.9.9" → "9.9.9"
    10: `9.9.9` is not an IP address

["10.1.2.1", "9.9.9.9"] → "9.9.9.9"
    10: `dns` must be a list of strings, not a string; put it in square brackets

"#,
    );
}

#[test]
fn each_mistake_in_wifi_has_its_line() {
    check(
        r#"
[network.wifi]\nssid = "home"\npassword = "correct horse"\ncountry = "DE" → #
    7: wlan0 needs [network.wifi] with ssid, password and country

"home" → ""
    12: `ssid` must have 1 to 32 bytes

"correct horse" → "short"
    13: `password` has 5 characters; WPA requires 8 to 63 ("none" for an open network)

password = "correct horse" → password = "none"\nwpa3 = true
    13: `password` is "none", but WPA3 requires a password

"correct horse" → "none"\nhidden = "yes"
    14: `hidden` must be true or false, not a string

"correct horse" → "pässword1"
    13: `password` must be printable ASCII, or 64 hexadecimal digits

"correct horse" → 12345678
    13: `password` must be a string, not an integer

password = "correct horse" → #
    11: [network.wifi] has no `password`

"DE" → "us"
    14: `us` is not a country: write its two capital letters in ISO 3166, as in "US"

country = "DE" → country = "DE"\n[[network.wifi.other]]\nssid = "home"\npassword = "none"
    16: the network `home` is listed twice

country = "DE" → country = "DE"\n[[network.wifi.other]]\nssid = "car"
    15: [[network.wifi.other]] has no `password`

country = "DE" → country = "DE"\n[[network.wifi.other]]\nssid = "car"\npassword = "none"\ncountry = "DE"
    18: unknown key `country` in [[network.wifi.other]]; it belongs in [network.wifi]

"DE" → "UK"
    14: `UK` is not a country: write its two capital letters in ISO 3166, as in "GB"

"DE" → "XX"
    14: `XX` is not a country: write its two capital letters in ISO 3166, as in "DE"
"#,
    );
}

#[test]
fn each_mistake_in_ssh_has_its_line() {
    check(
        r#"
"admin" → "root"
    32: `root` is not a user name: root cannot log in; choose an ordinary user, who can use sudo

"admin" → "etcd"
    32: `etcd` is not a user name: the system uses that name itself

"admin" → "Admin"
    32: `Admin` is not a user name: only a-z, 0-9, `_` and `-` are allowed, and a letter or `_` first

ssh-ed25519 AAAA → ssh-ed25519 AAAB
    34: that is not an SSH public key, a line such as `ssh-ed25519 AAAA… you@laptop`

"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me" → "-----BEGIN OPENSSH PRIVATE KEY----- b3Blbn"
    34: that is a private key; give its public half, the file that ends in .pub

  "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti me", → "x",\n7,
    34: that is not an SSH public key, a line such as `ssh-ed25519 AAAA… you@laptop`
    35: each item of `authorized-keys` must be a string, not an integer

JuF0" → "
    36: `password-hash` is cut short or too long: a hash of its kind has 86 characters after the last `$`, not 82

password-hash = "$6$kSKJnrYzZ8x9$ → password-hash = "
    36: `password-hash` is not a crypt(3) hash; make one with `openssl passwd -6` (a plain password is never stored)

"ssh-ed25519 AAAA → "from=10.0.0.1 ssh-ed25519 AAAA
    34: sshd does not accept the options before the key: a value must be in double quotes, as in from="10.0.0.1"

"ssh-ed25519 AAAA → "nopty ssh-ed25519 AAAA
    34: sshd does not accept the options before the key: it does not know one of them

XFSqti me" → XFSqti \u001b[31mme"
    34: a public key must not contain control characters

authorized-keys = → trusted-user-ca = ["raspberry"]\nauthorized-keys =
    33: that is not an SSH public key, a line such as `ssh-ed25519 AAAA… you@laptop`
"#,
    );
}

#[test]
fn each_mistake_in_pki_and_hosts_has_its_line() {
    check(
        r#"
"rsa-2048" → "rsa-1024"
    38: unknown key kind `rsa-1024`; known are ecdsa-p256, rsa-2048, rsa-4096

"rsa-2048" → "ecdsa_p256"
    38: unknown key kind `ecdsa_p256`; did you mean `ecdsa-p256`?

ca-days = 100 → ca-days = 0
    39: `ca-days` must be from 1 to 36500 days, not 0

leaf-days = 50 → leaf-days = 101
    40: `leaf-days` is 101; a certificate cannot outlive its CA (`ca-days` is 100)

"*.kube.demo" → "*"
    41: `*` is not a valid DNS name

"*.kube.demo" → "*.demo"
    41: `*.demo` is too wide: certificates need a domain after `*.`

"10.1.2.9" = → "10.1.2" =
    43: `10.1.2` is not an IP address

["vip", "vip.kube.demo"] → []
    43: give at least one name for the address in [hosts]

["vip", "vip.kube.demo"] → "vip"
    43: `10.1.2.9` must be a list of strings, not a string; put it in square brackets

["vip", "vip.kube.demo"] → ["ip6-loopback", "vip.0x1"]
    43: `ip6-loopback` is in /etc/hosts already, with its own address
    43: `vip.0x1` is not a valid DNS name: it must not end like a number

["vip", "vip.kube.demo"] → ["Etcd2", "etcd1.kube.demo", "a b"]
    43: `Etcd2` is in /etc/hosts already, with its own address
    43: `etcd1.kube.demo` is in /etc/hosts already, with its own address
    43: `a b` is not a valid DNS name
"#,
    );
}

#[test]
fn each_mistake_in_paths_of_files_has_its_line() {
    check(
        r#"
path = "/etc/motd" → path = "etc/motd"
    45: `etc/motd` must be absolute, beginning with /

path = "/etc/motd" → path = "/etc/../motd"
    45: `/etc/../motd` must be a plain path, without .. or // or a final /

path = "/etc/motd" → path = "/etc/motd/"
    45: `/etc/motd/` must be a plain path, without .. or // or a final /

path = "/etc/motd" → path = "/etc/etcd/pki/ca.crt"
    45: `/etc/etcd/pki/ca.crt` cannot be added: the certificates are kept there

path = "/etc/motd" → path = "/var/run/motd"
    45: `/var/run/motd` cannot be added: it is a link to /run, which a mount hides

path = "/etc/motd" → path = "/lib"
    45: `/lib` cannot be added: only the base's own directories and links are directly in /

path = "/etc/motd" → path = "/var/lock/motd"
    45: `/var/lock/motd` cannot be added: it is a link into /run, which a mount hides

path = "/etc/motd" → path = "/boot/firmware/config.txt"
    45: `/boot/firmware/config.txt` cannot be added: set [firmware] instead

path = "/etc/motd" → path = "/boot/firmware/user-data"
    45: `/boot/firmware/user-data` cannot be added: the boot partition is mounted over it; [ssh], [network] and [firmware] set what is usually written there

path = "/etc/motd" → path = "/home/admin/.ssh/authorized_keys"
    45: `/home/admin/.ssh/authorized_keys` is written by this program: set `authorized-keys` in [ssh]

path = "/etc/motd" → path = "/etc/default/check"
    48: another [[file]] also writes `/etc/default/check`

source = "motd" → source = "motto"
    46: reading lab/motto: entity not found

source = "motd" → #
    44: [[file]] needs `source`, `content` or `link`, and only one of them

source = "motd" → source = "motd"\ncontent = ""
    44: [[file]] needs `source`, `content` or `link`, and only one of them

"0600" → "0888"
    50: `0888` is not a mode: write octal digits, as in "0644"

"0600" → "+600"
    50: `+600` is not a mode: write octal digits, as in "0644"

"0600" → 600
    50: `mode` must be a string, not an integer

"root:adm" → "4294967295:adm"
    51: `4294967295:adm` is not an owner: write user:group, as in "root:root"

"root:adm" → "root"
    51: `root` is not an owner: write user:group, as in "root:root"

node = "etcd2" → node = "etcd4"
    52: there is no node `etcd4`; known are etcd1, etcd2, etcd3
"#,
    );
}
