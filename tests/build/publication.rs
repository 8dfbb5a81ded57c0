//! Checks the files that accompany published images with the programs that read them.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;

use serde_json::{Value, json};

use super::compressed::in_every_format;
use crate::support::checker;
use crate::support::fixture::{digest, poke};
use crate::support::scene::Scene;
use crate::support::tool::{Said, tool};

/// Creates a scene with a published image.
fn published(options: &[&str]) -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    let plain = ["--nodes", "1", "--format", "img,img.gz"];
    scene.build(&[&plain[..], options].concat());
    scene
}

fn bmaptool_copy(scene: &Scene, image: &str) -> Said {
    let (image, card) = (scene.at(image), scene.at("card"));
    let [image, card] = [image, card].map(|path| path.to_str().unwrap().to_owned());
    tool("bmaptool", &["copy", &image, &card])
}

fn bytes(path: &Path, offset: u64, len: u64) -> Vec<u8> {
    let mut file = File::open(path).unwrap();
    file.seek(SeekFrom::Start(offset)).unwrap();
    let mut bytes = Vec::new();
    file.take(len).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn bmaptool_copies_the_used_ranges() {
    let scene = in_every_format();
    let map = scene.text("images/etcd1.bmap");
    let (image, card) = (scene.image_path("etcd1"), scene.at("card"));
    let ranges = map.lines().filter_map(|line| {
        let (_, range) = line
            .trim()
            .strip_prefix("<Range chksum=")?
            .split_once("> ")?;
        let range = range.strip_suffix(" </Range>")?;
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some((first.parse::<u64>().unwrap(), last.parse::<u64>().unwrap()))
    });
    let places = ranges.map(|(first, last)| (first * 4096, (last + 1 - first) * 4096));
    let places: Vec<_> = places.collect();
    for format in ["img.gz", "img.xz", "img.zst"] {
        bmaptool_copy(&scene, &format!("images/etcd1.{format}")).done();
        for (offset, len) in &places {
            let same = bytes(&image, *offset, *len) == bytes(&card, *offset, *len);
            assert!(same, "{format}: {len} bytes at {offset}");
        }
        fs::remove_file(&card).unwrap();
    }
    let mapped: u64 = places.iter().map(|(_, len)| len).sum();
    let size = fs::metadata(&image).unwrap().len();
    assert!(mapped > 1 << 20 && mapped < size / 2, "{mapped} of {size}");

    // The checker rejects another image.
    poke(&image, 440, b"spoiled");
    let refused = bmaptool_copy(&scene, "images/etcd1.img");
    assert_ne!(refused.code, Some(0));
    assert!(
        refused.err.contains("checksum mismatch"),
        "{}",
        refused.words()
    );

    // A changed map is not what the manifest says.
    fs::write(scene.at("images/etcd1.bmap"), map.replace("2.0", "1.0")).unwrap();
    let verified = scene.bare(&["verify", "images"]);
    assert_eq!(verified.code, Some(3));
    let line = "images/etcd1.bmap: BAD\n  the file's SHA-256 is ";
    assert!(verified.stdout.contains(line), "{}", verified.stdout);
}

#[test]
fn a_foreign_or_damaged_map_is_refused_by_bmaptool_and_by_us() {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    scene.build(&["--nodes", "2", "--format", "img.gz"]);
    let own = scene.text("images/etcd1.bmap");
    let lines: Vec<&str> = own.lines().collect();
    let first = lines
        .iter()
        .position(|line| line.contains("<Range "))
        .unwrap();
    let swapped = [
        &lines[..first],
        &[lines[first + 1], lines[first]],
        &lines[first + 2..],
    ]
    .concat();
    // The last hexadecimal digit of a range's digest.
    let digit = own.find("\"> ").unwrap() - 1;
    let mut flipped = own.clone().into_bytes();
    flipped[digit] ^= 1;
    bmaptool_copy(&scene, "images/etcd1.img.gz").done();
    for (damage, map) in [
        ("of another image", scene.text("images/etcd2.bmap")),
        ("cut off", own[..own.len() / 2].to_owned()),
        ("with ranges in another order", swapped.join("\n") + "\n"),
        ("with a flipped bit", String::from_utf8(flipped).unwrap()),
    ] {
        scene.file("images/etcd1.bmap", &map);
        let verified = scene.bare(&["verify", "images"]);
        assert_eq!(verified.code, Some(3), "{damage}");
        let line = "images/etcd1.bmap: BAD\n  the file's SHA-256 is ";
        assert!(
            verified.stdout.contains(line),
            "{damage}: {}",
            verified.stdout
        );
        let copied = bmaptool_copy(&scene, "images/etcd1.img.gz");
        assert_ne!(copied.code, Some(0), "{damage}");
    }
}

#[test]
fn imager_finds_every_image_in_the_list() {
    let scene = published(&["--publish-url", "https://example.org/kv/"]);
    let list: Value =
        serde_json::from_str(&scene.text("images/etcd-image.rpi-imager-manifest")).unwrap();
    let schema = include_str!("../fixtures/os-list.schema.json");
    assert_eq!(
        faults(&list, &serde_json::from_str(schema).unwrap(), ""),
        [""; 0]
    );
    let (raw, packed) = (scene.image_path("etcd1"), scene.at("images/etcd1.img.gz"));
    let size = |path: &Path| fs::metadata(path).unwrap().len();
    let expected = json!([{
        "name": "etcd1 of cluster main",
        "description": "etcd 3.6.14 on raspios-trixie (Debian GNU/Linux 13 (trixie)), 192.168.0.50",
        "icon": "icons/use_custom.png",
        "url": "https://example.org/kv/etcd1.img.gz",
        "extract_size": size(&raw),
        "extract_sha256": digest(&raw),
        "image_download_size": size(&packed),
        "image_download_sha256": digest(&packed),
        "release_date": "2026-11-18",
        "devices": ["pi3-64bit", "pi4-64bit", "pi5-64bit"],
        "init_format": "none",
        "architecture": "armv8",
        "bmap_url": "https://example.org/kv/etcd1.bmap",
    }]);
    assert_eq!(list["os_list"], expected);

    // Without an address, the list refers to files beside it. A board limits the devices.
    let node = "[[node]]\nname = \"kv\"\naddress = \"192.168.0.9\"\nboard = \"cm4\"\n";
    scene.file("board.toml", node);
    scene.build(&[
        "--config",
        "board.toml",
        "--state",
        "s",
        "--out",
        "other",
        "--format",
        "img.xz",
    ]);
    let list: Value =
        serde_json::from_str(&scene.text("other/etcd-image.rpi-imager-manifest")).unwrap();
    let entry = &list["os_list"][0];
    assert_eq!(entry["url"], "kv.img.xz");
    assert_eq!(entry["bmap_url"], "kv.bmap");
    assert_eq!(entry["devices"], json!(["pi4-64bit"]));

    // A plain build of another image leaves no map of the former one.
    scene.file("other.toml", &node.replace("0.9", "0.8"));
    scene.build(&["--config", "other.toml", "--state", "s", "--out", "other"]);
    let names = scene.names("other");
    assert!(!names.contains(&"other/kv.bmap".to_owned()), "{names:?}");
}

#[test]
fn settings_keep_the_address_for_every_build() {
    let scene = Scene::with("raspios-trixie");
    scene.file(
        "published.toml",
        "[publish]\nurl = \"https://example.org/a\"\n",
    );
    let build = [
        "--nodes",
        "1",
        "--config",
        "published.toml",
        "--format",
        "img.gz",
    ];
    for (option, url) in [
        (&[][..], "https://example.org/a"),
        (
            &["--publish-url", "https://example.org/b"],
            "https://example.org/b",
        ),
    ] {
        scene.build(&[&build, option].concat());
        let list = scene.text("images/etcd-image.rpi-imager-manifest");
        let line = format!("\"url\": \"{url}/etcd1.img.gz\"");
        assert!(list.contains(&line), "{list}");
    }
    scene.file(
        "wrong.toml",
        "[publish]\nurl = \"https://ada:secret@example.org\"\n",
    );
    let refused = scene.run("build", &["--nodes", "1", "--config", "wrong.toml"]);
    let why = "this is not the address of a directory: a user name, a query and a fragment are not allowed";
    refused.refused_naming(2, &[why]);
    assert!(!refused.stderr.contains("secret"), "{}", refused.stderr);
}

/// Returns where a value breaks a schema, as far as our fixture uses the language of schemas.
fn faults(value: &Value, schema: &Value, place: &str) -> Vec<String> {
    let is_type = match schema["type"].as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("integer") => value.is_u64(),
        Some("boolean") => value.is_boolean(),
        _ => schema["enum"].as_array().unwrap().contains(value),
    };
    let mut found = Vec::new();
    if !is_type {
        found.push(format!("{place}: wrong value {value}"));
    }
    for required in schema["required"].as_array().into_iter().flatten() {
        if value.get(required.as_str().unwrap()).is_none() {
            found.push(format!("{place}: no {required}"));
        }
    }
    for (name, member) in value.as_object().into_iter().flatten() {
        match schema["properties"].get(name) {
            Some(schema) => found.extend(faults(member, schema, &format!("{place}/{name}"))),
            None => found.push(format!("{place}: unknown {name}")),
        }
    }
    for item in value.as_array().into_iter().flatten() {
        found.extend(faults(item, &schema["items"], &format!("{place}/*")));
    }
    found
}

