//! Calls single functions of `overlays/etcd/join` and of the files that it reads, as they are in an image.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use tempfile::TempDir;

use crate::support::rendered::rendered;
use crate::support::tool::tool;

const NODES: &str = "
    [[node]]\nname = \"a\"\naddress = \"192.168.0.50\"
    [[node]]\nname = \"b\"\naddress = \"192.168.0.51\"
    [[node]]\nname = \"c\"\naddress = \"192.168.0.52\"";
const LIB: &str = "/usr/local/lib/etcd-node";
/// The functions of `join` are everything before it looks at its argument.
const MAIN: &str = "\ncase ${1-} in\n";
/// What takes time or ends the program is reported instead. `etcdctl` answers nothing unless a test says otherwise.
const STUBS: &str = "sleep() { :; }\nkill() { echo \"kill $*\"; }\nsync() { :; }\n";
const PANIC: &str = "panic: freepages: failed to get all reachable pages\n";

/// The directories of the node `a` of three.
pub(super) struct Node(TempDir);

impl Node {
    pub(super) fn new() -> Self {
        let node = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        for folder in ["lib", "run", "data/node", "pki"] {
            fs::create_dir_all(node.at(folder)).unwrap();
        }
        for part in [
            "join",
            "decide",
            "own_data",
            "snapshot",
            "peers",
            "cluster",
            "actions",
            "membership",
            "watch",
        ] {
            let text = node.here(&rendered(NODES, &format!("{LIB}/{part}")));
            let text = text
                .rsplit_once(MAIN)
                .map_or(&*text, |(functions, _)| functions);
            fs::write(node.at("lib").join(part), text).unwrap();
        }
        node.write(
            "pki/ca.crt",
            "-----BEGIN CERTIFICATE-----\nYQ==\n-----END CERTIFICATE-----\n",
        );
        node.etcdctl("exit 1");
        node
    }

    /// Creates a node with the log of a member.
    pub(super) fn with_data() -> Self {
        let node = Self::new();
        node.write("data/member/wal/0.wal", "log");
        node.call("know id; identify; keep id 1a; keep started yes");
        node
    }

