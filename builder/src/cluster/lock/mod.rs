//! The operators' lock: a key in etcd with a lease, so that one command changes a cluster at a time.
//!
//! The lease ends by itself soon after its command was killed. Commands that only read need no lock. During an election, a
//! command waits for the lock; without a majority, it then ends ([`OperatorLock::require`]), unless it has to work without one:
//! then it says that nobody is kept from running another command ([`OperatorLock::take`]).
//!
//! A command that lost its lock, for example because its machine slept, must stop: another command may have changed what it
//! checked. It verifies the lock before each step ([`OperatorLock::must_be_kept`]).

mod persistence;

use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use self::persistence::Persistence;
use super::access::{self, Access};
use crate::cli::Operator;
use crate::date;
use crate::etcd::{CallError, Client, Session};
use crate::failure::Kind;
use crate::printable::printable;
use crate::progress::Progress;

/// The key of the lock.
const KEY: &str = "etcd-image/lock";

/// How long a lock outlives a command that was killed.
const LEASE: Duration = Duration::from_secs(30);
const REFRESH: Duration = Duration::from_secs(8);

/// How long to wait for the end of the lock of a command that was killed. etcd ends leases a little later than they say.
const ENDING: Duration = Duration::from_secs(35);
/// The time between two attempts.
const INTERVAL: Duration = Duration::from_secs(1);

/// The lock of a running command. It is given back when this value is dropped.
#[derive(Debug)]
pub struct OperatorLock {
    /// `None` if etcd could not give the lock.
    kept: Option<Kept>,
}

/// A lock that was taken.
#[derive(Debug)]
struct Kept {
    key: Key,
    is_lost: Arc<AtomicBool>,
    refresher: Option<(Sender<()>, JoinHandle<()>)>,
}

/// The key of a lock, and where it is.
#[derive(Clone, Debug)]
struct Key {
    cluster: String,
    /// The directory with the certificates, which the command itself may renew.
    folder: PathBuf,
    addresses: Vec<IpAddr>,
    /// The text that describes the command.
    value: String,
}

/// The command that has the lock.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    /// The command, such as `cluster reboot`.
    command: String,
    /// User and machine.
    operator: String,
    /// Its process on that machine.
    process: u32,
    /// When it began, in seconds since 1970, by the clock of that machine.
    since: i64,
}

impl OperatorLock {
    /// Takes the lock for a command that also has to work without a majority. Where etcd cannot give the lock, the command goes
    /// on without it, and says so.
    pub fn take(
        access: &Access,
        command: &str,
        operator: &Operator,
        now: i64,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let taken = Self::with_retries(access, command, operator, now, progress)?;
        Ok(taken.unwrap_or_else(|trouble| Self::without(access, &trouble, progress)))
    }

    /// Takes the lock for a command that needs a majority, and refuses to go on while there is none. A lock that etcd cannot give
    /// for another reason, such as a full database, is reported only.
    pub fn require(
        access: &Access,
        command: &str,
        operator: &Operator,
        now: i64,
        progress: &dyn Progress,
    ) -> Result<Self> {
        match Self::with_retries(access, command, operator, now, progress)? {
            Ok(lock) => Ok(lock),
            Err(trouble) if Persistence::of(&trouble) == Persistence::Temporary => {
                Err(no_majority(&access.description.cluster, &trouble))
            }
            Err(trouble) => Ok(Self::without(access, &trouble, progress)),
        }
    }

    /// Goes on without the lock.
    fn without(access: &Access, trouble: &CallError, progress: &dyn Progress) -> Self {
        progress.note(&format!(
            "warning: could not take the cluster lock ({trouble}); another command may change cluster {} at the same time",
            access.description.cluster
        ));
        Self { kept: None }
    }

