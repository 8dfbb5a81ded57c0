//! Builds images from a real base and boots them as a cluster inside the test's own namespaces.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::boot::{self, BootLab, Setup};
use etcd_image::cli::{Args, Command as Chosen, Environment};
use etcd_image::etcd::{CallError, Client, Member};
use etcd_image::progress;

use super::enclosed;
use super::tool::{Said, tool, tool_in};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_etcd-image");

/// The directory that contains one directory per cluster.
const CLUSTERS: &str = concat!(env!("CARGO_TARGET_TMPDIR"), "/boot");

/// etcd 3.4 for the nodes, which xtask unpacks from Debian 12's packages. In the walk-throughs A and E, it stands in for the
/// releases 3.4.22 and 3.4.16, which are downloaded from GitHub.
pub(crate) const ETCD_3_4: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/cases/etcd-3.4");

/// The node names that `build --nodes 3` assigns.
pub(crate) const NODES: [&str; 3] = ["etcd1", "etcd2", "etcd3"];

/// The images of one cluster, and the key that opens its nodes.
#[derive(Debug)]
pub(crate) struct Images {
    folder: PathBuf,
}

impl Images {
    /// Builds the images of a cluster of `nodes` from scratch, using the real base.
    pub(crate) fn build(name: &str, nodes: usize) -> Self {
        let nodes = nodes.to_string();
        Self::of(name, &["--nodes", &nodes, "--base", "debian-trixie"])
    }

    /// Builds a cluster of `nodes` that this `cluster.toml` describes.
    pub(crate) fn described(name: &str, nodes: usize, config: &str) -> Self {
        Self::described_with(name, nodes, config, &[])
    }

    /// Builds a cluster of `nodes` that this `cluster.toml` describes, with more options of `build`.
    pub(crate) fn described_with(name: &str, nodes: usize, config: &str, more: &[&str]) -> Self {
        let folder = Self::folder(name);
        fs::create_dir_all(&folder).unwrap();
        let (file, nodes) = (folder.join("cluster.toml"), nodes.to_string());
        fs::write(&file, config).unwrap();
        let config = file.to_str().unwrap();
        let options = [
            "--config",
            config,
            "--nodes",
            &nodes,
            "--base",
            "debian-trixie",
        ];
        Self::of(name, &[&options[..], more].concat())
    }

    fn folder(name: &str) -> PathBuf {
        Path::new(CLUSTERS).join(name)
    }

    /// Builds images of the same nodes once more, with these options of `build`, and returns their directory.
    pub(crate) fn again(&self, options: &[&str]) -> PathBuf {
        self.write("state", "other", options);
        self.folder.join("other")
    }

    /// Builds the images of a cluster with these options of `build`.
    pub(crate) fn of(name: &str, options: &[&str]) -> Self {
        Self::with_key(name, "ed25519", options)
    }

    /// Builds the images of a cluster that a key of this type opens.
    pub(crate) fn with_key(name: &str, key_type: &str, options: &[&str]) -> Self {
        make_room();
        let folder = Self::folder(name);
        fs::create_dir_all(&folder).unwrap();
        let images = Self { folder };
        if !images.key().is_file() {
            let key = images.key();
            let words = ["-q", "-t", key_type, "-N", "", "-f", key.to_str().unwrap()];
            // The bits of an RSA key; the other types have one size.
            let bits: &[&str] = if key_type == "rsa" {
                &["-b", "4096"]
            } else {
                &[]
            };
            tool("ssh-keygen", &[&words[..], bits].concat()).done();
        }
        images.write("state", "images", options);
        images
    }

    /// Returns the images that were built before under this name.
    pub(crate) fn written(name: &str) -> Self {
        let folder = Self::folder(name);
        Self { folder }
    }

    /// Removes what an earlier test has left of the cluster of this name.
    pub(crate) fn forget(name: &str) {
        // There may be nothing.
        let _ = fs::remove_dir_all(Self::folder(name));
    }

