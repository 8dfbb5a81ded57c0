//! Types the passphrase of a CA's key at a terminal.

use crate::support::scene::{Outcome, Scene};
use crate::support::terminal::typed_secret;
use crate::support::tool::tool_in;

/// Returns a scene with a CA whose key has the passphrase `correct horse`.
fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie");
    let ca = "openssl req -x509 -newkey rsa:2048 -passout 'pass:correct horse' -keyout ca.key -subj /CN=ours -days 5000 \
              -addext keyUsage=critical,keyCertSign,cRLSign -out ca.crt";
    tool_in(&scene.at(""), "sh", &["-ec", ca]).done();
    scene.file(
        "cluster.toml",
        "[pki]\nca-certificate = \"ca.crt\"\nca-key = \"ca.key\"\n",
    );
    scene
}

/// Creates the state directory at a terminal, at which somebody types this line.
fn begins_with(scene: &Scene, line: &str) -> Outcome {
    let command = ["state", "init", "--nodes", "1"];
    typed_secret(scene, "passphrase of", line, &command)
}

#[test]
fn a_passphrase_is_asked_for_and_never_shown() {
    let scene = scene();
    let outcome = begins_with(&scene, "correct horse").done();
    let shown = "passphrase of ca.key: \n\
                 copied the CA of ca.crt and issued everything below it; back up the state directory\n";
    assert_eq!(outcome.stdout, shown);
    assert!(scene.text("etcd-cluster/ca.key").contains("ENCRYPTED"));
    assert!(scene.at("etcd-cluster/nodes/etcd1/server.crt").is_file());
    // Nothing is signed now, so that nobody is asked.
    let again = begins_with(&scene, "").done();
    assert!(!again.stdout.contains("passphrase"), "{}", again.stdout);
}

#[test]
fn a_wrong_passphrase_at_the_terminal_writes_nothing() {
    let scene = scene();
    let outcome = begins_with(&scene, "wrong");
    let expected = "passphrase of ca.key: \n\
                    error: completing the state directory etcd-cluster: ca.key cannot be decrypted: the passphrase is wrong\n\
                    hint: run the command again, and type the passphrase of the key\n";
    assert_eq!((outcome.code, &*outcome.stdout), (Some(2), expected));
    assert!(!scene.at("etcd-cluster").exists());
}
