//! The images whose files the laboratory runs, built by `etcd-image` on the fixture of Raspberry Pi OS.

use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use anyhow::{Context as _, Result, bail};
use rustix::fs::FlockOperation;

use super::root::PROGRAMS;

/// A cluster's description. Sets with the same state directory have the same CA and cluster token.
#[derive(Debug)]
struct Set {
    name: &'static str,
    state: &'static str,
    /// Addresses from `etcd1` on. A name may be given as `NAME=ADDRESS`, with more lines after a semicolon.
    nodes: &'static [&'static str],
    network: &'static str,
    etcd: &'static str,
}

const THREE: &[&str] = &["192.168.0.50", "192.168.0.51", "192.168.0.52"];
const FOUR: &[&str] = &[
    "192.168.0.50",
    "192.168.0.51",
    "192.168.0.52",
    "192.168.0.53",
];
const FIVE: &[&str] = &[
    "192.168.0.50",
    "192.168.0.51",
    "192.168.0.52",
    "192.168.0.53",
    "192.168.0.54",
];
const MOVED: &[&str] = &["192.168.7.50", "192.168.7.51", "192.168.7.52"];
const IPV6: &[&str] = &["fd00:7::50", "fd00:7::51", "fd00:7::52"];
/// Nodes on their way to another network, which keep their previous addresses.
const MOVING: &[&str] = &[
    "192.168.7.50;previous-address = \"192.168.0.50\"",
    "192.168.7.51;previous-address = \"192.168.0.51\"",
    "192.168.7.52;previous-address = \"192.168.0.52\"",
];
const TO_IPV6: &[&str] = &[
    "fd00:7::50;previous-address = \"192.168.0.50\"",
    "fd00:7::51;previous-address = \"192.168.0.51/24\"",
    "fd00:7::52;previous-address = \"192.168.0.52\"",
];
const REPLACED: &[&str] = &[
    "192.168.0.50",
    "192.168.0.51",
    "etcd4=192.168.0.53;replaces = \"etcd3\"",
];
/// `etcd3` becomes a member again, in the place of `etcd2`.
const AGAIN: &[&str] = &[
    "192.168.0.50",
    "etcd3=192.168.0.52;replaces = \"etcd2\"",
    "etcd4=192.168.0.53",
];
const HOME: &str = "gateway = \"192.168.0.1\"";
/// etcd that writes a snapshot of its log after few changes, as others do after 10,000.
const OFTEN: &str = "gateway = \"192.168.0.1\"\n[etcd.extra]\nsnapshot-count = 20";
/// Authentication, with a user who logs in through the gateway as Patroni does.
const USERS: &str = "gateway = \"192.168.0.1\"
[auth]
enabled = true
[[auth.user]]
name = \"patroni\"
roles = [\"patroni\"]
[[auth.role]]
name = \"patroni\"
write = [\"service/\"]
[[certificate]]
role = \"ca\"
path = \"/etc/patroni/ca.crt\"
[[certificate]]
role = \"client\"
path = \"/etc/patroni/client.crt\"
key = \"/etc/patroni/client.key\"
common-name = \"\"";
const AWAY: &str = "gateway = \"192.168.7.1\"";
const WIDE: &str = "gateway = \"fd00:7::1\"\nprefix = 64";

const SETS: &[Set] = &[
    set("three", "home", THREE, HOME, "3.5"),
    set("snapshots", "home", THREE, OFTEN, "3.5"),
    set("four", "home", FOUR, HOME, "3.5"),
    set("five", "five", FIVE, HOME, "3.5"),
    set("other", "other", THREE, HOME, "3.5"),
    set("users", "users", THREE, USERS, "3.5"),
    set("shrunk", "home", &["192.168.0.50"], HOME, "3.5"),
    set("lone", "lone", &["192.168.0.50"], HOME, "3.5"),
    set("moved", "home", MOVED, AWAY, "3.5"),
    set("moving", "home", MOVING, AWAY, "3.5"),
    set("to-ipv6", "home", TO_IPV6, WIDE, "3.5"),
    set("ipv6", "home", IPV6, WIDE, "3.5"),
    set("replaced", "home", REPLACED, HOME, "3.5"),
    set("again", "home", AGAIN, HOME, "3.5"),
    set("old", "home", THREE, HOME, "3.4"),
];

/// The directory of images with a snapshot.
const RESTORING: &str = "restoring";

/// Timeouts for a disk in memory: etcd's own defaults.
const TIMING: &str = "[etcd]\nheartbeat-interval = 100\nelection-timeout = 1000\n";
/// An SSH key without a known private half.
const KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea lab";

const fn set(
    name: &'static str,
    state: &'static str,
    nodes: &'static [&'static str],
    network: &'static str,
    etcd: &'static str,
) -> Set {
    Set {
        name,
        state,
        nodes,
        network,
        etcd,
    }
}

/// The directory with one directory for each set. While this value exists, no other process replaces the contents.
#[derive(Debug)]
pub(super) struct Images {
    pub(super) folder: PathBuf,
    _lock: fs_err::File,
}

/// Builds every set, unless this exact builder has already built them.
pub(super) fn prepare(checkout: &Path) -> Result<Images> {
    let lab = checkout.join("target/lab");
    let folder = lab.join("images");
    fs_err::create_dir_all(&lab)?;
    let lock = fs_err::File::create(lab.join("images.lock"))?;
    rustix::fs::flock(lock.file(), FlockOperation::LockExclusive)?;
    // What earlier scenarios have built.
    let _ = std::fs::remove_dir_all(folder.join(RESTORING));
    let stamp = stamp(&[
        &checkout.join("target/debug/etcd-image"),
        &std::env::current_exe()?,
    ])?;
    if !std::fs::read_to_string(folder.join("stamp")).is_ok_and(|old| old == stamp) {
        let _ = std::fs::remove_dir_all(&folder);
        fs_err::create_dir_all(&folder)?;
        build_all(checkout, &folder)?;
        fs_err::write(folder.join("stamp"), stamp)?;
    }
    rustix::fs::flock(lock.file(), FlockOperation::LockShared)?;
    Ok(Images {
        folder,
        _lock: lock,
    })
}

fn build_all(checkout: &Path, images: &Path) -> Result<()> {
    let base = images.join("base.img");
    script(checkout, &["image.sh", "raspios-trixie"], &base)?;
    for set in SETS {
        build(checkout, images, set)
            .with_context(|| format!("building the images `{}`", set.name))?;
    }
    Ok(())
}

fn build(checkout: &Path, images: &Path, set: &Set) -> Result<()> {
    let etcd = etcd(checkout, set.etcd)?;
    let version = version(&etcd)?;
    script(
        checkout,
        &["release.sh", "arm64", &version],
        &release(images, &version),
    )?;
    fs_err::write(config(images, set), description(set))?;
    fs_err::create_dir_all(images.join("state"))?;
    let state = images.join("state").join(set.state);
    run_build(images, set, &state, &images.join(set.name), &[])
}

/// Builds a set again, now with a snapshot with which its cluster begins. Returns the directory of the images.
pub(super) fn build_restoring(images: &Path, name: &str, snapshot: &Path) -> Result<String> {
    let set = SETS.iter().find(|set| set.name == name).context("no set")?;
    let scenario = std::fs::read_to_string("/proc/sys/kernel/random/uuid")?;
    let out = images.join(RESTORING).join(scenario.trim());
    // The copy keeps other scenarios from waiting for its lock.
    let state = out.join("state");
    fs_err::create_dir_all(&state)?;
    run(Command::new("cp")
        .arg("-aT")
        .arg(images.join("state").join(set.state))
        .arg(&state))?;
    let words = ["--restore", snapshot.to_str().context("a snapshot")?];
    run_build(images, set, &state, &out, &words)?;
    Ok(out.to_string_lossy().into_owned())
}

fn config(images: &Path, set: &Set) -> PathBuf {
    images.join(format!("{}.toml", set.name))
}

fn release(images: &Path, version: &str) -> PathBuf {
    images.join(format!("etcd-v{version}-linux-arm64.tar.gz"))
}

fn run_build(images: &Path, set: &Set, state: &Path, out: &Path, words: &[&str]) -> Result<()> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let etcd = etcd(&checkout, set.etcd)?;
    let mut build = Command::new(checkout.join("target/debug/etcd-image"));
    build
        .args(["build", "--quiet", "--offline", "--config"])
        .arg(config(images, set));
    build
        .arg("--base")
        .arg(images.join("base.img"))
        .arg("--etcd")
        .arg(release(images, &version(&etcd)?));
    build
        .arg("--out")
        .arg(out)
        .arg("--cache")
        .arg(images.join("cache"));
    build.arg("--state").arg(state).args(words);
    run(&mut build)?;
    for entry in fs_err::read_dir(out)? {
        let image = entry?.path();
        if image.extension().is_some_and(|kind| kind == "img") {
            extract(&image, &image.with_extension(""), &etcd)?;
            fs_err::remove_file(image)?;
        }
    }
    Ok(())
}