    /// Replaces one of two nodes by an image with an identity from another CA.
    pub(crate) fn betray(&self, node: &str) {
        let options = ["--nodes", "2", "--base", "debian-trixie"];
        self.write("foreign-state", "foreign", &options);
        let image = format!("{node}.img");
        let foreign = self.folder.join("foreign").join(&image);
        fs::rename(foreign, self.images().join(&image)).unwrap();
    }

    /// Replaces the image of one of three nodes by a compressed one of the same node.
    pub(crate) fn compress(&self, node: &str) {
        let options = ["--nodes", "3", "--base", "debian-trixie", "--only", node];
        let options = [&options[..], &["--format", "img.zst"]].concat();
        self.write("state", "packed", &options);
        let (packed, image) = (format!("{node}.img.zst"), format!("{node}.img"));
        let from = self.folder.join("packed");
        fs::rename(from.join(&packed), self.images().join(&packed)).unwrap();
        fs::remove_file(self.images().join(&image)).unwrap();
        fs::remove_dir_all(from).unwrap();
    }

    /// Builds with the base and the etcd release in the user's cache, where `cargo xtask test` has put them.
    fn write(&self, state: &str, out: &str, options: &[&str]) {
        let path = |name: &str| self.folder.join(name).to_str().unwrap().to_owned();
        let (key, state, out) = (path("key.pub"), path(state), path(out));
        let mut words = vec!["build", "--ssh-key", &key, "--state", &state, "--out", &out];
        if !options.contains(&"--etcd") {
            words.extend(["--etcd", "debian"]);
        }
        tool(PROGRAM, &[&words[..], options].concat()).done();
    }

    /// Returns the directory of the images.
    pub(crate) fn images(&self) -> PathBuf {
        self.folder.join("images")
    }

    /// Returns a private key that may log in.
    pub(crate) fn key(&self) -> PathBuf {
        self.folder.join("key")
    }

    /// Returns the machines, none of them running.
    pub(crate) fn lab(&self) -> BootLab {
        BootLab::open(self.setup("images")).unwrap()
    }

    /// Returns the machines and that of one more node, which another `cluster.toml` of the same cluster describes.
    pub(crate) fn lab_with(&self, node: &str, config: &str) -> BootLab {
        self.lab_beside("state", config, |other| other == node)
    }

    /// Returns the machines, and those of boards that `config` describes and that are not part of the cluster yet. Their cards
    /// hold placeholders until the test makes their images ([`insert`](super::card::insert)): a copy of the state directory gives
    /// both the same disk ID.
    pub(crate) fn lab_with_boards(&self, config: &str) -> BootLab {
        let [own, copy] = ["state", "copy"].map(|name| self.folder.join(name));
        let words = [OsStr::new("-aT"), own.as_os_str(), copy.as_os_str()];
        tool("cp", &words).done();
        self.lab_beside("copy", config, |_| true)
    }

    /// Returns the machines, and those of the chosen nodes that `config` describes.
    fn lab_beside(&self, state: &str, config: &str, is_chosen: impl Fn(&str) -> bool) -> BootLab {
        let file = self.folder.join("other.toml");
        fs::write(&file, config).unwrap();
        let options = [
            "--config",
            file.to_str().unwrap(),
            "--base",
            "debian-trixie",
        ];
        self.write(state, "other", &options);
        let mut setup = self.setup("images");
        let others = self.setup("other").nodes.into_iter();
        let chosen = others.filter(|other| is_chosen(&other.name));
        setup.nodes.extend(chosen);
        BootLab::open(setup).unwrap()
    }

    fn setup(&self, images: &str) -> Setup {
        // A busy machine boots three nodes in half an hour.
        let line = ["etcd-image", "boot", "--timeout", "3600", "--ssh-identity"].map(Into::into);
        let places = [self.key(), self.folder.join(images)].map(Into::into);
        let Chosen::Boot(options) = Args::parse_line(line.into_iter().chain(places))
            .unwrap()
            .command
        else {
            panic!("not boot");
        };
        Setup::gather(&options, &Environment::read().unwrap(), false).unwrap()
    }
}

