//! `--only` and `--shard`: whole clusters, single nodes as `CLUSTER/NODE`, or one of several parts.

use anyhow::Result;

use super::{Fleet, FleetCluster, shard_of};
use crate::cli::NodeOptions;
use crate::failure::Kind;
use crate::spec::advice;

/// The nodes of a cluster that a run builds.
#[derive(Debug)]
pub(crate) struct SelectedCluster<'a> {
    /// The cluster.
    pub(crate) cluster: &'a FleetCluster,
    /// The names of the nodes, at least one.
    pub(crate) nodes: Vec<String>,
}

impl Fleet {
    /// Returns the selected nodes, cluster by cluster; all of them without `--only` and `--shard`.
    pub(crate) fn select(&self, options: &NodeOptions) -> Result<Vec<SelectedCluster<'_>>> {
        let only = &options.only;
        for name in only {
            self.must_exist(name)?;
        }
        let is_selected = |cluster: &FleetCluster, node: &String| {
            let is_named = |name: &String| match name.split_once('/') {
                Some((named, own)) => named == cluster.name && own == node,
                None => *name == cluster.name,
            };
            let in_shard = options
                .shard
                .is_none_or(|shard| shard_of(&cluster.name, node, shard.count) == shard.index);
            in_shard && (only.is_empty() || only.iter().any(is_named))
        };
        let select = |cluster| SelectedCluster {
            cluster,
            nodes: Vec::clone(&cluster.nodes)
                .into_iter()
                .filter(|node| is_selected(cluster, node))
                .collect(),
        };
        let selected = self.clusters.iter().map(select);
        Ok(selected.filter(|it| !it.nodes.is_empty()).collect())
    }

    /// Returns all nodes of the cluster with this name.
    pub(crate) fn select_cluster(&self, name: &str) -> Result<SelectedCluster<'_>> {
        let Some(cluster) = self.clusters.iter().find(|it| it.name == name) else {
            let known: Vec<&str> = self.clusters.iter().map(|it| it.name.as_str()).collect();
            let message = format!("there is no cluster `{name}` in the fleet");
            return Err(Kind::Usage.error(message, advice(name, &known)));
        };
        Ok(SelectedCluster {
            cluster,
            nodes: cluster.nodes.clone(),
        })
    }

    fn must_exist(&self, name: &str) -> Result<()> {
        let (cluster, node) = name
            .split_once('/')
            .map_or((name, None), |(cluster, node)| (cluster, Some(node)));
        let Some(member) = self.clusters.iter().find(|member| member.name == cluster) else {
            let known: Vec<&str> = self
                .clusters
                .iter()
                .map(|member| member.name.as_str())
                .collect();
            let message = format!("--only: there is no cluster `{name}` in the fleet");
            return Err(Kind::Usage.error(message, advice(cluster, &known)));
        };
        let known: Vec<&str> = member.nodes.iter().map(String::as_str).collect();
        match node.filter(|node| !known.contains(node)) {
            None => Ok(()),
            Some(node) => {
                let message = format!("--only: there is no node `{node}` in cluster {cluster}");
                Err(Kind::Usage.error(message, advice(node, &known)))
            }
        }
    }
}