fn description(set: &Set) -> String {
    let mut text = format!(
        "{TIMING}[network]\n{}\n[ssh]\nauthorized-keys = [\"{KEY}\"]\n",
        set.network
    );
    for (at, node) in set.nodes.iter().enumerate() {
        let (node, more) = node.split_once(';').unwrap_or((node, ""));
        let own = format!("etcd{}", at + 1);
        let (name, address) = node.split_once('=').unwrap_or((&own, node));
        text.extend([
            "[[node]]\nname = \"",
            name,
            "\"\naddress = \"",
            address,
            "\"\n",
            more,
            "\n",
        ]);
    }
    text
}

/// Extracts `/etc` and `/usr/local` from an image, and replaces the node's etcd by this machine's.
fn extract(image: &Path, out: &Path, etcd: &Path) -> Result<()> {
    fs_err::create_dir_all(out.join("usr"))?;
    let mut table = [0; 512];
    fs_err::File::open(image)?
        .file()
        .read_exact_at(&mut table, 0)?;
    // The entry of the second partition in the MBR holds its first sector.
    let start: [u8; 4] = table[446 + 16 + 8..446 + 16 + 12].try_into()?;
    let place = format!(
        "{}?offset={}",
        image.display(),
        u64::from(u32::from_le_bytes(start)) * 512
    );
    for (from, to) in [("/etc", out.to_owned()), ("/usr/local", out.join("usr"))] {
        run(Command::new("debugfs").args([
            "-R",
            &format!("rdump {from} {}", to.display()),
            &place,
        ]))?;
    }
    for entry in fs_err::read_dir(etcd)? {
        let program = entry?.path();
        let name = program.file_name().unwrap_or_default();
        let place = match name == "etcd" {
            true => out.join("usr/local/bin").join(name),
            // What has this name in `bin` starts it with the node's settings.
            false => out.join(PROGRAMS).join(name),
        };
        let _ = std::fs::remove_file(&place);
        fs_err::hard_link(&program, place)?;
    }
    Ok(())
}

