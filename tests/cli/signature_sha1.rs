//! Checks that a valid RSA signature with SHA-1 is refused. ssh-keygen makes none, so this one is made by hand.

use std::fs;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha512};

use crate::support::scene::Scene;
use crate::support::tool::tool_in;

/// Returns a string as SSH encodes it: after its length.
fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
    [&len[..], bytes].concat()
}

/// Signs the digest list of the images with the key `rsa`, by an algorithm and with a digest as SSH and openssl name them.
fn sign(scene: &Scene, algorithm: &str, digest: &str) {
    let list = fs::read(scene.at("images/SHA256SUMS")).unwrap();
    let purpose = [string(b"file"), string(b""), string(b"sha512")].concat();
    let hash = string(&Sha512::digest(list));
    let signed = [&b"SSHSIG"[..], &purpose, &hash].concat();
    fs::write(scene.at("signed"), signed).unwrap();
    let by_openssl = ["dgst", digest, "-sign", "rsa", "-out", "made", "signed"];
    tool_in(&scene.at(""), "openssl", &by_openssl).done();

    let public = scene.text("rsa.pub");
    let public = public.split_whitespace().nth(1).unwrap();
    let public = string(&STANDARD.decode(public).unwrap());
    let made = string(&fs::read(scene.at("made")).unwrap());
    let made = string(&[string(algorithm.as_bytes()), made].concat());
    let blob = [&b"SSHSIG\0\0\0\x01"[..], &public, &purpose, &made].concat();
    let body = STANDARD.encode(blob);
    let lines: Vec<&str> = body
        .as_bytes()
        .chunks(70)
        .map(|line| std::str::from_utf8(line).unwrap())
        .collect();
    let pem = format!(
        "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
        lines.join("\n")
    );
    scene.file("images/SHA256SUMS.sig", &pem);
}

#[test]
fn a_valid_signature_with_sha1_is_refused() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let pem = [
        "-q", "-t", "rsa", "-m", "PEM", "-N", "", "-C", "", "-f", "rsa",
    ];
    tool_in(&scene.at(""), "ssh-keygen", &pem).done();
    let public = scene.text("rsa.pub");
    scene.file("allowed", &format!("ada@example {public}"));
    let verify = || scene.bare(&["verify", "images", "--allowed-signers", "allowed"]);

    // The same signature with another digest is good.
    sign(&scene, "rsa-sha2-512", "-sha512");
    let verified = verify().done().stdout;
    assert!(verified.contains("signed by ada@example"), "{verified}");
    sign(&scene, "ssh-rsa", "-sha1");
    let broken = "images/SHA256SUMS.sig: it is made with SHA-1, which is broken";
    verify().refused_naming(3, &[broken]);
}
