//! Flips bits in what a build reads.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::{Section, base64, digit, flip, len};
use crate::support::fixture::{digest, packed, poke, release};
use crate::support::scene::{Outcome, Scene};
use crate::support::snapshot::snapshot;
use crate::support::tool::tool_in;

const CLUSTER: &str = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n\
                       [[file]]\npath = \"/etc/motd\"\nsource = \"motd\"\n\
                       [[archive]]\npath = \"/usr/local/tools\"\nsource = \"tools.tar\"\n";

/// Flips a bit of a file, runs a command, and flips the bit back.
fn with_flipped(scene: &Scene, file: &str, place: usize, command: &[&str]) -> Outcome {
    flip(scene, file, place);
    let outcome = scene.run(command[0], &command[1..]);
    flip(scene, file, place);
    outcome
}

#[test]
fn a_flipped_bit_in_an_input_of_a_locked_build_is_reported() {
    let archive = release("arm64");
    let name = archive.file_name().unwrap().to_str().unwrap().to_owned();
    let mut scene = Scene::with("raspios-trixie");
    scene.file("cluster.toml", CLUSTER).file("motd", "hello\n");
    let in_archive = pack(&scene);
    fs::copy(&archive, scene.at(&name)).unwrap();
    writable(&scene, &name);
    scene = scene.etcd(Path::new(&name));
    scene.own_base();
    let overlays = concat!(env!("CARGO_MANIFEST_DIR"), "/overlays/access");
    tool_in(&scene.at(""), "mkdir", &["own"]).done();
    tool_in(&scene.at(""), "cp", &["-R", overlays, "own/access"]).done();
    let build: &[&str] = &["build", "--locked", "--overlays", "own"];
    scene.run("build", &["--overlays", "own"]).done();
    scene.run(build[0], &build[1..]).done();
    let differ = |what: &str| {
        format!(
            "`--locked` is given, and the inputs differ from etcd-image.lock: {what}: DIGEST → DIGEST"
        )
    };
    let in_lock = scene.text("etcd-image.lock").find("Written").unwrap();
    let mut section = Section::new("Inputs of a locked build");
    for (file, place, message) in [
        (
            "base.img",
            len(&scene, "base.img") / 2,
            differ("base raw-sha256"),
        ),
        ("motd", 3, differ("file /etc/motd")),
        (
            "tools.tar",
            in_archive,
            differ("archive 1 /usr/local/tools"),
        ),
        ("own/access/overlay.toml", 3, differ("overlays")),
        (
            "etcd-image.lock",
            in_lock,
            "`--locked` is given, and line 1 of etcd-image.lock is not as `build` writes it"
                .to_owned(),
        ),
    ] {
        let outcome = with_flipped(&scene, file, place, build);
        section.reported(file, build, &outcome, (3, &message));
    }
    let outcome = with_flipped(&scene, &name, len(&scene, &name) / 2, build);
    let damaged = format!(
        "taking etcd from {name}: reading the archive {name}: corrupt gzip stream does not have a matching checksum"
    );
    section.reported(&name, build, &outcome, (4, &damaged));
    section.is_documented();
}

/// Makes an archive of a program and returns the place of its content.
fn pack(scene: &Scene) -> usize {
    scene.file("tools/x", "a tool\n");
    tool_in(&scene.at(""), "tar", &["-cf", "tools.tar", "tools"]).done();
    let bytes = fs::read(scene.at("tools.tar")).unwrap();
    let found = bytes.windows(6).position(|part| part == b"a tool");
    found.unwrap()
}

#[test]
fn a_flipped_bit_in_a_snapshot_is_reported() {
    let scene = Scene::with("raspios-trixie");
    let bytes = snapshot(&["etcd1"], "3.5.0", 9);
    fs::write(scene.at("main.db"), &bytes).unwrap();
    let plan: &[&str] = &["plan", "--nodes", "1", "--restore", "main.db"];
    scene.run(plan[0], &plan[1..]).done();
    let mut section = Section::new("A snapshot to restore");
    // A page of keys, and the digest at the end.
    for place in [4 * 4096 + 100, bytes.len() - 3] {
        let outcome = with_flipped(&scene, "main.db", place, plan);
        let damaged = "main.db is not a usable snapshot: its digest does not match";
        section.reported("main.db", plan, &outcome, (3, damaged));
    }
    section.is_documented();
}

