//! Complaints about keys and tables that do not exist, with a suggestion.

use super::nearest::{advice, nearest};
use super::section::Section;
use super::settings::SECTIONS;

/// Settings of related tools (dhcpcd, Ansible, cloud-init, `NetworkManager`) and the setting that each corresponds to.
const EQUIVALENTS: &[(&str, &str, &str)] = &[
    ("ansible-host", "[[node]]", "address"),
    ("ip", "[[node]]", "address"),
    ("ip-address", "[[node]]", "address"),
    ("hostname", "[[node]]", "name"),
    ("inventory-hostname", "[[node]]", "name"),
    ("netmask", "[network]", "prefix"),
    ("routers", "[network]", "gateway"),
    ("domain-name-servers", "[network]", "dns"),
    ("nameservers", "[network]", "dns"),
    ("psk", "[network.wifi]", "password"),
    ("password", "[ssh]", "password-hash"),
    ("passwd", "[ssh]", "password-hash"),
    ("ansible-user", "[ssh]", "user"),
    ("username", "[ssh]", "user"),
    ("ssh-authorized-keys", "[ssh]", "authorized-keys"),
    ("ssh-keys", "[ssh]", "authorized-keys"),
];

/// The key with which people ask for a container, the table, and why it does not exist.
const CONTAINER: (&str, &str, &str) = (
    "runtime",
    "[etcd]",
    "etcd runs as a program of the system, not in a container",
);

/// Returns the complaint about a key that the table does not have.
pub(super) fn unknown_key(key: &str, section: &Section) -> String {
    let known = section.keys();
    let advice = if (key, section.header) == (CONTAINER.0, CONTAINER.1) {
        CONTAINER.2.to_owned()
    } else if let Some(name) = equivalent(key, section) {
        format!("write `{name}`")
    } else if let Some((_, header, name)) = equivalents(key).next() {
        format!("write `{name}` in {header}")
    } else {
        let home = SECTIONS.iter().find(|other| other.keys().contains(&key));
        match (nearest(key, &known), home) {
            (None, Some(home)) => format!("it belongs in {}", home.header),
            _ => advice(key, &known),
        }
    };
    format!("unknown key `{}` in {}; {advice}", key, section.header)
}

/// Returns the setting that an unknown key of the table most probably stands for.
pub(super) fn meant_key(key: &str, section: &Section) -> Option<&'static str> {
    let known = section.keys();
    match known.contains(&key) {
        true => None,
        false => equivalent(key, section).or_else(|| nearest(key, &known)),
    }
}

fn equivalent(key: &str, section: &Section) -> Option<&'static str> {
    let mut words = equivalents(key);
    let found = words.find(|(_, header, _)| *header == section.header);
    found.map(|(.., name)| *name)
}

fn equivalents(
    key: &str,
) -> impl Iterator<Item = &'static (&'static str, &'static str, &'static str)> {
    let spelled = key.to_lowercase().replace('_', "-");
    EQUIVALENTS
        .iter()
        .filter(move |(word, ..)| *word == spelled)
}

/// Returns the complaint about an unknown key at the top level of the file.
pub(super) fn unknown_table(name: &str) -> String {
    let headers: Vec<_> = top_tables().map(|section| section.header).collect();
    let advice = match meant_table(name) {
        Some(section) => format!("did you mean {}?", section.header),
        None => format!("known are {}", headers.join(", ")),
    };
    format!("unknown table `{name}`; {advice}")
}

/// Returns the table that an unknown one most probably stands for.
pub(super) fn meant_table(name: &str) -> Option<&'static Section> {
    let names: Vec<_> = top_tables().map(Section::path).collect();
    let near = nearest(name, &names)?;
    top_tables().find(|section| section.path() == near)
}

fn top_tables() -> impl Iterator<Item = &'static Section> {
    SECTIONS
        .iter()
        .filter(|section| !section.path().contains('.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(path: &str) -> &'static Section {
        SECTIONS
            .iter()
            .find(|section| section.path() == path)
            .unwrap()
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        for (key, table, advice) in [
            ("adress", "node", "did you mean `address`?"),
            (
                "Heartbeat_Interval",
                "etcd",
                "did you mean `heartbeat-interval`?",
            ),
            ("gateway", "cluster", "it belongs in [network]"),
            (
                "colour",
                "pki",
                "known are key, ca-days, leaf-days, extra-sans, ca-certificate, ca-key, ca-passphrase-file, trust-ca, shared, layout, subject, common-name",
            ),
        ] {
            let section = section(table);
            let wanted = format!("unknown key `{key}` in {}; {advice}", section.header);
            assert_eq!(unknown_key(key, section), wanted);
        }
        assert_eq!(
            unknown_table("nodes"),
            "unknown table `nodes`; did you mean [[node]]?"
        );
        assert_eq!(
            unknown_table("kubernetes"),
            "unknown table `kubernetes`; known are [cluster], [network], [[node]], [etcd], [backup], [ssh], [system], [pki], [[certificate]], \
             [auth], [firmware], [appliance], [packages], [publish], [hosts], [[unit]], [[archive]], [[file]]"
        );
    }

    #[test]
    fn words_of_neighbors_name_their_equivalent() {
        for (word, table, advice) in [
            ("password", "ssh", "write `password-hash`"),
            ("routers", "network", "write `gateway`"),
            ("domain_name_servers", "network", "write `dns`"),
            ("ansible_host", "node", "write `address`"),
            ("ip", "node", "write `address`"),
            ("netmask", "network", "write `prefix`"),
            ("netmask", "node", "write `prefix` in [network]"),
        ] {
            let section = section(table);
            let wanted = format!("unknown key `{word}` in {}; {advice}", section.header);
            assert_eq!(unknown_key(word, section), wanted);
        }
    }

    #[test]
    fn every_equivalent_exists_and_is_not_shadowed() {
        for (word, header, name) in EQUIVALENTS {
            let section = SECTIONS
                .iter()
                .find(|section| section.header == *header)
                .unwrap();
            assert!(
                section.keys().contains(name) && !section.keys().contains(word),
                "{word}"
            );
        }
    }
}
