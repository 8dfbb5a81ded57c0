//! Installs what the chores need on a bare Debian or Ubuntu machine; elsewhere says what is missing.

use std::path::Path;

use crate::command::{Outcome, output, run, succeeds};

/// A program and the Debian package that brings it.
type Tool = (&'static str, &'static str);

/// The judges of the tests: every byte we write is read by somebody else's program.
const JUDGES: [Tool; 11] = [
    ("debugfs", "e2fsprogs"),
    ("fsck.vfat", "dosfstools"),
    ("mcopy", "mtools"),
    ("sfdisk", "fdisk"),
    ("sgdisk", "gdisk"),
    ("openssl", "openssl"),
    ("ssh-keygen", "openssh-client"),
    ("xz", "xz-utils"),
    ("zstd", "zstd"),
    ("cc", "gcc"),
    ("setfattr", "attr"),
];

/// What makes the Debian base.
const MAKERS: [Tool; 4] = [
    ("mmdebstrap", "mmdebstrap"),
    ("newuidmap", "uidmap"),
    ("qemu-aarch64-static", "qemu-user-static"),
    ("update-binfmts", "binfmt-support"),
];

/// Tools for `cargo xtask test`.
pub(crate) fn test_tools() -> Outcome {
    install(&JUDGES)
}

/// Tools for `cargo xtask demo`: the judges and the makers, and a kernel that starts arm64 programs.
pub(crate) fn demo_tools() -> Outcome {
    install(&JUDGES)?;
    install(&MAKERS)?;
    enable_arm64()
}

fn install(tools: &[Tool]) -> Outcome {
    let missing: Vec<&str> = tools
        .iter()
        .filter(|(program, _)| !found(program))
        .map(|(_, package)| *package)
        .collect();
    if missing.is_empty() {
        return Ok(());
    }
    if !found("apt-get") {
        return Err(format!("please install what brings: {}", missing.join(" ")));
    }
    as_root(&["apt-get", "update", "-q"])?;
    let install = [
        "env",
        "DEBIAN_FRONTEND=noninteractive",
        "apt-get",
        "install",
        "-q",
        "-y",
        "--no-install-recommends",
    ];
    as_root(&[&install, missing.as_slice()].concat())
}

/// Programs of administrators live outside an ordinary user's PATH.
fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(Into::into));
    folders
        .into_iter()
        .any(|folder| folder.join(program).is_file())
}

/// The kernel starts arm64 programs through QEMU once `binfmt_misc` is mounted and QEMU is registered there.
fn enable_arm64() -> Outcome {
    if output("uname", &["-m"])?.trim() == "aarch64" {
        return Ok(());
    }
    let folder = Path::new("/proc/sys/fs/binfmt_misc");
    if !folder.join("register").exists() {
        as_root(&[
            "mount",
            "-t",
            "binfmt_misc",
            "binfmt_misc",
            "/proc/sys/fs/binfmt_misc",
        ])?;
    }
    if !folder.join("qemu-aarch64").exists() {
        as_root(&["update-binfmts", "--enable", "qemu-aarch64"])?;
    }
    match folder.join("qemu-aarch64").exists() {
        true => Ok(()),
        false => Err("this kernel does not start arm64 programs: /proc/sys/fs/binfmt_misc has no qemu-aarch64".to_owned()),
    }
}

fn as_root(command: &[&str]) -> Outcome {
    if output("id", &["-u"])?.trim() == "0" {
        let (name, arguments) = command.split_first().ok_or("nothing to run")?;
        return run(name, arguments);
    }
    if succeeds("sudo", &["-n", "true"]) {
        return run("sudo", command);
    }
    Err(format!("please run as root: {}", command.join(" ")))
}
