//! Actions on nodes: power, cards, disks, and an operator's commands.

use std::collections::BTreeSet;
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

use super::lab::{LOOK, Lab};
use super::links::Links;
use super::violation::{Invariant, violated};
use super::{node, root};

/// The time within which a nonmember must say any reason on its console.
pub(super) const SOON: Duration = Duration::from_secs(20);

/// The most unsuccessful attempts of a node to add itself to the list, within some seconds of the laboratory's fast time.
const MOST_ATTEMPTS: usize = 3;

/// The unit in which a card loses data, in bytes.
const BLOCK: u64 = 4096;

impl Lab {
    pub(super) fn start(&mut self, index: usize) -> Result<()> {
        if self.nodes[index].is_on() {
            return Ok(());
        }
        self.history
            .add(&format!("switch {} on", self.nodes[index].name()));
        Links::power(index, true)?;
        self.nodes[index].start()?;
        self.announce();
        Ok(())
    }

    pub(super) fn start_all(&mut self) -> Result<()> {
        self.all()
            .into_iter()
            .try_for_each(|index| self.start(index))
    }

    /// Cuts the power of a node.
    pub(super) fn cut(&mut self, index: usize) -> Result<()> {
        if self.nodes[index].is_on() {
            self.fault(&format!("cut the power of {}", self.nodes[index].name()));
            self.nodes[index].cut()?;
            Links::power(index, false)?;
            self.announce();
        }
        Ok(())
    }

    pub(super) fn cut_all(&mut self) -> Result<()> {
        self.all().into_iter().try_for_each(|index| self.cut(index))
    }

    /// Kills the service's processes with signal 9; systemd restarts the service.
    pub(super) fn kill(&mut self, index: usize) -> Result<()> {
        self.fault(&format!(
            "kill -9 the service on {}",
            self.nodes[index].name()
        ));
        self.nodes[index].type_line("kill")
    }

    /// Switches a node off and erases its card.
    pub(super) fn wipe(&mut self, index: usize) -> Result<()> {
        self.cut(index)?;
        self.fault(&format!("wipe the data of {}", self.nodes[index].name()));
        empty(&self.nodes[index].data())
    }

    /// Switches two nodes off and exchanges their cards.
    pub(super) fn swap(&mut self, one: usize, other: usize) -> Result<()> {
        self.cut(one)?;
        self.cut(other)?;
        let [a, b] = [one, other].map(|index| self.nodes[index].name());
        self.fault(&format!("exchange the cards of {a} and {b}"));
        let card = self.nodes[one].data();
        self.nodes[one].card = std::mem::replace(&mut self.nodes[other].card, card);
        Ok(())
    }

    /// Switches a node off and returns a copy of its current data.
    pub(super) fn set_aside(&mut self, index: usize) -> Result<PathBuf> {
        self.cut(index)?;
        self.faults += 1;
        let aside = PathBuf::from(format!("/run/lab/copy{}", self.faults));
        fs_err::create_dir_all(&aside)?;
        copy(&self.nodes[index].data(), &aside)?;
        Ok(aside)
    }

    /// Replaces a node's data by an earlier copy.
    pub(super) fn put(&mut self, aside: &Path, index: usize) -> Result<()> {
        self.wipe(index)?;
        self.fault(&format!(
            "put other data on the card of {}",
            self.nodes[index].name()
        ));
        copy(aside, &self.nodes[index].data())
    }

    /// Switches a node off and sets its clock for later, or corrects it.
    pub(super) fn set_clock(&mut self, index: usize, clock: Option<&'static str>) -> Result<()> {
        self.cut(index)?;
        let time = clock.unwrap_or("right");
        self.fault(&format!(
            "set the clock of {}: {time}",
            self.nodes[index].name()
        ));
        self.nodes[index].clock = clock;
        Ok(())
    }

    /// Flashes another image and keeps the data.
    pub(super) fn reflash(&mut self, index: usize, set: &str, name: &str) -> Result<()> {
        self.cut(index)?;
        self.fault(&format!(
            "flash {name} of `{set}` onto the card of {}",
            self.nodes[index].name()
        ));
        let image = self.image(set, name);
        self.nodes[index].addresses = node::addresses(&image)?;
        self.nodes[index].image = image;
        self.links.assign(index, &self.nodes[index].addresses)
    }

