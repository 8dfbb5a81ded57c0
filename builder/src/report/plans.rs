//! The output of `etcd-image plan`: text for people, the manifest's file records as JSON.

use std::fmt::{self, Display, Formatter};
use std::path::{Path, PathBuf};

use serde::{Serialize, Serializer};

use super::file_record::FileRecord;
use crate::plan::Plan;

/// The plans of the requested nodes.
#[derive(Debug)]
pub(crate) struct Plans(Vec<(PathBuf, Plan)>);

#[derive(Serialize)]
struct Shape<'a> {
    format: u32,
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    image: String,
    disk_id_before: String,
    disk_id_after: String,
    files: Vec<FileRecord>,
}

impl Plans {
    /// Creates the output for images that would be written into the directory `out`.
    pub(crate) fn new(plans: Vec<Plan>, out: &Path) -> Self {
        let with_path = |plan: Plan| (out.join(plan.image()), plan);
        Self(plans.into_iter().map(with_path).collect())
    }
}

impl Serialize for Plans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nodes = self.0.iter().map(|(image, plan)| Node {
            name: &plan.node,
            image: image.display().to_string(),
            disk_id_before: format!("{:08x}", plan.disk_id.0),
            disk_id_after: format!("{:08x}", plan.disk_id.1),
            files: plan.steps.iter().map(FileRecord::planned).collect(),
        });
        Shape {
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
