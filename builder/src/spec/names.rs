//! Checks of names for which other software has rules: hosts, users and interfaces.

/// The names in the `/etc/hosts` of Debian, Fedora and macOS, between spaces.
const IN_EVERY_HOSTS_FILE: &str = "localhost localhost4 localhost6 broadcasthost ip6-localhost ip6-loopback ip6-localnet \
                                   ip6-mcastprefix ip6-allnodes ip6-allrouters ip6-allhosts";

/// Returns whether every machine's `/etc/hosts` contains the name.
pub(super) fn in_every_hosts_file(name: &str) -> bool {
    let mut names = IN_EVERY_HOSTS_FILE.split(' ');
    names.any(|known| name.eq_ignore_ascii_case(known))
}

/// Checks a host name of one label (RFC 1123), which must be in lower case because image names contain it.
pub(super) fn host_label(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let reason = if name.is_empty() || name.len() > 63 {
        "it must have 1 to 63 characters"
    } else if name.chars().any(|c| c.is_ascii_uppercase()) {
        "write it in lower case"
    } else if name.contains('.') {
        "the domain is set by `domain` in [cluster]"
    } else if !name.chars().all(allowed) {
        "only a-z, 0-9 and `-` are allowed"
    } else if name.starts_with('-') || name.ends_with('-') {
        "it must not begin or end with `-`"
    } else if is_number(name) {
        "it must not look like a number"
    } else if in_every_hosts_file(name) {
        "/etc/hosts of every machine has that name"
    } else if name == "root" {
        "etcd treats the certificate of that name as its administrator's"
    } else {
        return Ok(());
    };
    Err(format!("`{name}` is not a host name: {reason}"))
}

/// Checks a host name of one or more labels and at most 253 characters.
pub(super) fn dns_name(name: &str) -> Result<(), String> {
    checked_name(name, "-")
}

/// Checks a name by which others find a host or a service. It may contain `_`, as those of containers do: hosts(5) and the
/// clients of TLS accept that.
pub(super) fn service_name(name: &str) -> Result<(), String> {
    checked_name(name, "-_")
}