    /// Overwrites the middle of a file in the data directory, e.g. `member/snap/db`; a name may end in `*`.
    ///
    /// A log is overwritten from a client's value on: etcd takes noise at the beginning of a record for a write that the power has
    /// interrupted, and goes on without the rest.
    pub(super) fn corrupt(&mut self, index: usize, file: &str) -> Result<()> {
        self.cut(index)?;
        self.fault(&format!(
            "overwrite a part of {file} on {}",
            self.nodes[index].name()
        ));
        let path = self.nodes[index].data().join(file);
        let path = if file.ends_with('*') {
            first(&path)?
        } else {
            path
        };
        let quarter = used(&path)? / 4;
        // Flash memory loses whole blocks; bbolt recognizes a page that is not its own by its beginning.
        let (start, length) = match quarter / BLOCK * BLOCK {
            0 => (quarter, quarter + 1),
            start => (start, start),
        };
        let start = start + value_after(&path, start, length)?;
        let noise = vec![0xa5; usize::try_from(length)?];
        let mut file = fs_err::OpenOptions::new().write(true).open(&path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok(file.write_all(&noise)?)
    }

    /// Shrinks the disk of a node to what it holds and `left` MiB more.
    pub(super) fn fill(&mut self, index: usize, left: u64) -> Result<()> {
        let name = self.nodes[index].name();
        self.fault(&format!("fill the disk of {name}, but for {left} MiB"));
        let data = self.nodes[index].data();
        // etcd may write between the two steps.
        for _ in 0..20 {
            let usage = rustix::fs::statvfs(&data)?;
            let used = (usage.f_blocks - usage.f_bfree) * usage.f_frsize;
            // A size of 0 means no limit.
            let size = (used + (left << 20)).max(1 << 16);
            if root::resize(&data, size).is_ok() {
                return Ok(());
            }
        }
        bail!("the disk of {name} does not shrink")
    }

    pub(super) fn free(&self, index: usize) -> Result<()> {
        root::resize(&self.nodes[index].data(), node::CARD)
    }

    /// Repairs the network and the disks, and switches the nodes in `on` on.
    pub(super) fn repair(&mut self, on: &[usize]) -> Result<()> {
        self.history.add("repair everything");
        self.resume_clients();
        self.links.heal()?;
        for index in self.all() {
            self.free(index)?;
        }
        on.iter().try_for_each(|index| self.start(*index))
    }

    /// Deletes data that was set aside, as an operator does when every node is a member.
    pub(super) fn tidy_up(&self) -> Result<()> {
        for node in &self.nodes {
            let aside = node.data().join("aside");
            if aside.exists() {
                empty(&aside)?;
            }
        }
        Ok(())
    }

    /// Cuts the connection between two nodes.
    pub(super) fn disconnect(&mut self, one: usize, other: usize) -> Result<()> {
        let [a, b] = [one, other].map(|index| self.nodes[index].name());
        self.fault(&format!("cut the connection between {a} and {b}"));
        self.links.cut_one_way(one, other)?;
        self.links.cut_one_way(other, one)
    }

    /// Types a command at a node's shell, as a logged-in operator does.
    pub(super) fn type_at(&mut self, index: usize, command: &str) -> Result<()> {
        self.history
            .add(&format!("type on {}: {command}", self.nodes[index].name()));
        self.nodes[index].type_line(command)
    }

    /// Waits for an expected line on a node's console.
    pub(super) fn says(&self, index: usize, text: &str) -> Result<String> {
        let start = self.history.elapsed();
        while !self.is_over(start) {
            let said = self.nodes[index].said();
            if let Some(line) = said.into_iter().rfind(|line| line.contains(text)) {
                return Ok(line);
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        let name = self.nodes[index].name();
        violated(
            Invariant::Expectation,
            format!("{name} does not say `{text}` on its console"),
        )
    }

    /// Watches the member list for some time: a node that cannot become a member must not change the list repeatedly.
    pub(super) fn count_changes(&self, time: Duration) -> Result<()> {
        let end = self.history.elapsed() + time;
        let mut ids = BTreeSet::new();
        while self.history.elapsed() < end {
            self.pass(Duration::from_millis(100))?;
            if let Ok((_, members)) = self.client.members(self.nodes[0].address()) {
                ids.extend(members.into_iter().map(|member| member.id));
            }
        }
        match ids.len().saturating_sub(self.nodes.len()) {
            0..=MOST_ATTEMPTS => Ok(()),
            more => violated(
                Invariant::Expectation,
                format!("{more} members were added within {time:?}"),
            ),
        }
    }

    /// Follows the advice on a node's console: `[stop etcd wherever it runs …] run on NAME…: COMMAND`.
    pub(super) fn follow_advice(&mut self, index: usize) -> Result<()> {
        let line = self.says(index, "run on ")?;
        let advice = line.rsplit_once("run on ").map(|(_, advice)| advice);
        let (names, command) = advice
            .and_then(|advice| advice.split_once(": "))
            .with_context(|| format!("advice of another form: {line}"))?;
        let fits = |node: &node::LabNode| names.split_whitespace().any(|name| name == node.name());
        let (on, others): (Vec<usize>, Vec<usize>) = self
            .all()
            .into_iter()
            .partition(|at| fits(&self.nodes[*at]));
        if on.is_empty() {
            return violated(Invariant::Expectation, format!("advice for nobody: {line}"));
        }
        let stop = line.contains("stop etcd");
        if stop {
            for node in others.iter().copied() {
                self.start(node)?;
            }
            self.stop_etcd(&others)?;
        }
        self.type_at_all(&on, command)?;
        if stop {
            self.says(on[0], "beginning anew with this node's data")?;
            self.type_at_all(&others, "sudo systemctl start etcd")?;
        }
        self.resume_clients();
        Ok(())
    }

    /// Stops etcd on nodes, and waits as `systemctl` does: a leader first tries to hand its office over.
    pub(super) fn stop_etcd(&mut self, nodes: &[usize]) -> Result<()> {
        for node in nodes {
            self.type_at(*node, "sudo systemctl stop etcd")?;
        }
        let start = self.history.elapsed();
        for node in nodes {
            let address = self.nodes[*node].address();
            let listens = |port| TcpStream::connect_timeout(&(address, port).into(), LOOK).is_ok();
            while listens(2379) || listens(2380) {
                if self.is_over(start) {
                    let text = format!("etcd of {} does not stop", self.nodes[*node].name());
                    return violated(Invariant::Expectation, text);
                }
                self.pass(LOOK)?;
            }
        }
        self.pass(LOOK)
    }

    fn type_at_all(&mut self, nodes: &[usize], command: &str) -> Result<()> {
        nodes.iter().try_for_each(|node| {
            self.start(*node)?;
            self.type_at(*node, command)
        })
    }
}

fn empty(folder: &Path) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            fs_err::remove_dir_all(path)?;
        } else {
            fs_err::remove_file(path)?;
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<()> {
    let status = std::process::Command::new("cp")
        .arg("-a")
        .args([&from.join("."), to])
        .status()?;
    if !status.success() {
        bail!("cp failed: {status}");
    }
    Ok(())
}

/// Returns the first file in a pattern's directory. Files without an extension and `.tmp` files are ignored.
fn first(pattern: &Path) -> Result<PathBuf> {
    let folder = pattern.parent().context("no directory")?;
    let mut files = fs_err::read_dir(folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<Vec<_>>>()?;
    files.sort();
    files.retain(|path| path.extension().is_some_and(|kind| kind != "tmp"));
    files
        .into_iter()
        .next()
        .with_context(|| format!("nothing in {}", folder.display()))
}

/// Returns the number of bytes in a log after which a client's value begins, if one does within `length` bytes; otherwise 0.
fn value_after(path: &Path, start: u64, length: u64) -> Result<u64> {
    if path.extension().is_none_or(|kind| kind != "wal") {
        return Ok(0);
    }
    let mut file = fs_err::File::open(path)?;
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    let value = b"value-";
    let at = bytes.windows(value.len()).position(|it| it == value);
    Ok(u64::try_from(at.unwrap_or(0))?)
}

/// Returns how many bytes of a file come before the zeros that etcd has reserved.
fn used(path: &Path) -> Result<u64> {
    let mut file = fs_err::File::open(path)?;
    let (mut block, mut used, mut at) = ([0; 1 << 14], 0, 0);
    loop {
        let length = file.read(&mut block)?;
        match block[..length].iter().rposition(|byte| *byte != 0) {
            Some(last) => used = at + u64::try_from(last)?,
            None => return Ok(used),
        }
        at += u64::try_from(length)?;
    }
}
