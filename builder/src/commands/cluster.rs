//! The commands for running clusters.

use std::io::{self, ErrorKind};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use super::access::{open_members, open_nodes, ssh_login};
use super::printing::{conclude, print, print_to_reader, unwritable, write};
use super::{membership, upgrade};
use crate::cli::{
    self, AlarmCommand, ClusterCommand, Environment, LogsOptions, OutputMode, PasswordOptions,
    RebootOptions, RenewOptions, RestoreOptions, RotateCaOptions, StatusOptions,
};
use crate::cluster::{
    self, Access, BackupTarget, LogScope, Operation, OperatorLock, Rotating, RotationStep, SshLogin,
};
use crate::progress::{self, Progress};
use crate::snapshot::Snapshot;

/// Runs one command for a running cluster.
pub(super) fn run(
    command: ClusterCommand,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    let now = environment.clock;
    match command {
        ClusterCommand::Status(options) => status(&options, environment, mode),
        ClusterCommand::Backup(options) => {
            let access = open_members(&options.access)?;
            let target = BackupTarget::of(&options, &environment.stores.aws)?;
            let progress = progress::stderr(mode.quiet);
            let backup = cluster::backup(&access, &target, options.keep, now, &*progress)?;
            print(mode, &backup, &backup)
        }
        ClusterCommand::Defrag(options) => {
            let access = open_members(&options.access)?;
            let progress = progress::stderr(mode.quiet);
            let lock = lock(&access, "cluster defrag", environment, &*progress)?;
            let operation = operation(&access, environment, &lock, &*progress);
            let done = cluster::defragment(&operation, &options.members)?;
            print(mode, &done, &done)
        }
        ClusterCommand::Compact(options) => {
            // It harms no other command, and a lock would add to the history.
            let access = open_members(&options.access)?;
            let done = cluster::compact(&access, options.keep, now)?;
            print(mode, &done, &done)
        }
        ClusterCommand::Alarm(AlarmCommand::Disarm(options)) => {
            // A full database takes no lock.
            let access = open_members(&options)?;
            let disarming = cluster::disarm(&access)?;
            conclude(mode, &disarming, disarming.verdict())
        }
        ClusterCommand::MoveLeader(options) => {
            let access = open_members(&options.access)?;
            let progress = progress::stderr(mode.quiet);
            let _lock = lock(&access, "cluster move-leader", environment, &*progress)?;
            let done = cluster::move_leader(&access, options.member.as_deref(), now)?;
            print(mode, &done, &done)
        }
        ClusterCommand::Password(PasswordOptions { user, file, state }) => {
            let access = Access::open(&state, SshLogin::default())?;
            let done = cluster::set_password(&access, &state, &user, file.as_deref())?;
            print(mode, &done, &done)
        }
        ClusterCommand::Restore(options) => restore(&options, environment, mode),
        ClusterCommand::Logs(options) => logs(&options, mode),
        ClusterCommand::Reboot(options) => reboot(&options, environment, mode),
        ClusterCommand::Renew(options) => renew(&options, environment, mode),
        ClusterCommand::RotateCa(options) => rotate_ca(&options, environment, mode),
        ClusterCommand::Upgrade(options) => upgrade::upgrade(&options, environment, mode),
        ClusterCommand::Replace(options) => membership::replace(options, environment, mode),
        ClusterCommand::Add(options) => membership::add(options, environment, mode),
        ClusterCommand::Remove(options) => membership::remove(options, environment, mode),
    }
}

/// Takes the lock of the cluster for one command.
fn lock(
    access: &Access,
    command: &str,
    environment: &Environment,
    progress: &dyn Progress,
) -> Result<OperatorLock> {
    let operator = &environment.operator;
    OperatorLock::take(access, command, operator, environment.clock, progress)
}

fn operation<'a>(
    access: &'a Access,
    environment: &Environment,
    lock: &'a OperatorLock,
    progress: &'a dyn Progress,
) -> Operation<'a> {
    Operation {
        access,
        now: environment.clock,
        lock,
        progress,
    }
}

/// Renews certificates in the state directory, and hands them to the nodes.
fn renew(options: &RenewOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let progress = progress::stderr(mode.quiet);
    let now = environment.clock;
    let access = Access::open(&options.keys.state, ssh_login(&options.keys.ssh))?;
    access.must_use_certificates()?;
    // The operator's own certificate may have expired. Otherwise, nothing changes while another command has the lock.
    let (name, operator) = ("cluster renew", &environment.operator);
    let taken = OperatorLock::attempt(&access, name, operator, now, &*progress)?.ok();
    access.must_know_the_time(now)?;
    let renewed = cluster::renew_in_state(&options.keys.state, options.within, now)?;
    if let Some(warning) = &renewed.warning {
        progress.note(warning);
    }
    let access = Access::open(&options.keys.state, ssh_login(&options.keys.ssh))?;
    let lock = match taken {
        Some(lock) => lock,
        None => lock(&access, name, environment, &*progress)?,
    };
    let operation = operation(&access, environment, &lock, &*progress);
    let renewal = cluster::hand_over(&operation, &renewed)?;
    conclude(mode, &renewal, renewal.verdict())
}

