//! `etcd-image update` against a server on this machine: what is newer is verified, shown and locked, and nothing else is.

use std::collections::BTreeMap;
use std::fs;
use std::sync::mpsc::{self, Sender};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::support::fixture::{ETCD, copy_sparse, digest, hex, image, packed, poke, release};
use crate::support::http::{Reply, Server};
use crate::support::interrupted::{SAID, interrupted};
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
    /// Gets the path of each file of these that is requested; the server sends it slowly then.
    watched: Arc<Mutex<Option<Sender<String>>>>,
    home: tempfile::TempDir,
}

impl Publisher {
    /// Returns a publisher of one base and one release of etcd, and a scene that was built from them.
    fn new() -> (Self, Scene) {
        let files: Arc<Mutex<BTreeMap<String, Vec<u8>>>> = Arc::default();
        let watched: Arc<Mutex<Option<Sender<String>>>> = Arc::default();
        let (shared, watch) = (files.clone(), watched.clone());
        let server = Server::start(move |request, _| {
            let files = shared.lock().unwrap();
            let Some(bytes) = files.get(&request.path) else {
                return Reply::status("404 Not Found");
            };
            match &*watch.lock().unwrap() {
                Some(watch) if is_input(&request.path) => {
                    let _ = watch.send(request.path.clone());
                    Reply::whole(bytes).drip(4096, Duration::from_millis(5))
                }
                _ => Reply::whole(bytes),
            }
        });
        let home = tempfile::tempdir().unwrap();
        let publisher = Self {
            server,
            files,
            watched,
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

    /// Publishes a newer base and a newer release of etcd.
    fn publish_newer(&self, base: &[u8], etcd: &[u8]) {
        self.publish(base, "13.1", FIRST + DAY);
        self.put(&tarball("3.6.15"), etcd);
        let sums = format!("{}  etcd-v3.6.15-linux-arm64.tar.gz\n", sha256(etcd));
        self.put("/v3.6.15/SHA256SUMS", sums.as_bytes());
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

/// Returns whether a path is that of a base or of a release of etcd, not that of a list or of a signature.
fn is_input(path: &str) -> bool {
    [".xz", ".gz"].iter().any(|ending| path.ends_with(ending))
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
    let etcd = new_etcd();
    publisher.publish_newer(&packed, &etcd);
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
    // The locked base is not taken for the other one that is wanted now.
    let recipe = scene.text("recipes/raspios-trixie.toml");
    scene.file("recipes/other.toml", &recipe);
    let other = ["etcd", "--base", "other", "--dry-run"];
    let told = update(&scene, &other).done().stdout;
    assert!(told.contains(&lines(&of_base[1..])), "{told}");

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
        "the signed list of the base is dated 2026-09-21T14:13:20Z, and that in etcd-image.lock 2026-09-23T14:13:20Z",
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

#[test]
fn a_locked_base_that_vanished_from_its_mirror_is_explained() {
    let (publisher, scene) = Publisher::new();
    let (_, packed) = new_base(&scene);
    publisher.publish(&packed, "13.1", FIRST + DAY);
    let vanished = "/os-13.img.xz";
    let removed = publisher.files.lock().unwrap().remove(vanished);
    assert!(removed.is_some());
    let build: &[&str] = &["build", "--nodes", "1", "--recipes", "recipes"];
    // The cache still has it.
    scene.bare(build).done();
    let (images, lock) = (scene.snapshot("images"), scene.text("etcd-image.lock"));

    fs::remove_dir_all(scene.at("home/.cache")).unwrap();
    let url = publisher.server.url(vanished);
    let why = format!("the locked base is no longer published at {url}: ");
    let hint =
        "hint: run `etcd-image update base`, or use a cache that still has it with `--cache`\n";
    for command in [build, &[build, &["--locked"]].concat()] {
        let refused = scene.bare(command);
        refused.refused_naming(5, &["fetching the base raspios-trixie: ", &why]);
        assert!(refused.stderr.ends_with(hint), "{}", refused.stderr);
    }
    assert_eq!(scene.snapshot("images"), images);
    assert_eq!(scene.text("etcd-image.lock"), lock);
    update(&scene, &["base"]).done();
    scene.bare(build).done();
}

/// The number of moments at which an update is interrupted, besides those at which it downloads.
const MOMENTS: u32 = 12;

#[test]
fn an_interrupted_update_leaves_the_old_lock_or_the_new_one() {
    let (publisher, scene) = Publisher::new();
    let (_, packed) = new_base(&scene);
    publisher.publish_newer(&packed, &new_etcd());
    let (sender, requested) = mpsc::channel();
    *publisher.watched.lock().unwrap() = Some(sender);
    let (lock, cache) = ("etcd-image.lock", scene.at("home/.cache/etcd-image"));
    let old = scene.text(lock);
    let anew = || {
        scene.file(lock, &old);
        // It does not exist if the program was interrupted at once.
        let _ = fs::remove_dir_all(&cache);
    };
    anew();
    let begun = Instant::now();
    update(&scene, &[]).done();
    let (whole, new) = (begun.elapsed(), scene.text(lock));
    assert_ne!(new, old);
    while requested.try_recv().is_ok() {}

    let (base, etcd) = ("/os-13.1.img.xz".to_owned(), tarball("3.6.15"));
    let moments = (0..MOMENTS).map(|moment| (None, whole * moment / MOMENTS));
    let downloads = [Some(&base), Some(&etcd)].map(|path| (path, Duration::ZERO));
    for (download, after) in downloads.into_iter().chain(moments) {
        anew();
        let child = scene.start_bare_heard(&["update", "--recipes", "recipes"]);
        let is_reached = || requested.recv_timeout(Duration::from_mins(5)).unwrap();
        while download.is_some_and(|path| is_reached() != *path) {}
        let (code, said) = interrupted(child, after);
        while requested.try_recv().is_ok() {}
        match code {
            // Nothing is to be cleaned up before the update begins.
            None => assert_eq!((download, scene.text(lock)), (None, old.clone())),
            Some(130) => assert!(said.ends_with(SAID), "{said}"),
            code => assert_eq!((code, download), (Some(0), None), "{said}"),
        }
        let found = scene.text(lock);
        assert!([&old, &new].contains(&&found), "{found}");
        let mut left = scene.names("");
        left.retain(|name| name.contains(".etcd-image.") && name.contains(".new"));
        assert_eq!(left, [""; 0]);
    }
    anew();
    update(&scene, &[]).done();
    assert_eq!(scene.text(lock), new);
    scene.bare(LOCKED_BUILD).done();
}
