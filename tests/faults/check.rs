//! The promises about a disturbed build.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use super::point::Point;
use crate::support::fixture::digest;
use crate::support::scene::{Outcome, Scene};

pub(super) const NODES: [&str; 2] = ["etcd1", "etcd2"];
/// The files of the state directory that make a cluster what it is.
const IDENTITY: [&str; 3] = ["ca.crt", "ca.key", "seed"];

/// The digests of the images in a scene.
pub(super) type Images = [Option<String>; 2];

pub(super) fn images(scene: &Scene) -> Images {
    NODES.map(|name| {
        let path = scene.image_path(name);
        path.exists().then(|| digest(&path))
    })
}

/// Returns the first broken promise of a disturbed build, and of the build after it.
pub(super) fn check(
    scene: &Scene,
    point: &Point,
    outcome: &Outcome,
    before: &Images,
    options: &[&str],
) -> Result<(), String> {
    check_end(point, outcome)?;
    let found = images(scene);
    check_images(scene, before, &found)?;
    check_sums(scene, &found)?;
    if !point.kills() {
        check_left_overs(scene)?;
    }
    // Without old images, those of an early end are incomplete.
    if found.iter().all(Option::is_some) {
        check_verify(scene)?;
    }
    let identity = IDENTITY.map(|name| fs::read(scene.at(&format!("etcd-cluster/{name}"))).ok());
    let next = scene.run("build", options);
    if next.code != Some(0) {
        return Err(format!("the next build fails: {}", next.stderr));
    }
    for (name, before) in IDENTITY.iter().zip(identity) {
        let after = fs::read(scene.at(&format!("etcd-cluster/{name}"))).ok();
        if before.is_some() && before != after {
            return Err(format!("the next build has replaced {name}"));
        }
    }
    check_left_overs(scene)?;
    check_sums(scene, &images(scene))?;
    check_verify(scene)
}

/// A fault that is not ignored is a failure of the storage, with a hint.
fn check_end(point: &Point, outcome: &Outcome) -> Result<(), String> {
    // The fault may have hit a line break on standard error.
    let is_told = || {
        let count = |word| outcome.stderr.matches(word).count();
        (count("error: "), count("hint: ")) == (1, 1)
    };
    match outcome.code {
        Some(0) => Ok(()),
        None if point.kills() => Ok(()),
        Some(5) if is_told() => Ok(()),
        code => Err(format!("ended with {code:?}: {}", outcome.stderr)),
    }
}

/// Every image is the old one, or complete: one that a manifest lists.
fn check_images(scene: &Scene, before: &Images, found: &Images) -> Result<(), String> {
    let mut known = BTreeSet::new();
    for name in ["manifest.json", "manifest.json.new"] {
        let text = fs::read(scene.at(&format!("images/{name}"))).unwrap_or_default();
        let manifest: Value = serde_json::from_slice(&text).unwrap_or_default();
        let nodes = manifest["nodes"].as_array().into_iter().flatten();
        known.extend(nodes.filter_map(|node| node["sha256"].as_str().map(str::to_owned)));
    }
    for ((name, before), found) in NODES.iter().zip(before).zip(found) {
        let is_complete = found.as_ref().is_some_and(|found| known.contains(found));
        if found != before && !is_complete {
            return Err(format!(
                "the image of {name} is neither the old one nor complete"
            ));
        }
    }
    Ok(())
}

/// `SHA256SUMS` lists the images that exist, or does not exist.
fn check_sums(scene: &Scene, found: &Images) -> Result<(), String> {
    let Ok(sums) = fs::read_to_string(scene.at("images/SHA256SUMS")) else {
        return Ok(());
    };
    let line = |(name, digest): (&&str, &Option<String>)| {
        let digest = digest.as_deref().unwrap_or("nothing");
        format!("{digest}  {name}.img\n")
    };
    let expected: String = NODES.iter().zip(found).map(line).collect();
    let sums: String = sums
        .split_inclusive('\n')
        .filter(|line| line.ends_with(".img\n"))
        .collect();
    match sums == expected {
        true => Ok(()),
        false => Err(format!("SHA256SUMS has\n{sums}instead of\n{expected}")),
    }
}

fn check_left_overs(scene: &Scene) -> Result<(), String> {
    let names = ["images", "etcd-cluster", "tmp"].map(|folder| scene.names(folder));
    let left = names
        .concat()
        .into_iter()
        .find(|name| name.ends_with(".partial") || name.starts_with("tmp/"));
    left.map_or(Ok(()), |name| Err(format!("{name} was left behind")))
}

fn check_verify(scene: &Scene) -> Result<(), String> {
    let verified = scene.bare(&["verify", "images"]);
    match verified.code {
        Some(0) => Ok(()),
        _ => Err(format!(
            "verify fails: {}{}",
            verified.stdout, verified.stderr
        )),
    }
}
