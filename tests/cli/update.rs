//! `etcd-image update` against a server on this machine: what is newer is verified, shown and locked, and nothing else is.

use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex};

use sha2::{Digest as _, Sha256};

use crate::support::fixture::{ETCD, copy_sparse, digest, hex, image, packed, poke, release};
use crate::support::http::{Reply, Server};
use crate::support::scene::{Outcome, Scene};
use crate::support::tool::tool;

/// When the first list was signed, and the length of a day, in seconds.
const FIRST: i64 = 1_790_000_000;
const DAY: i64 = 86_400;

/// A build from the lock and the cache alone.
const LOCKED_BUILD: &[&str] = &[
    "build",
    "--nodes",
    "1",
    "--recipes",
    "recipes",
    "--locked",
    "--offline",
];

/// The publisher of a base and of etcd: a server whose files change, and a key.
struct Publisher {
    server: Server,
    files: Arc<Mutex<BTreeMap<String, Vec<u8>>>>,
    home: tempfile::TempDir,
}

impl Publisher {
    /// Returns a publisher of one base and one release of etcd, and a scene that was built from them.
    fn new() -> (Self, Scene) {
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let shared = files.clone();
        let server =
            Server::start(
                move |request, _| match shared.lock().unwrap().get(&request.path) {
                    Some(bytes) => Reply::whole(bytes),
                    None => Reply::status("404 Not Found"),
                },
            );
        let home = tempfile::tempdir().unwrap();
        let publisher = Self {
            server,
            files,
            home,
        };
        let key = [
            "--quick-gen-key",
            "Test <test@example.net>",
            "ed25519",
            "sign",
            "0",
        ];
        publisher.gpg(FIRST - DAY, &key);
        publisher.publish(&old_base(), "13", FIRST);
        publisher.put(&tarball(ETCD), &old_etcd());
        let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
        publisher.write_recipes(&scene);
        scene
            .bare(&["build", "--nodes", "1", "--recipes", "recipes"])
            .done();
        (publisher, scene)
    }

    fn put(&self, path: &str, bytes: &[u8]) {
        let mut files = self.files.lock().unwrap();
        files.insert(path.to_owned(), bytes.to_vec());
    }

    /// Publishes a base in a list that names nothing else, signed at that time.
    fn publish(&self, base: &[u8], release: &str, time: i64) {
        let name = format!("os-{release}.img.xz");
        self.put(&format!("/{name}"), base);
        self.list(&format!("{}  {name}\n", sha256(base)), time);
    }

    fn list(&self, list: &str, time: i64) {
        let path = self.home.path().join("list");
        fs::write(&path, list).unwrap();
        let sign = [
            "--armor",
            "--output",
            "-",
            "--detach-sign",
            path.to_str().unwrap(),
        ];
        self.put("/SHA256SUMS", list.as_bytes());
        self.put("/SHA256SUMS.gpg", self.gpg(time, &sign).as_bytes());
    }

    fn gpg(&self, time: i64, arguments: &[&str]) -> String {
        let (home, time) = (
            self.home.path().to_str().unwrap(),
            format!("--faked-system-time={time}!"),
        );
        let common = [
            "--homedir",
            home,
            "--batch",
            "--quiet",
            &time,
            "--passphrase",
            "",
            "--pinentry-mode",
            "loopback",
        ];
        tool("gpg", &[&common, arguments].concat()).done().text()
    }

    /// Writes the recipes of a scene: those of the program with this publisher's addresses, key and digest.
    fn write_recipes(&self, scene: &Scene) {
        let own = include_str!("../../recipes/raspios-trixie.toml");
        let (before, rest) = own.split_once("[download]").unwrap();
        let (_, after) = rest.split_once("# How an image").unwrap();
        let listed = self.gpg(FIRST, &["--with-colons", "--list-keys"]);
        let fingerprint = listed.lines().find_map(|line| line.strip_prefix("fpr:"));
        let download = format!(
            "[download]\nurl = \"{}\"\n[download.signed]\nlist = \"SHA256SUMS\"\nsignature = \"SHA256SUMS.gpg\"\n\
             key = \"publisher\"\nfingerprint = \"{}\"\n",
            self.server.url("/os-13*.img.xz"),
            fingerprint.unwrap().trim_matches(':')
        );
        scene.file(
            "recipes/raspios-trixie.toml",
            &format!("{before}{download}# How an image{after}"),
        );
        scene.file(
            "recipes/keys/publisher.asc",
            &self.gpg(FIRST, &["--armor", "--export"]),
        );
        scene.file(
            "recipes/etcd.toml",
            &format!(
                "mirrors = [\"{}\"]\ntarball = \"etcd-v{{version}}-linux-arm64.tar.gz\"\n[sha256]\n\"{ETCD}\" = \"{}\"\n",
                self.server.url("/v{version}"),
                sha256(&old_etcd())
            ),
        );
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        let home = self.home.path().to_str().unwrap();
        tool("gpgconf", &["--homedir", home, "--kill", "all"]);
    }
}

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// Returns the path of a release of etcd on the server.
fn tarball(version: &str) -> String {
    format!("/v{version}/etcd-v{version}-linux-arm64.tar.gz")
}

fn old_base() -> Vec<u8> {
    fs::read(packed("raspios-trixie", "xz-multi")).unwrap()
}

