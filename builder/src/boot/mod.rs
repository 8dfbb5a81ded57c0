//! Boots images as a cluster in QEMU on a private network, as a test before flashing. Linux only.
//!
//! The images are only read: each machine writes to a copy-on-write file in memory. Everything runs inside namespaces that end
//! with the command (`lab::qemu`). [`BootLab`] holds the machines, for the command and the boot tests.

mod checks;
mod debian_kernel;
mod images;
mod inner;
mod lab;
mod node;
mod report;
mod retry;
mod setup;
mod watch;

use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use ::lab::qemu;
use anyhow::{Context as _, Result};

use crate::cli::{BootOptions, Environment};
use crate::count::count;
use crate::etcd::Member;
use crate::failure::{Failure, Kind};
use crate::parallel;
use crate::progress::{self, Progress};
use crate::shell;

pub use checks::{Check, CheckOutcome};
pub use lab::BootLab;
pub use node::BootNode;
pub use report::BootReport;
pub use setup::Setup;
pub use watch::{Times, until_healthy};

/// The hidden command that runs inside the namespaces.
pub const INSIDE: &str = "boot-inside";

/// How long a cluster may take to become usable after all members were healthy: a new election makes it unresponsive again.
const SETTLING: Duration = Duration::from_mins(3);

/// Boots the images, waits for a healthy cluster, uses it, reports the result and stops it; with `--keep`, it stops only on
/// request.
pub fn boot(
    options: &BootOptions,
    environment: &Environment,
    quiet: bool,
    report_result: impl FnOnce(&BootReport) -> Result<()>,
) -> Result<()> {
    let setup = Setup::gather(options, environment, quiet)?;
    let (report, mut inner): (BootReport, _) = inner::ask(INSIDE, &setup)?;
    report_result(&report)?;
    inner.wait().context("waiting for the machines to stop")?;
    report.verdict()
}

/// Runs the inner side of [`boot`].
pub fn inside() -> Result<()> {
    let setup: Setup = inner::request()?;
    let progress = progress::stderr(setup.quiet);
    let mut opened = None;
    let report = BootLab::open(setup).and_then(|lab| start_and_use(opened.insert(lab), &*progress));
    inner::answer(&report)?;
    if let Some(lab) = opened.filter(|lab| report.is_ok() && lab.setup().keep) {
        keep_running(&lab, &*progress);
    }
    Ok(())
}

/// Starts every node and checks the cluster that they form.
fn start_and_use(lab: &mut BootLab, progress: &dyn Progress) -> Result<BootReport> {
    report_differences(lab, progress);
    let names: Vec<_> = lab.nodes().iter().map(|node| node.name.clone()).collect();
    for name in &names {
        lab.machines.start(name)?;
    }
    let times = until_healthy(lab, &names, progress)?;
    let rows = retry::until(SETTLING, Result::is_ok, || use_cluster(lab))?;
    progress.note("a key was written and read; checking the nodes");
    let setup = lab.setup();
    let jobs = NonZeroUsize::new(setup.nodes.len()).unwrap_or(NonZeroUsize::MIN);
    let checks = parallel::map(jobs, &setup.nodes, |node| checks::check(setup, node))?;
    Ok(BootReport::new(lab, times, rows, checks))
}

/// Writes through the first node and reads through every node; returns the member table as all of them see it.
fn use_cluster(lab: &BootLab) -> Result<Vec<report::MemberRow>> {
    const KEY: &str = "etcd-image/boot";
    let (client, nodes) = (lab.client(), lab.nodes());
    let value = count(nodes.len(), "node");
    let mut statuses = Vec::new();
    let mut members: Vec<Vec<Member>> = Vec::new();
    for (number, node) in nodes.iter().enumerate() {
        let context = || unusable(&node.name);
        if number == 0 {
            client
                .put(node.address, KEY, &value)
                .with_context(context)?;
        }
        let read = client.get(node.address, KEY).with_context(context)?;
        if read.as_ref() != Some(&value) {
            return Err(anyhow::anyhow!("read {read:?}, wrote {value}")).with_context(context);
        }
        members.push(client.members(node.address).with_context(context)?);
        let status = client.status(node.address).with_context(context)?;
        statuses.push((node.name.clone(), status));
    }
    report::table(&members, &statuses)
}

fn unusable(node: &str) -> Failure {
    Kind::Unhealthy.context(
        format!("using the cluster through {node}"),
        "log in to the nodes with `etcd-image boot --keep`",
    )
}

/// Reports the differences from a real board.
fn report_differences(lab: &BootLab, progress: &dyn Progress) {
    let mut reported = Vec::new();
    if let Some(base) = &lab.setup().debian_base {
        progress.note(&format!(
            "Raspberry Pi's kernel cannot drive `virt`: booting with Debian's, from {}",
            base.display()
        ));
    }
    for node in lab.nodes().iter().filter(|node| !node.added.is_empty()) {
        if !reported.contains(&&node.added) {
            progress.note(&format!(
                "arguments added to the image's kernel command line for QEMU: {}",
                node.added
            ));
            reported.push(&node.added);
        }
    }
}

/// Keeps the machines running until the command is stopped, which also ends this process.
fn keep_running(lab: &BootLab, progress: &dyn Progress) {
    let (enter, folder) = (qemu::enter_command(), lab.setup().client.parent());
    let folder = folder.map_or_else(String::new, shell::path);
    progress.note(&format!(
        "\nThe machines run until Ctrl-C. From another terminal:\n  cd {folder}"
    ));
    for node in lab.nodes() {
        progress.note(&format!("  {enter} ssh -F client/ssh_config {}", node.name));
    }
    progress.note(&format!(
        "  . client/etcdctl.env && {enter} etcdctl member list"
    ));
    loop {
        thread::sleep(Duration::from_hours(1));
    }
}
