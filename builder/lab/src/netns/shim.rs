//! Programs that the node's scripts and its operator find first in their PATH.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// How many times as fast the pauses of scripts pass, and the pauses of the unit.
pub(super) const SPEED: u32 = 10;
/// Limits on what others take shrink less, since processors are not faster.
const LIMIT_SPEED: u32 = 4;
/// Where a node's `init` listens, for etcd's notifications and for `systemctl`.
pub(super) const SOCKET: &str = "/run/lab/notify";

/// `sleep SECONDS`, shorter.
pub(super) fn sleep(arguments: &[String]) -> Result<ExitCode> {
    for word in arguments {
        std::thread::sleep(seconds(word)? / SPEED);
    }
    Ok(ExitCode::SUCCESS)
}

/// `timeout SECONDS COMMAND…`, with a shorter limit.
pub(super) fn timeout(arguments: &[String]) -> Result<ExitCode> {
    let at = arguments.iter().position(|word| !word.starts_with('-'));
    let at = at.context("timeout: no limit given")?;
    let limit = (seconds(&arguments[at])? / LIMIT_SPEED).as_secs_f64();
    let error = Command::new("/usr/bin/timeout")
        .args(&arguments[..at])
        .arg(limit.to_string())
        .args(&arguments[at + 1..])
        .exec();
    Err(error).context("starting timeout")
}

/// `systemctl start|stop|restart etcd`.
pub(super) fn systemctl(arguments: &[String]) -> Result<ExitCode> {
    let socket = UnixDatagram::unbound()?;
    let words = arguments.join(" ");
    socket
        .send_to(format!("systemctl {words}").as_bytes(), SOCKET)
        .with_context(|| format!("systemctl {words}"))?;
    Ok(ExitCode::SUCCESS)
}

/// `sudo COMMAND…`: the operator is root already.
pub(super) fn sudo(arguments: &[String]) -> Result<ExitCode> {
    let (program, rest) = arguments.split_first().context("sudo: no command given")?;
    Err(Command::new(program).args(rest).exec()).with_context(|| format!("starting {program}"))
}

fn seconds(word: &str) -> Result<Duration> {
    let number: f64 = word.trim_end_matches('s').parse()?;
    Ok(Duration::try_from_secs_f64(number)?)
}
