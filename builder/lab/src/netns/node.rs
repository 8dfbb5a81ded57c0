//! A node as seen from outside: its power, its console, its card.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use anyhow::{Context as _, Result, bail};

use super::history::History;
use super::{clock, root};

/// The size of a data partition: etcd's two logs of 64 MB, its database, and the same amount set aside.
pub(super) const CARD: u64 = 512 << 20;

/// One board with its card. `image` is the flashed image.
#[derive(Debug)]
pub(super) struct LabNode {
    pub(super) index: usize,
    pub(super) image: PathBuf,
    /// The addresses in its image with their prefix lengths; the first one is the node's own, the other the one before a move.
    pub(super) addresses: Vec<(IpAddr, u8)>,
    pub(super) folder: PathBuf,
    /// The directory with the contents of the card in this board.
    pub(super) card: PathBuf,
    /// The time that its clock shows when it is switched on, as libfaketime takes it, or `None` for the right one. etcd itself does
    /// not ask the library.
    pub(super) clock: Option<&'static str>,
    console: Arc<Mutex<Vec<String>>>,
    history: History,
    power: Option<Power>,
}

/// The processes of a node that is on.
#[derive(Debug)]
struct Power {
    process: Child,
    input: ChildStdin,
    reader: JoinHandle<()>,
}

impl LabNode {
    pub(super) fn new(
        index: usize,
        image: &Path,
        folder: PathBuf,
        history: History,
    ) -> Result<Self> {
        let card = folder.join("data");
        fs_err::create_dir_all(folder.join("root"))?;
        fs_err::create_dir_all(&card)?;
        root::bounded(&card, CARD)?;
        Ok(Self {
            index,
            addresses: addresses(image)?,
            image: image.to_owned(),
            folder,
            card,
            clock: None,
            console: Arc::default(),
            history,
            power: None,
        })
    }

    /// Returns the name in the node's image.
    pub(super) fn name(&self) -> String {
        name_of(&self.image)
    }

    /// Returns the address at which clients and other members reach the node.
    pub(super) fn address(&self) -> IpAddr {
        self.addresses[0].0
    }

    pub(super) fn data(&self) -> PathBuf {
        self.card.clone()
    }

    pub(super) fn is_on(&self) -> bool {
        self.power.is_some()
    }

    /// Switches the node on.
    pub(super) fn start(&mut self) -> Result<()> {
        if self.is_on() {
            bail!("{} is on already", self.name());
        }
        self.console().clear();
        let program = std::env::current_exe()?;
        let journal = std::fs::OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.folder.join("journal"))?;
        let mut process = Command::new("nsenter")
            .arg(format!("--net=/run/netns/n{}", self.index))
            .args(["unshare", "--mount", "--pid", "--fork", "--kill-child=KILL"])
            .arg(program)
            .arg("init")
            .args([&self.image, &self.folder, &self.card])
            .envs(self.clock.map(|time| (clock::VARIABLE, time)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(journal)
            .spawn()
            .context("starting nsenter")?;
        let input = process.stdin.take().context("no input")?;
        let output = process.stdout.take().context("no output")?;
        let (console, history) = (Arc::clone(&self.console), self.history.clone());
        let name = self.name();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                history.add(&format!("    {name} | {line}"));
                console
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(line);
            }
        });
        self.power = Some(Power {
            process,
            input,
            reader,
        });
        Ok(())
    }

    /// Cuts the power: all processes end at once, and the contents of memory are lost.
    pub(super) fn cut(&mut self) -> Result<()> {
        if let Some(mut power) = self.power.take() {
            power.process.kill()?;
            power.process.wait()?;
            // The console ends when the last process has ended.
            let _ = power.reader.join();
        }
        Ok(())
    }

    /// Types a line at the node's shell, or `kill` for a kill -9 of the service's processes.
    pub(super) fn type_line(&mut self, line: &str) -> Result<()> {
        let power = self.power.as_mut().context("the node is off")?;
        writeln!(power.input, "{line}").context("typing")
    }

    /// Returns the console lines since the node was switched on.
    pub(super) fn said(&self) -> Vec<String> {
        self.console().clone()
    }

    fn console(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.console.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Returns the name of the node that an image belongs to, which is the name of its directory.
pub(super) fn name_of(image: &Path) -> String {
    let name = image.file_name().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// Returns the addresses in an image's `NetworkManager` profile: lines such as `address1=192.168.0.50/24,192.168.0.1`.
pub(super) fn addresses(image: &Path) -> Result<Vec<(IpAddr, u8)>> {
    let profile = image.join("etc/NetworkManager/system-connections/etcd-eth0.nmconnection");
    let text = fs_err::read_to_string(&profile)?;
    let lines = text.lines().filter_map(|line| line.split_once('='));
    let values = lines.filter(|(key, _)| {
        let number = key.strip_prefix("address");
        number.is_some_and(|number| number.parse::<u8>().is_ok())
    });
    let addresses: Result<Vec<_>> = values
        .map(|(_, value)| {
            let network = value.split(',').next().unwrap_or(value);
            let (address, prefix) = network.split_once('/').context("no prefix length")?;
            Ok((address.parse()?, prefix.parse()?))
        })
        .collect();
    let addresses = addresses?;
    if addresses.is_empty() {
        bail!("no address in {}", profile.display());
    }
    Ok(addresses)
}