/// Removes the images of finished tests, since three images take two gigabytes.
fn make_room() {
    for cluster in fs::read_dir(CLUSTERS).into_iter().flatten().flatten() {
        for images in ["images", "other"] {
            let _ = fs::remove_dir_all(cluster.path().join(images));
        }
    }
}

/// Runs a command on a node as its user and returns the result of ssh(1).
pub(crate) fn on(images: &Images, node: &str, command: &str) -> Said {
    let key = images.key();
    let words = ["-F", "client/ssh_config", "-o", "IdentitiesOnly=yes", "-i"];
    let rest = [key.to_str().unwrap(), node, command];
    tool_in(&images.images(), "ssh", &[&words[..], &rest].concat())
}

/// Waits until these nodes are healthy members.
pub(crate) fn healthy(lab: &mut BootLab, names: &[&str]) {
    let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
    boot::until_healthy(lab, &names, &*progress::stderr(false)).unwrap();
}

/// Returns the address of a node.
pub(crate) fn address(lab: &BootLab, name: &str) -> IpAddr {
    let mut nodes = lab.nodes().iter();
    nodes.find(|node| node.name == name).unwrap().address
}

/// Waits until all three members have started and vote, and returns the one of this name as `of` sees it.
///
/// Health is not enough: a learner of etcd 3.5 is also healthy.
pub(crate) fn voter(lab: &BootLab, of: &str, name: &str) -> Member {
    let started = Instant::now();
    loop {
        let seen = lab.client().members(address(lab, of)).unwrap_or_default();
        let counts = |member: &&Member| member.is_started() && !member.is_learner;
        let voters: Vec<_> = seen.iter().filter(counts).collect();
        let mut found = voters.iter().filter(|member| member.name == name);
        if let (3, 3, Some(member)) = (seen.len(), voters.len(), found.next()) {
            return (*member).clone();
        }
        let late = started.elapsed() > Duration::from_mins(10);
        assert!(!late, "{of} sees no voter {name} among three: {seen:?}");
        thread::sleep(Duration::from_secs(3));
    }
}

/// Asks until there is an answer, for five minutes at most.
///
/// There is none while the members elect a leader, which takes time on a busy machine.
pub(crate) fn answered<T>(ask: impl Fn() -> Result<T, CallError>) -> T {
    let started = Instant::now();
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(trouble) if started.elapsed() > Duration::from_mins(5) => {
                panic!("no answer at all: {trouble}")
            }
            Err(_) => thread::sleep(Duration::from_secs(2)),
        }
    }
}

/// Writes once a second through a node during `act`; returns the longest time without an acknowledgement.
pub(crate) fn silence(client: &Client, node: IpAddr, act: impl FnOnce() + Send) -> Duration {
    let (mut longest, mut last) = (Duration::ZERO, Instant::now());
    thread::scope(|scope| {
        let acting = scope.spawn(act);
        while !acting.is_finished() {
            if client.put(node, "silence", "").is_ok() {
                longest = longest.max(last.elapsed());
                last = Instant::now();
            }
            thread::sleep(Duration::from_secs(1));
        }
        acting.join().unwrap();
    });
    longest.max(last.elapsed())
}

/// Waits for the lock of the test that boots machines, since two clusters on one machine would delay each other.
pub(crate) fn turn() -> File {
    let turn = File::create(Path::new(env!("CARGO_TARGET_TMPDIR")).join("boot.lock")).unwrap();
    turn.lock().unwrap();
    turn
}

/// Runs the test once more inside namespaces, where it executes `body`, when no other test boots machines.
pub(crate) fn inside(body: impl FnOnce()) {
    let _turn = (!enclosed::is_inside()).then(turn);
    enclosed::inside(body);
}
