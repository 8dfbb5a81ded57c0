//! Checks how the core-like base makes paths of its read-only root writable, and what provisioning must avoid there.
//!
//! Runs `tests/fixtures/core-like/writable-paths` without a machine, because the boot tests rely on it.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::tool::tool;

/// A read-only root with a data directory next to it.
struct Root(TempDir);

impl Root {
    /// Creates a base with this table, three files and an empty data directory.
    fn new(table: &str) -> Self {
        let root = Self(tempfile::tempdir().unwrap());
        root.put("table", table);
        root.put("etc/fstab", "");
        root.put("etc/systemd/system/ssh.service", "of the base");
        root.put("etc/hosts", "of the base");
        root.put("var/lib/misc/kept", "of the base");
        fs::create_dir_all(root.path("run")).unwrap();
        fs::create_dir_all(root.path("writable/system-data")).unwrap();
        root
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.0.path().join(name)
    }

    fn put(&self, name: &str, text: &str) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Starts the system; returns what is bound immediately and the mounts left to systemd.
    fn starts(&self) -> (String, String) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/core-like");
        let script = folder.join("writable-paths");
        let words = [
            "-c",
            "BIND=echo; export BIND; exec dash \"$0\" \"$1\" \"$1/table\"",
        ];
        let places = [script.to_str().unwrap(), self.0.path().to_str().unwrap()];
        let said = tool("sh", &[&words[..], &places].concat()).done().text();
        let own = format!("{}/", self.0.path().display());
        let fstab = fs::read_to_string(self.path("run/image.fstab")).unwrap();
        (said.replace(&own, "/"), fstab)
    }

    /// Lists the files of the data directory, each with its content.
    fn data(&self) -> Vec<String> {
        let folder = self.path("writable");
        let script = "cd \"$1\" && find . -type f ! -name .done | sort | while read -r f; do echo \"$f: $(cat $f)\"; done";
        let said = tool("sh", &["-euc", script, "-", folder.to_str().unwrap()]).done();
        said.text().lines().map(str::to_owned).collect()
    }
}

const SYSTEMD: &str = "/etc/systemd auto persistent transition none\n";

#[test]
fn a_folder_of_the_base_is_copied_where_nothing_stands() {
    let root = Root::new(SYSTEMD);
    root.starts();
    assert_eq!(
        root.data(),
        ["./system-data/etc/systemd/system/ssh.service: of the base"]
    );
}

#[test]
fn a_file_made_beforehand_hides_all_others_of_the_base() {
    let root = Root::new(SYSTEMD);
    let unit = "system-data/etc/systemd/system/etcd.service";
    root.put(&format!("writable/{unit}"), "ours");
    root.starts();
    assert_eq!(root.data(), [format!("./{unit}: ours")]);
}

#[test]
fn defaults_are_laid_over_the_copied_folder_and_only_once() {
    let root = Root::new(SYSTEMD);
    let defaults = "writable/system-data/_writable_defaults/etc/systemd/system";
    root.put(&format!("{defaults}/etcd.service"), "ours");
    root.starts();
    let both = [
        "./system-data/_writable_defaults/etc/systemd/system/etcd.service: ours",
        "./system-data/etc/systemd/system/etcd.service: ours",
        "./system-data/etc/systemd/system/ssh.service: of the base",
    ];
    assert_eq!(root.data(), both);

    root.put(
        "writable/system-data/etc/systemd/system/etcd.service",
        "changed",
    );
    root.starts();
    assert_eq!(root.data()[1], both[1].replace("ours", "changed"));
}

#[test]
fn without_transition_a_folder_begins_empty() {
    let root = Root::new("/var/lib/misc auto persistent none none\n");
    root.starts();
    assert_eq!(root.data(), [""; 0]);
    assert!(root.path("writable/system-data/var/lib/misc").is_dir());
}

#[test]
fn what_is_synced_gets_new_files_of_the_base_and_keeps_its_own() {
    let root = Root::new("/var/lib/misc auto synced none none\n");
    root.put("writable/system-data/var/lib/misc/own", "ours");
    root.starts();
    root.put("writable/system-data/var/lib/misc/kept", "ours");
    root.put("var/lib/misc/new", "of the base");
    root.starts();
    assert_eq!(
        root.data(),
        [
            "./system-data/var/lib/misc/kept: ours",
            "./system-data/var/lib/misc/new: of the base",
            "./system-data/var/lib/misc/own: ours",
        ]
    );
}

#[test]
fn etc_is_bound_at_once_and_the_rest_is_left_to_systemd() {
    let root = Root::new(
        "# a comment\n/etc/hosts auto persistent transition none\n/home user-data persistent transition none\n\
         /var/lib/misc auto persistent transition nodev\n/run none temporary none defaults\n/absent auto persistent none none\n",
    );
    root.put("home/pi/file", "of the base");
    let (bound, fstab) = root.starts();
    assert_eq!(
        bound,
        "/run/image.fstab /etc/fstab\n/writable/system-data/etc/hosts /etc/hosts\n"
    );
    assert_eq!(
        fstab,
        "/dev/root / rootfs defaults,ro 0 0\n\
         /writable/user-data /home none bind 0 0\n\
         /writable/system-data/var/lib/misc /var/lib/misc none bind,nodev 0 0\n\
         tmpfs /run tmpfs defaults 0 0\n\
         /run/mnt/ubuntu-seed /var/lib/snapd/seed none bind,ro 0 0\n"
    );
    assert_eq!(root.data().len(), 3);
}
