//! Runs commands on nodes through the system's ssh(1), which must find their host keys in the state directory.
#![expect(
    clippy::disallowed_methods,
    reason = "starts ssh, and compares the clock with that of a node"
)]

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::ssh_reason::{TOO_LATE, reason};

const PAUSE: Duration = Duration::from_millis(20);

/// The bytes of a node's input that are passed on at once.
const PART: usize = 64 << 10;

/// The bytes of a node's answer that are kept, of which a node needs a few kilobytes.
const LARGEST: u64 = 1 << 20;

/// How to log in to nodes.
#[derive(Clone, Debug)]
pub struct SshLogin {
    /// A private key, in addition to those that ssh finds by itself.
    pub identity: Option<PathBuf>,
    /// The limit for one command on a node, login included. The node must answer within half of it, and may be
    /// silent for a third of it afterwards.
    pub timeout: Duration,
}

impl Default for SshLogin {
    fn default() -> Self {
        Self {
            identity: None,
            timeout: Duration::from_secs(30),
        }
    }
}

/// The ssh of one cluster's operator.
#[derive(Debug)]
pub(super) struct OperatorSsh {
    /// The file with their host keys.
    pub(super) known_hosts: PathBuf,
    /// The login user.
    pub(super) user: String,
    /// How to log in.
    pub(super) login: SshLogin,
}

/// The output of a command on a node.
#[derive(Debug, PartialEq)]
pub(super) struct SshOutput {
    pub(super) lines: Vec<String>,
    /// The time of this machine in seconds since 1970 when the first line arrived.
    pub(super) first: f64,
}

impl OperatorSsh {
    /// Runs a command on a node; the error is one line that says why it did not succeed.
    pub(super) fn run(&self, address: IpAddr, command: &str) -> Result<SshOutput, String> {
        self.run_with(address, command, b"")
    }

    /// Runs a command on a node that reads these few kilobytes from its standard input.
    pub(super) fn run_with(
        &self,
        address: IpAddr,
        command: &str,
        input: &[u8],
    ) -> Result<SshOutput, String> {
        self.run_within(address, command, input, self.login.timeout)
    }

    /// Runs a command on a node that reads from its standard input, with a larger limit of time for each part of the input, and
    /// for what follows it.
    pub(super) fn run_within(
        &self,
        address: IpAddr,
        command: &str,
        input: &[u8],
        limit: Duration,
    ) -> Result<SshOutput, String> {
        let limit = limit.max(self.login.timeout);
        let mut child = self.start(address, command)?;
        let (out, errors) = (child.stdout.take(), child.stderr.take());
        let out = thread::spawn(move || out.map(lines));
        let errors = thread::spawn(move || errors.map(text));
        let status = feed(&mut child, input, limit);
        let said = out.join().ok().flatten();
        let errors = errors.join().ok().flatten().unwrap_or_default();
        match (status, said) {
            (Some(status), Some(said)) if status.success() => Ok(said),
            (None, _) => Err(format!("{TOO_LATE} {} s", limit.as_secs())),
            (Some(status), _) => Err(reason(status, &errors)),
        }
    }

    /// Runs a command on a node without a limit of time, and passes each line of its output on, at once. The command ends
    /// when `each` fails.
    pub(super) fn follow(
        &self,
        address: IpAddr,
        command: &str,
        mut each: impl FnMut(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Result<(), String>> {
        let mut child = match self.start(address, command) {
            Ok(child) => child,
            Err(reason) => return Ok(Err(reason)),
        };
        drop(child.stdin.take());
        let (out, errors) = (child.stdout.take(), child.stderr.take());
        let errors = thread::spawn(move || errors.map(text));
        let mut passed = Ok(());
        for line in out
            .into_iter()
            .flat_map(|out| BufReader::new(out).split(b'\n'))
        {
            let Ok(line) = line else { break };
            passed = each(String::from_utf8_lossy(&line).trim_end());
            if passed.is_err() {
                // It may have ended by itself.
                let _ = child.kill();
                break;
            }
        }
        let status = child.wait()?;
        passed?;
        let errors = errors.join().ok().flatten().unwrap_or_default();
        Ok(match status.success() {
            true => Ok(()),
            false => Err(reason(status, &errors)),
        })
    }

    fn start(&self, address: IpAddr, command: &str) -> Result<Child, String> {
        let mut ssh = Command::new("ssh");
        ssh.args(self.options()?);
        ssh.args(["--", &address.to_string(), command]);
        ssh.stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        ssh.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => "`ssh` is not installed".to_owned(),
            _ => format!("starting `ssh`: {error}"),
        })
    }

