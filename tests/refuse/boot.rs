//! Checks that `boot` refuses what it cannot boot before it starts anything, states the reason and changes nothing.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::support::fixture::{junk, poke, write};
use crate::support::scene::Scene;

/// Returns the `PATH` of the user who runs the tests.
fn own_path() -> String {
    std::env::var("PATH").unwrap()
}

/// Creates a scene with one built node.
fn built(family: &str) -> Scene {
    Scene::built(family, "", &["--nodes", "1"])
}

/// Asserts that `boot` fails with this exit code, names these things and leaves the images unchanged.
#[track_caller]
fn refused(scene: &Scene, path: &str, options: &[&str], code: i32, things: &[&str]) {
    let before = scene.snapshot("images");
    scene.boot(path, options).refused_naming(code, things);
    assert_eq!(scene.snapshot("images"), before);
}

/// Overwrites `old` at the beginning of every file of the node's image with `new`.
fn replace(scene: &Scene, old: &[u8], new: &[u8]) {
    let image = scene.image_path("etcd1");
    let bytes = fs::read(&image).unwrap();
    // Every file begins with a sector.
    let sectors = (0_u64..).step_by(512).zip(bytes.chunks(512));
    let places: Vec<_> = sectors.filter(|(_, it)| it.starts_with(old)).collect();
    assert!(!places.is_empty());
    for (place, _) in places {
        poke(&image, place, new);
    }
}

#[test]
fn without_qemu_its_package_is_named() {
    let outcome = built("debian-trixie").boot("/nowhere", &["images"]);
    outcome.refused_naming(2, &["`qemu-system-aarch64`, which is not installed"]);
    assert!(outcome.stderr.contains("apt install qemu-system-arm"));
}

#[test]
fn images_of_another_processor() {
    let scene = built("debian-trixie");
    let elf = |machine| [&b"\x7fELF\x02\x01\x01"[..], &[0; 9], &[3, 0, machine]].concat();
    replace(&scene, &elf(183), &elf(62));
    refused(
        &scene,
        &own_path(),
        &["images"],
        4,
        &["etcd1.img", "not arm64"],
    );
}

#[test]
fn files_that_are_no_node() {
    let scene = Scene::with("debian-trixie");
    let random = junk("random");
    refused(
        &scene,
        &own_path(),
        &[random.to_str().unwrap()],
        4,
        &["random.img"],
    );
    let mut scene = Scene::with("debian-trixie");
    let base = scene.own_base();
    refused(
        &scene,
        &own_path(),
        &[base.to_str().unwrap()],
        2,
        &["base.img", "not a node"],
    );
    refused(&scene, &own_path(), &["missing.img"], 2, &["missing.img"]);
    refused(&scene, &own_path(), &["home"], 2, &["no image in home"]);
}

#[test]
fn raspberry_pi_s_kernel_without_a_base_to_borrow_one_from() {
    let scene = built("raspios-trixie");
    let cache = scene.names("home/.cache");
    let things = [
        "cannot drive the devices of `virt`",
        "no debian-trixie base",
    ];
    refused(&scene, &own_path(), &["images"], 2, &things);
    let said = scene.boot(&own_path(), &["images"]).stderr;
    assert!(said.contains("`etcd-image fetch --base debian-trixie`") && said.contains("--kernel"));
    assert_eq!(scene.names("home/.cache"), cache);
}

#[test]
fn raspi4b_and_unknown_consoles() {
    let scene = built("debian-trixie");
    let machine = ["--machine", "raspi4b", "images"];
    refused(
        &scene,
        &own_path(),
        &machine,
        4,
        &["raspi4b has neither a network nor PCI Express"],
    );
    refused(
        &scene,
        &own_path(),
        &["--console", "x", "images"],
        2,
        &["--console x"],
    );
}

#[test]
fn an_image_that_is_running_already() {
    let scene = built("debian-trixie");
    let image = File::open(scene.image_path("etcd1")).unwrap();
    image.lock().unwrap();
    refused(
        &scene,
        &own_path(),
        &["images"],
        5,
        &["etcd1.img is running already"],
    );
}

#[test]
fn a_kernel_that_is_none() {
    let scene = built("debian-trixie");
    let things = ["preparing the machine of etcd1", "not an arm64 Linux image"];
    refused(&scene, &own_path(), &["images"], 4, &things);
    // The device tree of this one lies beside its kernel.
    let scene = built("ubuntu-server-26.04");
    let pi = ["--machine", "raspi3b", "images"];
    refused(&scene, &own_path(), &pi, 4, &things);
}

#[test]
fn a_machine_that_gives_no_namespaces_says_why() {
    let scene = built("debian-trixie");
    let script = "#!/bin/sh\necho 'unshare: unshare failed: Operation not permitted' >&2\nexit 1\n";
    let unshare = scene.at("bin/unshare");
    write(&unshare, script.as_bytes());
    executable(&unshare);
    let path = format!("{}:{}", scene.at("bin").display(), own_path());
    let things = ["gives us no network of our own", "Operation not permitted"];
    refused(&scene, &path, &["images"], 2, &things);
    let said = scene.boot(&path, &["images"]).stderr;
    assert!(said.contains("user.max_user_namespaces"));
}

fn executable(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o755)).unwrap();
}