#[test]
fn a_list_without_digests_breaks_the_schema() {
    let schema: Value =
        serde_json::from_str(include_str!("../fixtures/os-list.schema.json")).unwrap();
    let list = json!({ "os_list": [{ "name": 1, "colour": "red" }] });
    let found = faults(&list, &schema, "");
    for fault in [
        "/os_list/*: no \"extract_sha256\"",
        "/os_list/*/name: wrong value 1",
        "/os_list/*: unknown colour",
    ] {
        assert!(found.contains(&fault.to_owned()), "{found:?}");
    }
}

#[test]
fn materials_and_provenance_name_every_input_and_no_secret() {
    let scene = published(&[]);
    let read = |name: &str| -> Value { serde_json::from_str(&scene.text(name)).unwrap() };
    checker::spdx(&scene.at("images/etcd1.spdx.json")).unwrap();
    let spdx = read("images/etcd1.spdx.json");
    let raw = digest(&scene.image_path("etcd1"));
    let ids = |kind: &str, field: &str| {
        let all = spdx[kind].as_array().unwrap().iter();
        all.map(|it| it[field].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let packages = ids("packages", "SPDXID");
    assert_eq!(
        packages[..3],
        ["SPDXRef-image", "SPDXRef-base", "SPDXRef-etcd"]
    );
    assert_eq!(spdx["packages"][0]["checksums"][0]["checksumValue"], raw);
    let files = ids("files", "fileName");
    assert!(
        files.contains(&"./root/usr/local/bin/etcd".to_owned()),
        "{files:?}"
    );
    assert!(
        !files.iter().any(|name| name.contains("server.key")),
        "{files:?}"
    );
    // Every part is related to the document, the image or the base.
    let related = ids("relationships", "relatedSpdxElement");
    let all = packages
        .iter()
        .chain(&ids("files", "SPDXID"))
        .cloned()
        .collect::<Vec<_>>();
    assert!(all.iter().all(|id| related.contains(id)), "{related:?}");

    let provenance = read("images/provenance.json");
    let manifest = scene.manifest();
    let definition = &provenance["predicate"]["buildDefinition"];
    let used = &definition["resolvedDependencies"];
    assert_eq!(
        used[0]["digest"]["sha256"],
        manifest["nodes"][0]["base"]["sha256"]
    );
    assert_eq!(
        used[1]["digest"]["sha256"],
        manifest["nodes"][0]["etcd"]["sha256"]
    );
    assert_eq!(provenance["subject"][0]["digest"]["sha256"], raw);
    let home = scene.at("");
    for name in ["images/provenance.json", "images/etcd1.spdx.json"] {
        assert!(!scene.text(name).contains(home.to_str().unwrap()), "{name}");
        assert!(
            !scene.text(name).contains(env!("CARGO_MANIFEST_DIR")),
            "{name}"
        );
    }
}

#[test]
fn materials_list_the_packages_of_the_base() {
    let scene = published(&[]);
    let spdx: Value = serde_json::from_str(&scene.text("images/etcd1.spdx.json")).unwrap();
    let packages = spdx["packages"].as_array().unwrap();
    // Those of tests/fixtures/raspios-trixie.sh, after the image, the base and etcd.
    let expected = json!({
        "SPDXID": "SPDXRef-deb-0",
        "name": "libc6",
        "versionInfo": "2.41-12+rpt1",
        "downloadLocation": "NOASSERTION",
        "filesAnalyzed": false,
        "externalRefs": [{
            "referenceCategory": "PACKAGE-MANAGER",
            "referenceType": "purl",
            "referenceLocator": "pkg:deb/debian/libc6@2.41-12%2Brpt1?arch=arm64",
        }],
    });
    assert_eq!(packages[3], expected);
    let names: Vec<&str> = packages[3..]
        .iter()
        .map(|package| package["name"].as_str().unwrap())
        .collect();
    assert_eq!(
        names.join(" "),
        "libc6 dash raspberrypi-sys-mods userconf-pi rpi-swap cloud-init rpi-cloud-init-mods network-manager netplan.io \
         openssh-server avahi-daemon systemd"
    );
}

#[test]
fn provenance_is_about_the_images_of_its_build_only() {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    let cluster = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n\
                   [[node]]\nname = \"etcd2\"\naddress = \"192.168.0.51\"\n\
                   [[file]]\npath = \"/etc/motd\"\nsource = \"motd\"\n";
    scene.file("cluster.toml", cluster);
    for (motd, only, stated) in [
        ("hello\n", &[][..], &["etcd1", "etcd2"][..]),
        // The lock file is another one now, of which the image of the other node was not made.
        ("good bye\n", &["--only", "etcd1"], &["etcd1"]),
        ("good bye\n", &["--only", "etcd2"], &["etcd1", "etcd2"]),
    ] {
        scene.file("motd", motd);
        scene.build(&[&["--format", "img.gz"], only].concat());
        let text = scene.text("images/provenance.json");
        let provenance: Value = serde_json::from_str(&text).unwrap();
        let images: Vec<_> = stated.iter().map(|node| format!("{node}.img.gz")).collect();
        let subject = provenance["subject"].as_array().unwrap().iter();
        let subject: Vec<_> = subject.map(|it| it["name"].as_str().unwrap()).collect();
        assert_eq!(subject, images, "{text}");
        let definition = &provenance["predicate"]["buildDefinition"];
        assert_eq!(definition["externalParameters"]["nodes"], json!(stated));
        let lock = json!({ "sha256": digest(&scene.at("etcd-image.lock")) });
        assert_eq!(definition["resolvedDependencies"][2]["digest"], lock);
        scene.bare(&["verify", "images"]).done();
    }
}