/// Checks a name whose labels have letters, digits and these marks.
fn checked_name(name: &str, marks: &str) -> Result<(), String> {
    let label = |label: &str| {
        let allowed = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
        (1..=63).contains(&label.len())
            && label.chars().all(allowed)
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let reason = if !name.is_ascii() {
        ": write it in ASCII, as `idn2` prints it (xn--mnchen-3ya for münchen)"
    } else if name.contains([':', '/']) {
        ": write the name alone, without a scheme, a port or a path"
    } else if name.ends_with('.') && name.len() > 1 {
        ": leave the dot at its end out"
    } else if name.len() > 253 || !name.split('.').all(label) {
        ""
    } else if name.rsplit('.').next().is_some_and(is_number) {
        ": it must not end like a number"
    } else {
        return Ok(());
    };
    Err(format!("`{name}` is not a valid DNS name{reason}"))
}

/// Returns whether `inet_aton(3)` reads the label as a number.
fn is_number(label: &str) -> bool {
    let hex = label
        .strip_prefix("0x")
        .or_else(|| label.strip_prefix("0X"));
    hex.is_some_and(|digits| digits.bytes().all(|c| c.is_ascii_hexdigit()))
        || label.bytes().all(|c| c.is_ascii_digit())
}

/// Checks the name of a service, whose first label may be `*`.
pub(super) fn wildcard_name(name: &str) -> Result<(), String> {
    match name.strip_prefix("*.") {
        Some(rest) if rest.contains('.') => service_name(rest),
        Some(_) => Err(format!(
            "`{name}` is too wide: certificates need a domain after `*.`"
        )),
        None => service_name(name),
    }
}

/// Checks a login name: POSIX portable, at most 32 characters, and not used by the base itself.
pub(super) fn user(name: &str) -> Result<(), String> {
    const TAKEN: &str = "etcd daemon bin sys sync games man lp mail news uucp proxy www-data backup list irc nobody sshd \
                         messagebus avahi systemd-network";
    let first = |c: char| c.is_ascii_lowercase() || c == '_';
    let other = |c: char| first(c) || c.is_ascii_digit() || c == '-';
    let reason = if name == "root" {
        "root cannot log in; choose an ordinary user, who can use sudo"
    } else if TAKEN.split(' ').any(|taken| taken == name) {
        "the system uses that name itself"
    } else if name.is_empty() || name.len() > 32 {
        "it must have 1 to 32 characters"
    } else if !name.starts_with(first) || !name.chars().all(other) {
        "only a-z, 0-9, `_` and `-` are allowed, and a letter or `_` first"
    } else {
        return Ok(());
    };
    Err(format!("`{name}` is not a user name: {reason}"))
}

/// Returns whether the text is a valid user or group, as a name or a number. The largest number means "none".
pub(super) fn account(name: &str) -> bool {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    let named = name.bytes().any(|byte| !byte.is_ascii_digit());
    let sound = named || name.parse::<u32>().is_ok_and(|number| number != u32::MAX);
    let plain = name.chars().all(allowed) && !name.starts_with(['-', '.']);
    (1..=32).contains(&name.len()) && plain && sound
}

/// The names, without their number, of interfaces that exist only if a program creates them.
const VIRTUAL: [&str; 21] = [
    "bond", "br", "bridge", "can", "docker", "dummy", "gre", "ifb", "ip6tnl", "ipvlan", "macvlan",
    "ppp", "sit", "tap", "team", "tun", "veth", "virbr", "vlan", "vxlan", "wg",
];

/// Checks the name of a network interface, which must be a physical one: nothing creates others on a node.
pub(super) fn interface(name: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let kind = name.trim_end_matches(|c: char| c.is_ascii_digit());
    if kind != name && VIRTUAL.contains(&kind) {
        return Err(format!(
            "`{name}` is a virtual interface, which nothing creates on a node; name a physical one such as eth0"
        ));
    }
    if (1..=15).contains(&name.len()) && name.chars().all(allowed) && name != "lo" {
        return Ok(());
    }
    Err(format!(
        "`{name}` is not an interface name such as eth0 or wlan0"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn good_names_pass() {
        let long = "a".repeat(63);
        for name in ["etcd1", "a", "node-1", "k8s-etcd-1", "1a", &long] {
            assert_eq!(host_label(name), Ok(()));
        }
        for name in [
            "local",
            "kube.demo",
            "patroni.mydomain",
            "1.a",
            "X.Y",
            "xn--mnchen-3ya.de",
        ] {
            assert_eq!(dns_name(name), Ok(()));
        }
        for name in ["*.kube.demo", "a.b", "db_1.lan", "*.my_app.lan"] {
            assert_eq!(wildcard_name(name), Ok(()));
        }
        for name in ["pi", "_a", "a-1", &"u".repeat(32)] {
            assert_eq!(user(name), Ok(()));
        }
        for name in [
            "eth0",
            "wlan0",
            "end0",
            "enx0123456789ab",
            "usb0",
            "lan",
            "br-lan",
        ] {
            assert_eq!(interface(name), Ok(()));
        }
    }

    #[test]
    fn bad_names_are_refused() {
        let long = "a".repeat(64);
        for name in [
            "",
            "-a",
            "a-",
            "a_b",
            "a.b",
            "A",
            "ä",
            "12",
            "localhost",
            "ip6-localhost",
            "broadcasthost",
            "root",
            "0x1",
            "a b",
            &long,
        ] {
            assert!(host_label(name).is_err(), "{name}");
        }
        for name in [
            "",
            ".local",
            "local.",
            "a..b",
            "a_b",
            "1.2.3.4",
            "1.2.3.0x4",
            "a b",
            &"a.".repeat(127),
        ] {
            assert!(dns_name(name).is_err(), "{name}");
        }
        for name in ["*", "*.demo", "a.*.b", "*a.b.c"] {
            assert!(wildcard_name(name).is_err(), "{name}");
        }
        for name in [
            "",
            "root",
            "etcd",
            "Pi",
            "1a",
            "-a",
            "a b",
            "a:b",
            &"u".repeat(33),
        ] {
            assert!(user(name).is_err(), "{name}");
        }
        for name in ["", "lo", "..", "a/b", "eth0:1", "interface-name-16", "a b"] {
            assert!(interface(name).is_err(), "{name}");
        }
        for kind in VIRTUAL {
            assert!(interface(&format!("{kind}0")).is_err(), "{kind}");
        }
        for name in ["", "-a", "a b", "a:b", "ä", "4294967295", "99999999999"] {
            assert!(!account(name), "{name}");
        }
    }

    #[test]
    fn a_bad_dns_name_says_what_to_write() {
        for (name, reason) in [
            ("a b", ""),
            (
                "münchen.de",
                ": write it in ASCII, as `idn2` prints it (xn--mnchen-3ya for münchen)",
            ),
            (
                "https://a.b:2379",
                ": write the name alone, without a scheme, a port or a path",
            ),
            ("a.b.", ": leave the dot at its end out"),
            ("1.2.3", ": it must not end like a number"),
        ] {
            let wanted = format!("`{name}` is not a valid DNS name{reason}");
            assert_eq!(dns_name(name), Err(wanted));
        }
    }
}
