//! Checks compressed images with the programs that others use to unpack them, and that every command reads them.

use std::fs;
use std::path::Path;
use std::thread::sleep;
use std::time::Instant;

use crate::support::fixture::digest;
use crate::support::scene::Scene;
use crate::support::tool::{tool, tool_in};

const ALL: &str = "img,img.xz,img.zst,img.gz";
const PACKED: [&str; 3] = ["img.xz", "img.zst", "img.gz"];

/// Returns a scene with the image of one node in every format, which several tests share.
pub(super) fn in_every_format() -> Scene {
    Scene::built("raspios-trixie", "", &["--nodes", "1", "--format", ALL])
}

/// Asserts that a program unpacks a file to the raw image.
#[track_caller]
fn unpacks(scene: &Scene, command: &str, raw: &str) {
    let compare = format!("{command} | cmp - {raw}");
    tool_in(&scene.at("images"), "sh", &["-c", &compare]).done();
}

fn path(scene: &Scene, file: &str) -> String {
    scene.at(file).to_str().unwrap().to_owned()
}

#[test]
fn every_format_holds_the_image_and_repeats_to_the_byte() {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    scene.build(&["--nodes", "2", "--format", ALL]);
    // The second image has blocks that were compressed for the first one.
    for command in [
        "xz -dc etcd2.img.xz",
        "zstd -dcq etcd2.img.zst",
        "gzip -dc etcd2.img.gz",
    ] {
        unpacks(&scene, command, "etcd2.img");
    }
    // Raspberry Pi Imager decodes with libarchive, as bsdcat does. Its bsdtar reads only archives.
    for format in PACKED {
        unpacks(&scene, &format!("bsdcat etcd2.{format}"), "etcd2.img");
    }
    let [xz, zst, gz] = PACKED.map(|format| path(&scene, &format!("images/etcd2.{format}")));
    tool("xz", &["-t", &xz]).done();
    tool("zstd", &["-tq", &zst]).done();
    tool("gzip", &["-t", &gz]).done();
    let listed = tool("xz", &["--robot", "--list", &xz]).done().text();
    let totals: Vec<&str> = listed.lines().last().unwrap().split('\t').collect();
    let size = fs::metadata(scene.image_path("etcd2")).unwrap().len();
    assert_eq!(totals[..2], ["totals", "1"], "{listed}");
    let blocks: u64 = totals[2].parse().unwrap();
    assert!(blocks >= size.div_ceil(1 << 20), "{listed}");
    let sums = scene.at("images");
    tool_in(&sums, "sha256sum", &["-c", "SHA256SUMS"]).done();
    // Two images in four formats, their block maps and materials, the list for Imager, the provenance, and the manifest.
    assert_eq!(scene.text("images/SHA256SUMS").lines().count(), 8 + 4 + 3);

    // Nothing depends on the number of threads, and nothing on the blocks in the cache.
    fs::remove_dir_all(scene.at("home/.cache")).unwrap();
    scene.build(&[
        "--nodes", "2", "--format", ALL, "--out", "again", "--jobs", "1",
    ]);
    assert!(same(&scene, "images", "again"));
}

/// Returns whether two directories hold the same files.
fn same(scene: &Scene, a: &str, b: &str) -> bool {
    let files = |folder: &str| {
        let files = scene.snapshot(folder).into_iter();
        let inside = files.map(|(name, digest)| (name[folder.len()..].to_owned(), digest));
        inside.collect::<Vec<_>>()
    };
    files(a) == files(b)
}

