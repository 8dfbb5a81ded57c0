//! Checks that fixtures are valid and reproducible, and contain what their names say.

use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::support::checker::{self, Disk, Ext4, Fat, header};
use crate::support::fixture::{image, junk, packed, release, script};
use crate::support::tool::{tool, tool_in};

const FAMILIES: [&str; 6] = [
    "raspios-trixie",
    "raspios-bookworm",
    "debian-trixie",
    "ubuntu-server-24.04",
    "ubuntu-server-26.04",
    "future-os",
];

/// Asserts that two runs of a generator, seconds apart, produce the same bytes.
#[track_caller]
fn repeats(generator: &str, arguments: &[&str], kept: &Path) {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let again = folder.path().join(kept.file_name().unwrap());
    script(generator, arguments, &again);
    tool("cmp", &[&again, kept]).done();
}

#[test]
fn every_family_passes_every_checker() {
    for family in FAMILIES {
        let path = image(family);
        checker::table(&path).unwrap();
        let disk = Disk::open(&path);
        checker::fat(disk.boot().path()).unwrap();
        checker::ext4(disk.root().path()).unwrap();
        assert_eq!(
            (disk.id.as_str(), disk.partitions[0].start),
            ("0x5e1f0a37", start(family))
        );
        let kinds: Vec<_> = disk
            .partitions
            .iter()
            .map(|part| part.kind.as_str())
            .collect();
        assert_eq!(kinds, ["c", "83"]);
        let size = fs::metadata(&path).unwrap().len();
        assert_eq!(size % (8 << 20), start(family) % (8 << 20));
    }
}

/// Returns the offset of the first partition: pi-gen aligns to 8 MiB, Ubuntu to 1 MiB.
fn start(family: &str) -> u64 {
    if family.starts_with("ubuntu") {
        1 << 20
    } else {
        8 << 20
    }
}

#[test]
fn images_repeat_to_the_byte() {
    for name in FAMILIES {
        repeats("image.sh", &[name], &image(name));
    }
}

#[test]
fn spoiled_images_repeat_to_the_byte() {
    for mistake in ["dirty-journal", "no-room", "fat-full", "gpt"] {
        let name = format!("raspios-trixie+{mistake}");
        repeats("image.sh", &[&name], &image(&name));
    }
}

#[test]
fn packed_images_and_releases_repeat_to_the_byte() {
    let base = image("raspios-trixie");
    for kind in ["xz-multi", "zst", "gz"] {
        repeats(
            "pack.sh",
            &[kind, base.to_str().unwrap()],
            &packed("raspios-trixie", kind),
        );
    }
    for kind in ["arm64", "dotdot", "deb-server"] {
        repeats("release.sh", &[kind, "3.6.14"], &release(kind));
    }
}

#[test]
fn an_unknown_mistake_is_refused() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/image.sh");
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let said = tool_in(
        folder.path(),
        "sh",
        &[script.to_str().unwrap(), "raspios-trixie+armfh", "out.img"],
    );
    assert_eq!(
        (said.code, said.err.as_str()),
        (Some(1), "image.sh: unknown mistake armfh\n")
    );
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[test]
fn trixie_waits_for_its_first_boot() {
    let disk = Disk::open(&image("raspios-trixie"));
    let (boot, root) = (disk.boot(), disk.root());
    let ext4 = Ext4::new(root.path());
    assert_eq!(
        Fat::new(boot.path()).content("cmdline.txt").unwrap(),
        b"console=serial0,115200 console=tty1 root=PARTUUID=5e1f0a37-02 rootfstype=ext4 fsck.repair=yes rootwait resize\n"
    );
    assert_eq!(ext4.text("/etc/machine-id"), "uninitialized\n");
    assert_eq!(
        ext4.names("/etc/systemd/system/multi-user.target.wants"),
        [
            "NetworkManager.service",
            "avahi-daemon.service",
            "rpi-resize.service",
            "sshswitch.service",
            "userconfig.service"
        ]
    );
    assert_eq!(ext4.stat("/etc/systemd/system/getty.target.wants"), None);
    assert_eq!(
        ext4.content("/etc/systemd/network/99-default.link")
            .unwrap(),
        b"/dev/null"
    );
    assert_eq!(ext4.stat("/home/pi").unwrap().access(), "0700 1000:1000");
    assert_eq!(
        ext4.text("/etc/shadow").lines().last(),
        Some("pi:!:20732:0:99999:7:::")
    );
    let features = header(root.path(), "Filesystem features");
    assert!(features.contains("metadata_csum_seed") && features.contains("orphan_file"));
    assert!(!features.contains("64bit") && !features.contains("huge_file"));
}

#[test]
fn bookworm_waits_for_its_first_boot() {
    let disk = Disk::open(&image("raspios-bookworm"));
    let (boot, root) = (disk.boot(), disk.root());
    let ext4 = Ext4::new(root.path());
    let cmdline = Fat::new(boot.path()).content("cmdline.txt").unwrap();
    assert!(cmdline.ends_with(b" rootwait quiet init=/usr/lib/raspberrypi-sys-mods/firstboot\n"));
    assert_eq!(ext4.text("/etc/machine-id"), "");
    assert_eq!(ext4.names("/etc/rc3.d"), ["S01resize2fs_once"]);
    let wants = ext4.names("/etc/systemd/system/multi-user.target.wants");
    assert!(
        ["dphys-swapfile.service", "regenerate_ssh_host_keys.service"]
            .iter()
            .all(|unit| wants.contains(&(*unit).to_owned()))
    );
    let features = header(root.path(), "Filesystem features");
    assert!(!features.contains("metadata_csum_seed") && !features.contains("orphan_file"));
}