#[test]
fn a_flipped_bit_in_the_description_of_a_fleet_is_reported() {
    let scene = crate::fleet::scene();
    let plan: &[&str] = &["plan", "--fleet", "fleet.toml"];
    let mut section = Section::new("The description of a fleet");
    for (after, message) in [
        (
            "",
            "reading fleet.toml: line 1: unknown field `uemplate`, expected one of `template`, `table`, `cluster`",
        ),
        (
            "template = \"",
            "reading mab.toml: No such file or directory (os error NUMBER)",
        ),
        (
            "table = \"",
            "reading blusters.csv: No such file or directory (os error NUMBER)",
        ),
    ] {
        let place = scene.text("fleet.toml").find(after).unwrap() + after.len();
        let outcome = with_flipped(&scene, "fleet.toml", place, plan);
        section.reported("fleet.toml", plan, &outcome, (2, message));
    }
    section.is_documented();
}

#[test]
fn a_flipped_bit_in_an_archive_of_the_cache_is_reported() {
    let scene = Scene::with("raspios-trixie");
    let place = pack(&scene);
    let sha256 = digest(&scene.at("tools.tar"));
    let node = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n";
    let archive =
        "[[archive]]\npath = \"/usr/local/tools\"\nsource = \"https://example.org/tools.tar\"";
    let text = format!("{node}{archive}\nsha256 = \"{sha256}\"\n");
    scene.file("cluster.toml", &text);
    let plan: &[&str] = &["plan"];
    let missing =
        "https://example.org/tools.tar is not in the cache, and `--offline` prevents a download";
    scene.run("plan", &[]).refused_naming(5, &[missing]);
    let cached = scene.at(&format!("home/.cache/etcd-image/{sha256}.archive"));
    fs::copy(scene.at("tools.tar"), &cached).unwrap();
    scene.run("plan", &[]).done();
    let byte = fs::read(&cached).unwrap()[place];
    poke(&cached, place as u64, &[byte ^ 1]);
    // What is damaged is removed and downloaded again.
    let outcome = scene.run("plan", &[]);
    let mut section = Section::new("An archive in the cache");
    section.reported("KEY.archive", plan, &outcome, (5, missing));
    section.is_documented();
    assert!(!cached.exists());
}

#[test]
fn a_flipped_bit_in_a_package_of_etcd_is_reported() {
    let scene = Scene::with("raspios-trixie");
    let packages = ["deb-server", "deb-client"].map(|kind| {
        let package = release(kind);
        let name = format!("./{}", package.file_name().unwrap().to_str().unwrap());
        fs::copy(&package, scene.at(&name)).unwrap();
        writable(&scene, &name);
        name
    });
    let both = packages.join(",");
    let scene = scene.etcd(Path::new(&both));
    let build: &[&str] = &["build", "--nodes", "1"];
    scene.run(build[0], &build[1..]).done();
    let mut section = Section::new("Debian packages of etcd");
    for package in &packages {
        let outcome = with_flipped(&scene, package, len(&scene, package) / 2, build);
        let name = &package[2..];
        let damaged = format!(
            "taking etcd from {both}: reading the archive {name}: the xz data is damaged (offset NUMBER)"
        );
        section.reported(package, build, &outcome, (4, &damaged));
    }
    section.is_documented();
}

/// Returns a scene with a compressed base of its own.
fn on_compressed_base() -> Scene {
    let scene = Scene::with("raspios-trixie").at_time(1_795_000_000);
    fs::copy(
        packed("raspios-trixie", "xz-multi"),
        scene.at("base.img.xz"),
    )
    .unwrap();
    writable(&scene, "base.img.xz");
    scene.base(Path::new("base.img.xz"))
}

