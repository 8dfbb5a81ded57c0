//! Tests the stores that several machines share.

mod cache;
mod credentials;
mod cut;
#[cfg(target_os = "linux")]
mod interrupted;
mod merge;
mod moto;
mod oci;
mod oci_digest;
mod oci_login;
mod oci_trouble;
mod real_s3;
mod refused;
mod registry;
mod s3;
pub(crate) mod server;
#[cfg(target_os = "linux")]
mod signed;
mod snapshots;

use crate::support::scene::{Outcome, Scene};
use server::Server;

/// A secret key of age, and the recipient that belongs to it.
pub(crate) const IDENTITY: &str =
    "AGE-SECRET-KEY-1GQ9778VQXMMJVE8SK7J6VT8UJ4HDQAJUVSFCWCM02D8GEWQ72PVQ2Y5J33";
pub(crate) const RECIPIENT: &str = "age1t7rxyev2z3rw82stdlrrepyc39nvn86l5078zqkf5uasdy86jp6svpy7pa";

/// The options of a build of one node that goes to a store.
const SENT: [&str; 5] = ["--nodes", "1", "--out", "s3://lab/run/1", "--encrypt-to"];

/// A card written from that store.
const FLASH: [&str; 6] = [
    "flash",
    "--yes-really",
    "s3://lab/run/1",
    "card",
    "--identity",
    "key",
];

/// Runs `etcd-image` on the scene's inputs against an S3 server.
fn build(scene: &Scene, server: &Server, options: &[&str]) -> Outcome {
    let inputs = scene.inputs().iter().map(String::as_str);
    let line: Vec<&str> = ["build"]
        .into_iter()
        .chain(inputs)
        .chain(options.iter().copied())
        .collect();
    run(scene, server, &line)
}

/// Runs `etcd-image` with exactly these arguments against an S3 server.
fn run(scene: &Scene, server: &Server, arguments: &[&str]) -> Outcome {
    let outcome = scene.bare_with_variables(&variables(server), arguments);
    for text in [&outcome.stdout, &outcome.stderr] {
        assert!(!text.contains("hunter2"), "a secret was printed: {text}");
    }
    outcome
}

/// Returns the environment variables with which the program uses an S3 server, each as `NAME=VALUE`.
pub(crate) fn variables(server: &Server) -> Vec<String> {
    let variables = [
        ("AWS_ENDPOINT_URL", server.url()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "hunter2".to_owned()),
        ("AWS_REGION", "eu-central-1".to_owned()),
    ];
    let variables = variables.into_iter();
    let named = variables.map(|(name, value)| format!("{name}={value}"));
    named.collect()
}
