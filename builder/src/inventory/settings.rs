//! The settings of cluster.toml that correspond to the variables of a listing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use ipnet::IpNet;
use toml::Value;

use super::known::{ADDRESS, MEMBER_NAME, setting_of, unneeded};
use super::{Host, Listing};
use crate::spec::check_setting;

/// A machine as a `[[node]]`.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct InventoryNode {
    pub(super) name: String,
    pub(super) address: InventoryAddress,
}

/// The address of a machine in a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum InventoryAddress {
    Valid(IpAddr),
    /// The file has this text, which is not an IP address.
    Invalid(String),
    Missing,
}

impl InventoryNode {
    /// Returns the address, if the file has a valid one.
    pub(super) fn ip(&self) -> Option<IpAddr> {
        match self.address {
            InventoryAddress::Valid(address) => Some(address),
            _ => None,
        }
    }
}

/// What a listing says about a cluster.
#[derive(Debug, Default)]
pub(super) struct Settings {
    pub(super) nodes: Vec<InventoryNode>,
    /// Tables, keys and values, in the order of the template.
    pub(super) values: Vec<(&'static str, &'static str, Value)>,
    /// What was not taken over, and why.
    pub(super) left: Vec<String>,
}

impl Settings {
    /// Returns whether a setting has a value.
    pub(super) fn has(&self, key: &str) -> bool {
        self.values.iter().any(|(_, name, _)| *name == key)
    }

    /// Adds the setting that corresponds to a variable, or a note about why there is none.
    fn add(&mut self, listing: &Listing, name: &str, value: &str) {
        let (known, shown) = (setting_of(name), shown_name(listing, name));
        let is_template = value.contains("{{");
        if (value, known.map(|known| known.2)) == ("root", Some("user")) {
            self.left.push(format!(
                "{shown} = root: root does not log in; `user` in [ssh] uses sudo"
            ));
            return;
        }
        let made = known
            .filter(|_| !is_template)
            .and_then(|(_, table, key, form)| Some((*table, *key, form.toml(value)?)));
        let Some(made) = made else {
            let note = note_on((name, shown), value, known.is_some(), is_template);
            self.left.extend(note);
            return;
        };
        let (table, key, _) = made;
        if let Err(why) = check_setting(table, key, &made.2) {
            self.left.push(format!("{shown}: {why}"));
        } else if !self.has(key) {
            self.values.push(made);
        } else if !self.values.contains(&made) {
            self.left
                .push(format!("{shown} = {value}: `{key}` already has a value"));
        }
    }
}

/// Maps a listing to settings.
pub(super) fn of(listing: &Listing) -> Settings {
    let mut settings = Settings {
        left: listing.notes.clone(),
        ..Settings::default()
    };
    let (mut domains, mut prefixes) = (BTreeSet::new(), BTreeSet::new());
    for (index, host) in listing.hosts.iter().enumerate() {
        let (node, domain) = node_of_host(listing, host, index + 1, &mut settings.left);
        domains.extend(domain);
        prefixes.extend(prefix_of_host(listing, host));
        settings.nodes.push(node);
    }
    let mut pairs = common(listing, &mut settings.left);
    for (name, values) in [("domain", domains), ("prefix", prefixes)] {
        if let (1, Some(value)) = (values.len(), values.first()) {
            pairs.push((name.to_owned(), value.clone()));
        }
    }
    for (name, value) in pairs {
        settings.add(listing, &name, &value);
    }
    settings
}

/// Returns a machine as a node, and the domain in its name. An invalid address is noted in `left` if there is a valid one.
fn node_of_host(
    listing: &Listing,
    host: &Host,
    number: usize,
    left: &mut Vec<String>,
) -> (InventoryNode, Option<String>) {
    let given = || addresses_of(listing, host);
    let full = value_for(listing, host, MEMBER_NAME).unwrap_or(&host.name);
    let (name, domain) = match (address(full), full.split_once('.')) {
        (Some(_), _) => (format!("etcd{number}"), None),
        (None, Some((name, domain))) => (name.to_owned(), Some(domain.to_owned())),
        (None, None) => (full.to_owned(), None),
    };
    let plain = name.to_lowercase().replace('_', "-");
    if plain != name {
        left.push(format!(
            "the name {name}, which is {plain} here: host names have neither capitals nor `_`"
        ));
    }
    let name = plain;
    let mut invalid = given().filter(|(_, text)| address(text).is_none());
    let valid = given().find_map(|(_, text)| address(text));
    let address = match valid.or_else(|| address(&host.name)) {
        Some(address) => {
            left.extend(invalid.map(|(variable, text)| {
                let shown = shown_name(listing, variable);
                format!("{shown} = {text} of {name}: it is not an IP address")
            }));
            InventoryAddress::Valid(address)
        }
        None => invalid
            .next()
            .map_or(InventoryAddress::Missing, |(_, text)| {
                InventoryAddress::Invalid(text.to_owned())
            }),
    };
    (InventoryNode { name, address }, domain)
}

