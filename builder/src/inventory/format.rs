//! Which program a file was written for, recognized by its name and content.

use std::net::IpAddr;
use std::path::Path;

use super::lines::lines;
use super::{Listing, etcd, hosts, ini, kubeadm, ssh_config, yaml};

/// The hint that names the accepted formats.
pub(super) const ACCEPTED: &str = "give an Ansible inventory (INI or YAML), a hosts table, an OpenSSH client configuration, \
                                   etcd's own configuration, or one of kubeadm or Patroni with etcd's endpoints";

/// A format of files that list machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InventoryFormat {
    AnsibleIni,
    AnsibleYaml,
    Etcd,
    Hosts,
    Kubeadm,
    Patroni,
    SshConfig,
}

/// Returns the format of a file. Whatever has no mark of another format is an inventory in INI format.
pub(super) fn of(path: &Path, text: &str) -> InventoryFormat {
    let extension = path.extension().unwrap_or_default();
    let lines = || lines(text).map(|(_, line)| line);
    if etcd::has_members(text) {
        return InventoryFormat::Etcd;
    }
    if extension == "yml" || extension == "yaml" || lines().next().is_some_and(is_yaml) {
        let has_version = lines().any(|line| line.starts_with("apiVersion:"));
        let has_scope = text.lines().any(|line| line.starts_with("scope:"));
        return match (has_version, has_scope) {
            (true, _) => InventoryFormat::Kubeadm,
            (_, true) => InventoryFormat::Patroni,
            _ => InventoryFormat::AnsibleYaml,
        };
    }
    let first = |line: &str| line.split_whitespace().next().map(str::to_ascii_lowercase);
    if lines().any(|line| first(line).is_some_and(|word| word == "host" || word == "match")) {
        return InventoryFormat::SshConfig;
    }
    let is_entry = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().is_some_and(looks_like_address);
        address && words.next().is_some_and(|word| !word.contains('='))
    };
    match lines().next().is_some() && lines().all(is_entry) {
        true => InventoryFormat::Hosts,
        false => InventoryFormat::AnsibleIni,
    }
}

/// Returns whether the first line of a text begins a YAML or JSON file: a mark, or a key with a colon.
fn is_yaml(line: &str) -> bool {
    let key = line.split_whitespace().next().unwrap_or_default();
    let is_key = key.ends_with(':') && key.parse::<IpAddr>().is_err();
    line == "---" || is_key || line.starts_with('{') || line.starts_with("[{")
}

/// Returns whether a word is an address, perhaps with an interface or a mistake.
fn looks_like_address(word: &str) -> bool {
    let (address, _) = word.split_once('%').unwrap_or((word, ""));
    let dotted = |c: char| c.is_ascii_digit() || c == '.';
    address.parse::<IpAddr>().is_ok() || (word.contains('.') && word.chars().all(dotted))
}

impl InventoryFormat {
    /// Returns whether a text has no mark of its format, so that it may be something else.
    pub(super) fn is_guess(self, text: &str) -> bool {
        let any = |is_mark: fn(&str) -> bool| lines(text).any(|(_, line)| is_mark(line));
        match self {
            Self::AnsibleIni => !any(|line| line.starts_with('[')),
            Self::AnsibleYaml => !any(|line| line.ends_with(':')),
            _ => false,
        }
    }

    /// Reads the machines. An error begins with the place in the file, as in `:3: …`.
    pub(super) fn read(self, text: &str) -> Result<Listing, String> {
        match self {
            Self::AnsibleIni => ini::read(text),
            Self::AnsibleYaml => yaml::read(text),
            Self::Etcd => Ok(etcd::read(text)),
            Self::Hosts => hosts::read(text),
            Self::Kubeadm => kubeadm::read(text, kubeadm::OF_KUBEADM),
            Self::Patroni => kubeadm::read(text, kubeadm::OF_PATRONI),
            Self::SshConfig => ssh_config::read(text),
        }
    }
}
