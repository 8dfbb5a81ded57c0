//! Which program a file was written for, recognized by its name and content.

use std::net::IpAddr;
use std::path::Path;

use super::lines::lines;
use super::{Listing, hosts, ini, kubeadm, ssh_config, yaml};

/// The hint that names the accepted formats.
pub(super) const ACCEPTED: &str = "give an Ansible inventory (INI or YAML), a hosts table, an OpenSSH client \
                                   configuration or a kubeadm configuration with external etcd";

/// A format of files that list machines.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InventoryFormat {
    AnsibleIni,
    AnsibleYaml,
    Hosts,
    Kubeadm,
    SshConfig,
}

/// Returns the format of a file. Whatever has no mark of another format is an inventory in INI format.
pub(super) fn of(path: &Path, text: &str) -> InventoryFormat {
    let extension = path.extension().unwrap_or_default();
    let lines = || lines(text).map(|(_, line)| line);
    let begins = |line: &str, word: &str| line.split_whitespace().next() == Some(word);
    if extension == "yml" || extension == "yaml" || lines().next().is_some_and(is_yaml) {
        return match lines().any(|line| begins(line, "apiVersion:")) {
            true => InventoryFormat::Kubeadm,
            false => InventoryFormat::AnsibleYaml,
        };
    }
    let first = |line: &str| line.split_whitespace().next().map(str::to_ascii_lowercase);
    if lines().any(|line| first(line).is_some_and(|word| word == "host" || word == "match")) {
        return InventoryFormat::SshConfig;
    }
    let is_entry = |line: &str| {
        let mut words = line.split_whitespace();
        let address = words.next().map(|word| word.parse::<IpAddr>().is_ok());
        address == Some(true) && words.next().is_some_and(|word| !word.contains('='))
    };
    match lines().next().is_some() && lines().all(is_entry) {
        true => InventoryFormat::Hosts,
        false => InventoryFormat::AnsibleIni,
    }
}

fn is_yaml(line: &str) -> bool {
    line == "---" || line.starts_with("apiVersion:") || line == "all:"
}

impl InventoryFormat {
    /// Reads the machines. An error begins with the place in the file, as in `:3: …`.
    pub(super) fn read(self, text: &str) -> Result<Listing, String> {
        match self {
            Self::AnsibleIni => ini::read(text),
            Self::AnsibleYaml => yaml::read(text),
            Self::Hosts => Ok(hosts::read(text)),
            Self::Kubeadm => kubeadm::read(text),
            Self::SshConfig => ssh_config::read(text),
        }
    }
}
