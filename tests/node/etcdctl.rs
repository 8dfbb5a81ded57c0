//! Checks how a user of a node calls etcdctl: the node's settings apply, and flags replace them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::members::program;
use crate::support::rendered::rendered;
use crate::support::tool::{Said, tool};

const WRAPPER: &str = "/usr/local/bin/etcdctl";
const SETTINGS: &str = "/etc/profile.d/etcdctl.sh";
const PROGRAM: &str = "/usr/local/lib/etcd-node/etcdctl";

/// A program in etcdctl's place that prints its settings and its arguments.
const PRINTER: &str = "#!/bin/sh\nenv | grep ^ETCDCTL_ | sort\nprintf '<%s>' \"$@\"\n";

/// A directory with the files that a call of etcdctl reads.
struct Shell(TempDir);

impl Shell {
    /// Creates a node whose etcdctl is the given program.
    fn of(program: &Path) -> Self {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let settings = folder.path().join("settings");
        fs::write(&settings, rendered("", SETTINGS)).unwrap();
        let wrapper = rendered("", WRAPPER)
            .replace(SETTINGS, settings.to_str().unwrap())
            .replace(PROGRAM, program.to_str().unwrap())
            .replace("/run/etcd-node", folder.path().to_str().unwrap());
        executable(&folder.path().join("etcdctl"), &wrapper);
        Self(folder)
    }

    fn printing() -> (Self, TempDir) {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let path = folder.path().join("printer");
        executable(&path, PRINTER);
        (Self::of(&path), folder)
    }

    /// Runs a line in a login shell, to which `ETCDCTL_*` of this machine are unknown.
    fn run(&self, line: &str) -> Said {
        let folder = self.0.path().display();
        let line = format!("PATH={folder}:$PATH; . {folder}/settings; {line}");
        tool("env", &["-i", "PATH=/usr/bin:/bin", "dash", "-c", &line])
    }
}

fn executable(path: &PathBuf, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn the_settings_of_the_node_apply() {
    let (shell, _printer) = Shell::printing();
    let wanted = "ETCDCTL_API=3
ETCDCTL_CACERT=/etc/etcd/client/ca.crt
ETCDCTL_CERT=/etc/etcd/client/client.crt
ETCDCTL_ENDPOINTS=https://192.168.0.50:2379
ETCDCTL_KEY=/etc/etcd/client/client.key
<member><list>";
    assert_eq!(shell.run("etcdctl member list").done().text(), wanted);
    // Also without a login shell.
    let unset = "unset ETCDCTL_API ETCDCTL_CACERT ETCDCTL_CERT ETCDCTL_ENDPOINTS ETCDCTL_KEY; ";
    let said = shell.run(&format!("{unset}etcdctl member list")).done();
    assert_eq!(said.text(), wanted);
}

#[test]
fn flags_and_variables_of_the_caller_replace_settings() {
    let (shell, _printer) = Shell::printing();
    let kept = |line: &str| -> Vec<String> {
        let text = shell.run(line).done().text();
        let names = text.lines().filter_map(|line| line.split_once('='));
        let names = names.filter_map(|(name, _)| name.strip_prefix("ETCDCTL_"));
        names.map(str::to_owned).collect()
    };
    let all = ["API", "CACERT", "CERT", "ENDPOINTS", "KEY"];
    for (line, left) in [
        (
            "etcdctl --endpoints=https://a:1 get k",
            &["API", "CACERT", "CERT", "KEY"][..],
        ),
        (
            "etcdctl get --endpoints a:1,b:1 --cert c --key=k k",
            &["API", "CACERT"],
        ),
        ("ETCDCTL_WRITE_OUT=json etcdctl -w table get k", &all),
        (
            "ETCDCTL_WRITE_OUT=json etcdctl --write-out=table get k",
            &all,
        ),
        ("etcdctl put -- --key --cert", &all),
        ("etcdctl put k '--no flag; touch x'", &all),
    ] {
        assert_eq!(kept(line), left, "{line}");
    }
    let said = shell.run("ETCDCTL_ENDPOINTS=https://own:1 etcdctl get 'two words'");
    let text = said.done().text();
    assert!(
        text.contains("\nETCDCTL_ENDPOINTS=https://own:1\n"),
        "{text}"
    );
    assert!(text.ends_with("\n<get><two words>"), "{text}");
}

#[test]
fn etcdctl_itself_accepts_flags_beside_the_settings() {
    let real = program("etcdctl");
    let line = "--endpoints=https://127.0.0.1:1 --command-timeout=1s member list";
    let shell = Shell::of(&real);
    let refusal = "conflicting environment variable is shadowed by corresponding command-line flag";
    let said = shell.run(&format!("{} {line}", real.display()));
    assert!(said.words().contains(refusal), "{}", said.words());
    let said = shell.run(&format!("etcdctl {line}"));
    let missing = "Error: open /etc/etcd/client/client.crt: no such file or directory";
    assert_eq!(said.err.trim(), missing);
}

#[test]
fn bash_completes_what_etcdctl_knows() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let path = "/usr/share/bash-completion/completions/etcdctl";
    let script_file = folder.path().join("etcdctl");
    fs::write(&script_file, rendered("", path)).unwrap();
    let loaded = |program: &Path| {
        let script =
            "etcdctl() { \"$PROGRAM\" \"$@\"; }; source \"$LOADER\"; echo $?; complete -p etcdctl";
        let words = [
            format!("PROGRAM={}", program.display()),
            format!("LOADER={}", script_file.display()),
        ];
        let words = words.iter().map(String::as_str);
        let words: Vec<_> = words.chain(["bash", "-c", script]).collect();
        tool("env", &words).text()
    };
    let wanted = "0\ncomplete -o default -F __start_etcdctl etcdctl\n";
    assert_eq!(loaded(&program("etcdctl")), wanted);
    // A release that cannot complete.
    assert_eq!(loaded(Path::new("/bin/false")), "1\n");
}

