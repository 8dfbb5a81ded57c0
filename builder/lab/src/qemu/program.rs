//! External programs that the laboratory runs.
#![expect(
    clippy::disallowed_methods,
    reason = "starts QEMU, its network and ssh"
)]

use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

use anyhow::Result;

use super::fault::{Fault, FaultKind};

/// An external program and the Debian package that contains it.
#[derive(Clone, Copy, Debug)]
pub(super) struct HostProgram {
    name: &'static str,
    package: &'static str,
}

pub(super) const QEMU: HostProgram = HostProgram::new("qemu-system-aarch64", "qemu-system-arm");
pub(super) const IP: HostProgram = HostProgram::new("ip", "iproute2");
pub(super) const SSH: HostProgram = HostProgram::new("ssh", "openssh-client");
pub(super) const MOUNT: HostProgram = HostProgram::new("mount", "mount");
pub(super) const UNSHARE: HostProgram = HostProgram::new("unshare", "util-linux");
pub(super) const SETPRIV: HostProgram = HostProgram::new("setpriv", "util-linux");

/// Fails unless every program needed for a boot is installed.
pub fn check_installed() -> Result<()> {
    let mut programs = [QEMU, IP, SSH, MOUNT, UNSHARE, SETPRIV].into_iter();
    programs.try_for_each(|program| program.find().map(drop))
}

impl HostProgram {
    const fn new(name: &'static str, package: &'static str) -> Self {
        Self { name, package }
    }

    /// Returns the path. Administrators' directories are searched as well, because a user's `PATH` often lacks them.
    pub(super) fn find(self) -> Result<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(Into::into));
        let mut found = folders.map(|folder| folder.join(self.name));
        found.find(|program| program.is_file()).ok_or_else(|| {
            Fault::new(
                FaultKind::Usage,
                format!(
                    "booting images needs `{}`, which is not installed",
                    self.name
                ),
                format!(
                    "install it, on Debian and Ubuntu: apt install {}",
                    self.package
                ),
            )
        })
    }

    /// Returns a command without standard input.
    pub(super) fn command(self) -> Result<Command> {
        let mut command = Command::new(self.find()?);
        command.stdin(Stdio::null());
        Ok(command)
    }

    /// Runs the program to its end, whether it succeeds or not.
    pub(super) fn output(self, arguments: &[impl AsRef<OsStr>]) -> Result<Output> {
        let output = self.command()?.args(arguments).output();
        output.map_err(|error| self.failed(&error.to_string()))
    }

    /// Runs the program; a failure contains its standard error.
    pub(super) fn run(self, arguments: &[impl AsRef<OsStr>]) -> Result<()> {
        let output = self.output(arguments)?;
        match output.status.success() {
            true => Ok(()),
            false => Err(self.failed(String::from_utf8_lossy(&output.stderr).trim())),
        }
    }

    pub(super) fn failed(self, reason: &str) -> anyhow::Error {
        let hint = format!("try `{} --version`; the message is its own", self.name);
        Fault::new(FaultKind::Storage, format!("{}: {reason}", self.name), hint)
    }
}