    /// Returns the options of ssh, which ignore the user's configuration, trust only the cluster's host keys, and prevent
    /// every prompt.
    fn options(&self) -> Result<Vec<OsString>, String> {
        let known_hosts = format!("UserKnownHostsFile=\"{}\"", value(&self.known_hosts)?).into();
        let mut words: Vec<OsString> = vec!["-F".into(), "none".into(), "-o".into(), known_hosts];
        let seconds = self.login.timeout.as_secs();
        let [answer, alive] = [
            format!("ConnectTimeout={}", seconds.div_ceil(2)),
            format!("ServerAliveInterval={}", seconds.div_ceil(6)),
        ];
        let options = [
            answer.as_str(),
            alive.as_str(),
            "GlobalKnownHostsFile=none",
            "StrictHostKeyChecking=yes",
            "UpdateHostKeys=no",
            "BatchMode=yes",
            "PreferredAuthentications=publickey",
            "ServerAliveCountMax=2",
            "LogLevel=ERROR",
        ];
        words.extend(
            options
                .iter()
                .flat_map(|option| ["-o".into(), option.into()]),
        );
        if let Some(identity) = &self.login.identity {
            // With -i, a path with a percent sign has no form that ssh reads.
            let identity = format!("IdentityFile=\"{}\"", value(identity)?);
            words.extend(["-o".into(), identity.into()]);
        }
        // The name comes from a file that may be somebody else's (`--client`); as a part of the host, it could be an option.
        words.extend(["-l".into(), self.user.clone().into()]);
        Ok(words)
    }
}

/// Returns a path for the value of an option between double quotes, where ssh replaces `%`, `${` and a leading `~`.
fn value(path: &Path) -> Result<String, String> {
    let text = path
        .to_str()
        .filter(|text| !text.contains('"') && !text.contains("${"));
    match text {
        Some(text) if text.starts_with('~') => Ok(format!("./{}", text.replace('%', "%%"))),
        Some(text) => Ok(text.replace('%', "%%")),
        None => Err(format!(
            "ssh cannot read {}, because its path contains `\"`, `${{` or other characters than those of UTF-8",
            path.display()
        )),
    }
}

/// Passes an input to a process and waits for its end. It is ended when it accepts no further part of the input, or runs on after
/// the last one, for this long.
fn feed(child: &mut Child, input: &[u8], limit: Duration) -> Option<ExitStatus> {
    let pipe = child.stdin.take();
    let passed = &AtomicUsize::new(0);
    thread::scope(|threads| {
        // A command that ends early reports why.
        threads.spawn(move || pass(pipe, input, passed));
        end(child, limit, passed)
    })
}

/// Writes all of an input to a process, and counts the bytes that it has accepted.
fn pass(pipe: Option<ChildStdin>, input: &[u8], passed: &AtomicUsize) -> io::Result<()> {
    let Some(mut pipe) = pipe else {
        return Ok(());
    };
    for part in input.chunks(PART) {
        pipe.write_all(part)?;
        passed.fetch_add(part.len(), Ordering::Relaxed);
    }
    Ok(())
}