#[test]
fn debian_has_its_own_names() {
    let disk = Disk::open(&image("debian-trixie"));
    let (boot, root) = (disk.boot(), disk.root());
    let ext4 = Ext4::new(root.path());
    assert!(
        Fat::new(boot.path())
            .content("vmlinuz-6.12.107+deb13-arm64")
            .is_some()
    );
    assert_eq!(
        ext4.content("/vmlinuz").unwrap(),
        b"boot/vmlinuz-6.12.107+deb13-arm64"
    );
    assert_eq!(ext4.names("/home"), Vec::<String>::new());
    assert!(!ext4.text("/etc/passwd").contains(":1000:"));
}

#[test]
fn every_root_has_the_same_top() {
    let top =
        "bin boot dev etc home lib lost+found media mnt opt proc root run sbin srv sys tmp usr var";
    for family in ["raspios-trixie", "raspios-bookworm"] {
        let root = Disk::open(&image(family)).root();
        assert_eq!(Ext4::new(root.path()).names("/").join(" "), top, "{family}");
    }
}

#[test]
fn a_base_has_room_for_etcd() {
    for family in FAMILIES {
        let root = Disk::open(&image(family)).root();
        let free: u64 = header(root.path(), "Free blocks").parse().unwrap();
        assert!(free * 4096 > 100 << 20, "{family}: {free} blocks");
    }
}

#[test]
fn full_bases_are_full_and_otherwise_sound() {
    let no_room = Disk::open(&image("raspios-trixie+no-room")).root();
    checker::ext4(no_room.path()).unwrap();
    assert_eq!(header(no_room.path(), "Free blocks"), "2");
    let no_inodes = Disk::open(&image("raspios-trixie+no-inodes")).root();
    checker::ext4(no_inodes.path()).unwrap();
    assert_eq!(header(no_inodes.path(), "Free inodes"), "0");
    let fat_full = Disk::open(&image("raspios-trixie+fat-full")).boot();
    checker::fat(fat_full.path()).unwrap();
    let said = tool("fsck.vfat", &["-n".as_ref(), fat_full.path().as_os_str()]);
    assert!(
        said.text().ends_with(" 80628/80628 clusters\n"),
        "{}",
        said.words()
    );
}

#[test]
fn architecture_table_and_first_boot_variants_are_what_they_say() {
    let of = |mistake: &str| Disk::open(&image(&format!("raspios-trixie+{mistake}")));
    let arm32 = Ext4::new(of("armhf").root().path())
        .content("/usr/bin/dash")
        .unwrap();
    let arm64 = Ext4::new(Disk::open(&image("raspios-trixie")).root().path())
        .content("/usr/bin/dash")
        .unwrap();
    assert_eq!((&arm32[..5], arm32[18]), (&b"\x7fELF\x01"[..], 40));
    assert_eq!((&arm64[..5], arm64[18]), (&b"\x7fELF\x02"[..], 183));
    assert_eq!(of("gpt").id, "0D5C7A90-3F41-4C62-8B1E-5A9D6C2E7F10");
    let booted = of("booted").root();
    let ext4 = Ext4::new(booted.path());
    checker::ext4(booted.path()).unwrap();
    assert_eq!(
        ext4.text("/etc/machine-id"),
        "0f1e2d3c4b5a69788796a5b4c3d2e1f0\n"
    );
    assert_eq!(
        ext4.stat("/etc/ssh/ssh_host_ed25519_key").unwrap().access(),
        "0600 0:0"
    );
}

#[test]
fn packed_images_are_sound_or_broken_as_named() {
    let test = |kind: &str, program: &str| {
        tool(
            program,
            &["-tqq".as_ref(), packed("raspios-trixie", kind).as_os_str()],
        )
        .code
    };
    for kind in ["xz", "xz-multi", "xz-two-streams", "xz-padded"] {
        assert_eq!(test(kind, "xz"), Some(0), "{kind}");
    }
    for kind in ["xz-truncated", "xz-no-footer", "xz-garbage", "xz-flipped"] {
        assert_eq!(test(kind, "xz"), Some(1), "{kind}");
    }
    assert_eq!(
        (test("zst", "zstd"), test("zst-truncated", "zstd")),
        (Some(0), Some(1))
    );
    assert_eq!(
        (test("gz", "gzip"), test("gz-truncated", "gzip")),
        (Some(0), Some(1))
    );
}

#[test]
fn what_is_no_image_has_no_table() {
    for kind in ["random", "empty", "text", "blank"] {
        let said = tool("sfdisk", &["--dump".as_ref(), junk(kind).as_os_str()]);
        assert_eq!(said.code, Some(1), "{kind}: {}", said.words());
    }
}