    /// Takes the lock for a command, and tries again while the failure may be that of an election.
    fn with_retries(
        access: &Access,
        command: &str,
        operator: &Operator,
        now: i64,
        progress: &dyn Progress,
    ) -> Result<Result<Self, CallError>> {
        let (started, mut is_waiting) = (Instant::now(), false);
        loop {
            let trouble = match Self::attempt(access, command, operator, now, progress)? {
                Ok(lock) => return Ok(Ok(lock)),
                Err(trouble) => trouble,
            };
            if Persistence::of(&trouble) != Persistence::Temporary || started.elapsed() > LEASE {
                return Ok(Err(trouble));
            }
            if !is_waiting {
                progress.note(&format!("waiting for the cluster lock ({trouble})"));
                is_waiting = true;
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Takes the lock for a command, or returns why etcd cannot give it. A lock that another command has is an error.
    pub fn attempt(
        access: &Access,
        command: &str,
        operator: &Operator,
        now: i64,
        progress: &dyn Progress,
    ) -> Result<Result<Self, CallError>> {
        let holder = Holder {
            command: command.to_owned(),
            operator: operator.name.clone(),
            process: operator.process,
            since: now,
        };
        let key = Key {
            cluster: access.description.cluster.clone(),
            folder: access.folder.clone(),
            addresses: addresses(access),
            value: serde_json::to_string(&holder)?,
        };
        let (started, mut is_waiting) = (Instant::now(), false);
        loop {
            match acquire(&access.client, &key.addresses, &key.value) {
                Ok(Attempt::Taken(lease)) => return Ok(Ok(Self::kept(key, lease))),
                Ok(Attempt::Held(text)) => {
                    if !has_ended(&text, &key.value, operator) || started.elapsed() > ENDING {
                        return Err(refusal(&key.cluster, &text));
                    }
                    if !is_waiting {
                        progress.note("waiting until the lock of a command that was killed ends");
                        is_waiting = true;
                    }
                    thread::sleep(INTERVAL);
                }
                Err(trouble) => return Ok(Err(trouble)),
            }
        }
    }

    /// Refuses to go on if another command may have changed the cluster since the lock was taken. A command that began
    /// without a lock goes on without one.
    pub fn must_be_kept(&self) -> Result<()> {
        let Some(kept) = &self.kept else {
            return Ok(());
        };
        let started = Instant::now();
        loop {
            // The thread may have taken the lock again after a loss, so the key alone does not show it.
            if kept.is_lost.load(Ordering::Relaxed) {
                return Err(loss(&kept.key.cluster, LOST));
            }
            match kept.key.is_there() {
                Ok(true) => return Ok(()),
                Ok(false) => return Err(loss(&kept.key.cluster, LOST)),
                // As during an election.
                Err(_) if started.elapsed() < LEASE => thread::sleep(INTERVAL),
                Err(error) => {
                    let reason =
                        format!("no member confirmed that it still holds the lock: {error:#}");
                    return Err(loss(&kept.key.cluster, &reason));
                }
            }
        }
    }

    /// Keeps a lease alive until the lock is dropped.
    fn kept(key: Key, lease: u64) -> Self {
        let (stop, stopped) = channel();
        let is_lost = Arc::new(AtomicBool::new(false));
        let thread = {
            let (key, is_lost) = (key.clone(), Arc::clone(&is_lost));
            thread::spawn(move || refresh(&key, lease, &is_lost, &stopped))
        };
        Self {
            kept: Some(Kept {
                key,
                is_lost,
                refresher: Some((stop, thread)),
            }),
        }
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.refresher.take() {
            drop(stop);
            // The lease ends by itself if its thread did.
            let _ = thread.join();
        }
    }
}

impl Key {
    /// Returns whether etcd has the key of this very command.
    fn is_there(&self) -> Result<bool> {
        let client = access::client(&self.folder)?;
        let value = through_any(&client, &self.addresses, |session| session.get(KEY))?;
        Ok(value.as_ref() == Some(&self.value))
    }
}

impl Holder {
    /// Returns whether it was a command on this machine that has ended without giving the lock back.
    fn has_ended_here(&self, operator: &Operator) -> bool {
        self.operator == operator.name && !is_running(self.process)
    }
}

/// The outcome of one attempt.
enum Attempt {
    /// The lock is taken, with this lease.
    Taken(u64),
    /// Another command has it, which describes itself by this text.
    Held(String),
}

fn acquire(client: &Client, addresses: &[IpAddr], value: &str) -> Result<Attempt, CallError> {
    through_any(client, addresses, |session| {
        let lease = session.begin_lease(LEASE)?;
        match session.create(KEY, value, lease) {
            Ok(None) => Ok(Attempt::Taken(lease)),
            other => {
                // A lease without a key ends by itself.
                let _ = session.end_lease(lease);
                Ok(Attempt::Held(other?.unwrap_or_default()))
            }
        }
    })
}

/// Returns whether the holder of the lock no longer runs, so that its lease ends soon: it was a command on this machine, or an
/// earlier attempt of this one, whose answer was lost.
///
/// The key itself stays until then: another machine may have the same name, and its commands renew their leases.
fn has_ended(holder: &str, own: &str, operator: &Operator) -> bool {
    let other: Option<Holder> = serde_json::from_str(holder).ok();
    holder == own || other.is_some_and(|other| other.has_ended_here(operator))
}

fn refusal(cluster: &str, holder: &str) -> anyhow::Error {
    let who = match serde_json::from_str::<Holder>(holder) {
        Ok(holder) => format!(
            "{} has run `etcd-image {}` since {}",
            printable(&holder.operator),
            printable(&holder.command),
            date::moment(holder.since)
        ),
        Err(_) => format!("the key {KEY} exists"),
    };
    let hint = format!(
        "wait until it ends; if it was killed, its lock ends within {} s",
        LEASE.as_secs()
    );
    let message = format!("cluster {cluster} is being changed by another command: {who}");
    Kind::Refused.error(message, hint)
}

fn no_majority(cluster: &str, trouble: &CallError) -> anyhow::Error {
    let message = format!(
        "could not take the lock of cluster {cluster} within {} s: {trouble}",
        LEASE.as_secs()
    );
    let hint = "look at the cluster with `etcd-image cluster status`, and run the command again once a majority of its members \
                works";
    Kind::Unhealthy.error(message, hint)
}

const LOST: &str = "it was paused or cut off from the cluster, and its lock has ended";

fn loss(cluster: &str, reason: &str) -> anyhow::Error {
    let message = format!(
        "cluster {cluster} may have been changed by another command while this one ran: {reason}"
    );
    let hint = "look at the cluster with `etcd-image cluster status`, then run the command again, which continues";
    Kind::Refused.error(message, hint)
}

fn addresses(access: &Access) -> Vec<IpAddr> {
    let members = access.description.members.iter();
    members.map(|member| member.address).collect()
}

/// Renews the lease regularly until the other end of the channel is dropped, then revokes it. If the lease has expired, for
/// example because this machine slept, the lock counts as lost. The thread then takes the lock again if it is free, because the
/// command keeps working until its next step. It opens a new client each time: the command may renew the certificates.
fn refresh(key: &Key, mut lease: u64, is_lost: &AtomicBool, stopped: &Receiver<()>) {
    let addresses = &key.addresses;
    while stopped.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {
        // After a failed renewal, the next one still comes long before the lease expires.
        if let Ok(client) = access::client(&key.folder) {
            let kept = through_any(&client, addresses, |session| session.keep_alive(lease));
            if let Ok(false) = kept {
                is_lost.store(true, Ordering::Relaxed);
                if let Ok(Attempt::Taken(next)) = acquire(&client, addresses, &key.value) {
                    lease = next;
                }
            }
        }
    }
    if let Ok(client) = access::client(&key.folder) {
        let _ = through_any(&client, addresses, |session| session.end_lease(lease));
    }
}

/// Calls a function of the first member that serves it. If none does, returns the failure that says most, or the first of
/// several such failures.
fn through_any<T>(
    client: &Client,
    addresses: &[IpAddr],
    call: impl Fn(&Session) -> Result<T, CallError>,
) -> Result<T, CallError> {
    let mut found: Option<CallError> = None;
    for address in addresses {
        let done = client.connect(*address).and_then(|session| call(&session));
        match done {
            Ok(done) => return Ok(done),
            Err(trouble) => {
                let says_less = |it: &CallError| Persistence::of(it) < Persistence::of(&trouble);
                if found.as_ref().is_none_or(says_less) {
                    found = Some(trouble);
                }
            }
        }
    }
    Err(found.unwrap_or_else(|| CallError::Silent("it has no members".to_owned())))
}

#[cfg(unix)]
fn is_running(process: u32) -> bool {
    let process = i32::try_from(process)
        .ok()
        .and_then(rustix::process::Pid::from_raw);
    process.is_some_and(|process| {
        let asked = rustix::process::test_kill_process(process);
        asked != Err(rustix::io::Errno::SRCH)
    })
}

/// Nobody is asked here: the lock of a command that was killed ends with its lease.
#[cfg(not(unix))]
fn is_running(_process: u32) -> bool {
    true
}

#[cfg(test)]
mod tests;