#[test]
fn a_flipped_bit_in_the_cache_changes_no_image() {
    let scene = on_compressed_base();
    let build: &[&str] = &["build", "--nodes", "1", "--format", "img,img.gz"];
    scene.run(build[0], &build[1..]).done();
    let (wanted, lock) = (scene.snapshot("images"), scene.text("etcd-image.lock"));
    let mut kinds = BTreeSet::new();
    for file in scene.names("home/.cache/etcd-image") {
        let kind = file.rsplit('.').next().unwrap().to_owned();
        if kind == "lock" {
            continue;
        }
        flip(&scene, &file, len(&scene, &file) / 2);
        fs::remove_dir_all(scene.at("images")).unwrap();
        scene.run(build[0], &build[1..]).done();
        assert_eq!(scene.snapshot("images"), wanted, "{file}");
        assert_eq!(scene.text("etcd-image.lock"), lock, "{file}");
        kinds.insert(kind);
    }
    let mut section = Section::new("The rest of the cache");
    for kind in &kinds {
        section.add(&format!("KEY.{kind}"), build, (0, "replaced"));
    }
    section.is_documented();
    let all = ["blocks", "img", "programs", "toml"].map(str::to_owned);
    assert_eq!(kinds, all.into());
}

#[test]
fn a_flipped_bit_in_a_compressed_base_is_reported() {
    let scene = on_compressed_base();
    let base = "base.img.xz";
    let build: &[&str] = &["build", "--nodes", "1"];
    let outcome = with_flipped(&scene, base, len(&scene, base) / 2, build);
    let damaged = "unpacking base.img.xz: the xz data is damaged (offset NUMBER)";
    let mut section = Section::new("A compressed base");
    section.reported(base, build, &outcome, (4, damaged));
    section.is_documented();
}

#[test]
fn a_flipped_bit_in_the_state_is_reported_or_repaired() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let (plan, build) = (&["plan", "--nodes", "1"], &["build", "--nodes", "1"]);
    let foreign = "was signed by a different CA from ca.crt";
    let unsupported = "contains no key of a supported type: ECDSA (P-256, P-384, P-521), Ed25519 or RSA from 2048 bits";
    let host_key = "etcd-cluster/nodes/etcd1/ssh_host_ed25519_key";
    let not_its_public_key = format!("is not the public key of {host_key}");
    let mut section = Section::new("The state directory");
    for file in scene.names("etcd-cluster") {
        let size = len(&scene, &file);
        // A certificate ends with its signature; a key contains its public half after 100 characters.
        let (place, message) = match file.rsplit(['/', '.']).next().unwrap() {
            "crt" if file.ends_with("/ca.crt") => (
                size - 60,
                "is damaged: the signature of the root is that of another certificate",
            ),
            "crt" => (size - 60, foreign),
            "key" => (130, unsupported),
            "ssh_host_ed25519_key" => (200, "is not an OpenSSH private key"),
            "pub" => (60, not_its_public_key.as_str()),
            "seed" => (
                digit(&scene, &file, 10),
                "is damaged: its checksum does not match",
            ),
            "json" => {
                let outcome = with_flipped(&scene, &file, size / 2, build);
                assert_eq!(outcome.code, Some(2), "{}", outcome.stderr);
                let begins = format!("error: {file} is damaged: ");
                assert!(outcome.stderr.starts_with(&begins), "{}", outcome.stderr);
                let hint = "hint: remove it and run `etcd-image build`, which writes it again\n";
                assert!(outcome.stderr.ends_with(hint), "{}", outcome.stderr);
                section.add(&file, build, (2, &format!("{file} is damaged: …")));
                continue;
            }
            "known_hosts" => {
                let whole = scene.text(&file);
                flip(&scene, &file, size / 2);
                scene.build(&build[1..]);
                assert_eq!(scene.text(&file), whole, "{file} is written again");
                section.add(&file, build, (0, "written again"));
                continue;
            }
            // Texts for people, and the file that is locked.
            "README" | "lock" => continue,
            _ => panic!("{file}: what reports a change?"),
        };
        let place = match file.ends_with("/seed") {
            true => place,
            false => base64(&scene, &file, place),
        };
        let outcome = with_flipped(&scene, &file, place, plan);
        section.reported(&file, plan, &outcome, (2, &format!("{file} {message}")));
    }
    section.is_documented();
}

fn writable(scene: &Scene, file: &str) {
    fs::set_permissions(scene.at(file), fs::Permissions::from_mode(0o644)).unwrap();
}
