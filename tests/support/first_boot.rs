//! Simulates a node of Ubuntu Core before its first boot: the payload of a built image, and stand-ins for Core's programs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::checker::{Disk, Ext4, Kind};
use super::fixture::{digest, write};
use super::scene::Scene;
use super::tool::{Said, tool};

/// A stub that logs its call and kills the script at call number `$CUT`, as a power cut would.
const STUB: &str = "#!/bin/sh\necho \"${0##*/} $*\" >>\"$LOG\"\n\
    [ \"$(wc -l <\"$LOG\")\" != \"$CUT\" ] || kill -9 $PPID\n\
    [ \"${0##*/}\" != \"$BROKEN\" ]\n";

/// The files on the FAT of a built image.
pub(crate) struct Card {
    folder: TempDir,
}

impl Card {
    pub(crate) fn written() -> Self {
        let scene = Scene::built("ubuntu-core-24", "", &["--nodes", "3"]);
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let boot = format!("{}@@1M", scene.image_path("etcd2").display());
        let to = folder.path().to_str().unwrap();
        tool("mcopy", &["-s", "-i", &boot, "::etcd-node", to]).done();
        Self { folder }
    }

    /// Returns a node that starts from a copy of the card.
    pub(crate) fn node(&self) -> Node {
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let source = folder.path().join("run/mnt/ubuntu-seed/etcd-node");
        fs::create_dir_all(source.parent().unwrap()).unwrap();
        let payload = self.folder.path().join("etcd-node");
        tool(
            "cp",
            &["-R".as_ref(), payload.as_os_str(), source.as_os_str()],
        )
        .done();
        Node::new(folder, source)
    }
}

/// A node before its first boot.
pub(crate) struct Node {
    folder: TempDir,
    /// The directory that the node is installed from.
    pub(crate) source: PathBuf,
}

impl Node {
    /// Creates a node with the files on the FAT of a built image.
    pub(crate) fn seeded() -> Self {
        Card::written().node()
    }

    /// Creates a node with the files on the writable partition of a Core 18 image.
    pub(crate) fn old() -> Self {
        let scene = Scene::built("ubuntu-core-18", "", &["--nodes", "3"]);
        let root = Disk::open(&scene.image_path("etcd2")).root();
        let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let source = folder.path().join("var/lib/misc/etcd-node");
        let payload = "/system-data/var/lib/misc/etcd-node/";
        let ext4 = Ext4::new(root.path());
        for (path, (stat, _)) in ext4.walk() {
            if let (Some(name), Kind::File) = (path.strip_prefix(payload), stat.kind) {
                write(&source.join(name), &ext4.content(&path).unwrap());
            }
        }
        Self::new(folder, source)
    }

    fn new(folder: TempDir, source: PathBuf) -> Self {
        let top = folder.path().display();
        let script = fs::read_to_string(source.join("provision.sh")).unwrap();
        let script = script.replace("=/", &format!("={top}/"));
        write(&folder.path().join("script"), script.as_bytes());
        write(&folder.path().join("etc/hosts"), b"127.0.0.1 localhost\n");
        let node = Self { folder, source };
        for name in ["systemctl", "snap", "chown", "sync"] {
            node.stub(name, STUB);
        }
        node.stub("timeout", "#!/bin/sh\nshift\nexec \"$@\"\n");
        node.clock(2_000_000_000);
        node
    }

    /// Sets the node's clock to seconds since 1970; attempts of the script to set it are only logged.
    pub(crate) fn clock(&self, now: u64) {
        let stub = format!(
            "#!/bin/sh\ncase $1 in\n+%s) echo {now} ;;\n-s) echo \"date $*\" >>\"$LOG\" ;;\n*) exec /bin/date \"$@\" ;;\nesac\n"
        );
        self.stub("date", &stub);
    }

    /// Replaces a program of the node by a script.
    pub(crate) fn stub(&self, name: &str, script: &str) {
        let stub = self.at("bin").join(name);
        write(&stub, script.as_bytes());
        fs::set_permissions(&stub, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    /// Runs the script in dash, cut at that call and with one failing program; returns its output and the logged calls.
    pub(crate) fn boot(&self, cut: usize, broken: &str) -> (Said, Vec<String>) {
        let log = self.at("log");
        write(&log, b"");
        let words = [
            "-i".to_owned(),
            format!("PATH={}:/usr/bin:/bin", self.at("bin").display()),
            format!("LOG={}", log.display()),
            format!("CUT={cut}"),
            format!("BROKEN={broken}"),
            "dash".to_owned(),
            self.at("script").display().to_string(),
        ];
        let said = tool("env", &words);
        let calls = self.text("log");
        (said, calls.lines().map(str::to_owned).collect())
    }

    /// Returns every file of the node with its mode and digest.
    pub(crate) fn files(&self) -> BTreeMap<String, String> {
        let mut found = BTreeMap::new();
        for top in ["run", "etc", "var"] {
            collect(self.folder.path(), &self.at(top), &mut found);
        }
        found
    }

    /// Returns a text file, with paths as the node sees them.
    pub(crate) fn text(&self, path: &str) -> String {
        let text = fs::read_to_string(self.at(path)).unwrap();
        text.replace(&format!("{}/", self.folder.path().display()), "/")
    }

    pub(crate) fn mode(&self, path: &str) -> u32 {
        fs::metadata(self.at(path)).unwrap().permissions().mode() & 0o7777
    }
}

fn collect(top: &Path, folder: &Path, found: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            collect(top, &path, found);
            continue;
        }
        let name = path.strip_prefix(top).unwrap().display().to_string();
        let mode = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
        found.insert(name, format!("{mode:04o} {}", digest(&path)));
    }
}
