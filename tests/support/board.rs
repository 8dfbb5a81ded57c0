//! A board whose card and disks are files, for the programs that look for etcd's data before etcd starts.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;

use etcd_image::spec::DATA_START;
use tempfile::TempDir;

use super::fixture::write;
use super::rendered::rendered;
use super::tool::{Said, tool};

/// The disk that an image names for the data.
pub(crate) const DISK: &str = "disk/by-id/usb-new";
/// The end of the card.
pub(crate) const END: u64 = DATA_START + (1 << 30);
const PROGRAMS: &str = "/usr/local/lib/etcd-node";
/// Where the root partition of a card that was just written ends, in sectors.
const ROOT_END: u64 = 8_000_000;

/// What a program says, its exit code, and what it did.
pub(crate) type Outcome = (String, Option<i32>, String);

/// The programs that act on a kernel or need one, each replaced by one that writes down how it was called.
const REPLACED: [&str; 4] = ["sfdisk", "partx", "resize2fs", "sleep"];
/// The programs that ask a kernel, each with its answer.
const ANSWERS: [(&str, &str); 3] = [
    ("findmnt", "echo FOLDER/dev/mmcblk0p2"),
    (
        "blkid",
        "case $* in *LABEL=etcd-data*) cat FOLDER/labeled ;; *) PATH=/usr/sbin:/sbin exec blkid \"$@\" ;; esac",
    ),
    (
        "blockdev",
        "echo $(($(stat --dereference --format %s \"$2\") / 512))",
    ),
];

/// A node whose disks are files.
#[derive(Debug)]
pub(crate) struct Board(TempDir);

