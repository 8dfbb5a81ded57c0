//! Checks that `etcd-image flash` writes the kernel's block devices: loop devices and network block devices (nbd).
//!
//! Only root can attach them, and not every kernel has them. A test that cannot attach one says that it was skipped;
//! `.config/nextest.toml` shows this also of tests that pass.
#![expect(clippy::print_stderr, reason = "reports skipped tests")]

use std::fs::{self, File};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use rustix::fs::OFlags;

use super::flash::{CARD, holds, refused, two_nodes};
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// An attached device, detached at the end of the test.
struct Device {
    path: String,
    detach: [&'static str; 2],
}

impl Drop for Device {
    fn drop(&mut self) {
        let [program, option] = self.detach;
        tool(program, &[option, &self.path]);
    }
}

/// Returns whether this process may attach a device of the kernel, of which `sign` is a file; otherwise prints that the test is
/// skipped.
fn is_possible(test: &str, sign: &str) -> bool {
    let is_root = tool("id", &["-u"]).done().text() == "0\n";
    // In a container, the file may exist and must not be opened.
    let opened = File::options().read(true).write(true).open(sign);
    let why = match (is_root, opened) {
        (true, Ok(_)) => return true,
        (false, _) => "it needs root".to_owned(),
        (true, Err(error)) => format!("{sign}: {error}"),
    };
    eprintln!("SKIPPED: {test}: {why}");
    false
}

/// Attaches a file as a loop device with these options.
fn attach_loop(card: &Path, options: &[&str]) -> Device {
    let file = card.to_str().unwrap();
    let attach = [&["--find", "--show"], options, &[file]].concat();
    Device {
        path: tool("losetup", &attach).done().text().trim().to_owned(),
        detach: ["losetup", "--detach"],
    }
}

/// Attaches a file as a network block device, which qemu-nbd serves.
fn attach_nbd(card: &Path) -> Device {
    let size = |name: &str| fs::read_to_string(format!("/sys/block/{name}/size")).unwrap();
    let mut names = (0..16).map(|number| format!("nbd{number}"));
    let name = names.find(|name| size(name) == "0\n").expect("a free one");
    let path = format!("/dev/{name}");
    let connect = format!("--connect={path}");
    let file = card.to_str().unwrap();
    tool("qemu-nbd", &["-f", "raw", &connect, file]).done();
    let device = Device {
        path,
        detach: ["qemu-nbd", "--disconnect"],
    };
    while size(&name) == "0\n" {
        sleep(Duration::from_millis(50));
    }
    device
}

/// Creates a scene with two images and an empty card.
fn with_card() -> Scene {
    let scene = two_nodes();
    let card = File::create(scene.at("card")).unwrap();
    card.set_len(CARD).unwrap();
    scene
}

/// Flashes a device, and compares what it holds with the image.
fn is_flashed(scene: &Scene, device: Device) {
    let path = device.path.as_str();
    let fixed = format!("{path} is not a removable disk");
    let hint = "if it is the disk to overwrite, add `--yes-really`";
    refused(scene, &["etcd1", path], 2, &fixed, hint);

    let flags = OFlags::EXCL.bits().cast_signed();
    let exclusive = File::options().read(true).custom_flags(flags).open(path);
    let used = format!("{path} is in use: mounted, or being written by another program");
    let hint = "unmount its partitions and try again";
    refused(scene, &["etcd1", path, "--yes-really"], 2, &used, hint);
    drop(exclusive.unwrap());

    let arguments = ["flash", "etcd1", path, "--yes-really"];
    let flashed = scene.bare(&arguments).done().stdout;
    let begin = format!("images/etcd1.img → {path}: ");
    let end = "; the card has no data of etcd\n";
    assert!(
        flashed.starts_with(&begin) && flashed.ends_with(end),
        "{flashed}"
    );
    let verified = scene.bare(&["verify", path]).done().stdout;
    assert!(
        verified.starts_with(&format!("{path}: sound, ")),
        "{verified}"
    );
    drop(device);

    holds(&scene.at("card"), &scene.image_path("etcd1"));
}

#[test]
fn a_loop_device_holds_the_image() {
    if is_possible("a_loop_device_holds_the_image", "/dev/loop-control") {
        let scene = with_card();
        let device = attach_loop(&scene.at("card"), &[]);
        is_flashed(&scene, device);
    }
}

#[test]
fn a_network_block_device_holds_the_image() {
    if is_possible("a_network_block_device_holds_the_image", "/dev/nbd0") {
        let scene = with_card();
        let device = attach_nbd(&scene.at("card"));
        is_flashed(&scene, device);
    }
}

/// As `mount -o loop,offset=…` makes one. It does not keep others from opening the disk exclusively.
#[test]
fn a_disk_of_which_a_loop_device_shows_a_part_is_in_use() {
    if !is_possible(
        "a_disk_of_which_a_loop_device_shows_a_part_is_in_use",
        "/dev/loop-control",
    ) {
        return;
    }
    let scene = with_card();
    let device = attach_loop(&scene.at("card"), &[]);
    let shown = attach_loop(Path::new(&device.path), &["--offset", "1048576"]);
    let used = format!("{0} is in use: {0} in {1}", device.path, shown.path);
    let hint = "if it is the right card, unmount its partitions and close what is made from them; if not, `etcd-image flash --list` shows the disks";
    let arguments = ["etcd1", &*device.path, "--yes-really"];
    refused(&scene, &arguments, 2, &used, hint);
}

#[test]
fn a_loop_device_that_cannot_hold_a_node_is_refused() {
    if !is_possible(
        "a_loop_device_that_cannot_hold_a_node_is_refused",
        "/dev/loop-control",
    ) {
        return;
    }
    let scene = with_card();
    let image = fs::metadata(scene.image_path("etcd1")).unwrap().len();
    let small = format!("has 104857600 bytes, but images/etcd1.img has {image}");
    for (options, error, hint) in [
        (
            &["--read-only"][..],
            "is write-protected",
            "move the switch on the side of the card",
        ),
        (&["--sizelimit", "104857600"], &small, "use a larger card"),
        (
            &["--sector-size", "4096"],
            "has sectors of 4096 bytes, but the image's partition table counts in sectors of 512 bytes: the node would not boot",
            "use a card, or a disk with sectors of 512 bytes",
        ),
    ] {
        let device = attach_loop(&scene.at("card"), options);
        let error = format!("{} {error}", device.path);
        refused(
            &scene,
            &["etcd1", &device.path, "--yes-really"],
            2,
            &error,
            hint,
        );
    }
    let written = tool(
        "du",
        &["--block-size=1", scene.at("card").to_str().unwrap()],
    )
    .done();
    assert!(written.text().starts_with("0\t"), "{}", written.words());
}
