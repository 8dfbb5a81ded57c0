//! The groups of an Ansible inventory, and the machines among them that are to run etcd.

use std::collections::BTreeMap;

use super::{Host, Listing, Variable};
use crate::count::count;

/// The groups that name etcd's machines, as roles and walk-throughs call them; the first one that exists is used.
const ETCD_GROUPS: &[&str] = &["etcd", "etcd_nodes", "etcd_cluster", "etcd_servers"];

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

    /// Adds a machine to a group. A machine may be in several groups; its variables add up.
    pub(super) fn add_host(&mut self, group: &str, name: &str, variables: Vec<Variable>) {
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

    pub(super) fn add_child(&mut self, group: &str, child: &str) {
        self.group(child);
        self.group(group).children.push(child.to_owned());
    }

    pub(super) fn add_variable(&mut self, group: &str, variable: Variable) {
        self.group(group).variables.push(variable);
    }

    /// Returns the machines of the group for etcd, or all machines if there is none, with the variables that hold for each.
    pub(super) fn listing(self) -> Listing {
        let members: BTreeMap<&str, Vec<&str>> = self
            .groups
            .iter()
            .map(|group| {
                (
                    group.name.as_str(),
                    self.members(&group.name, &mut Vec::new()),
                )
            })
            .collect();
        let chosen = ETCD_GROUPS
            .iter()
            .find(|name| members.get(*name).is_some_and(|hosts| !hosts.is_empty()));
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
                of_groups.sort_by_key(|group| self.depth(&group.name, 0));
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
        let all = self.groups.into_iter().find(|group| group.name == "all");
        Listing {
            hosts,
            variables: all.map(|group| group.variables).unwrap_or_default(),
            notes,
        }
    }

    /// Returns how many groups are above a group, on the longest way. A circle of groups ends at their number.
    fn depth(&self, name: &str, below: usize) -> usize {
        if below > self.groups.len() {
            return below;
        }
        let above = self
            .groups
            .iter()
            .filter(|group| group.children.iter().any(|child| child == name));
        above
            .map(|group| self.depth(&group.name, below + 1))
            .max()
            .unwrap_or(below)
    }

    /// Returns the machines of a group and of the groups below it. `above` ends a circle of groups.
    fn members<'a>(&'a self, name: &'a str, above: &mut Vec<&'a str>) -> Vec<&'a str> {
        let Some(group) = self.groups.iter().find(|group| group.name == name) else {
            return Vec::new();
        };
        if above.contains(&name) {
            return Vec::new();
        }
        above.push(name);
        let mut hosts: Vec<&str> = group.hosts.iter().map(String::as_str).collect();
        for child in &group.children {
            hosts.extend(self.members(child, above));
        }
        hosts
    }
}
