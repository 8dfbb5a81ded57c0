//! Process 1 of a node: runs etcd.service as systemd would, and runs the commands of an operator.
//!
//! Its standard output is the node's console, as with the unit's `journal+console`; standard error is the journal.

use std::os::unix::net::UnixDatagram;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use rustix::process::Signal;

use super::history::say;
use super::root::SHIMS;
use super::shim::{SOCKET, SPEED};
use super::unit::{Service, UnitCommand, parse};
use super::{clock, history, pace, signal};

/// The pause between two polls of a process.
const LOOK: Duration = Duration::from_millis(15);
/// The time after which a stop becomes a kill: systemd's 90 s, scaled.
const STOP: Duration = Duration::from_secs(9);

/// How an activation of the service ended.
enum Ended {
    /// It ended by itself; the result is what systemd tells `ExecStopPost` (`SERVICE_RESULT`).
    Alone { how: String, result: &'static str },
    /// An operator stopped it (`false`) or restarted it (`true`).
    Asked(bool),
}

struct Init {
    unit: Service,
    messages: Receiver<String>,
    ready: bool,
}

/// Runs the unit until the power is cut.
pub(super) fn run() -> Result<()> {
    let unit = fs_err::read_to_string("/etc/systemd/system/etcd.service")?;
    let (sender, messages) = channel();
    listen(&sender)?;
    std::thread::spawn(move || operators(&sender));
    let unit = parse(&unit)?;
    let mut init = Init {
        unit,
        messages,
        ready: false,
    };
    fs_err::create_dir_all("/run/etcd")?;
    loop {
        let ended = init.activation()?;
        signal::everyone(Signal::KILL);
        init.stop_post(match ended {
            Ended::Asked(_) => "success",
            Ended::Alone { result, .. } => result,
        })?;
        match ended {
            Ended::Asked(true) => (),
            Ended::Asked(false) => init.until_started(),
            Ended::Alone { how, .. } => {
                say(&format!("init: {how}"));
                init.pause(init.unit.restart_after / SPEED);
            }
        }
    }
}

/// Forwards the messages sent to the socket: etcd's notifications and `systemctl` requests.
fn listen(sender: &Sender<String>) -> Result<()> {
    let socket = UnixDatagram::bind(SOCKET).context("binding the notification socket")?;
    let sender = sender.clone();
    std::thread::spawn(move || {
        let mut buffer = [0; 4096];
        while let Ok(length) = socket.recv(&mut buffer) {
            let _ = sender.send(String::from_utf8_lossy(&buffer[..length]).into_owned());
        }
    });
    Ok(())
}

/// Runs each line of standard input as an operator's shell command on the node, and reports how it ended.
fn operators(sender: &Sender<String>) {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        if line.starts_with("systemctl ") || line == "kill" {
            let _ = sender.send(line);
            continue;
        }
        let script = format!(". /etc/profile.d/etcdctl.sh; {line}");
        let mut shell = Command::new("/usr/bin/setsid");
        shell.args(["--wait", "/bin/sh", "-c", &script]);
        shell.env("PATH", format!("{SHIMS}:{PATH}"));
        let shell = shell.stdin(Stdio::null()).output();
        std::thread::spawn(move || match shell {
            Ok(output) => {
                for text in [&output.stdout, &output.stderr] {
                    for line in String::from_utf8_lossy(text).lines() {
                        say(&format!("operator: {line}"));
                    }
                }
                say(&format!("operator: done, {}", output.status));
            }
            Err(error) => history::complain(&format!("operator: {error}")),
        });
    }
}

/// The directories in which systemd finds a unit's programs, including `sbin`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Settings of the Go runtime for etcd and etcdctl. Dozens of members share the machine's processors and live for seconds;
/// without idle threads that look for work, and with few garbage collections, a scenario takes a tenth less processor time.
const GO_RUNTIME: [(&str, &str); 2] = [("GOMAXPROCS", "1"), ("GOGC", "800")];

impl Init {
    /// Runs the service once, from its start to its end.
    fn activation(&mut self) -> Result<Ended> {
        self.ready = false;
        for at in 0..self.unit.pre.len() {
            let child = self.start_step(&self.unit.pre[at])?;
            if let Some(ended) = self.step(child, at, None)? {
                return Ok(ended);
            }
            // systemd kills the remaining processes of a step before it starts the next.
            signal::everyone(Signal::KILL);
        }
        let mut main = self.start(&self.unit.main)?;
        if let Some(ended) = self.until(&mut main, |init| init.ready)? {
            return Ok(ended);
        }
        say("init: etcd is ready");
        for at in 0..self.unit.post.len() {
            let child = self.start_step(&self.unit.post[at])?;
            if let Some(ended) = self.step(child, at, Some(&mut main))? {
                return Ok(ended);
            }
        }
        loop {
            if let Some(ended) = self.until(&mut main, |_| false)? {
                return Ok(ended);
            }
        }
    }

