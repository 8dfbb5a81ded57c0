//! Makes the keys with which tests sign, and the file that allows them.

use super::scene::Scene;
use super::tool::tool_in;

/// Makes a key in the scene, and allows it alone to sign, as `ada@example`.
pub(crate) fn key(scene: &Scene, name: &str, kind: &str, passphrase: &str) {
    let arguments = ["-q", "-t", kind, "-N", passphrase, "-C", "", "-f", name];
    tool_in(&scene.at(""), "ssh-keygen", &arguments).done();
    let public = scene.text(&format!("{name}.pub"));
    scene.file("allowed", &format!("ada@example {public}"));
}

/// Signs the digest list of the images with a key of the scene, as ssh-keygen does.
pub(crate) fn sign_with_ssh_keygen(scene: &Scene, key: &str) {
    let how = ["-q", "-Y", "sign", "-f", key, "-n", "file"];
    let arguments = [&how[..], &["images/SHA256SUMS"]].concat();
    tool_in(&scene.at(""), "ssh-keygen", &arguments).done();
}
