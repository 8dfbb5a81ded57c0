//! Many clusters from one description: `fleet.toml` names a template and a table of clusters, and each row of the table yields an
//! ordinary [`Cluster`].
//!
//! ```text
//! fleet.toml ──▶ template (a cluster.toml) ─┐
//!           └──▶ rows (TOML or CSV) ────────┴──▶ spec::resolve, once per row ──▶ Cluster
//! ```
//!
//! Rows are resolved all together for the check, and again one by one when a cluster has its turn, so that the memory does not
//! grow with the number of clusters.

mod collisions;
mod comparable;
mod file;
mod quotes;
mod row;
mod select;
mod shard;
mod spreadsheet;

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::Result;

pub(crate) use select::SelectedCluster;
pub(crate) use shard::shard_of;

use crate::cli::{BuildOptions, Environment};
use crate::count::count;
use crate::spec::{self, Cluster, FleetRow, Input, Invalid, Purpose};
use collisions::Collisions;

/// A fleet whose clusters are all valid and do not collide.
#[derive(Debug)]
pub(crate) struct Fleet {
    template: Input,
    /// The clusters in the order of the table.
    pub(crate) clusters: Vec<FleetCluster>,
}

/// A cluster of a fleet.
#[derive(Debug)]
pub(crate) struct FleetCluster {
    /// The name of the cluster, and of its directories.
    pub(crate) name: String,
    /// The names of its nodes.
    pub(crate) nodes: Vec<String>,
    row: FleetRow,
}

impl Fleet {
    /// Reads a fleet and checks every cluster; the error contains all complaints.
    pub(crate) fn open(
        path: &Path,
        work: &BuildOptions,
        environment: &Environment,
        purpose: Purpose,
    ) -> Result<Self> {
        let description = file::read(path)?;
        let hint = format!("correct `template` in {}", path.display());
        let template = Some(spec::named_text(&description.template, &hint)?);
        let template = Input::gather_with(template, work, environment, purpose)?;
        Ok(Self::new(template, description.rows)?)
    }

    fn new(template: Input, rows: Vec<row::WrittenRow>) -> Result<Self, Invalid> {
        let mut complaints = Gathered::default();
        let mut collisions = Collisions::default();
        let mut clusters = Vec::new();
        for written in rows {
            let row = match written.row() {
                Ok(row) => row,
                Err(wrong) => {
                    complaints.extend(&written.place, wrong);
                    continue;
                }
            };
            match resolve(&template, &row) {
                Ok(cluster) => {
                    complaints.extend(&row.place, collisions.add(&cluster, &row.place));
                    let nodes = cluster.nodes.into_iter().map(|node| node.name);
                    clusters.push(FleetCluster {
                        name: cluster.name,
                        nodes: nodes.collect(),
                        row,
                    });
                }
                Err(invalid) => complaints.extend(&row.place, invalid.complaints),
            }
        }
        complaints.settle()?;
        Ok(Self { template, clusters })
    }

    /// Returns a cluster of the fleet with its settings.
    pub(crate) fn resolve(&self, cluster: &FleetCluster) -> Result<Cluster> {
        Ok(resolve(&self.template, &cluster.row)?)
    }
}

fn resolve(template: &Input, row: &FleetRow) -> Result<Cluster, Invalid> {
    spec::resolve(&Input {
        row: Some(row.clone()),
        ..template.clone()
    })
}

/// The complaints about all rows. One that several rows cause in the same words appears once.
#[derive(Default)]
struct Gathered {
    /// The complaint, the first row, and the number of further rows.
    found: Vec<(String, String, usize)>,
    known: BTreeMap<String, usize>,
}

impl Gathered {
    fn extend(&mut self, row: &str, complaints: Vec<String>) {
        for complaint in complaints {
            if let Some((_, _, others)) = self
                .known
                .get(&complaint)
                .and_then(|at| self.found.get_mut(*at))
            {
                *others += 1;
                continue;
            }
            self.known.insert(complaint.clone(), self.found.len());
            self.found.push((complaint, row.to_owned(), 0));
        }
    }

    fn settle(self) -> Result<(), Invalid> {
        if self.found.is_empty() {
            return Ok(());
        }
        let line = |(complaint, row, others): (String, String, usize)| match others {
            _ if complaint.starts_with(&row) => complaint,
            0 => format!("{row}: {complaint}"),
            more => format!("{row}: {complaint} (and in {})", count(more, "other row")),
        };
        Err(Invalid {
            complaints: self.found.into_iter().map(line).collect(),
            advice: None,
        })
    }
}

#[cfg(test)]
mod tests;
