//! A world of our own: network, process and mount namespaces, in which this program runs once more.
//!
//! ```text
//!   etcd-image boot ──▶ setpriv (dies with us) ──▶ unshare ──▶ etcd-image, process 1 of its namespace ──▶ QEMU, ssh
//! ```
//!
//! **Invariant**: nothing is left behind. The kernel kills `unshare` when we end, however we end, then process 1, then
//! everything else in its namespace; bridge, taps and the scratch folder go with the last process.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;

use super::fault::{Fault, FaultKind};
use super::program::{SETPRIV, UNSHARE};

/// The namespaces, as root and otherwise. The user namespace makes the person root over the others.
const PLAIN: &[&str] = &["--net", "--pid", "--mount", "--fork", "--kill-child"];
const WITH_USER: &[&str] = &[
    "--user",
    "--map-root-user",
    "--net",
    "--pid",
    "--mount",
    "--fork",
    "--kill-child",
];

/// How another terminal gets into our namespaces.
pub fn enter_command() -> String {
    // This /proc is still that of the world outside.
    let process = fs_err::read_link("/proc/self").unwrap_or_default();
    let map = fs_err::read_to_string("/proc/self/uid_map").unwrap_or_default();
    let outside = map.split_whitespace().nth(1).unwrap_or("0");
    let user = if outside == "0" {
        ""
    } else {
        " --user --preserve-credentials"
    };
    format!("nsenter --target {}{user} --net --", process.display())
}

/// A command that runs `program` inside; add its arguments.
pub fn enclosed(program: &Path) -> Result<Command> {
    let flags = possible()?;
    let mut command = SETPRIV.command()?;
    command.args(["--pdeathsig", "KILL"]).arg(UNSHARE.find()?);
    command.args(flags).arg("--").arg(program);
    Ok(command)
}

/// The namespaces this machine lets us have.
fn possible() -> Result<&'static [&'static str]> {
    let root = rustix::process::geteuid().is_root();
    let plain = root.then(|| attempt(PLAIN)).transpose()?;
    if plain.is_some_and(|output| output.status.success()) {
        return Ok(PLAIN);
    }
    let output = attempt(WITH_USER)?;
    match output.status.success() {
        true => Ok(WITH_USER),
        false => Err(refused(String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn attempt(flags: &[&str]) -> Result<Output> {
    UNSHARE.output(&[flags, &["--", "true"]].concat())
}

fn refused(reason: &str) -> anyhow::Error {
    Fault::new(
        FaultKind::Usage,
        format!("this machine gives us no network of our own: {reason}"),
        "allow user namespaces (sysctl user.max_user_namespaces=10000, on Ubuntu also \
         kernel.apparmor_restrict_unprivileged_userns=0, in a container its privileges), or run as root",
    )
}
