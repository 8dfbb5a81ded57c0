//! Tests of images on this machine.

use std::io::Write as _;

use super::scene::http::{Reply, Server};
use super::scene::{Scene, but, failure, image, recipe, sha256, xz};
use crate::failure::Kind;
use crate::recipe::DigestSource;

fn gzip(data: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

fn bzip2(data: &[u8]) -> Vec<u8> {
    let mut writer = bzip2::write::BzEncoder::new(Vec::new(), bzip2::Compression::fast());
    writer.write_all(data).unwrap();
    writer.finish().unwrap()
}

/// Packs files of these names and contents.
fn zip(files: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, content) in files {
        let options = zip::write::SimpleFileOptions::default();
        writer.start_file(*name, options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

#[test]
fn every_compression_gives_the_same_image() {
    let scene = Scene::new();
    let zstd = zstd::encode_all(&image()[..], 1).unwrap();
    for (name, packed) in [
        ("a.xz", xz(&image())),
        ("b.zst", zstd),
        ("c.gz", gzip(&image())),
        ("padded.gz", [gzip(&image()), vec![0; 4096]].concat()),
        ("d.bz2", bzip2(&image())),
        (
            "e.zip",
            zip(&[
                ("README.txt", b"read me"),
                ("os/2026-os.img", &image()),
                ("__MACOSX/os/._2026-os.img", b"resource"),
            ]),
        ),
        ("lies.img", xz(&image())),
    ] {
        let path = scene.file(name, &packed);
        let verified = scene.local(&path).unwrap();
        assert!(fs_err::read(verified.path()).unwrap() == image(), "{name}");
        assert_eq!(verified.raw_sha256(), sha256(&image()));
        assert_eq!(verified.path().parent(), Some(scene.cache.as_path()));
        assert_eq!(verified.source(), path.display().to_string());
    }
    assert_eq!(
        scene.cached(".img").len(),
        6,
        "one per digest of the packed form"
    );
}

#[test]
fn raw_image_is_used_where_it_is() {
    let scene = Scene::new();
    let path = scene.file("a.img.xz", &image());
    let verified = scene.local(&path).unwrap();
    assert_eq!(verified.path(), path);
    assert_eq!(verified.raw_sha256(), sha256(&image()));
    assert_eq!(scene.cached(".img").len(), 0);
}

#[test]
fn changed_file_is_read_again() {
    let scene = Scene::new();
    let path = scene.file("a.img", &image());
    scene.local(&path).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(20));
    let mut other = image();
    other[0] ^= 1;
    fs_err::write(&path, &other).unwrap();
    assert_eq!(scene.local(&path).unwrap().raw_sha256(), sha256(&other));
}

#[test]
fn sidecar_is_honored() {
    let scene = Scene::new();
    for (name, content) in [("a.img", image()), ("b.img.xz", xz(&image()))] {
        let path = scene.file(name, &content);
        let beside = format!("{name}.sha256");
        scene.file(
            &beside,
            format!("{}  {name}\n", sha256(&content)).as_bytes(),
        );
        scene.local(&path).unwrap();
        // The warm build honors it as well.
        scene.file(&beside, format!("{}  {name}\n", "0".repeat(64)).as_bytes());
        let (kind, text) = failure(scene.local(&path));
        assert_eq!(kind, Kind::Verification);
        assert!(
            text.contains(&"0".repeat(64)) && text.contains(&sha256(&content)),
            "{text}"
        );
        scene.file(&beside, b"not a digest");
        assert_eq!(failure(scene.local(&path)).0, Kind::Usage);
    }
}

#[test]
fn damaged_files_are_refused_and_leave_nothing() {
    let scene = Scene::new();
    let zstd = zstd::encode_all(&image()[..], 1).unwrap();
    for packed in [xz(&image()), zstd, gzip(&image()), bzip2(&image())] {
        for damaged in [
            packed[..packed.len() / 2].to_vec(),
            [&packed[..], b"trailing garbage"].concat(),
        ] {
            let path = scene.file("a", &damaged);
            let (kind, text) = failure(scene.local(&path));
            assert_eq!(kind, Kind::Corrupt, "{text}");
            assert!(text.contains(&path.display().to_string()), "{text}");
        }
    }
    assert_eq!(scene.cached(".img").len() + scene.cached(".tmp").len(), 0);
}

#[test]
fn archives_without_one_image_say_what_to_do() {
    let scene = Scene::new();
    let mut flipped = zip(&[("a.img", &image())]);
    flipped[100] ^= 1;
    let cut = zip(&[("a.img", &image())]);
    let mut window = zstd::Encoder::new(Vec::new(), 1).unwrap();
    window.window_log(28).unwrap();
    window.write_all(&image()).unwrap();
    let by_hand = "unpack it and name the image in it";
    let damaged = "the file is damaged or incomplete: fetch it again and compare its digest with the published one";
    for (name, packed, reason, hint) in [
        (
            "none.zip",
            zip(&[("README", b"x")]),
            "NAME: the zip archive contains no image (*.img)",
            by_hand,
        ),
        (
            "two.zip",
            zip(&[("b.IMG", b"x"), ("a.img", b"y")]),
            "NAME: the zip archive contains several images: a.img, b.IMG",
            by_hand,
        ),
        (
            "cut.zip",
            cut[..cut.len() / 2].to_vec(),
            "unpacking NAME: invalid Zip archive: Could not find EOCD",
            damaged,
        ),
        (
            "flipped.zip",
            flipped,
            "unpacking NAME: Invalid checksum",
            damaged,
        ),
        (
            "window.zst",
            window.finish().unwrap(),
            "unpacking NAME: Frame requires too much memory for decoding",
            "unpack it with `zstd -d --long=31` and give the raw image",
        ),
    ] {
        let path = scene.file(name, &packed);
        let error = scene.local(&path).unwrap_err();
        let text = format!("{error:#}").replace(&path.display().to_string(), "NAME");
        assert_eq!(
            (text.as_str(), crate::failure::explain(&error).1.as_str()),
            (reason, hint)
        );
    }
    assert_eq!(scene.cached(".img").len() + scene.cached(".tmp").len(), 0);
}

#[test]
fn multi_stream_xz_is_decoded_whole() {
    let scene = Scene::new();
    let path = scene.file("a.xz", &[xz(&image()), vec![0; 8], xz(b"more")].concat());
    let verified = scene.local(&path).unwrap();
    assert_eq!(verified.size(), image().len() as u64 + 4);
}

#[test]
fn what_is_not_an_image_is_named() {
    let scene = Scene::new();
    assert_eq!(failure(scene.local(scene.dir.path())).0, Kind::Usage);
    let (kind, text) = failure(scene.local(&scene.dir.path().join("nothing.img")));
    assert_eq!(kind, Kind::Usage);
    assert!(text.ends_with("nothing.img does not exist"), "{text}");
    #[cfg(unix)]
    for device in ["/dev/zero", "/dev/null"] {
        let expected = format!("{device} is not a file");
        let found = failure(scene.local(std::path::Path::new(device)));
        assert_eq!(found, (Kind::Usage, expected));
    }
}

/// 256 MiB of zeros fit in 8 KiB; the recipe's size is the limit, or else the largest image that tests unpack.
#[test]
fn a_decompression_bomb_ends_at_the_bound() {
    let zeros = std::io::Read::take(std::io::repeat(0), 256 << 20);
    let bomb = zstd::encode_all(zeros, 1).unwrap();
    let scene = Scene::new();
    let path = scene.file("a.img.zst", &bomb);
    let started = std::time::Instant::now();
    let expected = format!(
        "unpacking {}: the image in it is longer than 1048576 bytes, the largest that is unpacked",
        path.display()
    );
    assert_eq!(failure(scene.local(&path)), (Kind::Unsupported, expected));

    let server = Server::start(move |_, _| Reply::whole(&bomb));
    let recipe = but(recipe(server.url("/a"), &[], &[]), |it| {
        it.digest_source = DigestSource::Sha256(sha256(&fs_err::read(&path).unwrap()));
        (it.size, it.raw_sha256, it.raw_size) = (None, None, Some(1000));
    });
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.ends_with("the image in it is longer than 1000 bytes, the size that was published"),
        "{text}"
    );
    assert!(started.elapsed() < std::time::Duration::from_mins(1));
    assert_eq!(scene.cached(".img").len() + scene.cached(".tmp").len(), 0);
}
