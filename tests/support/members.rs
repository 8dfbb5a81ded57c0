//! Runs real etcd members with the certificates of a build, inside the namespaces of a test.

use std::fs::{self, File};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::etcd::{CallError, Client, Timeouts};

use super::enclosed;
use super::scene::Scene;
use super::tool::{Said, tool};

/// Member names, as `build --nodes 3` assigns them.
pub(crate) const NAMES: [&str; 3] = ["etcd1", "etcd2", "etcd3"];

/// Etcd for this machine in two minor versions, which `cargo xtask quick` fetches.
const ETCD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/target/lab/etcd");
/// The minor version that members run unless a test chooses another one.
const SERIES: &str = "3.5";

/// Creates a bridge, and one network namespace per member: etcd compares the address of a peer with its certificate.
const NETWORK: &str = "
mount -t tmpfs tmpfs /run
ip link set lo up
ip link add bridge type bridge
ip address add 192.168.0.1/24 dev bridge
ip link set bridge up
for member in 0 1 2; do
    name=etcd$((member + 1))
    ip netns add $name
    ip link add $name type veth peer name eth0 netns $name
    ip link set $name master bridge up
    ip -n $name address add 192.168.0.$((member + 50))/24 dev eth0
    ip -n $name link set eth0 up
    ip -n $name link set lo up
done
";

/// Connects one more network namespace to the bridge.
const BOARD: &str = "
ip netns add $1
ip link add $1 type veth peer name eth0 netns $1
ip link set $1 master bridge up
ip -n $1 address add 192.168.0.$2/24 dev eth0
ip -n $1 link set eth0 up
ip -n $1 link set lo up
";

/// How long a cluster may take to become healthy on a busy machine.
const HEALTHY_TIMEOUT: Duration = Duration::from_mins(2);

/// How long `etcdctl` waits for an election, which takes longer than its default of five seconds, and for a login, whose password
/// etcd checks slowly on purpose.
const PATIENCE: [&str; 2] = ["--command-timeout=30s", "--dial-timeout=30s"];

/// Three members, and the scene in which their images were built.
#[derive(Debug)]
pub(crate) struct Members {
    pub(crate) scene: Scene,
    running: [Option<Child>; 3],
    /// More options of etcd.
    options: Vec<String>,
    /// The minor version of etcd in the images.
    pub(crate) image: &'static str,
    /// The minor version that each member runs when it starts.
    pub(crate) series: [&'static str; 3],
    /// Whether they speak plain HTTP.
    pub(crate) is_insecure: bool,
}

/// Runs the test inside namespaces, with three healthy members.
pub(crate) fn with_members(body: impl FnOnce(Members)) {
    with_members_and(&[], body);
}

/// Runs the test inside namespaces, with three healthy members that get more options.
pub(crate) fn with_members_and(options: &[&str], body: impl FnOnce(Members)) {
    enclosed::inside(|| body(Members::start(SERIES, options)));
}

/// Returns the address of a member, as `build --nodes 3` assigns it.
pub(crate) fn address(member: usize) -> IpAddr {
    format!("192.168.0.{}", 50 + member).parse().unwrap()
}

impl Members {
    /// Starts three members of this minor version.
    pub(crate) fn start(series: &'static str, options: &[&str]) -> Self {
        Self::start_as("", series, options)
    }

    /// Starts three members of a cluster with this `cluster.toml`.
    pub(crate) fn start_as(configuration: &str, series: &'static str, options: &[&str]) -> Self {
        let own = program_of(series, "etcd");
        assert!(own.is_file(), "{ETCD} is missing: run `cargo xtask quick`");
        tool("sh", &["-ec", NETWORK]).done();
        let mut members = Self {
            scene: Scene::built("raspios-trixie", configuration, &["--nodes", "3"]),
            running: [const { None }; 3],
            options: options.iter().map(|&word| word.to_owned()).collect(),
            image: series,
            series: [series; 3],
            is_insecure: configuration.contains("insecure = true"),
        };
        for (member, name) in NAMES.iter().enumerate() {
            members.flash(name);
            members.resume(member);
        }
        members.become_healthy();
        members
    }

    /// Returns the directory of the certificates that a member uses.
    pub(crate) fn certificates(&self, member: usize) -> PathBuf {
        self.scene.at("nodes").join(NAMES[member]).join("pki")
    }

    /// Copies the certificates of a node from the state directory, as they are in its image.
    fn flash(&self, name: &str) {
        if self.is_insecure {
            return;
        }
        let folder = self.scene.at("nodes").join(name);
        // The login user's certificate, with the name that the user has for etcd.
        let of = |user: &str, end: &str| format!("nodes/NAME/client.{user}.{end}");
        let users = ["root", "etcd-image-reader"].into_iter();
        let mut users = users.filter(|user| {
            let file = of(user, "crt").replace("NAME", name);
            self.scene.at("etcd-cluster").join(file).is_file()
        });
        let user = users.next().unwrap();
        let (certificate, key) = (of(user, "crt"), of(user, "key"));
        let files = [
            ("ca.crt", "pki/ca.crt"),
            ("nodes/NAME/server.crt", "pki/server.crt"),
            ("nodes/NAME/server.key", "pki/server.key"),
            ("nodes/NAME/peer.crt", "pki/peer.crt"),
            ("nodes/NAME/peer.key", "pki/peer.key"),
            ("ca.crt", "client/ca.crt"),
            (certificate.as_str(), "client/client.crt"),
            (key.as_str(), "client/client.key"),
        ];
        for (from, to) in files {
            let from = format!("etcd-cluster/{}", from.replace("NAME", name));
            let to = folder.join(to);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(self.scene.at(&from), to).unwrap();
        }
    }

