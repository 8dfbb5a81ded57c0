//! Checks that `flash --allowed-signers` writes only what an allowed signer has signed.

use std::fs;

use super::flash::{bytes_at, holds, refused, used_card};
use crate::support::fixture::{digest, poke};
use crate::support::scene::Scene;
use crate::support::signer::key;

/// The options that require a signature.
const SIGNED: [&str; 4] = ["card", "--yes-really", "--allowed-signers", "allowed"];

#[test]
fn only_images_of_an_allowed_signer_are_written() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    scene.build(&["--nodes", "1", "--format", "img,img.zst", "--sign", "ada"]);
    let card = used_card(&scene, "card");
    let flash = |image: &str| scene.bare(&[&["flash", image], &SIGNED[..]].concat());
    for image in ["etcd1", "images/etcd1.img.zst"] {
        let told = flash(image).done().stdout;
        assert!(told.contains("; signed by ada@example (SHA256:"), "{told}");
        holds(&card, &scene.image_path("etcd1"));
    }
    refused(
        &scene,
        &[&["--all"], &SIGNED[..]].concat(),
        2,
        "--all asks for confirmation, but standard input is not a terminal",
        "run `etcd-image flash --images images --allowed-signers allowed etcd1=card`",
    );
    let card = used_card(&scene, "card");
    let image = scene.image_path("etcd1");
    let (manifest, sums) = (
        scene.text("images/manifest.json"),
        scene.text("images/SHA256SUMS"),
    );

    // Another image beside the signed ones: no list has it.
    fs::copy(&image, scene.at("images/other.img")).unwrap();
    refused(
        &scene,
        &[&["images/other.img"], &SIGNED[..]].concat(),
        3,
        "images/other.img: the signed SHA256SUMS does not contain this image; nothing was written",
        "name an image of the signed build, or leave `--allowed-signers` out",
    );
    // An image is replaced, then the manifest and what an interrupted build would have left as well.
    let flash = |image: &str| scene.bare(&[&["flash", image, "--dry-run"], &SIGNED[..]].concat());
    let signed = digest(&image);
    let byte = fs::read(&image).unwrap()[440];
    poke(&image, 440, &[byte ^ 1]);
    let differs = "images/etcd1.img: the image differs from its manifest; nothing was written";
    flash("etcd1").refused_naming(3, &[differs]);
    let replaced = manifest.replace(&signed, &digest(&image));
    scene.file("images/manifest.json.new", &replaced);
    flash("etcd1").refused_naming(3, &[differs]);
    scene.file("images/manifest.json", &replaced);
    let other = "images/SHA256SUMS is signed, but manifest.json has other digests";
    flash("etcd1").refused_naming(3, &[other]);
    // So is the list, which somebody else signs, or nobody.
    scene.file("images/SHA256SUMS", &sums.replace(&signed, &digest(&image)));
    let unsigned = "images/SHA256SUMS.sig: SHA256SUMS is not what ada@example signed";
    flash("etcd1").refused_naming(3, &[unsigned]);
    key(&scene, "eve", "ed25519", "");
    flash("etcd1").refused_naming(3, &["is not among the allowed signers"]);
    fs::remove_file(scene.at("images/SHA256SUMS.sig")).unwrap();
    flash("etcd1").refused_naming(3, &["images/SHA256SUMS has no signature"]);
    fs::remove_file(scene.at("allowed")).unwrap();
    flash("etcd1").refused_naming(2, &["reading the allowed signers allowed"]);
    assert!(bytes_at(&card, 0, 1 << 20) == vec![0xA5; 1 << 20]);
}
