//! QEMU for machines whose installed packages conflict with the archive's QEMU.
//!
//! A newer `qemu-utils` breaks an older `qemu-system-common`, so that apt can install one only by removing the other. Setup removes
//! nothing: it installs the libraries that QEMU needs and unpacks QEMU itself under target/, where every chore's `PATH` begins.

use std::path::PathBuf;

use crate::command::{Outcome, output, root, run};

/// The directory of the unpacked programs. QEMU finds its data and modules relative to its own path.
pub(crate) fn programs() -> PathBuf {
    root().join("target/qemu/usr/bin")
}

/// The packages from the archive that QEMU's package needs, itself included, according to apt.
pub(crate) struct Needed {
    /// QEMU's own packages.
    own: Vec<String>,
    /// Everything else, which conflicts with nothing.
    pub(crate) libraries: Vec<String>,
}

/// Asks apt what it would install for `package`, without installing anything.
pub(crate) fn needed(package: &str) -> Outcome<Needed> {
    let simulate = ["install", "-s", "--no-install-recommends", package];
    Ok(split(&output("apt-get", &simulate)?))
}

/// Sorts the packages of the lines `Inst NAME …` of a simulated installation.
fn split(simulation: &str) -> Needed {
    let names = simulation
        .lines()
        .filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    let (own, libraries) = names
        .map(str::to_owned)
        .partition(|name| name.starts_with("qemu-"));
    Needed { own, libraries }
}

/// Downloads QEMU's own packages and unpacks them under target/.
pub(crate) fn unpack(needed: &Needed) -> Outcome {
    let script = "rm -rf target/qemu && mkdir -p target/qemu && cd target/qemu && apt-get download -q \"$@\" \
                  && for package in *.deb; do dpkg-deb -x \"$package\" .; done && rm -- *.deb";
    let own = needed.own.iter().map(String::as_str);
    let words: Vec<&str> = ["-euc", script, "sh"].into_iter().chain(own).collect();
    run("sh", &words)
}

#[test]
fn only_qemu_itself_is_unpacked() {
    let said = "Reading state information...\nInst libfdt1 (1.6.1 Debian:12)\nRemv qemu-utils [1:10.0.2]\n\
                Inst qemu-system-arm (1:7.2 Debian:12)\nConf libfdt1 (1.6.1 Debian:12)\n";
    let needed = split(said);
    assert_eq!(needed.own, ["qemu-system-arm"]);
    assert_eq!(needed.libraries, ["libfdt1"]);
}