fn old_etcd() -> Vec<u8> {
    fs::read(release("arm64")).unwrap()
}

/// Returns a base of which a byte of the boot code is another, unpacked and packed.
fn new_base(scene: &Scene) -> (Vec<u8>, Vec<u8>) {
    let path = scene.at("new.img");
    copy_sparse(&image("raspios-trixie"), &path);
    poke(&path, 100, b"!");
    let packed = tool("xz", &["-1", "-c", path.to_str().unwrap()]).done().out;
    (fs::read(path).unwrap(), packed)
}

/// Returns the same programs in another archive.
fn new_etcd() -> Vec<u8> {
    let archive = release("arm64");
    let again = format!("gzip -dc '{}' | gzip -1", archive.display());
    tool("sh", &["-c", &again]).done().out
}

fn update(scene: &Scene, options: &[&str]) -> Outcome {
    scene.bare(&[&["update", "--recipes", "recipes"], options].concat())
}

#[test]
fn what_is_newer_is_verified_shown_and_locked() {
    let (publisher, scene) = Publisher::new();
    let nothing = "nothing is newer than etcd-image.lock\n";
    assert_eq!(update(&scene, &[]).done().stdout, nothing);
    let before = scene.text("etcd-image.lock");

    let (raw, packed) = new_base(&scene);
    publisher.publish(&packed, "13.1", FIRST + DAY);
    let etcd = new_etcd();
    publisher.put(&tarball("3.6.15"), &etcd);
    let sums = format!("{}  etcd-v3.6.15-linux-arm64.tar.gz\n", sha256(&etcd));
    publisher.put("/v3.6.15/SHA256SUMS", sums.as_bytes());

    let old = old_base();
    let url = |path: &str| publisher.server.url(path);
    let of_base = [
        (
            "base raw-sha256",
            digest(&image("raspios-trixie")),
            sha256(&raw),
        ),
        ("base sha256", sha256(&old), sha256(&packed)),
        (
            "base signed-at",
            "2026-09-21T14:13:20Z".to_owned(),
            "2026-09-22T14:13:20Z".to_owned(),
        ),
        ("base size", old.len().to_string(), packed.len().to_string()),
        ("base url", url("/os-13.img.xz"), url("/os-13.1.img.xz")),
    ];
    let of_etcd = [
        ("etcd sha256", sha256(&old_etcd()), sha256(&etcd)),
        ("etcd url", url(&tarball(ETCD)), url(&tarball("3.6.15"))),
        ("etcd version", ETCD.to_owned(), "3.6.15".to_owned()),
    ];
    let lines = |changes: &[(&str, String, String)]| -> String {
        let line = |(what, old, new): &(&str, String, String)| format!("{what}: {old} → {new}\n");
        changes.iter().map(line).collect()
    };
    let (unchanged, updated) = (
        "etcd-image.lock is unchanged\n",
        "etcd-image.lock is updated: build the images again\n",
    );
    let all = [lines(&of_base), lines(&of_etcd)].concat();
    let told = update(&scene, &["--dry-run"]).done();
    assert_eq!(told.stdout, format!("{all}{unchanged}"));
    assert_eq!(scene.text("etcd-image.lock"), before);

    let told = update(&scene, &["etcd"]).done();
    assert_eq!(told.stdout, format!("{}{updated}", lines(&of_etcd)));
    let told = update(&scene, &["base"]).done();
    assert_eq!(told.stdout, format!("{}{updated}", lines(&of_base)));
    assert_eq!(update(&scene, &["all"]).done().stdout, nothing);
    let report = scene.bare(LOCKED_BUILD).done().stdout;
    assert!(report.contains("etcd 3.6.15"), "{report}");
}

#[test]
fn a_server_that_lies_moves_no_lock() {
    let (publisher, scene) = Publisher::new();
    let (_, packed) = new_base(&scene);
    publisher.publish(&packed, "13.1", FIRST + 2 * DAY);
    update(&scene, &["base"]).done();
    let lock = scene.text("etcd-image.lock");
    let refuses = |what: &str, message: &str| {
        let refused = update(&scene, &[what]);
        refused.refused_naming(3, &[message]);
        assert_eq!(scene.text("etcd-image.lock"), lock, "{message}");
    };

    // A list that nobody signed.
    let signed = publisher.files.lock().unwrap()["/SHA256SUMS"].clone();
    let line = format!("{}  os-13.2.img.xz\n", "0".repeat(64));
    publisher.put("/SHA256SUMS", &[&signed[..], line.as_bytes()].concat());
    refuses("base", "is not a signature of");

    // The former list with its signature.
    publisher.publish(&old_base(), "13", FIRST);
    refuses(
        "base",
        "the signed list of the base is of 2026-09-21T14:13:20Z, and that in etcd-image.lock of 2026-09-23T14:13:20Z",
    );

    // Other bytes than those of the list.
    publisher.list(&line, FIRST + 3 * DAY);
    publisher.put("/os-13.2.img.xz", &packed);
    refuses("base", "wrong SHA-256");

    let sums = format!("{}  etcd-v3.6.15-linux-arm64.tar.gz\n", "0".repeat(64));
    publisher.put("/v3.6.15/SHA256SUMS", sums.as_bytes());
    publisher.put(&tarball("3.6.15"), &new_etcd());
    refuses("etcd", "wrong SHA-256");

    scene.bare(LOCKED_BUILD).done();
}
