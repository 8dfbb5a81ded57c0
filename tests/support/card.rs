//! Accesses a machine's card: flashes, replaces and reads it, and counts the bytes written to it.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::Shutdown;
use std::os::unix::fs::FileExt as _;
use std::os::unix::net::UnixStream;
use std::path::Path;

use etcd_image::boot::BootLab;

use super::tool::tool;

/// The offset of the data on a card.
pub(crate) const DATA: u64 = 8 << 30;

fn image<'a>(lab: &'a BootLab, name: &str) -> &'a Path {
    let mut nodes = lab.nodes().iter();
    &nodes.find(|node| node.name == name).unwrap().image
}

/// Writes the image over the beginning of the card, as dd does; everything after it stays.
pub(crate) fn flash(lab: &BootLab, name: &str) {
    let (image, card) = (image(lab, name), lab.machines.card(name).unwrap());
    let words = ["convert", "-n", "-f", "raw", "-O", "qcow2"].map(AsRef::as_ref);
    let places = [image.as_os_str(), card.as_os_str()];
    tool("qemu-img", &[&words[..], &places].concat()).done();
}

/// Replaces the card by an empty one of 16 GiB with the image on it.
pub(crate) fn replace(lab: &BootLab, name: &str) {
    replace_by(lab, name, "16G");
}

/// Replaces the card by an empty one of this size, as qemu-img(1) writes sizes, with the image on it.
pub(crate) fn replace_by(lab: &BootLab, name: &str, size: &str) {
    make(image(lab, name), lab.machines.card(name).unwrap(), size);
}

/// Puts a new card of 16 GiB with another image of the same node into a machine that is off. Its kernel keeps the command line
/// of the first image, which finds the root by the ID of the disk.
pub(crate) fn insert(lab: &BootLab, name: &str, other: &Path) {
    let id = |image: &Path| {
        let mut bytes = [0; 4];
        let file = File::open(image).unwrap();
        file.read_exact_at(&mut bytes, 440).unwrap();
        bytes
    };
    assert_eq!(id(other), id(image(lab, name)), "{name} has two disk IDs");
    make(other, lab.machines.card(name).unwrap(), "16G");
}

/// Makes an empty card of this size with the image on it.
fn make(image: &Path, card: &Path, size: &str) {
    let words = ["create", "-q", "-f", "qcow2", "-F", "raw", "-b"].map(AsRef::as_ref);
    let places = [image.as_os_str(), card.as_os_str(), size.as_ref()];
    tool("qemu-img", &[&words[..], &places].concat()).done();
}

/// Runs one qemu-io command on the card.
pub(crate) fn io(lab: &BootLab, name: &str, request: &str) -> String {
    let card = lab.machines.card(name).unwrap().to_str().unwrap();
    let said = tool("qemu-io", &["-f", "qcow2", "-c", request, card]).done();
    said.text()
}

/// Returns whether the data's file system was not unmounted, so that its journal must be replayed (ext4's superblock,
/// `s_feature_incompat`, `INCOMPAT_RECOVER`).
pub(crate) fn was_cut_off(lab: &BootLab, name: &str) -> bool {
    const FLAGS: u64 = DATA + 1024 + 0x60;
    let dump = io(lab, name, &format!("read -v {FLAGS} 1"));
    let byte = dump.split_whitespace().nth(1).unwrap();
    u8::from_str_radix(byte, 16).unwrap() & 4 != 0
}

/// Returns the digest of both system partitions, in the image and on the card.
pub(crate) fn digests(lab: &BootLab, name: &str) -> [String; 2] {
    let image = image(lab, name);
    let size = image.metadata().unwrap().len();
    [("raw", image), ("qcow2", lab.machines.card(name).unwrap())].map(|(format, path)| {
        let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let raw = folder.path().join("system");
        // The table before the first partition belongs to the node, which adds the data partition to it.
        let from_to = [
            format!("count={}", size >> 23),
            format!("if={}", path.display()),
            format!("of={}", raw.display()),
        ];
        let words = ["dd", "-f", format, "-O", "raw", "bs=8388608", "skip=1"];
        let from_to: Vec<_> = from_to.iter().map(String::as_str).collect();
        tool("qemu-img", &[&words[..], &from_to].concat()).done();
        let said = tool("sha256sum", &[raw]).done().text();
        said.split(' ').next().unwrap().to_owned()
    })
}

/// Returns the bytes written to the card since the machine was switched on.
pub(crate) fn written(lab: &BootLab, name: &str) -> u64 {
    let mut socket = UnixStream::connect(lab.machines.monitor(name).unwrap()).unwrap();
    let requests = "{\"execute\":\"qmp_capabilities\"}{\"execute\":\"query-blockstats\"}";
    socket.write_all(requests.as_bytes()).unwrap();
    let mut lines = BufReader::new(&socket).lines();
    let answer = lines.find_map(|line| {
        let answer: serde_json::Value = serde_json::from_str(&line.unwrap()).unwrap();
        answer["return"].as_array().cloned()
    });
    let bytes = |device: &serde_json::Value| device["stats"]["wr_bytes"].as_u64().unwrap();
    let sum = answer.unwrap().iter().map(bytes).sum();
    socket.shutdown(Shutdown::Both).unwrap();
    sum
}
