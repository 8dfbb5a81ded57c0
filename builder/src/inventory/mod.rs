//! `etcd-image init --from FILE`: a cluster.toml for machines that somebody has already listed for another program.
//!
//! Every reader turns its format into a [`Listing`], whose variables have Ansible's names. [`settings`] maps them to our
//! settings, and [`text`] writes the file.

mod ansible;
mod etcd;
mod format;
mod hosts;
mod ini;
mod known;
mod kubeadm;
mod lines;
mod settings;
mod ssh_config;
mod text;
mod value;
mod yaml;

use std::io::Read as _;
use std::path::Path;

use anyhow::Context as _;

use crate::failure::Kind;

/// The largest file that is read. Inventories have some kilobytes.
const LIMIT: u64 = 1 << 20;

/// A machine as a file lists it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Host {
    name: String,
    variables: Vec<Variable>,
}

/// A value with Ansible's name for it, such as `ansible_host`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Variable {
    name: String,
    /// Its name in the file, for notes.
    shown: String,
    value: String,
}

/// The machines of a file, the values that hold for all of them, and what the reader had to leave out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Listing {
    hosts: Vec<Host>,
    variables: Vec<Variable>,
    /// Sentences about lines that were read and have no effect.
    notes: Vec<String>,
    /// What the user has to check; the name of the file precedes each.
    gaps: Vec<String>,
}

impl Host {
    fn new(name: &str, variables: &[(&str, &str)]) -> Self {
        Self {
            name: name.to_owned(),
            variables: variables
                .iter()
                .map(|(name, value)| Variable::new(name, value))
                .collect(),
        }
    }
}

impl Variable {
    fn new(name: &str, value: &str) -> Self {
        // Ansible still knows the names of its versions before 2.0.
        let present = match name {
            "ansible_ssh_host" => "ansible_host",
            "ansible_ssh_port" => "ansible_port",
            "ansible_ssh_user" => "ansible_user",
            other => other,
        };
        Self {
            name: present.to_owned(),
            shown: name.to_owned(),
            value: value.to_owned(),
        }
    }

    /// Returns the variable with another name for notes.
    fn shown_as(self, shown: &str) -> Self {
        Self {
            shown: shown.to_owned(),
            ..self
        }
    }
}

/// A cluster.toml for the machines of a file.
#[derive(Debug)]
pub(crate) struct Converted {
    pub(crate) text: String,
    /// What the user has to add or to check, one sentence each.
    pub(crate) gaps: Vec<String>,
}

/// Returns a cluster.toml for the machines that a file lists.
///
/// The file is an Ansible inventory (INI or YAML), a hosts table, an OpenSSH client configuration, etcd's own configuration, or
/// one of kubeadm or Patroni with etcd's endpoints. Values without an equivalent are listed at the end of the text, as comments.
pub(crate) fn cluster_toml(path: &Path) -> anyhow::Result<Converted> {
    let shown = path.display().to_string();
    let text = read_inventory(path)?;
    let format = format::of(path, &text);
    let listing = format.read(&text).map_err(|what| {
        let hint = match format.is_guess(&text) {
            true => format::ACCEPTED,
            false => "correct the file, or write cluster.toml by hand (`etcd-image init`)",
        };
        Kind::Usage.error(format!("{shown}{what}"), hint)
    })?;
    if listing.hosts.is_empty() {
        let message = format!("{shown} lists no machines");
        return Err(Kind::Usage.error(message, format::ACCEPTED));
    }
    let name = path.file_name().unwrap_or(path.as_os_str());
    Ok(text::cluster_toml(&name.to_string_lossy(), &listing))
}

/// Reads the text of a file that the user named.
fn read_inventory(path: &Path) -> anyhow::Result<String> {
    let shown = path.display();
    let reading = || {
        let hint = "name a readable text file with `--from`";
        Kind::Usage.context(format!("reading {shown}"), hint)
    };
    let mut bytes = Vec::new();
    let file = crate::file::open(path).with_context(reading)?;
    // The size in the metadata of a pipe says nothing.
    let read = file.take(LIMIT + 1).read_to_end(&mut bytes);
    if read.with_context(reading)? as u64 > LIMIT {
        let message = format!("{shown} has more than {LIMIT} bytes, more than any inventory");
        return Err(Kind::Usage.error(message, format::ACCEPTED));
    }
    crate::spec::decoded(&bytes).map_err(|line| {
        let message = format!("line {line} of {shown} is not text in UTF-8");
        Kind::Usage.error(message, crate::spec::SAVE_AS_UTF_8)
    })
}

#[cfg(test)]
mod gaps_tests;
#[cfg(test)]
mod shapes_tests;
#[cfg(test)]
mod tests;
