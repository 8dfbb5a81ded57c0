//! Runs commands on nodes through the system's ssh(1), which must find their host keys in the state directory.
#![expect(
    clippy::disallowed_methods,
    reason = "starts ssh, and compares the clock with that of a node"
)]

use std::ffi::OsString;
use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

const PAUSE: Duration = Duration::from_millis(20);

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

    /// Runs a command on a node that reads from its standard input, with a larger limit of time for what follows the input.
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
        if let Some(mut pipe) = child.stdin.take() {
            // A command that ends early reports why.
            let _ = pipe.write_all(input);
        }
        let status = end(&mut child, limit);
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

/// Waits for the end of a process, and ends it when it takes too long.
fn end(child: &mut Child, limit: Duration) -> Option<ExitStatus> {
    let started = Instant::now();
    while started.elapsed() < limit {
        match child.try_wait() {
            Ok(None) => thread::sleep(PAUSE),
            Ok(Some(status)) => return Some(status),
            Err(_) => break,
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

/// The reason of a host key that another machine has, or another image.
const OTHER_HOST_KEY: &str = "its host key is not the one in known_hosts";

/// The reason of a command whose node has stopped answering, about which ssh says nothing.
const LOST: &str = "the node has stopped answering";

/// How the reason of a command begins that took too long.
const TOO_LATE: &str = "it did not end within";

/// The next step for a node that cannot be reached.
pub(super) const UNREACHABLE: &str = "check its power and network";

/// Returns the next step after a command on a node has failed for this reason.
pub(super) fn hint(reason: &str) -> &'static str {
    let says = |words: &str| reason.contains(words);
    if reason == OTHER_HOST_KEY {
        "name the state directory with which the node's image was built; if it is this one, another machine answers at the \
         node's address"
    } else if says(TOO_LATE) || reason == LOST {
        "check its power and network, or give a slow one more time with --ssh-timeout"
    } else if says("Permission denied") {
        "log in with a key of [ssh] in the node's image; --ssh-identity names it"
    } else if says("`ssh` is not installed") {
        "install the OpenSSH client on this machine"
    } else if says("sudo:") {
        "make sudo work without a password for the login user of the node"
    } else if says("No space left on device") || says("no space left on device") {
        "make room on its data partition: delete what nobody needs in aside/ and backups/ beside its data"
    } else if says("the state directory is an older copy") {
        "name the newest state directory of this cluster with --state"
    } else if says("by this node's CA and clock") {
        "compare the clock of the node with that of this machine (`etcd-image cluster status` shows the difference)"
    } else if says("its image is too old for this")
        || says("its names are not those of this node's image")
    {
        "build the image of the node again and flash it"
    } else if says("it has received its certificates") {
        "`etcd-image cluster logs` shows what its etcd waits for"
    } else {
        UNREACHABLE
    }
}

/// Returns the line of ssh's messages that names the reason why it ended with this status.
fn reason(status: ExitStatus, errors: &str) -> String {
    /// The exit status of ssh itself.
    const OF_SSH: i32 = 255;
    let changed = "Host key verification failed.";
    if errors.lines().any(|line| line == changed) {
        return OTHER_HOST_KEY.to_owned();
    }
    let last = errors.lines().rev().find(|line| !line.trim().is_empty());
    match last {
        Some(line) => line.trim().escape_debug().to_string(),
        None if status.code() == Some(OF_SSH) => LOST.to_owned(),
        None => "its command gave no reason".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_ssh_names_the_reason() {
        let ended = |code: &str| {
            let mut sh = Command::new("sh");
            sh.args(["-c", &format!("exit {code}")]).status().unwrap()
        };
        let reason = |errors: &str| reason(ended("255"), errors);
        let refused = "pi@192.168.0.50: Permission denied (publickey).\r\n";
        assert_eq!(
            reason(refused),
            "pi@192.168.0.50: Permission denied (publickey)."
        );
        let changed = "@@@\nOffending key in /x:1\nHost key verification failed.\n";
        assert_eq!(
            reason(changed),
            "its host key is not the one in known_hosts"
        );
        assert_eq!(reason(""), LOST);
        assert_eq!(super::reason(ended("1"), ""), "its command gave no reason");
    }

    #[test]
    fn an_endless_answer_does_not_fill_the_memory() {
        for byte in [b'x', b'\n'] {
            let said = lines(io::repeat(byte).take(3 * LARGEST));
            let length: usize = said.lines.iter().map(|line| line.len() + 1).sum();
            assert!(length as u64 <= LARGEST + 1, "{length}");
        }
    }

    #[test]
    fn the_next_step_fits_the_reason() {
        for (reason, words) in [
            (OTHER_HOST_KEY, "another machine answers"),
            (
                "pi@192.168.0.50: Permission denied (publickey).",
                "--ssh-identity names it",
            ),
            ("it did not end within 30 s", "--ssh-timeout"),
            (LOST, "--ssh-timeout"),
            ("`ssh` is not installed", "install the OpenSSH client"),
            ("sudo: a password is required", "make sudo work"),
            (
                "cat: write error: No space left on device",
                "make room on its data partition",
            ),
            (
                "this node refuses the server certificate: it is not valid here, by this node's CA and clock (2026-11-27 10:00 UTC)",
                "compare the clock of the node",
            ),
            (
                "this node refuses the peer certificate: its names are not those of this node's image",
                "build the image of the node again",
            ),
            (
                "its image is too old for this: build and flash it once",
                "build the image of the node again",
            ),
            (
                "it has received its certificates, but etcd does not serve clients: no answer within 5 s",
                "`etcd-image cluster logs`",
            ),
            (
                "ssh: connect to host 192.168.0.50 port 22: No route to host",
                "check its power",
            ),
        ] {
            assert!(hint(reason).contains(words), "{reason}");
        }
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