impl Board {
    /// Puts a card with this image, whose root has not grown yet, into a board without a disk.
    pub(crate) fn flashed(configuration: &str) -> Self {
        let board = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        let folder = board.0.path().display().to_string();
        for name in [
            "bin",
            "dev/disk/by-id",
            "sys/class/block",
            "sys/bus/usb/devices",
        ] {
            fs::create_dir_all(board.at(name)).unwrap();
        }
        for name in ["null", "zero"] {
            symlink(format!("/dev/{name}"), board.at("dev").join(name)).unwrap();
        }
        let log = REPLACED.map(|name| (name, format!("echo {name} \"$@\" >>FOLDER/log")));
        let answers = ANSWERS.map(|(name, answer)| (name, answer.to_owned()));
        for (name, code) in log.into_iter().chain(answers) {
            let path = board.at("bin").join(name);
            write(
                &path,
                format!("#!/bin/sh\n{code}\n")
                    .replace("FOLDER", &folder)
                    .as_bytes(),
            );
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for name in ["labeled", "log"] {
            write(&board.at(name), b"");
        }
        let classic = configuration.contains("read-only = false");
        let names = ["other_data", if classic { "grow-root" } else { "data" }];
        for name in names {
            let text = rendered(configuration, &format!("{PROGRAMS}/{name}"))
                .replace("/dev/", &format!("{folder}/dev/"))
                .replace("=/sys/", &format!("={folder}/sys/"))
                .replace("=/run/", &format!("={folder}/run/"))
                .replace(" -b ", " -e ");
            write(&board.at(name), text.as_bytes());
        }
        let card = File::create(board.at("dev/mmcblk0")).unwrap();
        card.set_len(END).unwrap();
        board.partition(ROOT_END);
        board
    }

    pub(crate) fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Describes the card and its root partition, which ends before this sector.
    pub(crate) fn partition(&self, end: u64) {
        let disk = self.at("sys/devices/mmcblk0");
        fs::create_dir_all(disk.join("mmcblk0p2")).unwrap();
        let facts = [
            ("size", END / 512),
            ("mmcblk0p2/partition", 2),
            ("mmcblk0p2/start", 2048),
            ("mmcblk0p2/size", end - 2048),
        ];
        for (name, number) in facts {
            write(&disk.join(name), format!("{number}\n").as_bytes());
        }
        for (name, target) in [("mmcblk0", ""), ("mmcblk0p2", "mmcblk0p2")] {
            let link = self.at("sys/class/block").join(name);
            let _ = fs::remove_file(&link);
            symlink(disk.join(target), link).unwrap();
        }
    }

    /// Writes the data of a node where an image with the usual settings keeps it.
    pub(crate) fn leave_on_the_card(&self, node: &str) {
        let card = File::options().write(true).open(self.at("dev/mmcblk0"));
        card.unwrap()
            .write_all_at(&self.data_of(node), DATA_START)
            .unwrap();
    }

    /// Plugs in a disk with the data of a node.
    pub(crate) fn plug_in(&self, name: &str, node: &str) {
        fs::write(self.at("dev").join(name), self.data_of(node)).unwrap();
        let disk = File::options().write(true).open(self.at("dev").join(name));
        disk.unwrap().set_len(200 << 20).unwrap();
        let labeled = fs::read_to_string(self.at("labeled")).unwrap();
        let device = self.at("dev").join(name);
        fs::write(
            self.at("labeled"),
            format!("{labeled}{}\n", device.display()),
        )
        .unwrap();
    }

    /// Plugs in an empty disk under the name in the image.
    pub(crate) fn plug_in_empty(&self) {
        let disk = File::create(self.at("dev/sda")).unwrap();
        disk.set_len(200 << 20).unwrap();
        symlink(self.at("dev/sda"), self.at("dev").join(DISK)).unwrap();
    }

    /// Returns a file system as a node leaves it when its power is cut, with a journal that nobody has replayed.
    fn data_of(&self, node: &str) -> Vec<u8> {
        let (tree, part) = (self.at("tree/node"), self.at("part"));
        fs::create_dir_all(&tree).unwrap();
        fs::write(
            tree.join("identity"),
            format!(",ab12, token {node} https://192.168.0.50:2380\n"),
        )
        .unwrap();
        let _ = fs::remove_file(&part);
        File::create(&part).unwrap().set_len(16 << 20).unwrap();
        let (tree, path) = (self.at("tree"), part.to_str().unwrap());
        tool(
            "mkfs.ext4",
            &["-q", "-L", "etcd-data", "-d", tree.to_str().unwrap(), path],
        )
        .done();
        tool("debugfs", &["-w", "-R", "feature needs_recovery", path]).done();
        fs::read(&part).unwrap()
    }

    fn shell(&self, script: &str) -> Said {
        let script = format!(
            "cd '{0}'; PATH={0}/bin:$PATH; {script}",
            self.0.path().display()
        );
        tool("dash", &["-euc", &script])
    }

    /// Runs `grow-root`, and returns what it says, its exit code and what it did.
    pub(crate) fn grow(&self) -> Outcome {
        fs::write(self.at("log"), "").unwrap();
        self.told(&self.shell("exec dash ./grow-root"))
    }

    /// Runs `data` up to the moment when it changes or mounts something.
    pub(crate) fn prepare(&self, place: &str) -> Outcome {
        fs::write(self.at("log"), "").unwrap();
        let program = fs::read_to_string(self.at("data")).unwrap();
        let (functions, _) = program.split_once("\n! mountpoint -q").unwrap();
        let acts =
            "format() { echo format \"$1\" >>log; }\nuse() { echo use \"$1\" \"$3\" >>log; }";
        fs::write(
            self.at("prepare"),
            format!("{functions}\n{acts}\n{place}\n"),
        )
        .unwrap();
        self.told(&self.shell("exec dash ./prepare"))
    }

    fn told(&self, said: &Said) -> Outcome {
        let folder = self.0.path().display().to_string();
        let shown = |text: String| {
            let text = text.replace(&format!("{folder}/dev/mmcblk0"), "CARD");
            text.replace(&folder, "")
        };
        let log = fs::read_to_string(self.at("log")).unwrap();
        (shown(said.text()), said.code, shown(log))
    }

    /// Types the command that the console names, without the restart of etcd.
    pub(crate) fn leave_behind(&self, said: &str) {
        let (_, command) = said.split_once("runs: sudo ").unwrap();
        let (command, restart) = command.trim().split_once(" && ").unwrap();
        assert_eq!(restart, "sudo systemctl restart etcd");
        self.shell(&command.replace("/run/", "run/")).done();
    }
}
