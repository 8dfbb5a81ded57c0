//! The main job on a real base: set the machine up, build three nodes, check them, print the report.

use std::path::PathBuf;

use crate::command::{Outcome, program, root, start};
use crate::setup;

/// Builds `images/etcd1.img` … `etcd3.img` from the debian-trixie base.
pub(crate) fn run() -> Outcome {
    setup::demo_tools()?;
    let key = ssh_key()?;
    let key = key.to_string_lossy();
    etcd_image(&[
        "build",
        "--nodes",
        "3",
        "--base",
        "debian-trixie",
        "--etcd",
        "debian",
        "--ssh-key",
        &key,
    ])?;
    etcd_image(&["verify", "images"])
}

/// Builds the program in the profile the tests use and runs it at the root of the checkout.
pub(crate) fn etcd_image(arguments: &[&str]) -> Outcome {
    let mut command = program("cargo", &["run", "--quiet", "--bin", "etcd-image", "--"]);
    start(command.args(arguments))
}

/// A key that may log in: the person's own, or one made for the demonstration under target/.
fn ssh_key() -> Outcome<PathBuf> {
    let own = std::env::home_dir().map(|home| home.join(".ssh/id_ed25519.pub"));
    if let Some(own) = own.filter(|path| path.is_file()) {
        return Ok(own);
    }
    let folder = root().join("target/demo");
    let key = folder.join("id_ed25519");
    if !key.is_file() {
        let made = std::fs::create_dir_all(&folder);
        made.map_err(|error| format!("making {}: {error}", folder.display()))?;
        let key = key.to_string_lossy();
        run_keygen(&key)?;
    }
    Ok(key.with_extension("pub"))
}

fn run_keygen(key: &str) -> Outcome {
    crate::command::run(
        "ssh-keygen",
        &[
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "etcd-image demo",
            "-f",
            key,
        ],
    )
}
