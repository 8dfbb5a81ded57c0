//! A build that is refused, and what must not be left of it.

use super::scene::{Outcome, Scene};

/// A build that must fail, and leave nothing.
#[track_caller]
pub(crate) fn refused(scene: &Scene, options: &[&str], code: i32, things: &[&str]) -> Outcome {
    let outcome = scene.run("build", &[&["--nodes", "3"], options].concat());
    outcome.refused_naming(code, things);
    leaves_nothing(scene);
    outcome
}

/// There is no image, no half of one, and no forgotten temporary file.
#[track_caller]
pub(crate) fn leaves_nothing(scene: &Scene) {
    let left = ["images", "tmp"]
        .iter()
        .flat_map(|folder| scene.names(folder));
    let left: Vec<_> = left
        .filter(|path| path != "images/.etcd-image.lock")
        .collect();
    assert!(left.is_empty(), "left behind: {left:?}");
}
