//! `--only` and `--shard`: whole clusters, single nodes as `CLUSTER/NODE`, or one of several parts.

use anyhow::Result;

use super::{Fleet, Member, shard_of};
use crate::cli::NodeOptions;
use crate::failure::Kind;
use crate::spec::advice;

/// The nodes of a cluster that a run builds.
#[derive(Debug)]
pub(crate) struct Part<'a> {
    /// The cluster.
    pub(crate) member: &'a Member,
    /// The names of the nodes, at least one.
    pub(crate) nodes: Vec<String>,
}

impl Fleet {
    /// Returns the selected nodes, cluster by cluster; all of them without `--only` and `--shard`.
    pub(crate) fn select(&self, options: &NodeOptions) -> Result<Vec<Part<'_>>> {
        let only = &options.only;
        for name in only {
            self.must_exist(name)?;
        }
        let is_selected = |member: &Member, node: &String| {
            let is_named = |name: &String| match name.split_once('/') {
                Some((cluster, own)) => cluster == member.name && own == node,
                None => *name == member.name,
            };
            let in_shard = options
                .shard
                .is_none_or(|shard| shard_of(&member.name, node, shard.count) == shard.index);
            in_shard && (only.is_empty() || only.iter().any(is_named))
        };
        let part = |member| Part {
            member,
            nodes: Vec::clone(&member.nodes)
                .into_iter()
                .filter(|node| is_selected(member, node))
                .collect(),
        };
        let parts = self.members.iter().map(part);
        Ok(parts.filter(|part| !part.nodes.is_empty()).collect())
    }

    /// Returns all nodes of the cluster with this name.
    pub(crate) fn member(&self, cluster: &str) -> Result<Part<'_>> {
        let Some(member) = self.members.iter().find(|member| member.name == cluster) else {
            let known: Vec<&str> = self.members.iter().map(|it| it.name.as_str()).collect();
            let message = format!("there is no cluster `{cluster}` in the fleet");
            return Err(Kind::Usage.error(message, advice(cluster, &known)));
        };
        Ok(Part {
            member,
            nodes: member.nodes.clone(),
        })
    }

    fn must_exist(&self, name: &str) -> Result<()> {
        let (cluster, node) = name
            .split_once('/')
            .map_or((name, None), |(cluster, node)| (cluster, Some(node)));
        let Some(member) = self.members.iter().find(|member| member.name == cluster) else {
            let known: Vec<&str> = self
                .members
                .iter()
                .map(|member| member.name.as_str())
                .collect();
            let message = format!("--only: there is no cluster `{cluster}` in the fleet");
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