    /// Waits for a step, which ends early if the main process ends.
    fn step(
        &mut self,
        mut child: Child,
        at: usize,
        mut main: Option<&mut Child>,
    ) -> Result<Option<Ended>> {
        loop {
            if let Some(status) = child.try_wait()? {
                let steps = if main.is_some() {
                    &self.unit.post
                } else {
                    &self.unit.pre
                };
                let fine = status.success() || steps[at].may_fail;
                let how = || format!("`{}` ended: {}", steps[at].words.join(" "), shown(status));
                return Ok((!fine).then(|| Ended::Alone {
                    how: how(),
                    result: result(status, self.ready),
                }));
            }
            let ended = match main.as_deref_mut() {
                Some(main) => main.try_wait()?,
                None => None,
            };
            if let Some(status) = ended {
                return Ok(Some(self.ended(status)));
            }
            if let Some(asked) = self.message() {
                stop(&mut child);
                return Ok(Some(asked));
            }
        }
    }

    /// Waits until a condition holds or the process ends.
    fn until(&mut self, main: &mut Child, done: impl Fn(&Self) -> bool) -> Result<Option<Ended>> {
        while !done(self) {
            if let Some(status) = main.try_wait()? {
                return Ok(Some(self.ended(status)));
            }
            if let Some(asked) = self.message() {
                stop(main);
                return Ok(Some(asked));
            }
        }
        Ok(None)
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        Ended::Alone {
            how: format!("etcd ended: {}", shown(status)),
            result: result(status, self.ready),
        }
    }

    /// Handles one message, or waits briefly for one.
    fn message(&mut self) -> Option<Ended> {
        let message = self.messages.recv_timeout(LOOK).ok()?;
        match message.as_str() {
            "systemctl stop etcd" | "systemctl stop etcd.service" => Some(Ended::Asked(false)),
            "systemctl restart etcd" | "systemctl restart etcd.service" => Some(Ended::Asked(true)),
            "kill" => {
                signal::everyone(Signal::KILL);
                None
            }
            notification => {
                self.ready |= notification.lines().any(|line| line == "READY=1");
                None
            }
        }
    }

    fn until_started(&mut self) {
        while let Ok(message) = self.messages.recv() {
            if message.starts_with("systemctl start etcd")
                || message.starts_with("systemctl restart etcd")
            {
                return;
            }
        }
    }

    /// Pauses before a restart; an operator's command ends the pause early.
    fn pause(&mut self, length: Duration) {
        let end = Instant::now() + length;
        while Instant::now() < end {
            match self.message() {
                None => (),
                Some(Ended::Asked(false)) => return self.until_started(),
                Some(_) => return,
            }
        }
    }

    fn stop_post(&mut self, result: &str) -> Result<()> {
        for step in &self.unit.stop_post {
            let mut command = self.command(&step.words)?;
            command.env("SERVICE_RESULT", result).spawn()?.wait()?;
        }
        signal::everyone(Signal::KILL);
        Ok(())
    }

    fn start_step(&self, step: &UnitCommand) -> Result<Child> {
        self.start(&step.words)
    }

    fn start(&self, words: &[String]) -> Result<Child> {
        let mut command = self.command(words)?;
        command
            .spawn()
            .with_context(|| format!("starting {}", words[0]))
    }

    fn command(&self, words: &[String]) -> Result<Command> {
        let (program, arguments) = words.split_first().context("an empty command")?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::null())
            .process_group(0);
        command.env_clear().env("PATH", format!("{SHIMS}:{PATH}"));
        command.env("NOTIFY_SOCKET", SOCKET).env("LANG", "C.UTF-8");
        command.envs(GO_RUNTIME);
        command.envs(clock::settings());
        command.env(pace::VARIABLE, pace::processor_factor().to_string());
        command.envs(
            self.unit
                .environment
                .iter()
                .map(|(name, value)| (name, value)),
        );
        Ok(command)
    }
}

/// Stops a service as systemd does: asks every process to end, then kills the rest.
fn stop(main: &mut Child) {
    let end = Instant::now() + STOP;
    signal::everyone(Signal::TERM);
    while Instant::now() < end && matches!(main.try_wait(), Ok(None)) {
        std::thread::sleep(LOOK);
    }
    signal::everyone(Signal::KILL);
    let _ = main.wait();
}

/// Returns the result that systemd states for a service whose process ended by itself: a clean end before a service is ready
/// violates the protocol of `Type=notify`.
fn result(status: ExitStatus, ready: bool) -> &'static str {
    let signals = [Signal::HUP, Signal::INT, Signal::PIPE, Signal::TERM].map(Signal::as_raw);
    let is_clean = status.success() || status.signal().is_some_and(|it| signals.contains(&it));
    match (is_clean, ready, status.code()) {
        (true, true, _) => "success",
        (true, false, _) => "protocol",
        (false, _, Some(_)) => "exit-code",
        (false, _, None) => "signal",
    }
}

fn shown(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("code {code}"),
        (_, Some(signal)) => format!("signal {signal}"),
        _ => status.to_string(),
    }
}
