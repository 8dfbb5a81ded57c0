//! Which image goes to which device, from the command line.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::trusted::Trusted;
use crate::cli::FlashOptions;
use crate::count::count;
use crate::failure::Kind;
use crate::report::{FleetRecord, Manifest, NodeRecord};
use crate::shell;

/// Why two cards must not get images of the same node.
pub(super) const SAME_IDENTITY: &str = "two boards with the same identity harm the cluster";
/// What to do instead.
pub(super) const ONE_EACH: &str =
    "name one card for each node, as in `etcd1=/dev/sda etcd2=/dev/sdb`";

/// An image, and the card that it is written to.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Assignment {
    pub(super) image: PathBuf,
    pub(super) device: PathBuf,
}

/// Returns which image goes to which card, each device and each image once.
pub(super) fn assignments(options: &FlashOptions, trusted: Trusted<'_>) -> Result<Vec<Assignment>> {
    let assignments = match options.all {
        true => all(options, trusted)?,
        false => named(options, trusted)?,
    };
    refuse_repeated(
        &assignments,
        |assignment| &assignment.device,
        "is named twice; a card holds one node",
    )?;
    refuse_repeated(
        &assignments,
        |assignment| &assignment.image,
        &format!("would go to two cards; {SAME_IDENTITY}"),
    )?;
    Ok(assignments)
}

fn refuse_repeated(
    assignments: &[Assignment],
    part: impl Fn(&Assignment) -> &PathBuf,
    why: &str,
) -> Result<()> {
    for (index, assignment) in assignments.iter().enumerate() {
        if assignments[..index]
            .iter()
            .any(|other| part(other) == part(assignment))
        {
            let message = format!("{} {why}", part(assignment).display());
            return Err(usage(message, ONE_EACH));
        }
    }
    Ok(())
}

/// Reads `NODE DEVICE`, `IMG DEVICE`, or any number of `NODE=DEVICE`.
fn named(options: &FlashOptions, trusted: Trusted<'_>) -> Result<Vec<Assignment>> {
    let targets = &options.targets;
    let pairs: Option<Vec<(&str, &str)>> = targets
        .iter()
        .map(|target| target.split_once('='))
        .collect();
    let pairs = match (pairs, &targets[..]) {
        (Some(pairs), _) => pairs,
        (None, [image, device]) => vec![(image.as_str(), device.as_str())],
        (None, _) => {
            let message = format!(
                "`{}` does not say which image goes to which device",
                targets.join(" ")
            );
            return Err(usage(
                message,
                "write `flash NODE DEVICE`, or `flash NODE=DEVICE NODE=DEVICE …`",
            ));
        }
    };
    let assignment = |(image, device)| {
        Ok(Assignment {
            image: image_of(image, options, trusted)?,
            device: PathBuf::from(device),
        })
    };
    pairs.into_iter().map(assignment).collect()
}

/// Returns the path of an image, which is named by its path or by its node.
fn image_of(name: &str, options: &FlashOptions, trusted: Trusted<'_>) -> Result<PathBuf> {
    if name.contains('/') || Path::new(name).is_file() {
        return Ok(PathBuf::from(name));
    }
    let manifest = manifest(&options.images, Some(name), trusted)?;
    match manifest.nodes.iter().find(|node| node.name == name) {
        Some(node) => Ok(file_of(node, &options.images)),
        None => Err(usage(
            format!("{} has no image of a node {name}", options.place()),
            format!(
                "its nodes are {}; name one of them or the path of an image",
                node_names(&manifest)
            ),
        )),
    }
}

/// Returns the file to read of a node's image: the first that exists, thus a raw one if possible. Whoever fetched published
/// images may have only a compressed one.
fn file_of(node: &NodeRecord, images: &Path) -> PathBuf {
    let mut files = node.outputs.iter().map(|output| images.join(&output.name));
    let existing = files.find(|file| file.is_file());
    existing.unwrap_or_else(|| images.join(&node.image))
}

/// Returns the nodes of the manifest with the devices in the same order, once the user has agreed.
fn all(options: &FlashOptions, trusted: Trusted<'_>) -> Result<Vec<Assignment>> {
    let manifest = manifest(&options.images, None, trusted)?;
    let (nodes, devices) = (&manifest.nodes, &options.targets);
    if nodes.len() != devices.len() {
        let message = format!(
            "{} has {} ({}), but the command line names {}",
            options.place(),
            count(nodes.len(), "node"),
            node_names(&manifest),
            count(devices.len(), "device")
        );
        return Err(usage(
            message,
            "name one device for each node, or use NODE=DEVICE",
        ));
    }
    let pairs = || nodes.iter().zip(devices);
    let line: Vec<_> = pairs()
        .map(|(node, device)| shell::word(&format!("{}={device}", node.name)))
        .collect();
    confirm(options, &line.join(" "))?;
    let assignment = |(node, device): (&NodeRecord, &String)| Assignment {
        image: file_of(node, &options.images),
        device: PathBuf::from(device),
    };
    Ok(pairs().map(assignment).collect())
}

/// Asks on the terminal whether the assignment is right.
fn confirm(options: &FlashOptions, assignment: &str) -> Result<()> {
    let command = format!("etcd-image flash {} {assignment}", options.origin());
    let unconfirmed = |message: &str| usage(message, format!("run `{command}`"));
    if !io::stdin().is_terminal() {
        return Err(unconfirmed(
            "--all asks for confirmation, but standard input is not a terminal",
        ));
    }
    let mut stderr = io::stderr();
    let asked =
        write!(stderr, "{assignment}\nWrite these cards? [y/N] ").and_then(|()| stderr.flush());
    let mut answer = String::new();
    asked
        .and_then(|()| io::stdin().lock().read_line(&mut answer))
        .context("asking for confirmation")?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(unconfirmed("not confirmed; nothing was written")),
    }
}

/// Reads the manifest of the images, which has to list `node`.
fn manifest(images: &Path, node: Option<&str>, trusted: Trusted<'_>) -> Result<Manifest> {
    if let Some(fleet) = FleetRecord::read(images)? {
        return Err(is_fleet(images, &fleet, node));
    }
    let (_, manifests) = trusted.manifests(images, true)?;
    // The first one lists the images that are there; a second one exists only after an interrupted build.
    manifests.into_iter().next().ok_or_else(|| {
        usage(
            format!("{} has no manifest", images.display()),
            "name a directory with manifest.json with `--images`, or an image by its path",
        )
    })
}

/// Explains that a directory has the images of several clusters, and names that of the node if it is known.
fn is_fleet(images: &Path, fleet: &FleetRecord, node: Option<&str>) -> anyhow::Error {
    let message = format!("{} is a fleet", images.display());
    let has = |name: &str| {
        let mut clusters = fleet.clusters.iter();
        clusters.find(|cluster| cluster.nodes.iter().any(|it| it == name))
    };
    let hint = match (node.and_then(has), fleet.clusters.first()) {
        (Some(cluster), _) => {
            let folder = images.join(&cluster.name);
            format!("use `--images {}`", shell::path(&folder))
        }
        (None, Some(first)) => format!(
            "name the directory of one cluster, as in `--images {}`",
            shell::path(&images.join(&first.name))
        ),
        (None, None) => "it has no cluster: build it again".to_owned(),
    };
    usage(message, hint)
}

fn node_names(manifest: &Manifest) -> String {
    let names: Vec<_> = manifest
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    names.join(", ")
}

fn usage(message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
    Kind::Usage.error(message, hint)
}
