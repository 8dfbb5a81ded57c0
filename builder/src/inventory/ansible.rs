//! The groups of an Ansible inventory, and the machines among them that are to run etcd.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use super::{Host, Listing, Variable, lines};
use crate::count::count;

/// The groups that name etcd's machines, as roles and walk-throughs call them; the first one that exists is used. Some write
/// `-` for `_`.
const ETCD_GROUPS: &[&str] = &["etcd", "etcd_nodes", "etcd_cluster", "etcd_servers"];

/// What the user has to check if no group is known to run etcd.
const NO_GROUP: &str = "has no group `etcd` with machines, so that each of its machines is a node: remove the [[node]] tables of \
                        the others";

/// An inventory before one of its groups is chosen.
#[derive(Debug, Default)]
pub(super) struct Inventory {
    /// All machines, in the order of the file; their variables are those of their own lines.
    hosts: Vec<Host>,
    /// Groups, in the same order.
    groups: Vec<Group>,
}

#[derive(Debug, Default)]
struct Group {
    name: String,
    hosts: Vec<String>,
    children: Vec<String>,
    variables: Vec<Variable>,
}

impl Inventory {
    fn group(&mut self, name: &str) -> &mut Group {
        let at = self.groups.iter().position(|group| group.name == name);
        let at = at.unwrap_or_else(|| {
            self.groups.push(Group {
                name: name.to_owned(),
                ..Group::default()
            });
            self.groups.len() - 1
        });
        &mut self.groups[at]
    }

    /// Adds the machines that a pattern stands for to a group. A machine may be in several groups; its variables add up.
    pub(super) fn add_hosts(&mut self, group: &str, pattern: &str, variables: &[Variable]) {
        let (pattern, mut all) = split_login(pattern);
        all.extend_from_slice(variables);
        for name in lines::expand(pattern) {
            self.add_host(group, &name, all.clone());
        }
    }

    fn add_host(&mut self, group: &str, name: &str, variables: Vec<Variable>) {
        let members = &mut self.group(group).hosts;
        if !members.iter().any(|member| member == name) {
            members.push(name.to_owned());
        }
        match self.hosts.iter_mut().find(|host| host.name == name) {
            Some(host) => host.variables.extend(variables),
            None => self.hosts.push(Host {
                name: name.to_owned(),
                variables,
            }),
        }
    }

    /// Adds variables to a machine, if there is one of that name.
    pub(super) fn describe(&mut self, name: &str, variables: Vec<Variable>) {
        if let Some(host) = self.hosts.iter_mut().find(|host| host.name == name) {
            host.variables.extend(variables);
        }
    }

    pub(super) fn add_child(&mut self, group: &str, child: &str) {
        self.group(child);
        self.group(group).children.push(child.to_owned());
    }

    pub(super) fn add_variable(&mut self, group: &str, variable: Variable) {
        self.group(group).variables.push(variable);
    }

    /// Returns the machines of the group for etcd, or all machines if there is none, with the variables that hold for each.
    pub(super) fn listing(self) -> Listing {
        let groups = self.groups.iter().map(|group| (group.name.as_str(), group));
        let groups: BTreeMap<&str, &Group> = groups.collect();
        let names = groups.keys().copied();
        let members: BTreeMap<&str, Vec<&str>> = names
            .map(|name| (name, members_of(name, &groups)))
            .collect();
        let chosen = etcd_group(&members);
        let depths = self.depths();
        let is_chosen =
            |host: &&Host| chosen.is_none_or(|group| members[group].contains(&host.name.as_str()));
        let hosts: Vec<Host> = self
            .hosts
            .iter()
            .filter(is_chosen)
            .map(|host| {
                let mut of_groups: Vec<&Group> = self
                    .groups
                    .iter()
                    .filter(|group| {
                        group.name != "all"
                            && members[group.name.as_str()].contains(&host.name.as_str())
                    })
                    .collect();
                // A group takes precedence over the groups above it.
                of_groups.sort_by_key(|group| depths[group.name.as_str()]);
                // A machine's own value takes precedence over its groups': the last one counts.
                let mut variables: Vec<Variable> = of_groups
                    .iter()
                    .flat_map(|group| group.variables.clone())
                    .collect();
                variables.extend(host.variables.clone());
                Host {
                    name: host.name.clone(),
                    variables,
                }
            })
            .collect();
        let left = self.hosts.len() - hosts.len();
        let notes = match chosen {
            Some(group) if left > 0 => vec![format!(
                "{} outside the group `{group}`",
                count(left, "machine")
            )],
            _ => Vec::new(),
        };
        let gaps = (chosen.is_none() && is_divided(&members)).then(|| NO_GROUP.to_owned());
        let all = self.groups.into_iter().find(|group| group.name == "all");
        Listing {
            hosts,
            variables: all.map(|group| group.variables).unwrap_or_default(),
            notes,
            gaps: Vec::from_iter(gaps),
        }
    }

