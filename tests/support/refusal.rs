//! Checks that a refused build leaves nothing behind.

use super::scene::{Outcome, Scene};

/// Asserts that a build fails as expected and leaves nothing behind.
#[track_caller]
pub(crate) fn refused(scene: &Scene, options: &[&str], code: i32, things: &[&str]) -> Outcome {
    let outcome = scene.run("build", &[&["--nodes", "3"], options].concat());
    outcome.refused_naming(code, things);
    leaves_nothing(scene);
    outcome
}

/// Asserts that there is no image, complete or partial, and no temporary file.
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
