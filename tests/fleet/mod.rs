//! Tests builds of many clusters from one description.

mod build;
#[cfg(target_os = "linux")]
mod engines;
mod killed;
mod shards;
mod signed;
#[cfg(target_os = "linux")]
mod slurm;

use crate::support::scene::Scene;

const TEMPLATE: &str = "[cluster]\ndomain = \"lab\"\n";
const FLEET: &str = "template = \"lab.toml\"\ntable = \"clusters.csv\"\n";
const TABLE: &str = "name,addresses\nhome,192.168.0.11 192.168.0.12\nwest,192.168.0.21\n";

/// Creates a scene with a fleet of two clusters, the first of which has a node in each of two shards.
pub(crate) fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_790_000_000);
    scene.file("lab.toml", TEMPLATE).file("fleet.toml", FLEET);
    scene.file("clusters.csv", TABLE);
    scene
}