/// Replaces the CA by one step.
fn rotate_ca(
    options: &RotateCaOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    let progress = progress::stderr(mode.quiet);
    let access = Access::open(&options.keys.state, ssh_login(&options.keys.ssh))?;
    access.must_use_certificates()?;
    let (operator, now) = (&environment.operator, environment.clock);
    let lock = OperatorLock::require(&access, "cluster rotate-ca", operator, now, &*progress)?;
    access.must_know_the_time(now)?;
    let step = match (options.all, options.abort) {
        (_, true) => RotationStep::Abort,
        (true, _) => RotationStep::All,
        (false, false) => RotationStep::Next,
    };
    let rotating = Rotating {
        state: &options.keys.state,
        ssh: ssh_login(&options.keys.ssh),
        now,
        lock: &lock,
        progress: &*progress,
    };
    let rotation = cluster::rotate(&rotating, step)?;
    print(mode, &rotation, &rotation)
}

/// Shows the state of a cluster, once or until the process is stopped.
fn status(options: &StatusOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let write_metrics = |report: &cluster::ClusterReport| match &options.prometheus {
        Some(file) => cli::replace(file, &report.prometheus()),
        None => Ok(()),
    };
    let Some(seconds) = options.watch else {
        let report = cluster::status(&open_nodes(&options.login)?, environment.clock)?;
        // The state of the cluster is shown and decides the exit code also if this file cannot be written.
        let (written, verdict) = (write_metrics(&report), report.verdict());
        if let (Err(error), Err(_)) = (&written, &verdict) {
            progress::stderr(mode.quiet).note(&format!("warning: {error:#}"));
        }
        return conclude(mode, &report, verdict.and(written));
    };
    // The codes of VT100 that move to the top left corner and clear the screen.
    let clear = if environment.stdout_is_terminal {
        "\x1b[H\x1b[2J"
    } else {
        ""
    };
    let (started, progress) = (Instant::now(), progress::stderr(mode.quiet));
    loop {
        let elapsed = i64::try_from(started.elapsed().as_secs()).unwrap_or(i64::MAX);
        // Another command may have renewed the certificates meanwhile.
        let access = open_nodes(&options.login)?;
        let report = cluster::status(&access, environment.clock.saturating_add(elapsed))?;
        if let Err(error) = write_metrics(&report) {
            progress.note(&format!("warning: {error:#}"));
        }
        if !print_to_reader(mode, &report, &format_args!("{clear}{report}"))? {
            return Ok(());
        }
        thread::sleep(Duration::from_secs(seconds.get()));
    }
}

/// Shows the messages of a node, each line as soon as it arrives.
fn logs(options: &LogsOptions, mode: &OutputMode) -> Result<()> {
    let access = open_nodes(&options.login)?;
    let scope = LogScope {
        lines: options.lines,
        follow: options.follow,
        everything: options.everything,
    };
    if mode.json {
        let logs = cluster::all_logs(&access, &options.node, scope)?;
        return print(mode, &logs, &"");
    }
    let shown = cluster::logs(&access, &options.node, scope, |line| {
        write(&format!("{line}\n")).with_context(unwritable)
    });
    // A reader may stop early, as in `etcd-image cluster logs etcd1 | head`.
    shown.or_else(|error| match error.root_cause().downcast_ref() {
        Some(cause) if io::Error::kind(cause) == ErrorKind::BrokenPipe => Ok(()),
        _ => Err(error),
    })
}

/// Begins again with a snapshot on the running nodes.
fn restore(options: &RestoreOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let identity = options.identity.as_deref();
    let snapshot = Snapshot::open(&options.snapshot, identity, &environment.stores.aws)?;
    let access = open_nodes(&options.login)?;
    if !options.from_other_members {
        cluster::check_origin(&access, &snapshot)?;
    }
    let progress = progress::stderr(mode.quiet);
    let lock = lock(&access, "cluster restore", environment, &*progress)?;
    let operation = operation(&access, environment, &lock, &*progress);
    let done = cluster::restore(&operation, &snapshot, options.again)?;
    print(mode, &done, &done)
}

/// Restarts one node or all of them.
fn reboot(options: &RebootOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let access = open_nodes(&options.login)?;
    let nodes: Vec<String> = options.node.iter().cloned().collect();
    let progress = progress::stderr(mode.quiet);
    let lock = lock(&access, "cluster reboot", environment, &*progress)?;
    let wait = Duration::from_mins(options.wait.get());
    let operation = operation(&access, environment, &lock, &*progress);
    let done = cluster::reboot(&operation, &nodes, wait)?;
    print(mode, &done, &done)
}
