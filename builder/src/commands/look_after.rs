//! The commands for running clusters.

use std::thread;
use std::time::Duration;

use anyhow::Result;

use super::print;
use crate::cli::{ClusterCommand, Environment, StatusOptions, Voice};
use crate::cluster::{self, Access};

/// Runs one command for a running cluster.
pub(super) fn run(command: ClusterCommand, environment: &Environment, voice: &Voice) -> Result<()> {
    let now = environment.clock;
    match command {
        ClusterCommand::Status(options) => status(&options, environment, voice),
        ClusterCommand::Backup(options) => {
            let access = Access::open(options.access.folder(), None)?;
            let backup = cluster::backup(&access, options.target.as_deref(), options.keep, now)?;
            print(voice, &backup, &backup)
        }
    }
}

/// Shows the state of a cluster, once or until the process is stopped.
fn status(options: &StatusOptions, environment: &Environment, voice: &Voice) -> Result<()> {
    let folder = options.access.folder();
    let access = Access::open(folder, options.ssh_identity.clone())?;
    let report = || -> Result<cluster::ClusterReport> {
        let report = cluster::status(&access, environment.clock)?;
        if let Some(file) = &options.prometheus {
            cluster::replace(file, &report.prometheus())?;
        }
        Ok(report)
    };
    let Some(seconds) = options.watch else {
        let report = report()?;
        // The verdict decides the exit code, even if printing fails.
        let printed = print(voice, &report, &report);
        return report.verdict().and(printed);
    };
    // The codes of VT100 that move to the top left corner and clear the screen.
    let clear = if environment.stdout_is_terminal {
        "\x1b[H\x1b[2J"
    } else {
        ""
    };
    loop {
        let report = report()?;
        print(voice, &report, &format_args!("{clear}{report}"))?;
        thread::sleep(Duration::from_secs(seconds.get()));
    }
}
