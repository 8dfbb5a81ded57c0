//! The operators' lock: a key in etcd with a lease, so that one command changes a cluster at a time.
//!
//! The lease ends by itself soon after its command was killed. Commands that only read need no lock, and a command that has
//! to work without a majority says that nobody is kept from running another one.

use std::net::IpAddr;
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use super::access::{self, Access};
use crate::cli::Operator;
use crate::date;
use crate::etcd::{Client, Session, Trouble};
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
pub struct Lock {
    refresher: Option<(Sender<()>, JoinHandle<()>)>,
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

impl Lock {
    /// Takes the lock for a command. Where etcd cannot give it, the command goes on without it, and says so.
    pub fn take(
        access: &Access,
        command: &str,
        operator: &Operator,
        now: i64,
        progress: &dyn Progress,
    ) -> Result<Self> {
        let holder = Holder {
            command: command.to_owned(),
            operator: operator.name.clone(),
            process: operator.process,
            since: now,
        };
        let cluster = &access.description.cluster;
        let value = serde_json::to_string(&holder)?;
        let (started, mut is_waiting) = (Instant::now(), false);
        loop {
            match acquire(&access.client, &addresses(access), &value) {
                Ok(Attempt::Taken(lease)) => return Ok(Self::kept(access, value, lease)),
                Ok(Attempt::Held(text)) => {
                    if !has_ended(&text, &value, operator) || started.elapsed() > ENDING {
                        return Err(refusal(cluster, &text));
                    }
                    if !is_waiting {
                        progress.note("waiting until the lock of a command that was killed ends");
                        is_waiting = true;
                    }
                    thread::sleep(INTERVAL);
                }
                Err(trouble) => {
                    progress.note(&format!(
                        "warning: could not take the cluster lock ({trouble}); another command may change cluster {cluster} at \
                         the same time"
                    ));
                    return Ok(Self { refresher: None });
                }
            }
        }
    }

    /// Keeps a lease alive until the lock is dropped.
    fn kept(access: &Access, value: String, lease: u64) -> Self {
        let (stop, stopped) = channel();
        let (folder, addresses) = (access.folder.clone(), addresses(access));
        let thread = thread::spawn(move || refresh(&folder, &addresses, &value, lease, &stopped));
        Self {
            refresher: Some((stop, thread)),
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.refresher.take() {
            drop(stop);
            // The lease ends by itself if its thread did.
            let _ = thread.join();
        }
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

fn acquire(client: &Client, addresses: &[IpAddr], value: &str) -> Result<Attempt, Trouble> {
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

fn addresses(access: &Access) -> Vec<IpAddr> {
    let members = access.description.members.iter();
    members.map(|member| member.address).collect()
}

/// Extends the lease regularly until the other end of the channel is dropped, then ends it. A lease that has ended, as after a
/// pause of this machine, is followed by another one, unless another command has the lock then. The command may renew the
/// administrator's certificate and the CA meanwhile.
fn refresh(
    folder: &Path,
    addresses: &[IpAddr],
    value: &str,
    mut lease: u64,
    stopped: &Receiver<()>,
) {
    while stopped.recv_timeout(REFRESH) == Err(RecvTimeoutError::Timeout) {
        // One that fails is followed by another, long before the lease ends.
        if let Ok(client) = access::client(folder) {
            let kept = through_any(&client, addresses, |session| session.keep_alive(lease));
            if let Ok(false) = kept
                && let Ok(Attempt::Taken(next)) = acquire(&client, addresses, value)
            {
                lease = next;
            }
        }
    }
    if let Ok(client) = access::client(folder) {
        let _ = through_any(&client, addresses, |session| session.end_lease(lease));
    }
}

/// Calls a function of the first member that serves it, and returns the first failure if none does.
fn through_any<T>(
    client: &Client,
    addresses: &[IpAddr],
    call: impl Fn(&Session) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let mut first = None;
    for address in addresses {
        let done = client.connect(*address).and_then(|session| call(&session));
        match done {
            Ok(done) => return Ok(done),
            Err(trouble) => {
                first.get_or_insert(trouble);
            }
        }
    }
    Err(first.unwrap_or_else(|| Trouble::Silent("it has no members".to_owned())))
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
mod tests {
    use super::*;
    use crate::failure::explain;

    fn holder(process: u32) -> Holder {
        Holder {
            command: "cluster reboot".to_owned(),
            operator: "ada@laptop".to_owned(),
            process,
            since: 1_796_774_280,
        }
    }

    #[test]
    fn the_refusal_names_who_has_the_lock_and_since_when() {
        let error = refusal("main", &serde_json::to_string(&holder(7)).unwrap());
        let (kind, hint) = explain(&error);
        assert_eq!(kind, Kind::Refused);
        assert_eq!(
            hint,
            "wait until it ends; if it was killed, its lock ends within 30 s"
        );
        let wanted = "cluster main is being changed by another command: ada@laptop has run `etcd-image cluster reboot` \
                      since 2026-12-08 23:58:00 UTC";
        assert_eq!(error.to_string(), wanted);
        let error = refusal("main", "\u{1b}[2J");
        let wanted =
            "cluster main is being changed by another command: the key etcd-image/lock exists";
        assert_eq!(error.to_string(), wanted);
    }

    #[cfg(unix)]
    #[test]
    fn only_a_command_that_ended_on_this_machine_has_left_its_lock() {
        let here = Operator {
            name: "ada@laptop".to_owned(),
            process: 1,
        };
        let other = Operator {
            name: "ada@desktop".to_owned(),
            ..here.clone()
        };
        // No system has a process with this number.
        let ended = holder(i32::MAX.unsigned_abs());
        assert!(ended.has_ended_here(&here) && !ended.has_ended_here(&other));
        assert!(!holder(std::process::id()).has_ended_here(&here));
        let text = |holder: &Holder| serde_json::to_string(holder).unwrap();
        let own = text(&holder(std::process::id()));
        assert!(has_ended(&text(&ended), &own, &here));
        // The answer to an earlier attempt was lost.
        assert!(has_ended(&own, &own, &here));
        assert!(!has_ended("text", &own, &here));
    }
}
