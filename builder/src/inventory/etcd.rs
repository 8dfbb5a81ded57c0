//! etcd's own configuration: its file, its environment variables, or its flags in a unit, a manifest or a script.

use super::kubeadm::host_of_url;
use super::lines::lines;
use super::{Host, Listing, Variable};

/// etcd's flags with an equivalent, and the names of their variables in inventories. Its intervals are left out, because they
/// suit other disks than SD cards.
const FLAGS: &[(&str, &str)] = &[
    ("initial-cluster-token", "token"),
    ("data-dir", "data_dir"),
    ("quota-backend-bytes", "etcd_quota_backend_bytes"),
];

/// Returns whether a text lists the members of a cluster as etcd's own configuration does.
pub(super) fn has_members(text: &str) -> bool {
    !members(text).is_empty()
}

/// Reads the members, and the flags with an equivalent.
pub(super) fn read(text: &str) -> Listing {
    let variables = FLAGS.iter().filter_map(|(flag, name)| {
        let value = value(text, flag)?;
        Some(Variable::new(name, value).shown_as(flag))
    });
    Listing {
        hosts: members(text),
        variables: variables.collect(),
        notes: vec!["etcd's other settings, which [etcd] and [etcd.extra] may contain".to_owned()],
        ..Listing::default()
    }
}

/// Returns the members of `initial-cluster`, such as `etcd1=https://10.0.0.1:2380,etcd2=https://10.0.0.2:2380`.
fn members(text: &str) -> Vec<Host> {
    let mut hosts: Vec<Host> = Vec::new();
    let list = value(text, "initial-cluster").unwrap_or_default();
    for (name, url) in list.split(',').filter_map(|member| member.split_once('=')) {
        // A member may have several URLs.
        if url.contains("://") && !hosts.iter().any(|host| host.name == name) {
            hosts.push(Host::new(name, &[("ansible_host", host_of_url(url))]));
        }
    }
    hosts
}

/// Returns the first value of a flag, however the file writes it: `--name=value`, `name: value` or `ETCD_NAME="value"`.
fn value<'a>(text: &'a str, flag: &str) -> Option<&'a str> {
    let variable = format!("ETCD_{}", flag.to_uppercase().replace('-', "_"));
    let option = format!("--{flag}");
    lines(text).find_map(|(_, line)| {
        let names = [variable.as_str(), option.as_str()].into_iter();
        let mut ends =
            names.flat_map(|name| line.match_indices(name).map(|(at, name)| at + name.len()));
        let found = ends.find_map(|end| value_after(line.get(end..)?));
        let key = || line.trim_start_matches(['"', '\'']).strip_prefix(flag);
        found.or_else(|| value_after(key()?))
    })
}

/// Returns the value that follows the name of a flag.
fn value_after(text: &str) -> Option<&str> {
    const QUOTES: [char; 2] = ['"', '\''];
    let value = text
        .trim_start_matches(QUOTES)
        .strip_prefix(['=', ':', ' '])?;
    let value = value.trim_start().trim_start_matches(QUOTES);
    let end = value.find(|c: char| c.is_whitespace() || QUOTES.contains(&c) || c == '\\');
    Some(&value[..end.unwrap_or(value.len())]).filter(|value| !value.is_empty())
}
