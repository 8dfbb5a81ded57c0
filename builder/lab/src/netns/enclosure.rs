//! Namespaces for one scenario: networks, mounts and processes that disappear with its first process.

use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

const OWN: &[&str] = &[
    "--net",
    "--pid",
    "--mount",
    "--mount-proc",
    "--fork",
    "--kill-child=KILL",
];
/// The flags that make an ordinary user root over the other namespaces.
const USER: &[&str] = &["--user", "--map-root-user"];

/// Returns a command that runs this program inside the namespaces; the caller adds the arguments.
pub(super) fn enclosed() -> Result<Command> {
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL", "unshare"]);
    command
        .args(possible()?)
        .args(OWN)
        .arg(std::env::current_exe()?);
    Ok(command)
}

/// Returns the flags that this machine needs in addition to [`OWN`].
fn possible() -> Result<&'static [&'static str]> {
    let mut reason = String::new();
    let choices = if rustix::process::geteuid().is_root() {
        [&[], USER]
    } else {
        [USER, USER]
    };
    for user in choices {
        let attempt = Command::new("unshare")
            .args(user)
            .args(OWN)
            .arg("true")
            .output();
        let attempt = attempt.context("starting unshare")?;
        if attempt.status.success() {
            return Ok(user);
        }
        reason = String::from_utf8_lossy(&attempt.stderr).into_owned();
    }
    bail!(
        "this machine gives us no namespaces: {} (allow user namespaces, or run as root)",
        reason.trim()
    )
}

/// Mounts a private `/run`. Fails outside the namespaces.
pub(super) fn mount_run() -> Result<()> {
    if rustix::process::getpid().as_raw_nonzero().get() != 1 {
        bail!("this command is a part of `lab`; run `cargo xtask lab`");
    }
    super::root::bounded(Path::new("/run"), 4 << 30)
}