#[test]
fn every_command_reads_compressed_images() {
    let scene = in_every_format();
    for format in ["img.zst", "img.gz"] {
        fs::remove_file(scene.at(&format!("images/etcd1.{format}"))).unwrap();
    }
    scene.build(&["--nodes", "1", "--format", "img,img.xz"]);
    let inspected = |image: &str| scene.bare(&["inspect", image]).done().stdout;
    let raw = inspected("images/etcd1.img");
    assert_eq!(
        inspected("images/etcd1.img.xz"),
        raw.replace("etcd1.img", "etcd1.img.xz")
    );
    let outcome = scene.bare(&["diff", "images/etcd1.img", "images/etcd1.img.xz"]);
    assert_eq!(outcome.done().stdout, "etcd1.img.xz: no differences\n");

    let verified = scene.bare(&["verify", "images"]).done().stdout;
    assert_eq!(
        verified.matches(" names read, the contents of ").count(),
        2,
        "{verified}"
    );

    // A format that was not built again stays in the manifest, because it holds the same image.
    scene.build(&["--nodes", "1", "--format", "img.zst"]);
    assert_eq!(scene.text("images/SHA256SUMS").lines().count(), 3 + 5);
    scene.file("other.toml", "[cluster]\ndomain = \"other\"\n");
    let other = scene.build(&[
        "--nodes",
        "1",
        "--config",
        "other.toml",
        "--format",
        "img.gz",
    ]);
    assert_eq!(scene.text("images/SHA256SUMS").lines().count(), 1 + 5);
    for format in ["img", "img.xz", "img.zst"] {
        let note = format!(
            "note: images/etcd1.{format} is an older image of node etcd1: delete it, \
             or build it again with `--format {format}`\n"
        );
        assert!(other.stderr.contains(&note), "{}", other.stderr);
    }
    // The image of a removed node and a foreign image also stay.
    fs::copy(
        scene.at("images/etcd1.img.gz"),
        scene.at("images/etcd2.img.gz"),
    )
    .unwrap();
    let other = scene.build(&["--nodes", "1", "--format", "img.gz"]);
    let note = "note: images/etcd2.img.gz is not an image of this cluster: \
                delete it if it is left over from a node that you removed\n";
    assert!(other.stderr.contains(note), "{}", other.stderr);

    #[cfg(target_os = "linux")]
    {
        fs::File::create(scene.at("card"))
            .unwrap()
            .set_len(9 << 30)
            .unwrap();
        scene
            .bare(&["flash", "etcd1", "card", "--yes-really"])
            .done();
        let inspected = scene.bare(&["--json", "inspect", "card"]).done().stdout;
        assert!(inspected.contains("\"hostname\": \"etcd1\""), "{inspected}");
    }
}

/// Runs `inspect` on a damaged copy of a file and asserts a corrupt image and its reason.
#[track_caller]
fn is_corrupt(scene: &Scene, format: &str, spoil: impl Fn(&mut Vec<u8>), reason: &str) {
    let mut bytes = fs::read(scene.at(&format!("images/etcd1.{format}"))).unwrap();
    spoil(&mut bytes);
    fs::write(scene.at(&format!("spoiled.{format}")), bytes).unwrap();
    let spoiled = format!("spoiled.{format}");
    let outcome = scene.bare(&["inspect", &spoiled]);
    let error = outcome.stderr.lines().next().unwrap_or_default();
    let start = format!("error: inspecting {spoiled}: unpacking {spoiled}: {reason}");
    assert!(error.starts_with(&start), "{format}: {}", outcome.stderr);
    assert_eq!(outcome.code, Some(4), "{format}");
}

#[test]
fn damaged_compressed_images_are_corrupt() {
    let scene = in_every_format();
    let reasons = [
        ("img.xz", "the xz data is cut off", "the xz data is damaged"),
        ("img.zst", "incomplete frame", ""),
        ("img.gz", "", ""),
    ];
    for (format, truncated, flipped) in reasons {
        is_corrupt(&scene, format, |it| it.truncate(it.len() - 1), truncated);
        is_corrupt(&scene, format, |it| flip_middle(it), flipped);
    }
    // Two blocks of different sizes change places: the index of the stream no longer fits.
    is_corrupt(
        &scene,
        "img.xz",
        swap_first_blocks,
        "the xz data is damaged",
    );

    // The manifest detects what a format cannot.
    let file = scene.at("images/etcd1.img.zst");
    let whole = fs::read(&file).unwrap();
    fs::write(&file, [&whole[..], &zstd_frame(&scene)].concat()).unwrap();
    let outcome = scene.bare(&["verify", "images/etcd1.img.zst"]);
    assert_eq!(outcome.code, Some(3));
    let wrong = ["  the image has ", "the SHA-256 of the unpacked image is "];
    for problem in wrong {
        assert!(outcome.stdout.contains(problem), "{}", outcome.stdout);
    }
}

