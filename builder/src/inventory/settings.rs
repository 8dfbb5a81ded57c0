//! The settings of cluster.toml that correspond to the variables of a listing.

use std::collections::BTreeSet;
use std::net::IpAddr;

use toml::Value;

use super::known::{ADDRESS, MEMBER_NAME, setting_of, unneeded};
use super::{Host, Listing};

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
}

/// Maps a listing to settings.
pub(super) fn of(listing: &Listing) -> Settings {
    let mut settings = Settings {
        left: listing.notes.clone(),
        ..Settings::default()
    };
    let mut domains = BTreeSet::new();
    for (index, host) in listing.hosts.iter().enumerate() {
        let (node, domain) = node_of_host(listing, host, index + 1, &mut settings.left);
        domains.extend(domain);
        settings.nodes.push(node);
    }
    let mut pairs = common(listing, &mut settings.left);
    if let (1, Some(domain)) = (domains.len(), domains.first()) {
        pairs.push(("domain".to_owned(), domain.clone()));
    }
    for (name, value) in pairs {
        let known = setting_of(&name);
        let is_template = value.contains("{{");
        if (value.as_str(), known.map(|known| known.2)) == ("root", Some("user")) {
            settings.left.push(format!(
                "{} = root: root does not log in; `user` in [ssh] uses sudo",
                shown_name(listing, &name)
            ));
            continue;
        }
        let made = known
            .filter(|_| !is_template)
            .and_then(|(_, table, key, form)| Some((*table, *key, form.toml(&value)?)));
        match made {
            Some(made) if settings.values.contains(&made) => (),
            Some((_, key, _)) if settings.has(key) => {
                let name = shown_name(listing, &name);
                let note = format!("{name} = {value}: `{key}` already has a value");
                settings.left.push(note);
            }
            Some(made) => settings.values.push(made),
            None => settings.left.extend(note_on(
                (&name, shown_name(listing, &name)),
                &value,
                known.is_some(),
                is_template,
            )),
        }
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
    let address = |text: &str| text.parse::<IpAddr>().ok();
    let given = || {
        let names = ADDRESS.iter();
        names.filter_map(move |name| Some((*name, value_for(listing, host, name)?)))
    };
    let full = value_for(listing, host, MEMBER_NAME).unwrap_or(&host.name);
    let (name, domain) = match (address(full), full.split_once('.')) {
        (Some(_), _) => (format!("etcd{number}"), None),
        (None, Some((name, domain))) => (name.to_owned(), Some(domain.to_owned())),
        (None, None) => (full.to_owned(), None),
    };
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
    Some(match is_known || unneeded.is_some() {
        true => format!("{shown} = {value}: {why}"),
        false => format!("{shown}: {why}"),
    })
}
