//! The root file system of the image that is checked, with the faults found in it so far.

use super::Findings;
use super::accounts::ImageAccounts;
use super::tree::Tree;
use crate::description::NodeDescription;
use crate::inspect::Layout;

/// A finished image, the node that it should become, and the faults that were found.
pub(super) struct NodeSystem<'a> {
    /// The description of the node.
    pub(super) node: &'a NodeDescription,
    /// The partitions of the image.
    pub(super) layout: &'a Layout,
    /// The users and groups of the root file system.
    pub(super) accounts: &'a ImageAccounts,
    /// The files of the root file system.
    pub(super) root: Tree<'a>,
    /// The faults and limits that were found.
    pub(super) findings: &'a mut Findings,
}

impl NodeSystem<'_> {
    /// Adds a fault.
    pub(super) fn add(&mut self, fault: impl AsRef<str>) {
        self.findings.add(fault);
    }

    /// Adds something that the node cannot do, although it works.
    pub(super) fn limit(&mut self, limit: impl AsRef<str>) {
        self.findings.limit(limit);
    }

    /// Adds a fault unless something holds.
    pub(super) fn expect(&mut self, holds: bool, fault: impl AsRef<str>) {
        self.findings.expect(holds, fault);
    }
}