    /// Returns how many groups are above each group, on the longest way. A circle of groups ends after one round per group.
    fn depths(&self) -> BTreeMap<&str, usize> {
        let names = self.groups.iter().map(|group| (group.name.as_str(), 0));
        let mut depths: BTreeMap<&str, usize> = names.collect();
        for _ in &self.groups {
            let mut is_final = true;
            for group in &self.groups {
                let below = depths[group.name.as_str()] + 1;
                for child in &group.children {
                    let depth = depths.entry(child.as_str()).or_default();
                    is_final &= *depth >= below;
                    *depth = below.max(*depth);
                }
            }
            if is_final {
                break;
            }
        }
        depths
    }
}

/// Returns the machines of a group and of the groups below it. Each group counts once, which ends a circle of groups.
fn members_of<'a>(name: &'a str, groups: &BTreeMap<&'a str, &'a Group>) -> Vec<&'a str> {
    let (mut hosts, mut seen, mut next) = (Vec::new(), BTreeSet::new(), vec![name]);
    while let Some(name) = next.pop() {
        let Some(group) = groups.get(name).filter(|_| seen.insert(name)) else {
            continue;
        };
        hosts.extend(group.hosts.iter().map(String::as_str));
        next.extend(group.children.iter().rev().map(String::as_str));
    }
    hosts
}

/// Returns the group whose machines run etcd: one of the usual names, or else the only one with `etcd` in its name.
fn etcd_group<'a>(members: &BTreeMap<&'a str, Vec<&str>>) -> Option<&'a str> {
    let spelled = |name: &str| name.to_lowercase().replace('-', "_");
    let filled = members.iter().filter(|(_, hosts)| !hosts.is_empty());
    let names: Vec<&str> = filled.map(|(name, _)| *name).collect();
    let usual = ETCD_GROUPS
        .iter()
        .find_map(|usual| names.iter().find(|name| spelled(name) == *usual));
    let mut others = names.iter().filter(|name| spelled(name).contains("etcd"));
    let only = others.next().filter(|_| others.next().is_none());
    usual.or(only).copied()
}

/// Returns whether some machines are in other groups than the others.
fn is_divided(members: &BTreeMap<&str, Vec<&str>>) -> bool {
    let groups = members
        .iter()
        .filter(|(name, hosts)| **name != "all" && !hosts.is_empty());
    let mut sizes = groups.map(|(_, hosts)| hosts.len());
    let all: BTreeSet<&str> = members.values().flatten().copied().collect();
    sizes.any(|size| size < all.len())
}

/// Splits a user and a port from a pattern such as `pi@10.0.0.1:2222`, as variables.
fn split_login(pattern: &str) -> (&str, Vec<Variable>) {
    let mut variables = Vec::new();
    let mut place = pattern;
    if let Some((user, rest)) = place.split_once('@') {
        variables.push(Variable::new("ansible_user", user));
        place = rest;
    }
    if place.parse::<IpAddr>().is_err()
        && let Some((rest, port)) = place.rsplit_once(':')
        && port.parse::<u16>().is_ok()
    {
        variables.push(Variable::new("ansible_port", port));
        place = rest;
    }
    (place, variables)
}
