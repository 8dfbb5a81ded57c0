//! What `etcd-image plan` prints: text for people, the manifest's file records as JSON.

use std::fmt::{self, Display, Formatter};

use serde::{Serialize, Serializer};

use super::manifest::FileRecord;
use crate::plan::Plan;

/// The plans of the nodes that were asked for.
#[derive(Debug)]
pub struct Plans(Vec<Plan>);

#[derive(Serialize)]
struct Shape<'a> {
    format: u32,
    nodes: Vec<Node<'a>>,
}

#[derive(Serialize)]
struct Node<'a> {
    name: &'a str,
    disk_id_before: String,
    disk_id_after: String,
    files: Vec<FileRecord>,
}

impl Plans {
    /// Plans to be printed.
    pub fn new(plans: Vec<Plan>) -> Self {
        Self(plans)
    }
}

impl Serialize for Plans {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let node = |plan: &'_ Plan| {
            (
                format!("{:08x}", plan.disk_id.0),
                format!("{:08x}", plan.disk_id.1),
            )
        };
        let nodes = self.0.iter().map(|plan| {
            let (disk_id_before, disk_id_after) = node(plan);
            let files = plan.steps.iter().map(FileRecord::planned).collect();
            Node {
                name: &plan.node,
                disk_id_before,
                disk_id_after,
                files,
            }
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
        self.0.iter().try_for_each(|plan| write!(f, "{plan}"))
    }
}
