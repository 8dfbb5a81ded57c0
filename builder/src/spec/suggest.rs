//! Complaints about keys and tables that do not exist, with a suggestion.

use toml::de::DeValue;

use super::nearest::{advice, nearest};
use super::section::Section;
use super::settings::SECTIONS;
use super::{etcd_flags, synonyms};

/// Returns the complaint about a key that the table does not have.
pub(super) fn unknown_key(key: &str, section: &Section) -> String {
    let advice = advice_on(key, section);
    format!("unknown key `{}` in {}; {advice}", key, section.header)
}

fn advice_on(key: &str, section: &Section) -> String {
    let known = section.keys();
    if let Some(advice) = synonyms::advice(key, section.header) {
        return advice.to_owned();
    }
    if let Some(name) = equivalent(key, section) {
        return format!("write `{name}`");
    }
    if nearest(key, &known).is_some() {
        return advice(key, &known);
    }
    let flag = || etcd_flags::place_of(&synonyms::spelled(key));
    if let Some(place) = flag().filter(|_| section.path() == "etcd") {
        return place.to_owned();
    }
    elsewhere(key, section).unwrap_or_else(|| advice(key, &known))
}

/// Returns the advice about a key that other tables than this one have, or have an equivalent of.
fn elsewhere(key: &str, section: &Section) -> Option<String> {
    let has = |other: &&Section| other.settings.iter().any(|setting| setting.name == key);
    let is_near = |other: &&Section| {
        let (one, other) = (section.path(), other.path());
        one.starts_with(other) || other.starts_with(one)
    };
    match SECTIONS.iter().filter(has).find(is_near) {
        Some(near) => Some(format!("it belongs in {}", near.header)),
        None => of_any_table(key),
    }
}

/// Returns the advice about a key that belongs in a single table.
fn of_any_table(key: &str) -> Option<String> {
    if synonyms::is_among(key, synonyms::VAGUE) {
        return None;
    }
    if let Some((_, header, name)) = equivalents(key).next() {
        return Some(format!("write `{name}` in {header}"));
    }
    let has = |section: &&Section| section.settings.iter().any(|setting| setting.name == key);
    let mut homes = SECTIONS.iter().filter(has);
    let only = homes.next().filter(|_| homes.next().is_none())?;
    Some(format!("it belongs in {}", only.header))
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
    synonyms::SETTINGS
        .iter()
        .filter(move |(words, ..)| synonyms::is_among(key, words))
}

/// What follows an unknown name at the top level of the file.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Table,
    /// Tables in two pairs of brackets.
    List,
    Value,
}

impl Shape {
    pub(super) fn of(value: &DeValue<'_>) -> Self {
        match value {
            DeValue::Table(_) => Self::Table,
            DeValue::Array(items)
                if items.iter().any(|item| item.get_ref().as_table().is_some()) =>
            {
                Self::List
            }
            _ => Self::Value,
        }
    }

    fn fits(self, section: &Section) -> bool {
        (self == Self::List) == section.is_list()
    }
}

/// Returns the complaint about an unknown name at the top level of the file.
pub(super) fn unknown_table(name: &str, shape: Shape) -> String {
    let advice = advice_on_top(name, shape);
    match shape {
        Shape::Value => format!("unknown key `{name}` outside the tables; {advice}"),
        Shape::Table | Shape::List => format!("unknown table `{name}`; {advice}"),
    }
}

fn advice_on_top(name: &str, shape: Shape) -> String {
    if let Some(section) = meant_table(name, shape) {
        return format!("did you mean {}?", section.header);
    }
    if let Some(advice) = synonyms::advice(name, "") {
        return advice.to_owned();
    }
    if let Some(header) = synonyms::table(name) {
        return format!("write {header}");
    }
    let names: Vec<_> = top_tables().map(Section::path).collect();
    let near = nearest(name, &names);
    if let Some(near) = top_tables().find(|section| Some(section.path()) == near) {
        return format!("did you mean {}?", near.header);
    }
    of_any_table(name).unwrap_or_else(|| {
        let headers: Vec<_> = top_tables().map(|section| section.header).collect();
        format!("known are {}", headers.join(", "))
    })
}

