//! Programs that precede others in the PATH of the node's scripts and its operator.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, ExitCode};
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::pace::time_factor;

/// The factor by which the pauses of scripts and of the unit are shortened.
pub(super) const SPEED: u32 = 10;
/// The factor by which time limits are shortened. It is smaller because processors are not faster.
const LIMIT_SPEED: u32 = 4;
/// The socket of a node's `init`, for etcd's notifications and for `systemctl`.
pub(super) const SOCKET: &str = "/run/lab/notify";

/// Runs `sleep SECONDS` with a shorter time.
pub(super) fn sleep(arguments: &[String]) -> Result<ExitCode> {
    for word in arguments {
        std::thread::sleep(seconds(word)? / SPEED);
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs `timeout SECONDS COMMAND…` with a shorter limit, unless the machine is so busy that it needs all of it.
pub(super) fn timeout(arguments: &[String]) -> Result<ExitCode> {
    let at = arguments.iter().position(|word| !word.starts_with('-'));
    let at = at.context("timeout: no limit given")?;
    let limit = seconds(&arguments[at])?;
    let limit = (limit / LIMIT_SPEED).mul_f64(time_factor()).min(limit);
    let error = Command::new("/usr/bin/timeout")
        .args(&arguments[..at])
        .arg(limit.as_secs_f64().to_string())
        .args(&arguments[at + 1..])
        .exec();
    Err(error).context("starting timeout")
}

/// Runs `systemctl start|stop|restart etcd`.
pub(super) fn systemctl(arguments: &[String]) -> Result<ExitCode> {
    let socket = UnixDatagram::unbound()?;
    let words = arguments.join(" ");
    socket
        .send_to(format!("systemctl {words}").as_bytes(), SOCKET)
        .with_context(|| format!("systemctl {words}"))?;
    Ok(ExitCode::SUCCESS)
}

/// Runs `sudo COMMAND…`: the operator is already root.
pub(super) fn sudo(arguments: &[String]) -> Result<ExitCode> {
    let (program, rest) = arguments.split_first().context("sudo: no command given")?;
    Err(Command::new(program).args(rest).exec()).with_context(|| format!("starting {program}"))
}

fn seconds(word: &str) -> Result<Duration> {
    let number: f64 = word.trim_end_matches('s').parse()?;
    Ok(Duration::try_from_secs_f64(number)?)
}