/// Returns the texts that are to be a machine's addresses, with the names of their variables.
fn addresses_of<'a>(
    listing: &'a Listing,
    host: &'a Host,
) -> impl Iterator<Item = (&'static str, &'a str)> {
    let names = ADDRESS.iter();
    names.filter_map(move |name| Some((*name, value_for(listing, host, name)?)))
}

/// Parses an address, which may have a prefix length.
fn address(text: &str) -> Option<IpAddr> {
    let with_prefix = || text.parse::<IpNet>().ok().map(|it| it.addr());
    text.parse().ok().or_else(with_prefix)
}

/// Returns the prefix length of a machine's address, if it has one.
fn prefix_of_host(listing: &Listing, host: &Host) -> Option<String> {
    let (_, text) = addresses_of(listing, host).find(|(_, text)| address(text).is_some())?;
    let (_, prefix) = text.split_once('/')?;
    Some(prefix.to_owned())
}

/// Returns the value that holds for a machine. Its own takes precedence, and of several the last.
fn value_for<'a>(listing: &'a Listing, host: &'a Host, name: &str) -> Option<&'a str> {
    let all = host
        .variables
        .iter()
        .rev()
        .chain(listing.variables.iter().rev());
    all.into_iter()
        .find(|variable| variable.name == name)
        .map(|variable| variable.value.as_str())
}

/// Returns the variables that have the same value for every machine. The others are noted in `left`.
fn common(listing: &Listing, left: &mut Vec<String>) -> Vec<(String, String)> {
    let of_hosts = listing.hosts.iter().flat_map(|host| &host.variables);
    let mut names: Vec<&str> = Vec::new();
    for variable in listing.variables.iter().chain(of_hosts) {
        let own = ADDRESS.contains(&variable.name.as_str()) || variable.name == MEMBER_NAME;
        if !own && !names.contains(&variable.name.as_str()) {
            names.push(&variable.name);
        }
    }
    let mut same = Vec::new();
    for name in names {
        let values: BTreeSet<Option<&str>> = listing
            .hosts
            .iter()
            .map(|host| value_for(listing, host, name))
            .collect();
        match (values.len(), values.first().copied().flatten()) {
            (1, Some(value)) => same.push((name.to_owned(), value.to_owned())),
            _ if is_default(name, &values) => (),
            (count, _) => {
                let differs = match count == 2 && values.contains(&None) {
                    true => "not all machines have it",
                    false => "it is not the same for all machines",
                };
                let why = unneeded(name).unwrap_or(differs);
                left.push(format!("{}: {why}", shown_name(listing, name)));
            }
        }
    }
    same
}

/// Returns the name of a variable in the file.
fn shown_name<'a>(listing: &'a Listing, name: &'a str) -> &'a str {
    let of_hosts = listing.hosts.iter().flat_map(|host| &host.variables);
    let mut all = listing.variables.iter().chain(of_hosts);
    let found = all.find(|variable| variable.name == name);
    found.map_or(name, |variable| &variable.shown)
}

/// Returns whether the values, of which some machines have none, are what every node has anyway.
fn is_default(name: &str, values: &BTreeSet<Option<&str>>) -> bool {
    let mut given = values.iter().flatten();
    name == "ansible_port" && given.all(|value| *value == "22")
}

/// Returns the note about a variable without effect; `None` if its value is what every node has anyway. The value of an
/// unknown variable may be a secret and is not shown.
fn note_on(
    (name, shown): (&str, &str),
    value: &str,
    is_known: bool,
    is_template: bool,
) -> Option<String> {
    if (name, value) == ("ansible_port", "22") {
        return None;
    }
    let unneeded = unneeded(name);
    let why = match (is_known, is_template, unneeded) {
        (_, true, _) => "a template, whose value only Ansible knows",
        (_, _, Some(why)) => why,
        (true, ..) => "the value has an unsupported form",
        _ => "no setting corresponds to it",
    };
    let is_shown = (is_known || unneeded.is_some()) && !name.contains("pass");
    Some(match is_shown {
        true => format!("{shown} = {value}: {why}"),
        false => format!("{shown}: {why}"),
    })
}