/// Returns the directory of this machine's etcd of a series.
fn etcd(checkout: &Path, series: &str) -> Result<PathBuf> {
    let folder = checkout.join("target/lab/etcd").join(series);
    if !folder.join("etcd").is_file() {
        bail!("etcd {series} for this machine is missing: run `cargo xtask lab`, which fetches it");
    }
    Ok(folder)
}

/// Returns the version of the etcd in a directory.
pub(super) fn version(etcd: &Path) -> Result<String> {
    let output = Command::new(etcd.join("etcd")).arg("--version").output()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let version = text
        .lines()
        .next()
        .and_then(|line| line.strip_prefix("etcd Version: "));
    Ok(version.context("etcd does not say its version")?.to_owned())
}

fn script(checkout: &Path, words: &[&str], out: &Path) -> Result<()> {
    let fixtures = checkout.join("tests/fixtures");
    run(Command::new("sh")
        .arg(fixtures.join(words[0]))
        .args(&words[1..])
        .arg(out))
}

fn run(command: &mut Command) -> Result<()> {
    let output = command
        .output()
        .with_context(|| format!("starting {command:?}"))?;
    if !output.status.success() {
        bail!(
            "{command:?} failed: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(())
}

/// Returns a text that changes when one of the files does.
fn stamp(files: &[&Path]) -> Result<String> {
    let stamps = files.iter().map(|file| {
        let about = fs_err::metadata(file)?;
        let age = about.modified()?.duration_since(SystemTime::UNIX_EPOCH)?;
        Ok(format!("{} {}\n", about.len(), age.as_nanos()))
    });
    stamps.collect()
}