/// Returns the table that an unknown one most probably stands for, if both are lists or neither is.
pub(super) fn meant_table(name: &str, shape: Shape) -> Option<&'static Section> {
    if shape == Shape::Value {
        return None;
    }
    let fitting = || top_tables().filter(|section| shape.fits(section));
    let names: Vec<_> = fitting().map(Section::path).collect();
    let near = nearest(name, &names);
    let stands_for = || synonyms::table(name);
    fitting()
        .find(|section| Some(section.path()) == near)
        .or_else(|| fitting().find(|section| Some(section.header) == stands_for()))
}

fn top_tables() -> impl Iterator<Item = &'static Section> {
    SECTIONS
        .iter()
        .filter(|section| !section.path().contains('.'))
}

#[cfg(test)]
mod tests {
    use super::super::table_tests::pairs;
    use super::*;

    fn section(path: &str) -> &'static Section {
        SECTIONS
            .iter()
            .find(|section| section.path() == path)
            .unwrap()
    }

    /// Compares complaints about unknown keys: each case has a table, a key and the advice.
    fn check_keys(cases: &str) {
        for (written, advice) in pairs(cases) {
            let (table, key) = written.split_once(' ').unwrap();
            let section = section(table);
            let wanted = format!("unknown key `{key}` in {}; {advice}", section.header);
            assert_eq!(unknown_key(key, section), wanted);
        }
    }

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        check_keys(
            "
            node adress → did you mean `address`?
            etcd Heartbeat_Interval → did you mean `heartbeat-interval`?
            cluster gateway → it belongs in [network]
            pki colour → known are key, ca-days, leaf-days, extra-sans, ca-certificate, ca-key, ca-passphrase-file, trust-ca, shared, layout, subject, common-name
            ",
        );
        assert_eq!(
            unknown_table("nodes", Shape::List),
            "unknown table `nodes`; did you mean [[node]]?"
        );
        assert_eq!(
            unknown_table("kubernetes", Shape::Table),
            "unknown table `kubernetes`; known are [cluster], [network], [[node]], [etcd], [backup], [ssh], [system], [pki], [[certificate]], \
             [auth], [firmware], [appliance], [packages], [publish], [hosts], [[unit]], [[archive]], [[file]]"
        );
    }

    #[test]
    fn words_of_neighbors_name_their_equivalent() {
        check_keys(
            "
            ssh password → write `password-hash`
            network routers → write `gateway`
            network domain_name_servers → write `dns`
            node ansible_host → write `address`
            node ip → write `address`
            network netmask → write `prefix`
            node netmask → write `prefix` in [network]
            ",
        );
    }

    #[test]
    fn words_that_several_tables_have_are_not_sent_to_one_of_them() {
        check_keys(
            "
            certificate name → known are role, path, key, common-name, mode, key-mode, owner, nodes
            cluster nodes → write a [[node]] table for each node, or give `--nodes 3`
            cluster node → write [[node]] with the nodes' own tables
            auth.user password → `etcd-image cluster password` sets it
            network password → it belongs in [network.wifi]
            network router → write `gateway`
            etcd snapshot-count → write it in [etcd.extra]
            etcd listen_client_urls → this program sets it
            etcd quota_backend_bytes → write `quota`
            packages names → the only one is install
            backup type → known are every, keep, to, endpoint, region, host-key
            certificate type → write `role`
            ",
        );
    }

    #[test]
    fn names_at_the_top_level_lead_to_their_tables() {
        for (written, wanted) in pairs(
            "
            [wifi] → unknown table `wifi`; write [network.wifi]
            [[host]] → unknown table `host`; did you mean [[node]]?
            [host] → unknown table `host`; did you mean [hosts]?
            [[certificates]] → unknown table `certificates`; did you mean [[certificate]]?
            [certificates] → unknown table `certificates`; did you mean [pki]?
            [[write_files]] → unknown table `write_files`; did you mean [[file]]?
            runcmd → unknown key `runcmd` outside the tables; a [[unit]] runs a program at every boot
            nodes → unknown key `nodes` outside the tables; write a [[node]] table for each node, or give `--nodes 3`
            timezone → unknown key `timezone` outside the tables; it belongs in [system]
            hostname → unknown key `hostname` outside the tables; write `name` in [[node]]
            ",
        ) {
            let name = written.trim_matches(['[', ']']);
            let shape = match written.len() - name.len() {
                4 => Shape::List,
                2 => Shape::Table,
                _ => Shape::Value,
            };
            assert_eq!(unknown_table(name, shape), wanted);
        }
    }
}