fn flip_middle(bytes: &mut [u8]) {
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
}

/// Exchanges the first two blocks of an xz stream.
fn swap_first_blocks(bytes: &mut Vec<u8>) {
    let second = 12 + block_len(&bytes[12..]);
    let third = second + block_len(&bytes[second..]);
    let (first, rest) = (bytes[12..second].to_vec(), bytes[second..third].to_vec());
    assert_ne!(first.len(), rest.len());
    bytes.splice(12..third, [rest, first].concat());
}

/// Returns the length of a block: its header, the compressed size that the header states, a checksum, and padding.
fn block_len(block: &[u8]) -> usize {
    let mut compressed = 0;
    for (position, byte) in block[2..].iter().enumerate() {
        compressed |= usize::from(byte & 0x7f) << (7 * position);
        if byte & 0x80 == 0 {
            break;
        }
    }
    ((usize::from(block[0]) + 1) * 4 + compressed + 8).next_multiple_of(4)
}

/// Returns 1 KiB of zeros as a frame of its own.
fn zstd_frame(scene: &Scene) -> Vec<u8> {
    fs::write(scene.at("zeros"), [0; 1024]).unwrap();
    tool("zstd", &["-cq", &path(scene, "zeros")]).done().out
}

#[test]
fn a_full_disk_leaves_no_compressed_image() {
    let scene = Scene::with("raspios-trixie");
    let options = ["--nodes", "1", "--format", "img.gz"];
    let outcome = scene.run_with_file_limit("build", &options, 1 << 20);
    assert_eq!(outcome.code, Some(5), "{}", outcome.stderr);
    let left = scene.names("images").into_iter();
    let left: Vec<_> = left
        .filter(|name| Path::new(name).extension().is_some())
        .collect();
    assert_eq!(left, ["images/.etcd-image.lock"]);
    scene.build(&options);
    scene.bare(&["verify", "images"]).done();
}

#[test]
fn a_full_disk_is_not_blamed_on_the_image() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "1", "--format", "img.gz"]);
    for arguments in [["verify", "images"], ["inspect", "images/etcd1.img.gz"]] {
        let outcome = scene.bare_with_file_limit(&arguments, 1 << 20);
        let error = "unpacking images/etcd1.img.gz: images has not enough free space for the contents\n\
                     hint: free some space there, or copy the image to a directory with more\n";
        assert!(outcome.stderr.ends_with(error), "{}", outcome.stderr);
        assert_eq!(outcome.code, Some(5));
    }
}

#[test]
fn a_killed_build_leaves_no_half_of_a_compressed_image() {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    let options = ["--nodes", "1", "--format", "img.gz"];
    let begun = Instant::now();
    scene.build(&[&options[..], &["--out", "wanted"]].concat());
    let whole = begun.elapsed();
    let wanted = digest(&scene.at("wanted/etcd1.img.gz"));
    for moment in 1..=4 {
        let mut build = scene.start(&options);
        sleep(whole * moment / 5);
        build.kill().unwrap();
        build.wait().unwrap();
        let image = scene.at("images/etcd1.img.gz");
        assert!(!image.exists() || digest(&image) == wanted);
        // Blocks in the cache would leave nothing to compress.
        let cache = fs::read_dir(scene.at("home/.cache/etcd-image")).unwrap();
        for entry in cache.map(|entry| entry.unwrap().path()) {
            if entry.extension().is_some_and(|it| it == "blocks") {
                fs::remove_file(entry).unwrap();
            }
        }
    }
    scene.build(&options);
    assert_eq!(digest(&scene.at("images/etcd1.img.gz")), wanted);
}
