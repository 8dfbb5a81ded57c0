//! Installs what the chores need on a bare Debian or Ubuntu machine; elsewhere says what is missing.

use std::collections::BTreeSet;
use std::io::IsTerminal as _;
use std::path::Path;

use crate::command::{Outcome, output, path, persist, root, run, succeeds};
use crate::qemu;

/// A program, or the path of a file, and the Debian package that brings it.
type Tool = (&'static str, &'static str);

/// The judges of the tests: every byte we write is read by somebody else's program.
const JUDGES: [Tool; 24] = [
    ("debugfs", "e2fsprogs"),
    ("fsck.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
    ("sgdisk", "gdisk"),
    ("openssl", "openssl"),
    ("gpg", "gpg"),
    ("gpg-agent", "gpg-agent"),
    ("ssh-keygen", "openssh-client"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("cc", "gcc"),
    ("setfattr", "attr"),
    ("mksquashfs", "squashfs-tools"),
    ("dpkg-deb", "dpkg"),
    ("qemu-img", "qemu-utils"),
    ("/usr/lib/python3/dist-packages/yaml", "python3-yaml"),
    (
        "/usr/lib/python3/dist-packages/configobj",
        "python3-configobj",
    ),
    ("/usr/lib/python3/dist-packages/jinja2", "python3-jinja2"),
    (
        "/usr/lib/python3/dist-packages/jsonpatch.py",
        "python3-jsonpatch",
    ),
    (
        "/usr/lib/python3/dist-packages/jsonschema",
        "python3-jsonschema",
    ),
    (
        "/usr/lib/python3/dist-packages/oauthlib",
        "python3-oauthlib",
    ),
    (
        "/usr/lib/python3/dist-packages/requests",
        "python3-requests",
    ),
    ("/usr/lib/python3/dist-packages/serial", "python3-serial"),
];

/// What makes the Debian base.
const MAKERS: [Tool; 4] = [
    ("mmdebstrap", "mmdebstrap"),
    ("newuidmap", "uidmap"),
    ("qemu-aarch64-static", "qemu-user-static"),
    (
        "/usr/share/keyrings/debian-archive-keyring.gpg",
        "debian-archive-keyring",
    ),
];

/// Debian's package of the machine emulator.
const QEMU: &str = "qemu-system-arm";

/// What boots the images.
const BOOTERS: [Tool; 6] = [
    ("qemu-system-aarch64", QEMU),
    ("ip", "iproute2"),
    ("ssh", "openssh-client"),
    ("mount", "mount"),
    ("unshare", "util-linux"),
    ("setpriv", "util-linux"),
];

/// What lays the laboratory's networks, and makes the images whose files it runs.
const LABORATORY: [Tool; 12] = [
    ("ip", "iproute2"),
    ("tc", "iproute2"),
    ("nft", "nftables"),
    ("unshare", "util-linux"),
    ("nsenter", "util-linux"),
    ("setpriv", "util-linux"),
    ("openssl", "openssl"),
    ("debugfs", "e2fsprogs"),
    ("fsck.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
    ("dpkg-deb", "dpkg"),
];

/// Makes apt's lists of packages new.
const UPDATE: [&str; 3] = ["apt-get", "update", "-q"];

/// cloud-init judges seeds; installed, it would look for one on this machine at every boot.
const UNPACK: &str = "mkdir -p target/judges && cd target/judges && apt-get download -q cloud-init \
    && dpkg-deb -x cloud-init_*.deb . && rm cloud-init_*.deb";

/// snapd judges Ubuntu Core's seeds; it is compiled once, with a compiler that is not installed either (90 MB, a minute).
const WITNESS: [&str; 2] = ["tests/support/judge/snapd/build.sh", "target/judges/snapd"];

/// The judges alone: what the tests on fixtures need.
pub(crate) fn judges() -> Outcome {
    install(&JUDGES)?;
    witnesses()
}

/// Checkers that are unpacked or compiled under target/ instead of being installed.
fn witnesses() -> Outcome {
    if !root()
        .join("target/judges/usr/lib/cloud-init/ds-identify")
        .is_file()
    {
        unpack(&["-euc", UNPACK])?;
    }
    unpack(&WITNESS)
}

/// A package's place is looked up again where apt's lists have grown old.
fn unpack(script: &[&str]) -> Outcome {
    run("sh", script).or_else(|_| {
        let update = as_root(&UPDATE)?;
        persist(|| {
            start(&update)?;
            run("sh", script)
        })
    })
}

/// What making, booting and entering nodes needs: no judge.
pub(crate) fn makers() -> Outcome {
    let keys = [("ssh-keygen", "openssh-client")];
    install(&[&MAKERS[..], &BOOTERS, &keys].concat())
}

/// What the laboratory in network namespaces needs; mmdebstrap fetches etcd for it.
pub(crate) fn lab() -> Outcome {
    install(&[&LABORATORY[..], &MAKERS].concat())
}

/// Everything that the chores need.
pub(crate) fn tools() -> Outcome {
    let keys = [("ssh-keygen", "openssh-client")];
    install(&[&JUDGES[..], &MAKERS, &BOOTERS, &LABORATORY, &keys].concat())?;
    witnesses()
}

/// Installs the packages of all missing tools in one step that removes no package, and checks afterwards that every tool exists.
fn install(tools: &[Tool]) -> Outcome {
    let missing = packages(tools, &|program| !found(program));
    if missing.is_empty() {
        return Ok(());
    }
    if !found("apt-get") {
        return Err(format!("please install what brings: {}", missing.join(" ")));
    }
    let update = as_root(&UPDATE)?;
    persist(|| {
        start(&update)?;
        install_without_removing(&missing)
    })?;
    let absent = packages(tools, &|program| !found(program));
    match absent.is_empty() {
        true => Ok(()),
        false => Err(format!(
            "apt-get succeeded, but programs of these packages are still missing: {}",
            absent.join(" ")
        )),
    }
}

/// Installs all packages at once. Where QEMU could replace an installed package only, it is unpacked under target/ instead.
fn install_without_removing(packages: &[&str]) -> Outcome {
    let conflicts =
        |packages: &[&str]| !succeeds("apt-get", &[&["-s"], &INSTALL[..], packages].concat());
    if !packages.contains(&QEMU) || !conflicts(packages) {
        return apt(packages);
    }
    let needed = qemu::needed(QEMU)?;
    let others = packages.iter().copied().filter(|package| *package != QEMU);
    let libraries = needed.libraries.iter().map(String::as_str);
    apt(&others.chain(libraries).collect::<Vec<_>>())?;
    qemu::unpack(&needed)
}

/// Never asks, and never removes: a package that conflicts with an installed one must not replace it.
const INSTALL: [&str; 5] = [
    "install",
    "-q",
    "-y",
    "--no-install-recommends",
    "--no-remove",
];

fn apt(packages: &[&str]) -> Outcome {
    let environment = ["env", "DEBIAN_FRONTEND=noninteractive", "apt-get"];
    start(&as_root(&[&environment, &INSTALL[..], packages].concat())?)
}

/// The packages of the tools that are wanted, each once.
fn packages<'a>(tools: &[(&str, &'a str)], wanted: &dyn Fn(&str) -> bool) -> Vec<&'a str> {
    let chosen = tools.iter().filter(|(program, _)| wanted(program));
    let sorted: BTreeSet<&str> = chosen.map(|(_, package)| *package).collect();
    sorted.into_iter().collect()
}

/// Programs of administrators live outside an ordinary user's PATH.
fn found(program: &str) -> bool {
    if program.starts_with('/') {
        return Path::new(program).exists();
    }
    path().iter().any(|folder| folder.join(program).is_file())
}

/// The words that run a command as root.
fn as_root<'a>(command: &[&'a str]) -> Outcome<Vec<&'a str>> {
    if output("id", &["-u"])?.trim() == "0" {
        return Ok(command.to_owned());
    }
    // Only a person at a terminal can be asked for a password.
    if succeeds("sudo", &["-n", "true"]) || (found("sudo") && std::io::stdin().is_terminal()) {
        return Ok([&["sudo"], command].concat());
    }
    Err(format!("please run as root: {}", command.join(" ")))
}

fn start(words: &[&str]) -> Outcome {
    let (name, arguments) = words.split_first().ok_or("nothing to run")?;
    run(name, arguments)
}
