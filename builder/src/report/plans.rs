//! The output of `etcd-image plan`: text for people, the manifest's file records as JSON.

use std::fmt::{self, Display, Formatter};
use std::path::PathBuf;

use serde::{Serialize, Serializer};

use super::file_record::FileRecord;
use crate::cli::OutputOptions;
use crate::image_format::ImageFormat;
use crate::plan::Plan;

/// The plans of the requested nodes.
#[derive(Debug)]
pub(crate) struct Plans(Vec<(PathBuf, Plan)>);

#[derive(Serialize)]
struct PlansJson<'a> {
    format: u32,
    nodes: Vec<PlannedNode<'a>>,
}

#[derive(Serialize)]
struct PlannedNode<'a> {
    name: &'a str,
    image: String,
    disk_id_before: String,
    disk_id_after: String,
    files: Vec<FileRecord>,
}

impl Plans {
    /// Creates the output for images that would be written. One in several formats is named by the first of them.
    pub(crate) fn new(plans: Vec<Plan>, output: &OutputOptions) -> Self {
        let first = output.formats.iter().min();
        let format = first.copied().unwrap_or(ImageFormat::Img);
        let path = |plan: &Plan| output.out.join(format.file_name(&plan.node));
        let with_path = |plan: Plan| (path(&plan), plan);
        Self(plans.into_iter().map(with_path).collect())
    }
}

/// The plans of the clusters of a fleet, as JSON.
#[derive(Debug, Serialize)]
pub(crate) struct FleetPlans {
    format: u32,
    clusters: Vec<ClusterPlans>,
}

#[derive(Debug, Serialize)]
struct ClusterPlans {
    name: String,
    #[serde(flatten)]
    plans: serde_json::Value,
}

impl FleetPlans {
    /// Creates an empty list.
    pub(crate) fn new() -> Self {
        Self {
            format: 1,
            clusters: Vec::new(),
        }
    }

    /// Adds the plans of a cluster.
    pub(crate) fn add(&mut self, cluster: &str, plans: &Plans) -> anyhow::Result<()> {
        self.clusters.push(ClusterPlans {
            name: cluster.to_owned(),
            plans: serde_json::to_value(plans)?,
        });
        Ok(())
    }
}

impl Serialize for Plans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nodes = self.0.iter().map(|(image, plan)| PlannedNode {
            name: &plan.node,
            image: image.display().to_string(),
            disk_id_before: format!("{:08x}", plan.disk_id.0),
            disk_id_after: format!("{:08x}", plan.disk_id.1),
            files: plan.steps.iter().map(FileRecord::planned).collect(),
        });
        PlansJson {
            format: 1,
            nodes: nodes.collect(),
        }
        .serialize(serializer)
    }
}

impl Display for Plans {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.0
            .iter()
            .try_for_each(|(image, plan)| write!(f, "{}: {plan}", image.display()))
    }
}
