//! Private network, process and mount namespaces, in which this program runs a second time.
//!
//! ```text
//!   etcd-image boot ──▶ setpriv (ends with it) ──▶ unshare ──▶ etcd-image, process 1 of its namespace ──▶ QEMU, ssh
//! ```
//!
//! **Invariant**: no trace remains. The kernel kills `unshare` when this process ends for any reason, then process 1, then
//! everything else in its namespace. Bridge, taps and the scratch directory end with the last process.

use std::path::Path;
use std::process::{Command, Output};

use anyhow::Result;

use super::fault::{Fault, FaultKind};
use super::program::{SETPRIV, UNSHARE};

/// The namespaces for root, and those for other users. The user namespace makes the user root over the others.
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

/// Returns the command that enters the namespaces from another terminal.
pub fn enter_command() -> String {
    // This /proc is still that of the host.
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

/// Returns a command that runs `program` inside the namespaces; the caller adds the arguments.
pub fn enclosed(program: &Path) -> Result<Command> {
    let flags = possible()?;
    let mut command = SETPRIV.command()?;
    command.args(["--pdeathsig", "KILL"]).arg(UNSHARE.find()?);
    command.args(flags).arg("--").arg(program);
    Ok(command)
}

/// Returns the flags of the namespaces that this machine permits.
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