#[test]
fn the_etcdctl_that_the_node_has_received_runs() {
    let (shell, printer) = Shell::printing();
    let upgraded = shell.0.path().join("upgraded");
    fs::create_dir(&upgraded).unwrap();
    executable(&upgraded.join("etcdctl"), "#!/bin/sh\necho received\n");
    assert_eq!(shell.run("etcdctl get key").done().text(), "received\n");
    drop(printer);
}

#[test]
fn the_etcdutl_that_the_node_has_received_runs() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| folder.path().join(name);
    for place in ["lib", "run-node/upgraded"] {
        fs::create_dir_all(at(place)).unwrap();
    }
    let here = |text: String| {
        text.replace("/usr/local/lib/etcd-node", at("lib").to_str().unwrap())
            .replace("/run/etcd-node", at("run-node").to_str().unwrap())
    };
    executable(
        &at("wrapper"),
        &here(rendered("", "/usr/local/bin/etcdutl")),
    );
    let runs = || {
        tool(at("wrapper").to_str().unwrap(), &["a b"])
            .done()
            .text()
    };
    executable(&at("lib/etcdutl"), "#!/bin/sh\necho \"image $1\"\n");
    assert_eq!(runs(), "image a b\n");
    // Received programs may lack it.
    executable(&at("run-node/upgraded/etcd"), "");
    assert_eq!(runs(), "image a b\n");
    let received = at("run-node/upgraded/etcdutl");
    executable(&received, "#!/bin/sh\necho \"received $1\"\n");
    assert_eq!(runs(), "received a b\n");
}

#[test]
fn the_backup_timer_uses_the_etcdctl_that_the_node_has_received() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| folder.path().join(name);
    for place in ["lib", "run-node/upgraded", "data"] {
        fs::create_dir_all(at(place)).unwrap();
    }
    let text = rendered(
        "[backup]\nto = \"data\"\n",
        "/usr/local/lib/etcd-node/backup",
    )
    .replace("/usr/local/lib/etcd-node", at("lib").to_str().unwrap())
    .replace("/run/etcd-node", at("run-node").to_str().unwrap())
    .replace("/var/lib/etcd", at("data").to_str().unwrap());
    fs::write(at("backup"), text).unwrap();
    // Each one notes who it is, and does not answer.
    let etcdctl = |name: &str| {
        format!(
            "#!/bin/sh\necho {name} >>{}\nexit 1\n",
            at("asked").display()
        )
    };
    let asked = || {
        let said = tool("sh", &[at("backup")]).done().text();
        let data = at("data");
        let wanted = format!(
            "etcd-node: backup: nothing was saved: etcd does not answer here: see df {} and journalctl -k\n",
            data.display()
        );
        assert_eq!(said, wanted);
        fs::read_to_string(at("asked")).unwrap()
    };
    executable(&at("lib/etcdctl"), &etcdctl("image"));
    assert_eq!(asked(), "image\n");
    executable(&at("run-node/upgraded/etcdctl"), &etcdctl("received"));
    assert_eq!(asked(), "image\nreceived\n");
}

#[test]
fn a_backup_that_authentication_refuses_fails_and_says_so() {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir_all(at("lib")).unwrap();
    let text = rendered(
        "[backup]\nto = \"data\"\n",
        "/usr/local/lib/etcd-node/backup",
    )
    .replace("/usr/local/lib/etcd-node", at("lib").to_str().unwrap())
    .replace("/var/lib/etcd", at("data").to_str().unwrap());
    fs::write(at("backup"), text).unwrap();
    let refusal = "#!/bin/sh\necho 'Error: etcdserver: permission denied' >&2\nexit 1\n";
    executable(&at("lib/etcdctl"), refusal);
    let said = tool("sh", &[at("backup")]);
    let wanted = "etcd-node: backup: nothing was saved: authentication is on, and etcd refuses this node: Error: etcdserver: \
                  permission denied. Give the user etcd1 the role root\n";
    assert_eq!((said.code, said.text().as_str()), (Some(1), wanted));
}