    /// Returns the URL of a port.
    fn url(&self, address: IpAddr, port: u16) -> String {
        let scheme = if self.is_insecure { "http" } else { "https" };
        format!("{scheme}://{address}:{port}")
    }

    /// Returns the directory of a member's data.
    pub(crate) fn data(&self, name: &str) -> PathBuf {
        self.scene.at("tmp").join(name)
    }

    /// Ends a member, if it runs.
    pub(crate) fn end(&mut self, member: usize) {
        if self.running[member].is_some() {
            self.kill(member);
        }
    }

    pub(crate) fn is_running(&self, member: usize) -> bool {
        self.running[member].is_some()
    }

    /// Returns the process of a member, which another one follows when it restarts.
    pub(crate) fn process(&self, member: usize) -> Option<u32> {
        self.running[member].as_ref().map(Child::id)
    }

    /// Starts a member that does not run.
    pub(crate) fn resume(&mut self, member: usize) {
        let all: Vec<_> = (0..3)
            .map(|at| format!("{}={}", NAMES[at], self.url(address(at), 2380)))
            .collect();
        let etcd = self.etcd(NAMES[member], address(member), &all.join(","), "new");
        self.running[member] = Some(etcd);
    }

    /// Starts a new node as its own program does: it joins as a learner and asks for its vote. Its former self, and whom it
    /// replaces, leave the list first.
    pub(crate) fn join(&self, name: &str, host: u8, replaces: &[&str]) -> Child {
        let at = IpAddr::from([192, 168, 0, host]);
        tool("sh", &["-ec", BOARD, "sh", name, &host.to_string()]).done();
        self.flash(name);
        let (id, all) = self.admit(name, &self.url(at, 2380), replaces);
        let etcd = self.etcd(name, at, &all, "existing");
        until(|| self.ask(&["member", "promote", &id]));
        etcd
    }

    /// Adds a learner, and removes the members that it replaces. Returns the learner's identifier, and the names and URLs of
    /// all members. Each round starts from the member list: a request that etcd does not answer in time may have been
    /// executed.
    fn admit(&self, name: &str, url: &str, replaces: &[&str]) -> (String, String) {
        until(|| {
            let list = self.ask(&["member", "list"])?;
            let members: Vec<Vec<_>> = list.lines().map(|it| it.split(", ").collect()).collect();
            if let Some(former) = members.iter().find(|it| replaces.contains(&it[2])) {
                self.ask(&["member", "remove", former[0]])?;
                return Err(format!("{} was a member", former[2]));
            }
            let Some(own) = members.iter().find(|it| it[3] == url) else {
                self.ask(&["member", "add", name, "--learner", "--peer-urls", url])?;
                return Err(format!("{name} was not a member"));
            };
            let named = |it: &[&str]| {
                let name = if it[3] == url { name } else { it[2] };
                format!("{name}={}", it[3])
            };
            let all: Vec<_> = members.iter().map(|it| named(it)).collect();
            Ok((own[0].to_owned(), all.join(",")))
        })
    }

    /// Returns the output of a command of etcdctl, or why it failed.
    fn ask(&self, words: &[&str]) -> Result<String, String> {
        let said = self.etcdctl(words);
        if said.code == Some(0) {
            Ok(said.text())
        } else {
            Err(said.words())
        }
    }

    /// Starts etcd on a node.
    fn etcd(&self, name: &str, address: IpAddr, all: &str, state: &str) -> Child {
        let own = self.scene.at("nodes").join(name).join("pki");
        let file = |file: &str| own.join(file).display().to_string();
        let ca = file("ca.crt");
        let data = self.data(name);
        let log = File::create(data.with_extension("log")).unwrap();
        let [client, peer] = [2379, 2380].map(|port| self.url(address, port));
        let options = [
            ("name", name.to_owned()),
            ("data-dir", data.display().to_string()),
            ("listen-client-urls", client.clone()),
            ("advertise-client-urls", client),
            ("listen-peer-urls", peer.clone()),
            ("initial-advertise-peer-urls", peer),
            ("initial-cluster", all.to_owned()),
            ("initial-cluster-state", state.to_owned()),
        ];
        let with_tls = [
            ("trusted-ca-file", ca.clone()),
            ("peer-trusted-ca-file", ca),
            ("cert-file", file("server.crt")),
            ("key-file", file("server.key")),
            ("peer-cert-file", file("peer.crt")),
            ("peer-key-file", file("peer.key")),
            ("client-cert-auth", "true".to_owned()),
            ("peer-client-cert-auth", "true".to_owned()),
        ];
        let with_tls = with_tls.into_iter().filter(|_| !self.is_insecure);
        let member = NAMES.iter().position(|own| *own == name);
        let series = member.map_or(self.image, |member| self.series[member]);
        let mut etcd = Command::new("nsenter");
        etcd.arg(format!("--net=/run/netns/{name}"))
            .arg(program_of(series, "etcd"));
        for (option, value) in options.into_iter().chain(with_tls) {
            etcd.arg(format!("--{option}={value}"));
        }
        etcd.arg("--unsafe-no-fsync");
        etcd.args(["--heartbeat-interval=200", "--election-timeout=2000"]);
        etcd.args(&self.options);
        etcd.stdout(Stdio::null()).stderr(log).stdin(Stdio::null());
        etcd.spawn().unwrap()
    }

