//! Images made by other programs, in memory.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use diskimg::{CowStorage, Memory, Storage};
use tempfile::{NamedTempFile, TempDir};

use super::must;

/// Bytes per MiB.
pub(crate) const MIB: u64 = 1 << 20;

/// A call of `mke2fs`.
#[derive(Debug, Clone)]
pub(crate) struct Ext4 {
    mib: u64,
    options: Vec<&'static str>,
}

/// The options of Raspberry Pi OS (bookworm, trixie) and Debian, and unusual ones.
pub(crate) fn flavours() -> [(&'static str, Ext4); 7] {
    let trixie = "^64bit,^huge_file,orphan_file,metadata_csum_seed";
    [
        ("bookworm", Ext4::new(&["-O", "^64bit,^huge_file"])),
        ("trixie", Ext4::new(&["-O", trixie])),
        ("debian", Ext4::new(&[])),
        ("small blocks", Ext4::new(&["-b", "1024"])),
        (
            "medium blocks",
            Ext4::new(&["-b", "2048", "-O", "^metadata_csum"]),
        ),
        ("linear directories", Ext4::new(&["-O", "^dir_index"])),
        (
            "old checksums",
            Ext4::new(&["-O", "^metadata_csum,uninit_bg", "-I", "128"]),
        ),
    ]
}

impl Ext4 {
    /// Returns a file system of 64 MiB with these options in addition to the defaults.
    pub(crate) fn new(options: &[&'static str]) -> Self {
        Self {
            mib: 64,
            options: options.to_vec(),
        }
    }

    pub(crate) fn mib(mut self, mib: u64) -> Self {
        self.mib = mib;
        self
    }

    /// Makes the file system from a directory that `fill` fills, as a sparse file.
    pub(crate) fn file(&self, fill: impl FnOnce(&Path)) -> NamedTempFile {
        let folder = TempDir::new().unwrap();
        fill(folder.path());
        let image = NamedTempFile::new().unwrap();
        image.as_file().set_len(self.mib * MIB).unwrap();
        let fixed = [
            "-q",
            "-F",
            "-t",
            "ext4",
            "-m",
            "0",
            "-b",
            "4096",
            "-L",
            "rootfs",
            "-U",
            "01234567-89ab-cdef-0123-456789abcdef",
            "-E",
            "root_owner=0:0,hash_seed=01234567-89ab-cdef-0123-456789abcdef",
        ];
        let mut args = fixed.map(OsStr::new).to_vec();
        args.extend(self.options.iter().map(OsStr::new));
        args.extend([
            OsStr::new("-d"),
            folder.path().as_os_str(),
            image.path().as_os_str(),
        ]);
        must("mke2fs", &args);
        image
    }

    /// Makes the same file system in memory.
    pub(crate) fn with(&self, fill: impl FnOnce(&Path)) -> Arc<dyn Storage> {
        Arc::new(Memory::new(std::fs::read(self.file(fill).path()).unwrap()))
    }

    /// Makes an empty file system. With some features `mke2fs` cannot copy files.
    pub(crate) fn empty(&self) -> Arc<dyn Storage> {
        self.with(|_| {})
    }

    /// Makes a small root file system with directories, links and files.
    pub(crate) fn make(&self) -> Arc<dyn Storage> {
        self.with(small_root)
    }
}

/// Writes the files of [`Ext4::make`].
pub(crate) fn small_root(root: &Path) {
    for folder in ["etc/systemd", "usr/lib", "usr/bin", "var/empty", "home"] {
        std::fs::create_dir_all(root.join(folder)).unwrap();
    }
    std::fs::write(root.join("etc/hostname"), "raspberrypi\n").unwrap();
    std::fs::write(root.join("usr/lib/big"), vec![b'B'; 300_000]).unwrap();
    std::fs::hard_link(root.join("etc/hostname"), root.join("etc/twin")).unwrap();
    #[cfg(unix)]
    for (target, link) in [
        ("usr/lib", "lib"),
        ("/usr/bin", "bin"),
        ("loop", "loop"),
        ("../usr/lib/os-release", "etc/os-release"),
    ] {
        std::os::unix::fs::symlink(target, root.join(link)).unwrap();
    }
}

/// Makes a FAT volume of `mib` MiB with `mkfs.vfat` and these options, with `config.txt` and `overlays/README`.
pub(crate) fn fat(mib: u64, options: &[&str]) -> Arc<dyn Storage> {
    let place = TempDir::new().unwrap();
    let image = formatted(place.path(), mib, options);
    let image_name = image.to_str().unwrap();
    let config = place.path().join("config.txt");
    std::fs::write(&config, "arm_64bit=1\n").unwrap();
    must("mcopy", ["-i", image_name, config.to_str().unwrap(), "::/"]);
    must("mmd", ["-i", image_name, "::/overlays"]);
    must(
        "mcopy",
        [
            "-i",
            image_name,
            config.to_str().unwrap(),
            "::/overlays/README",
        ],
    );
    Arc::new(Memory::new(std::fs::read(&image).unwrap()))
}

/// Makes an empty FAT volume; mtools cannot copy files into all of them.
pub(crate) fn empty_fat(mib: u64, options: &[&str]) -> Arc<dyn Storage> {
    let place = TempDir::new().unwrap();
    let image = formatted(place.path(), mib, options);
    Arc::new(Memory::new(std::fs::read(&image).unwrap()))
}

fn formatted(place: &Path, mib: u64, options: &[&str]) -> PathBuf {
    let image = place.join("image");
    let file = std::fs::File::create(&image).unwrap();
    file.set_len(mib * MIB).unwrap();
    let name = image.to_str().unwrap();
    let fixed = ["-n", "bootfs", "-i", "1234ABCD", "--invariant"];
    must("mkfs.vfat", fixed.iter().chain(options).chain(&[name]));
    image
}

/// Returns a copy-on-write storage on an image.
pub(crate) fn cow(base: &Arc<dyn Storage>) -> Arc<CowStorage> {
    Arc::new(CowStorage::new(base.clone()))
}

/// Returns all bytes of a storage.
pub(crate) fn bytes(storage: &dyn Storage) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(storage.size()).unwrap()];
    storage.read_at(0, &mut bytes).unwrap();
    bytes
}