    pub(super) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn here(&self, text: &str) -> String {
        let at = |name: &str| self.at(name).display().to_string();
        text.replace("/var/lib/etcd", &at("data"))
            .replace("/run/etcd", &at("run"))
            .replace("/etc/etcd/pki", &at("pki"))
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        fs::create_dir_all(self.at(name).parent().unwrap()).unwrap();
        fs::write(self.at(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap_or_default()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.at(name).exists()
    }

    /// Replaces etcdctl by the body of a script, which finds its words in `$*`.
    pub(super) fn etcdctl(&self, body: &str) {
        self.write("lib/etcdctl", &format!("#!/bin/sh\n{body}\n"));
        fs::set_permissions(self.at("lib/etcdctl"), fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Runs these commands among the functions, and returns what they print.
    pub(super) fn call(&self, commands: &str) -> String {
        let text = format!("{}\n{STUBS}{commands}\n", self.read("lib/join"));
        self.write("lib/called", &text);
        tool("dash", &[self.at("lib/called")]).text()
    }

    /// Runs another program of the image with these words, and returns what it prints.
    pub(super) fn program(&self, name: &str, word: &str) -> String {
        let text = self.here(&rendered(NODES, &format!("{LIB}/{name}")));
        self.write(&format!("lib/{name}"), &text);
        let program = self.at("lib").join(name).display().to_string();
        tool("dash", &[program.as_str(), word]).text()
    }

    /// etcd starts, becomes ready if wanted, and ends with this log.
    pub(super) fn run_of_etcd(&self, ready: bool, log: &str) {
        self.call("count_failures");
        self.write("run/log", log);
        if ready {
            self.call("after_etcd");
        }
    }
}

#[test]
fn what_an_attempt_that_was_cut_off_has_left_describes_no_other_data() {
    let node = Node::with_data();
    // A power cut interrupted the first start of etcd, and then setting its data aside. Later the data was used after all.
    node.write("data/aside/1.new/unfinished", "");
    node.call("set_aside removed");
    assert!(node.has("data/aside/1/member/wal/0.wal") && node.has("data/aside/1/removed"));
    assert!(
        !node.has("data/aside/1/unfinished"),
        "data without acknowledged writes may be deleted"
    );
}

/// It acknowledges writes alone, perhaps before the mark of its start is on the disk.
#[test]
fn the_only_member_of_a_cluster_deletes_no_data_whose_start_failed() {
    for (peers, waits) in [("PEERS=''", true), (":", false)] {
        let node = Node::with_data();
        for set in 1..=3 {
            node.write(&format!("data/aside/{set}/unfinished"), "");
            node.write(&format!("data/aside/{set}/member/wal/0.wal"), "log");
        }
        let said = node.call(&format!("{peers}; set_aside unfinished"));
        let begin = "etcd-node: waiting for somebody to look at ";
        assert_eq!(said.starts_with(begin), waits, "{said}");
        assert_eq!(node.has("data/aside/1/unfinished"), waits);
        assert_eq!(node.has("data/member/wal/0.wal"), waits);
    }
}

/// What follows may take long, and data without the mark may be given up.
#[test]
fn a_start_is_marked_before_anything_else() {
    let unit = rendered(NODES, "/etc/systemd/system/etcd.service");
    let mut steps = unit
        .lines()
        .filter(|line| line.starts_with("ExecStartPost="));
    let first = format!("ExecStartPost=-{LIB}/join started");
    assert_eq!(steps.next(), Some(first.as_str()));
    let node = Node::with_data();
    node.call("rm $STATE/started");
    node.program("join", "started");
    assert_eq!(node.read("data/node/started"), "yes\n");
}

#[test]
fn the_error_of_data_that_was_set_aside_says_nothing_about_later_data() {
    let node = Node::with_data();
    node.write("run/error", "tocommit(5) is out of range [lastIndex(3)]");
    node.write("run/failed", "1");
    node.call("set_aside unreadable");
    assert!(!node.has("run/error") && !node.has("run/failed"));
}

#[test]
fn an_etcd_that_fails_after_it_was_ready_is_given_up_as_well() {
    let node = Node::with_data();
    for _ in 0..3 {
        node.run_of_etcd(true, PANIC);
    }
    node.call("count_failures");
    assert_eq!(
        (
            node.read("run/failed").as_str(),
            node.read("run/error").as_str()
        ),
        ("3\n", PANIC)
    );
    // It now works for five minutes.
    node.write("run/log", "");
    node.write("run/ready", "");
    node.call("slept=0; sleep() { slept=$((slept + 1)); [ $slept -le 20 ]; }; watch");
    assert!(!node.has("run/failed") && !node.has("run/error"));
}

#[test]
fn an_etcd_that_is_killed_is_reported_and_its_data_not_blamed() {
    let node = Node::with_data();
    for _ in 0..2 {
        node.run_of_etcd(
            false,
            "{\"level\":\"info\",\"msg\":\"opened backend db\"}\n",
        );
    }
    node.call("count_failures");
    let said = node.call("back_off() { :; }; configure() { :; }; resume");
    let wanted = "etcd-node: etcd has failed 2 times, the last time with: etcd was killed or does not run here (see journalctl -k; \
                  the memory may be too small), after the line: {'level':'info','msg':'opened backend db'}. It is started again and \
                  again. The cause is not this node's data\n";
    assert_eq!(said, wanted);
    // An operator, or systemd, has stopped it.
    node.call("rm -f $RUN/failed");
    node.run_of_etcd(
        false,
        "{\"msg\":\"received signal; shutting down\",\"signal\":\"terminated\"}\n",
    );
    node.run_of_etcd(false, "");
    node.call("count_failures");
    assert!(!node.has("run/failed"));
    // The node has ended it before it was ready; etcd does not log the signal then.
    node.run_of_etcd(false, "{\"msg\":\"cmux::serve\"}\n");
    node.call("kill() { :; }; end_etcd");
    node.call("count_failures");
    assert!(!node.has("run/failed"));
    assert!(!node.has("run/ended"));
    // So has an operator, as systemd states.
    node.run_of_etcd(false, "{\"msg\":\"cmux::serve\"}\n");
    node.call("SERVICE_RESULT=success; note_end; count_failures");
    assert!(!node.has("run/failed") && !node.has("run/ended"));
    for result in ["exit-code", "signal", "protocol", "oom-kill"] {
        node.call("rm -f $RUN/failed");
        node.run_of_etcd(false, "{\"msg\":\"cmux::serve\"}\n");
        node.call(&format!(
            "SERVICE_RESULT={result}; note_end; count_failures"
        ));
        assert_eq!(node.read("run/failed"), "1\n", "{result}");
    }
}

#[test]
fn a_node_whose_disk_cannot_be_written_does_not_join() {
    let node = Node::new();
    let script =
        "keep() { return 1; }; start_over || echo waits; ctl() { echo asked; }; join || echo stays";
    assert_eq!(node.call(script), "waits\nstays\n");
}

#[test]
fn what_a_full_disk_has_prevented_is_noted_later() {
    let node = Node::with_data();
    node.call("rm $STATE/started");
    node.write("run/log", "");
    node.write("run/ready", "");
    node.call("slept=0; sleep() { slept=$((slept + 1)); [ $slept -le 1 ]; }; watch");
    assert!(node.has("data/node/started"));
}

/// What etcdctl prints about a member's health and for its list, and the facts that follow.
const ANSWERS: [[&str; 3]; 6] = [
    [
        "is unhealthy: failed to commit proposal: context deadline exceeded",
        "",
        "",
    ],
    [
        "is healthy: successfully committed proposal: took = 2ms",
        "1a, started, a, u, v, false",
        "majority yes",
    ],
    [
        "is healthy: successfully committed proposal: took = 2ms",
        "Error: etcdserver: permission denied",
        "majority yes\ndenied a",
    ],
    [
        "is unhealthy: Unable to fetch the alarm list",
        "Error: etcdserver: permission denied",
        "majority yes\ndenied a",
    ],
    [
        "is unhealthy: failed to commit proposal: etcdserver: user name not found",
        "Error: etcdserver: user name is empty",
        "majority yes\ndenied a",
    ],
    [
        "is healthy: successfully committed proposal: took = 2ms",
        "Error: context deadline exceeded",
        "",
    ],
];

#[test]
fn a_cluster_that_hides_its_list_is_a_majority_all_the_same() {
    for [health, list, facts] in ANSWERS {
        let node = Node::new();
        let list = match list.starts_with("Error") {
            true => format!("echo '{list}' >&2; exit 1"),
            false => format!("echo '{list}'"),
        };
        node.etcdctl(&format!(
            "case $* in *health) echo 'https://192.168.0.51:2379 {health}' ;; *'member list') {list} ;; *) exit 1 ;; esac"
        ));
        let said = node.call(
            "id=- running=https://192.168.0.51:2379; facts_of_list() { :; }; facts_of_cluster",
        );
        assert_eq!(said.trim(), facts, "{health} {list}");
    }
}

#[test]
fn the_time_is_noted_once_an_hour() {
    let node = Node::with_data();
    let served = |minutes: u32| {
        let served = minutes * 4 - 1;
        node.call(&format!(
            "SYNCHRONIZED=/dev/null id=1a served={served} lost=0; rm -f $STATE/clock; serving"
        ));
        node.has("data/node/clock")
    };
    assert_eq!([59, 60, 61, 120].map(served), [false, true, false, true]);
}

#[test]
fn first_starts_that_fail_again_and_again_become_rare() {
    let node = Node::with_data();
    let pauses = (0..4).map(|_| {
        node.write("run/error", "panic: this card cannot do it");
        node.call("back_off() { echo \"pause $1\"; }; say() { :; }; generation=1; set_aside() { :; }; aside unfinished")
    });
    assert_eq!(pauses.collect::<String>(), "pause 2\npause 3\npause 4\n");
}

/// Returns whether a start of this member asks the others first.
fn asks_first(node: &Node) -> bool {
    node.call(
        "know id; know vow; number=-; ask_all() { echo asked; }; facts_of_peers() { :; }; facts",
    )
    .contains("asked")
}

#[test]
fn a_member_whose_cluster_lacks_others_asks_them_before_it_resumes() {
    let node = Node::with_data();
    let keep = "keep members 'b=https://192.168.0.51:2380=https://192.168.0.51:2379 c=https://192.168.0.52:2380=https://192.168.0.52:2379'";
    node.call(keep);
    assert!(!asks_first(&node));
    // One was removed, or has not joined since this node was forced.
    node.call("keep members b=https://192.168.0.51:2380=https://192.168.0.51:2379");
    assert!(asks_first(&node));
    // Its members were removed, or it was forced a while ago.
    node.write("data/node/members", "\n");
    assert!(asks_first(&node));
    // An image of an earlier version has kept nothing.
    node.call("rm $STATE/members");
    assert!(!asks_first(&node));
    // It was forced, and has lost its power at once.
    node.call(&format!("{keep}; keep forced yes"));
    assert!(asks_first(&node));
    // Others have joined since.
    node.etcdctl(
        "echo '1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false'",
    );
    node.call("know id; remember_members");
    assert!(!asks_first(&node));
    // A cluster of one node has nobody to ask.
    node.write("data/node/members", "\n");
    assert!(!node.call("PEERS=; know id; know vow; number=-; ask_all() { echo asked; }; facts_of_peers() { :; }; facts").contains("asked"));
}

/// etcd 3.6 says the second one about data of 3.7.
#[test]
fn a_downgrade_is_reported_and_the_data_not_blamed() {
    let lower = "invalid downgrade; server version is lower than determined cluster version";
    for (words, said) in [
        (
            format!("{lower}\",\"current-server-version\":\"3.4.30"),
            lower,
        ),
        (
            "discovery failed\",\"error\":\"version \\\"3.7.0\\\" is not supported".to_owned(),
            "discovery failed: version 3.7.0 is not supported",
        ),
    ] {
        let node = Node::with_data();
        for _ in 0..3 {
            let log = format!("{{\"level\":\"fatal\",\"ts\":\"now\",\"msg\":\"{words}\"}}\n");
            node.run_of_etcd(false, &log);
        }
        node.call("count_failures");
        let wanted = format!(
            "etcd-node: etcd has failed 3 times, the last time with: {said}. It is started again and again. The etcd of this node's \
             image is older than the cluster: build the image with the cluster's version, and flash it\n"
        );
        assert_eq!(
            node.call("back_off() { :; }; configure() { :; }; resume"),
            wanted
        );
    }
}