    /// Kills a member.
    pub(crate) fn kill(&mut self, member: usize) {
        let mut etcd = self.running[member].take().unwrap();
        etcd.kill().unwrap();
        etcd.wait().unwrap();
    }

    /// Cuts a member off from the others and from the operator.
    pub(crate) fn cut(member: usize) {
        let (name, address) = (NAMES[member], address(member).to_string());
        tool("ip", &["link", "set", name, "down"]).done();
        tool("ip", &["route", "add", "unreachable", &address]).done();
    }

    /// Connects a member again.
    pub(crate) fn connect(member: usize) {
        let (name, address) = (NAMES[member], address(member).to_string());
        tool("ip", &["route", "del", "unreachable", &address]).done();
        tool("ip", &["link", "set", name, "up"]).done();
    }

    /// Waits until every running member would commit a write.
    pub(crate) fn become_healthy(&self) {
        let (client, started) = (self.client(), Instant::now());
        for member in (0..3).filter(|member| self.running[*member].is_some()) {
            while let Err(trouble) = client.health(address(member)) {
                let late = started.elapsed() > HEALTHY_TIMEOUT;
                assert!(!late, "{}: {trouble}", NAMES[member]);
                thread::sleep(Duration::from_millis(100));
            }
        }
    }

    /// Returns the member that leads, after an election if there is one.
    pub(crate) fn leader(&self) -> usize {
        let running = (0..3).find(|member| self.running[*member].is_some());
        let (client, at) = (self.client(), address(running.unwrap()));
        let trouble = |trouble: CallError| trouble.to_string();
        until(|| {
            let leader = client.status(at).map_err(trouble)?.leader;
            let members = client.members(at).map_err(trouble)?;
            let leader = members.into_iter().find(|it| it.id == leader);
            let leader = leader.ok_or("no member leads")?;
            Ok(NAMES.iter().position(|name| *name == leader.name).unwrap())
        })
    }

    /// Returns the term of the first member, which counts elections.
    pub(crate) fn term(&self) -> u64 {
        let status = self.client().status(address(0));
        status.unwrap().raft_term
    }

    /// Returns a client with the administrator's certificate.
    pub(crate) fn client(&self) -> Client {
        Client::open(&self.scene.at("etcd-cluster"), Timeouts::LABORATORY).unwrap()
    }

    /// Runs `etcdctl` as the administrator, on all members.
    pub(crate) fn etcdctl(&self, words: &[&str]) -> Said {
        let state = |file: &str| {
            self.scene
                .at("etcd-cluster")
                .join(file)
                .display()
                .to_string()
        };
        let endpoints: Vec<_> = (0..3).map(|at| self.url(address(at), 2379)).collect();
        let mut options = vec![format!("--endpoints={}", endpoints.join(","))];
        options.extend(PATIENCE.map(str::to_owned));
        if !self.is_insecure {
            options.push(format!("--cacert={}", state("ca.crt")));
            options.push(format!("--cert={}", state("admin.crt")));
            options.push(format!("--key={}", state("admin.key")));
        }
        let words = words.iter().map(|&word| word.to_owned());
        let words: Vec<String> = options.into_iter().chain(words).collect();
        tool(program("etcdctl").to_str().unwrap(), &words)
    }
}

impl Drop for Members {
    fn drop(&mut self) {
        for etcd in self.running.iter_mut().flatten() {
            // It may have ended by itself.
            let _ = etcd.kill();
            let _ = etcd.wait();
        }
    }
}

/// Returns the path of one of etcd's programs.
pub(crate) fn program(name: &str) -> PathBuf {
    program_of(SERIES, name)
}

/// Returns the path of one of the programs of this minor version.
pub(crate) fn program_of(series: &str, name: &str) -> PathBuf {
    Path::new(ETCD).join(series).join(name)
}

/// Repeats an action until it succeeds.
#[track_caller]
pub(crate) fn until<T>(act: impl Fn() -> Result<T, String>) -> T {
    let started = Instant::now();
    loop {
        match act() {
            Ok(done) => return done,
            Err(why) => assert!(started.elapsed() < HEALTHY_TIMEOUT, "{why}"),
        }
        thread::sleep(Duration::from_millis(500));
    }
}
