//! How the images were made: an in-toto statement with SLSA provenance, version 1.
//!
//! Format: <https://slsa.dev/spec/v1.0/provenance>. It names no machine, no path and no secret.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::report::{BuildRecord, InputRecord, Manifest, NodeRecord};

/// The name of the file.
pub(super) const FILE_NAME: &str = "provenance.json";
/// The name of the lock file among the inputs.
const LOCK: &str = "etcd-image.lock";

/// Returns the record of the build that writes the manifest, with this lock file.
pub(super) fn build(manifest: &Manifest, lock_sha256: &str) -> BuildRecord {
    BuildRecord {
        version: manifest.version.clone(),
        lock: lock_sha256.to_owned(),
    }
}

/// Returns the statement about all files of the images. The lock file names all their inputs, so images that another build left in
/// the directory, with another lock file or by another version, are not stated; without a lock file, all images are.
pub(super) fn statement(manifest: &Manifest, lock_sha256: Option<&str>) -> Result<Vec<u8>> {
    let build = lock_sha256.map(|sha256| build(manifest, sha256));
    let is_stated = |node: &&NodeRecord| build.is_none() || node.build == build;
    let nodes = || manifest.nodes.iter().filter(&is_stated);
    let outputs = nodes().flat_map(|node| &node.outputs);
    let subject = outputs.map(|it| json!({ "name": it.name, "digest": { "sha256": it.sha256 } }));
    let inputs = nodes().flat_map(|node| [("base", &node.base), ("etcd", &node.etcd)]);
    // Nodes of one build have the same inputs.
    let inputs: BTreeMap<_, _> = inputs.map(|(role, it)| ((role, &it.sha256), it)).collect();
    let dependencies = inputs.iter().map(|((role, _), it)| dependency(role, it));
    let lock = |sha256| json!({ "name": LOCK, "digest": { "sha256": sha256 } });
    let dependencies = dependencies.chain(lock_sha256.map(lock));
    let names = nodes().map(|node| node.name.as_str());
    let statement = json!({
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subject.collect::<Vec<_>>(),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": "urn:etcd-image:build:v1",
                "externalParameters": {
                    "cluster": manifest.cluster,
                    "nodes": names.collect::<Vec<_>>(),
                },
                "resolvedDependencies": dependencies.collect::<Vec<_>>(),
            },
            "runDetails": {
                "builder": {
                    "id": "urn:etcd-image",
                    "version": { "etcd-image": manifest.version },
                },
            },
        },
    });
    let mut bytes = serde_json::to_vec_pretty(&statement).context("writing the provenance")?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Returns the SHA-256 of the lock file, as a statement has it.
pub(super) fn lock_sha256(statement: &str) -> Option<String> {
    let statement: Value = serde_json::from_str(statement).ok()?;
    let inputs = statement.pointer("/predicate/buildDefinition/resolvedDependencies")?;
    let lock = inputs.as_array()?.iter().find(|it| it["name"] == LOCK)?;
    Some(lock.pointer("/digest/sha256")?.as_str()?.to_owned())
}

fn dependency(role: &str, input: &InputRecord) -> Value {
    let mut dependency = json!({
        "name": format!("{role}: {}", input.name),
        "digest": { "sha256": input.sha256 },
    });
    if let Some(address) = super::address_of(input) {
        dependency["uri"] = json!(address);
    }
    dependency
}
