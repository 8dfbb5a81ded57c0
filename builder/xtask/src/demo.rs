//! The main job on a real base: prepare the machine, build three nodes, verify them, boot them.

use std::path::{Path, PathBuf};

use crate::command::{self, Outcome, root};
use crate::setup;

/// Builds `images/etcd1.img` … `etcd3.img` from the debian-trixie base and verifies them.
pub(crate) fn run() -> Outcome {
    setup::makers()?;
    command::run("cargo", &["build", "--quiet", "--bin", "etcd-image"])?;
    let build = build_command(Path::new("images"))?;
    start_words(&build)?;
    start_words(&[PROGRAM, "verify", "images"].map(str::to_owned))
}

/// Boots the built images until they are a healthy cluster, and shows it.
pub(crate) fn boot() -> Outcome {
    start_words(&boot_command()?)
}

/// Returns the command that boots the built images.
pub(crate) fn boot_command() -> Outcome<Vec<String>> {
    let mut words = [PROGRAM, "boot", "images"].map(str::to_owned).to_vec();
    let key = ssh_key()?.with_extension("");
    // The user's own key is found without an option.
    if key.starts_with(root()) {
        words.extend(["--ssh-identity".to_owned(), key.display().to_string()]);
    }
    Ok(words)
}

/// Returns the command that builds the nodes in the directory `out`.
pub(crate) fn build_command(out: &Path) -> Outcome<Vec<String>> {
    let key = ssh_key()?;
    let (out, key) = (out.to_string_lossy(), key.to_string_lossy());
    let words = [
        PROGRAM,
        "build",
        "--nodes",
        "3",
        "--base",
        "debian-trixie",
        "--etcd",
        "debian",
        "--state",
        "etcd-cluster",
        "--out",
        &out,
        "--ssh-key",
        &key,
    ];
    Ok(words.map(str::to_owned).to_vec())
}

/// The path of the program built by cargo, from the root of the checkout.
pub(crate) const PROGRAM: &str = "target/debug/etcd-image";

fn start_words(words: &[String]) -> Outcome {
    let arguments: Vec<&str> = words.iter().skip(1).map(String::as_str).collect();
    command::run(PROGRAM, &arguments)
}

/// Returns a key to authorize: the user's own, or one made for the demonstration under target/.
pub(crate) fn ssh_key() -> Outcome<PathBuf> {
    let own = std::env::home_dir().map(|home| home.join(".ssh/id_ed25519.pub"));
    if let Some(own) = own.filter(|path| path.is_file()) {
        return Ok(own);
    }
    let folder = root().join("target/demo");
    let key = folder.join("id_ed25519");
    if !key.is_file() {
        command::create_folder(&folder)?;
        let key = key.to_string_lossy();
        let words = [
            "-q",
            "-t",
            "ed25519",
            "-N",
            "",
            "-C",
            "etcd-image demo",
            "-f",
            &key,
        ];
        command::run("ssh-keygen", &words)?;
    }
    Ok(key.with_extension("pub"))
}
