//! Members whose nodes answer a real sshd, and restart when a command asks for it.

use std::fs;
use std::net::{IpAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use etcd_image::etcd::CallError;

use super::enclosed;
use super::members::{Members, NAMES, address, program_of, until};
use super::node_programs::{PARTS, PROGRAMS, SSHD};
use super::rendered::rendered;
use super::scene::PROGRAM;
use super::tool::{Running, Said, tool};

/// The cluster of the members, as `build --nodes 3` describes it.
pub(crate) const CLUSTER: &str = r#"
[network]
gateway = "192.168.0.1"
[[node]]
name = "etcd1"
address = "192.168.0.50"
[[node]]
name = "etcd2"
address = "192.168.0.51"
[[node]]
name = "etcd3"
address = "192.168.0.52"
"#;

/// The files in a node's directory with which its stand-ins for programs ask the test to do something.
const REQUESTS: [&str; 4] = ["restart", "stop", "start", "restart-etcd"];

/// Three members whose nodes answer over ssh.
#[derive(Debug)]
pub(crate) struct Nodes {
    pub(crate) members: Members,
    running: Vec<Child>,
    /// The nodes that were restarted, in order.
    pub(crate) restarted: Vec<usize>,
    /// The nodes whose etcd alone was restarted, in order.
    pub(crate) etcd_restarted: Vec<usize>,
    /// The nodes whose etcd was started and is not known to be ready.
    starting: Vec<usize>,
}

/// Runs the test inside namespaces, with three healthy members whose nodes answer over ssh.
pub(crate) fn with_nodes(body: impl FnOnce(Nodes)) {
    with_nodes_of("3.5", body);
}

/// Runs the test as [`with_nodes`] does, with images that contain this minor version of etcd.
pub(crate) fn with_nodes_of(series: &'static str, body: impl FnOnce(Nodes)) {
    enclosed::inside(|| body(Nodes::start(Members::start(series, &[]))));
}

/// Runs the test as [`with_nodes`] does, with members that speak plain HTTP.
pub(crate) fn with_insecure_nodes(body: impl FnOnce(Nodes)) {
    let members = || Members::start_as("[etcd]\ninsecure = true\n", "3.5", &[]);
    enclosed::inside(|| body(Nodes::start(members())));
}

/// Returns the sshd that is installed, or unpacked by `cargo xtask quick`.
fn sshd() -> PathBuf {
    let unpacked = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/checkers/usr/sbin/sshd");
    let all = [PathBuf::from("/usr/sbin/sshd"), unpacked];
    let found = all.into_iter().find(|sshd| sshd.is_file());
    found.expect("sshd is missing: run `cargo xtask quick`")
}

impl Nodes {
    fn start(members: Members) -> Self {
        let key = members.scene.at("key");
        let words = ["-q", "-t", "ed25519", "-N", "", "-f", key.to_str().unwrap()];
        tool("ssh-keygen", &words).done();
        let mut nodes = Self {
            members,
            running: Vec::new(),
            restarted: Vec::new(),
            etcd_restarted: Vec::new(),
            starting: Vec::new(),
        };
        for (node, name) in NAMES.iter().enumerate() {
            nodes.serve(name, address(node));
        }
        for (node, name) in NAMES.iter().enumerate() {
            while TcpStream::connect((address(node), 22)).is_err() {
                let ended = nodes.running[node].try_wait().unwrap();
                assert_eq!(ended, None, "sshd of {name} has ended");
                thread::sleep(Duration::from_millis(50));
            }
        }
        nodes
    }

    /// Returns the directory of a node.
    pub(crate) fn folder(&self, node: usize) -> PathBuf {
        self.folder_of(NAMES[node])
    }

    fn folder_of(&self, name: &str) -> PathBuf {
        self.members.scene.at("nodes").join(name)
    }

    /// Starts the sshd of a node.
    pub(crate) fn serve(&mut self, name: &str, address: IpAddr) {
        let folder = self.folder_of(name);
        fs::create_dir_all(folder.join("bin")).unwrap();
        fs::write(folder.join("boot_id"), "boot 0\n").unwrap();
        for (name, text) in PROGRAMS {
            let path = folder.join("bin").join(name);
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        fs::create_dir(folder.join("data")).unwrap();
        for part in PARTS {
            fs::create_dir_all(folder.join("lib")).unwrap();
            let text = self.part(name, address, part);
            fs::write(folder.join("lib").join(part), text).unwrap();
        }
        let scene = &self.members.scene;
        let mut sshd_command = Command::new("nsenter");
        sshd_command.arg(format!("--net=/run/netns/{name}"));
        sshd_command.args(["unshare", "--mount", "sh", "-ec", SSHD, "sh"]);
        sshd_command.arg(folder).arg(sshd());
        sshd_command.arg(address.to_string());
        sshd_command.arg(scene.at(&format!("etcd-cluster/nodes/{name}/ssh_host_ed25519_key")));
        sshd_command.arg(scene.at("key.pub"));
        sshd_command.stdin(Stdio::null()).stderr(Stdio::null());
        self.running.push(sshd_command.spawn().unwrap());
    }

    /// Returns a program of the image, with the paths and the identity of this node.
    fn part(&self, name: &str, address: IpAddr, part: &str) -> String {
        let text = rendered(CLUSTER, &format!("/usr/local/lib/etcd-node/{part}"));
        let folder = self.folder_of(name);
        let [pki, client, run] =
            ["pki", "client", "run"].map(|part| folder.join(part).display().to_string());
        let data = match part {
            // Tests look there for what `cluster renew` keeps.
            "certificates" => folder.join("data"),
            _ => self.members.data(name),
        };
        let programs = program_of(self.members.image, "etcd");
        let text = text
            .replace("/etc/etcd/client", &client)
            .replace("/etc/etcd/pki", &pki)
            .replace(
                "/usr/local/bin",
                programs.parent().unwrap().to_str().unwrap(),
            )
            .replace("/var/lib/etcd", data.to_str().unwrap())
            .replace("/run/etcd", &run);
        let own = |line: &str| match line.split_once('=') {
            Some(("NAME", _)) => format!("NAME={name}\n"),
            Some(("URL", _)) => format!("URL=https://{address}:2380\n"),
            Some(("TOKEN", _)) => "TOKEN=token\n".to_owned(),
            _ => format!("{line}\n"),
        };
        text.lines().map(own).collect()
    }

    /// Starts etcd on a node that was told to, as its unit would.
    fn start_etcd(&mut self, node: usize, request: &Path) {
        let folder = self.folder(node);
        fs::remove_file(request).unwrap();
        if self.members.is_running(node) {
            return;
        }
        fs::create_dir_all(folder.join("run")).unwrap();
        let join = folder.join("lib/join");
        tool("sh", &[join.to_str().unwrap(), "restore"]).done();
        self.members.resume(node);
        self.starting.push(node);
    }

    /// Waits until all members that run are healthy. Those that have started do what follows, as their unit would.
    pub(crate) fn settle(&mut self) {
        self.members.become_healthy();
        for node in std::mem::take(&mut self.starting) {
            let join = self.folder(node).join("lib/join");
            tool("sh", &[join.to_str().unwrap(), "ready"]).done();
        }
    }

    /// Changes the members with `etcd-image cluster`, in the environment of the scene's builds, while the test acts.
    pub(crate) fn change(&mut self, words: &[&str], mut act: impl FnMut(&mut Self)) -> Said {
        let scene = &self.members.scene;
        let at = |name: &str| scene.at(name).display().to_string();
        let (key, cache) = (at("home/.ssh/id_ed25519.pub"), at("home/.cache/etcd-image"));
        let own = ["--ssh-key", &key, "--cache", &cache];
        let inputs: Vec<_> = scene.inputs().iter().map(String::as_str).collect();
        let words = [words, &own, &inputs].concat();
        let words: Vec<_> = words.iter().map(|&word| word.to_owned()).collect();
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        self.cluster_while(&words, &mut act)
    }

    /// Runs `etcd-image cluster` with the administrator's ssh key. Nodes restart meanwhile when it asks for it.
    pub(crate) fn cluster(&mut self, words: &[&str]) -> Said {
        self.cluster_while(words, &mut |_| ())
    }

    fn cluster_while(&mut self, words: &[&str], act: &mut dyn FnMut(&mut Self)) -> Said {
        let key = self.members.scene.at("key");
        let identity = ["--ssh-identity", key.to_str().unwrap()];
        self.run(&[], &[words, &identity].concat(), act)
    }

    /// Runs `etcd-image cluster` below other words: variables of its environment, or another program.
    pub(crate) fn run(
        &mut self,
        before: &[&str],
        words: &[&str],
        mut act: impl FnMut(&mut Self),
    ) -> Said {
        self.run_until(before, words, |nodes| {
            act(nodes);
            false
        })
    }

    /// Runs `etcd-image cluster` as [`Nodes::run`] does, and kills it when the moment has come.
    pub(crate) fn run_until(
        &mut self,
        before: &[&str],
        words: &[&str],
        mut is_the_moment: impl FnMut(&mut Self) -> bool,
    ) -> Said {
        let folder = self.members.scene.at("");
        let words = [before, &[PROGRAM, "cluster"], words].concat();
        let mut command = Running::start_in(&folder, "env", &words);
        while !command.has_ended() {
            // First: what the test does happens before the node that was asked to do something does it.
            let asked = self.asked();
            if is_the_moment(self) {
                command.kill();
                break;
            }
            self.do_as_asked(&asked);
            thread::sleep(Duration::from_millis(50));
        }
        self.do_as_asked(&self.asked());
        let said = command.wait();
        if said.code == Some(0) && !self.starting.is_empty() {
            self.settle();
        }
        said
    }

    /// Returns the files with which commands ask nodes to do something now.
    fn asked(&self) -> Vec<PathBuf> {
        let files = |node| REQUESTS.map(|name| self.folder(node).join(name));
        let all = (0..3).flat_map(files);
        all.filter(|file| file.exists()).collect()
    }

    fn do_as_asked(&mut self, asked: &[PathBuf]) {
        for node in 0..3 {
            let [restart, stop, start, restart_etcd] = REQUESTS.map(|name| {
                let request = self.folder(node).join(name);
                // The test may have withdrawn it.
                (asked.contains(&request) && request.exists()).then_some(request)
            });
            if let Some(request) = restart {
                self.restart(node, &request);
            }
            if let Some(request) = stop {
                self.members.end(node);
                fs::remove_file(request).unwrap();
            }
            if let Some(request) = start {
                self.start_etcd(node, &request);
            }
            if let Some(request) = restart_etcd {
                self.restart_etcd(node, &request);
            }
        }
    }

    /// Restarts etcd on a node that was told to, as its unit does. The others must be well.
    fn restart_etcd(&mut self, node: usize, request: &Path) {
        self.others_must_be_well(node);
        fs::remove_file(request).unwrap();
        self.members.kill(node);
        tool("sh", &[self.folder(node).join("lib/certificates")]).done();
        self.start_chosen_etcd(node);
        self.etcd_restarted.push(node);
    }

    /// Starts the etcd that the node's own program chooses, again and again as its unit does, until one starts. A received one
    /// is a stand-in for the etcd of this machine with the same minor version, or does not start if that is another release.
    fn start_chosen_etcd(&mut self, node: usize) {
        let (folder, program) = (self.folder(node), self.folder(node).join("lib/programs"));
        let (log, ready) = (folder.join("run/log"), folder.join("run/ready"));
        fs::create_dir_all(folder.join("run")).unwrap();
        self.members.series[node] = loop {
            tool("sh", &[&program]).done();
            let Ok(chosen) = fs::read_link(folder.join("run-node/upgraded")) else {
                break self.members.image;
            };
            let chosen = chosen.file_name().unwrap().to_str().unwrap().to_owned();
            let mut all = ["3.4", "3.5"].into_iter();
            let own = all.find(|series| chosen.starts_with(&format!("{}-", version(series))));
            if let Some(series) = own {
                break series;
            }
            fs::write(&log, "exec: etcd: Exec format error\n").unwrap();
            // The node's own program for joining does so before each start.
            let _ = fs::remove_file(&ready);
        };
        self.members.resume(node);
        self.members.become_healthy();
        fs::write(&ready, "").unwrap();
        tool("sh", &[program.to_str().unwrap(), "ready"]).done();
    }

    /// Checks that the members but this one are well. A busy machine may cause an election at any moment; a member that is not ready
    /// yet since its start does not listen.
    fn others_must_be_well(&self, node: usize) {
        let client = self.members.client();
        for other in (0..3).filter(|other| *other != node) {
            until(|| match client.health(address(other)) {
                Err(CallError::Answer(words)) => Err(words),
                well => {
                    well.unwrap();
                    Ok(())
                }
            });
        }
    }

    /// Restarts a node that was told to. The others must be well.
    fn restart(&mut self, node: usize, request: &Path) {
        self.others_must_be_well(node);
        fs::remove_file(request).unwrap();
        self.members.end(node);
        self.restarted.push(node);
        // A board needs longer.
        thread::sleep(Duration::from_secs(1));
        self.members.resume(node);
        let boot = format!("boot {}\n", self.restarted.len());
        fs::write(self.folder(node).join("boot_id"), boot).unwrap();
    }
}

/// Returns the version of this machine's etcd with this minor version.
pub(crate) fn version(series: &str) -> String {
    let etcd = program_of(series, "etcd");
    let said = tool(etcd.to_str().unwrap(), &["--version"]).done().text();
    let line = said.lines().next().unwrap();
    line.strip_prefix("etcd Version: ").unwrap().to_owned()
}

impl Drop for Nodes {
    fn drop(&mut self) {
        for sshd in &mut self.running {
            // It may have ended by itself.
            let _ = sshd.kill();
            let _ = sshd.wait();
        }
    }
}
