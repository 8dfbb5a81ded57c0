//! `--only`: selects nodes of a cluster.

use super::cluster::{Cluster, Node};
use super::nearest::advice;
use crate::failure::Kind;

impl Cluster {
    /// Returns the nodes to build in the order of the cluster, or all of them if no name is given.
    pub fn select(&self, only: &[String]) -> anyhow::Result<Vec<&Node>> {
        let names: Vec<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        if let Some(wrong) = only.iter().find(|name| !names.contains(&name.as_str())) {
            let advice = advice(wrong, &names);
            let message = format!("--only: there is no node `{wrong}`");
            return Err(Kind::Usage.error(message, advice));
        }
        Ok(self
            .nodes
            .iter()
            .filter(|node| only.is_empty() || only.contains(&node.name))
            .collect())
    }
}