/// Returns a copy of an ext4 image, changed by these requests to `debugfs -w`.
pub(crate) fn debugged(image: &dyn Storage, requests: &[&str]) -> Arc<dyn Storage> {
    let file = super::checkers::file(image);
    let script = NamedTempFile::new().unwrap();
    std::fs::write(script.path(), requests.join("\n")).unwrap();
    let [script, path] = [script.path(), file.path()].map(|path| path.to_str().unwrap());
    must("debugfs", ["-w", "-f", script, path]);
    Arc::new(Memory::new(std::fs::read(path).unwrap()))
}

/// Returns a copy of an image with other bytes at `offset`.
pub(crate) fn patched(image: &dyn Storage, offset: u64, bytes: &[u8]) -> Arc<dyn Storage> {
    let copy = Memory::new(self::bytes(image));
    copy.write_at(offset, bytes).unwrap();
    Arc::new(copy)
}

/// Returns 64 MiB with an MBR as on Raspberry Pi OS: FAT at 8 MiB, Linux at 24 MiB.
pub(crate) fn mbr() -> Arc<dyn Storage> {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        partitioned(
            "label: dos\nlabel-id: 0x1234abcd\n\
             start=16384, size=32768, type=c\nstart=49152, size=40960, type=83\n",
        )
    });
    Arc::new(Memory::new(IMAGE.clone()))
}

/// Returns 64 MiB with a GPT as in Debian's images: the root is 1, the EFI partition 15, in the other order on disk.
pub(crate) fn gpt() -> Arc<dyn Storage> {
    static IMAGE: LazyLock<Vec<u8>> = LazyLock::new(|| {
        partitioned(
            "label: gpt\nlabel-id: 11111111-2222-3333-4444-555555555555\n\
             1: start=40960, size=40960, type=B921B045-1DF0-41C3-AF44-4C6F280D3FAE, \
             uuid=AAAAAAAA-0000-0000-0000-000000000001, name=root\n\
             15: start=2048, size=32768, type=C12A7328-F81F-11D2-BA4B-00A0C93EC93B, \
             uuid=AAAAAAAA-0000-0000-0000-000000000015, name=EFI\n",
        )
    });
    Arc::new(Memory::new(IMAGE.clone()))
}

fn partitioned(script: &str) -> Vec<u8> {
    let image = NamedTempFile::new().unwrap();
    image.as_file().set_len(64 * MIB).unwrap();
    let text = NamedTempFile::new().unwrap();
    std::fs::write(text.path(), script).unwrap();
    let [image, text] = [image.path(), text.path()].map(|path| path.to_str().unwrap());
    let command = r#"sfdisk -q --no-tell-kernel "$0" < "$1""#;
    must("sh", ["-c", command, image, text]);
    std::fs::read(image).unwrap()
}
