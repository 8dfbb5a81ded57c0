//! What a manifest keeps of an earlier build in the same directory.

use super::manifest::Manifest;
use super::node_record::{NodeRecord, OutputRecord};
use crate::description::DescribedMember;
use crate::spec::Cluster;

impl Manifest {
    /// Keeps what an earlier build wrote and this one did not, e.g. before `--only`, if its CA is the same: nodes that the
    /// cluster still has, and files in other formats with the same content.
    pub(super) fn keep(
        &mut self,
        older: Self,
        cluster: &Cluster,
        still_there: impl Fn(&OutputRecord) -> bool,
    ) {
        if older.ca() != self.ca() {
            return;
        }
        let older_members = older.members;
        let place = |node: &NodeRecord| {
            cluster
                .nodes
                .iter()
                .position(|known| known.name == node.name)
        };
        for mut node in older.nodes {
            node.outputs.retain(&still_there);
            node.name_first_output();
            let listed = node.outdated_members.take();
            let listed = listed.unwrap_or_else(|| older_members.clone());
            node.outdated_members = differ(&listed, &self.members).then_some(listed);
            let rebuilt = self.nodes.iter_mut().find(|new| new.name == node.name);
            match rebuilt {
                Some(rebuilt) => rebuilt.keep_outputs(node),
                None if place(&node).is_some() && !node.outputs.is_empty() => self.nodes.push(node),
                None => {}
            }
        }
        self.nodes.sort_by_key(place);
    }
}

impl NodeRecord {
    /// Adds the files of an earlier build in other formats and those that accompany them, if the image is the same.
    fn keep_outputs(&mut self, older: Self) {
        if older.sha256 != self.sha256 {
            return;
        }
        for output in older.outputs {
            if !self.outputs.iter().any(|new| new.format == output.format) {
                self.outputs.push(output);
            }
        }
        self.outputs.sort_by_key(|output| output.format);
        self.name_first_output();
        self.attachments = older.attachments;
    }

    fn name_first_output(&mut self) {
        if let Some(first) = self.outputs.first() {
            self.image.clone_from(&first.name);
        }
    }
}

/// Returns whether two lists have different members, in any order. An empty list is that of an earlier version, which has none.
fn differ(listed: &[DescribedMember], current: &[DescribedMember]) -> bool {
    let has = |members: &[DescribedMember], wanted| members.contains(wanted);
    !listed.is_empty()
        && (listed.len() != current.len() || !listed.iter().all(|member| has(current, member)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn member(name: &str, address: &str) -> DescribedMember {
        let address = address.parse().unwrap();
        let name = name.to_owned();
        DescribedMember { name, address }
    }

    #[test]
    fn lists_differ_in_members_and_addresses_but_not_in_order() {
        let [a, b] = [member("a", "10.0.0.1"), member("b", "10.0.0.2")];
        let moved = member("b", "10.0.0.9");
        let both = [a.clone(), b.clone()];
        assert!(!differ(&both, &both));
        assert!(!differ(&[b.clone(), a.clone()], &both));
        assert!(differ(&both[..1], &both));
        assert!(differ(&[a.clone(), moved], &both));
        assert!(differ(&both, &[a]));
        assert!(!differ(&[], &both), "earlier versions list no members");
    }
}