/// Waits for the end of a process, and ends it when it takes too long. Time counts from the last byte that was passed to it.
fn end(child: &mut Child, limit: Duration, passed: &AtomicUsize) -> Option<ExitStatus> {
    let (mut since, mut before) = (Instant::now(), 0);
    while since.elapsed() < limit {
        match child.try_wait() {
            Ok(None) => thread::sleep(PAUSE),
            Ok(Some(status)) => return Some(status),
            Err(_) => break,
        }
        let now = passed.load(Ordering::Relaxed);
        if now != before {
            (since, before) = (Instant::now(), now);
        }
    }
    // It may have ended just now.
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn lines(out: impl Read) -> SshOutput {
    let mut reader = BufReader::new(out.take(LARGEST));
    let mut line = String::new();
    // What arrived before an error is enough; the exit status reports the failure.
    let _ = reader.read_line(&mut line);
    let first = seconds();
    let rest = text(reader);
    let all = std::iter::once(line.trim_end()).chain(rest.lines());
    SshOutput {
        lines: all.map(str::to_owned).collect(),
        first,
    }
}

fn text(out: impl Read) -> String {
    let mut bytes = Vec::new();
    // As above. ssh ends when nobody reads any more.
    let _ = out.take(LARGEST).read_to_end(&mut bytes);
    String::from_utf8_lossy(&bytes).into_owned()
}

fn seconds() -> f64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    since_1970.map_or(0.0, |time| time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_endless_answer_does_not_fill_the_memory() {
        for byte in [b'x', b'\n'] {
            let said = lines(io::repeat(byte).take(3 * LARGEST));
            let length: usize = said.lines.iter().map(|line| line.len() + 1).sum();
            assert!(length as u64 <= LARGEST + 1, "{length}");
        }
    }

    /// The card of a node has failed while it receives a program.
    #[test]
    #[cfg(unix)]
    fn a_command_that_no_longer_reads_its_input_is_ended() {
        let fed = |program: &str, words: &[&str], limit: Duration| {
            let mut command = Command::new(program);
            let piped = command.args(words).stdin(Stdio::piped());
            let mut child = piped.stdout(Stdio::null()).spawn().unwrap();
            // More than a pipe holds.
            feed(&mut child, &vec![0_u8; 1 << 20], limit)
        };
        let started = Instant::now();
        assert_eq!(fed("sleep", &["60"], Duration::from_millis(200)), None);
        assert!(started.elapsed() < Duration::from_secs(30));
        let status = fed("cat", &[], Duration::from_mins(1));
        assert!(status.is_some_and(|status| status.success()));
    }

    #[test]
    fn a_path_is_written_as_ssh_reads_it() {
        assert_eq!(value(Path::new("/a b/50%h")).unwrap(), "/a b/50%%h");
        assert_eq!(value(Path::new("~key")).unwrap(), "./~key");
        for path in ["/a\"b", "/${HOME}"] {
            let wanted = format!(
                "ssh cannot read {path}, because its path contains `\"`, `${{` or other characters than those of UTF-8"
            );
            assert_eq!(value(Path::new(path)).unwrap_err(), wanted);
        }
    }

    #[test]
    fn no_option_lets_ssh_ask_or_trust_another_key() {
        let ssh = OperatorSsh {
            known_hosts: "a b/known_hosts".into(),
            user: "-oProxyCommand=x".to_owned(),
            login: SshLogin {
                identity: Some("keys/50%".into()),
                ..SshLogin::default()
            },
        };
        let words = ssh.options().unwrap();
        let words: Vec<_> = words.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(
            words[..4],
            ["-F", "none", "-o", "UserKnownHostsFile=\"a b/known_hosts\""]
        );
        assert!(words.contains(&"StrictHostKeyChecking=yes") && words.contains(&"BatchMode=yes"));
        assert_eq!(
            words[words.len() - 4..],
            ["-o", "IdentityFile=\"keys/50%%\"", "-l", "-oProxyCommand=x"]
        );
    }
}
