//! Tests of a CA whose key is encrypted, as openssl writes it.

use pkcs8::der::Encode as _;
use pkcs8::pkcs5::pbes2::Parameters;
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, SecretDocument};

use super::chain::named;
use super::own_ca::{OwnCa, P256, overwrite};
use super::*;
use checker::says;

const PASSPHRASE: &str = "correct horse";

/// Returns a CA whose key openssl encrypts with these options.
fn encrypted(options: &[&str]) -> OwnCa {
    let ca = OwnCa::new(P256, "/CN=my CA", "");
    let path = ca.scene.path("ca.key");
    let (key, passphrase) = (path.to_str().unwrap(), format!("pass:{PASSPHRASE}"));
    let command = [options, &["-in", key, "-passout", &passphrase]].concat();
    let text = says(&command);
    overwrite(&path, text.as_bytes());
    ca
}

/// Returns `[pki]` with the paths of a CA and of a file with this text.
fn with_passphrase(ca: &OwnCa, text: &str) -> String {
    let path = ca.scene.path("passphrase");
    overwrite(&path, text.as_bytes());
    format!("{}ca-passphrase-file = \"{}\"\n", named(ca), path.display())
}

/// Asserts that nothing is written, and returns the message and the hint without the directory of the CA.
fn refused(ca: &OwnCa, config: &str) -> (String, String) {
    let scene = Scene::new();
    let error = open(&scene.state, &cluster(config), ca.now).unwrap_err();
    assert!(!scene.state.exists());
    let failure: &crate::failure::Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, Kind::Usage);
    let folder = format!("{}/", ca.scene.state.display());
    let short = |text: &str| text.replace(&folder, "");
    (short(&failure.message), short(&failure.hint))
}

#[test]
fn a_key_in_each_encrypted_form_signs_and_stays_encrypted() {
    for options in [
        &["pkey", "-aes256"][..],
        &["pkcs8", "-topk8", "-v2", "aes-128-cbc"],
        &["pkcs8", "-topk8", "-v2", "des3", "-v2prf", "hmacWithSHA1"],
        &["pkcs8", "-topk8", "-scrypt"],
    ] {
        let ca = encrypted(options);
        let config = with_passphrase(&ca, &format!("{PASSPHRASE}\r\nanother line\n"));
        let scene = Scene::new();
        open(&scene.state, &cluster(&config), ca.now).unwrap();
        let key = |folder: &Scene| fs::read(folder.path("ca.key")).unwrap();
        assert_eq!(key(&scene), key(&ca.scene), "{options:?}");
        let (root, leaf) = (scene.path("ca.crt"), scene.path("nodes/etcd1/server.crt"));
        let [root, leaf] = [&root, &leaf].map(|path| path.to_str().unwrap());
        says(&["verify", "-no_check_time", "-CAfile", root, leaf]);
        // Where nothing is signed, nobody needs the passphrase.
        let before = scene.files();
        fs::remove_file(ca.scene.path("passphrase")).unwrap();
        open(&scene.state, &cluster(&config), ca.now).unwrap();
        assert_eq!(scene.changed_since(&before), Vec::<String>::new());
    }
}

#[test]
fn a_passphrase_that_is_wrong_or_missing_is_refused() {
    let ca = encrypted(&["pkey", "-aes256"]);
    let (message, hint) = refused(&ca, &with_passphrase(&ca, "wrong\n"));
    assert_eq!(
        message,
        "ca.key cannot be decrypted: the passphrase is wrong"
    );
    assert_eq!(
        hint,
        "correct the first line of passphrase, which `ca-passphrase-file` in [pki] names"
    );
    let (message, _) = refused(&ca, &with_passphrase(&ca, "\nsecond line\n"));
    assert_eq!(message, "passphrase has no passphrase in its first line");
    let (message, hint) = refused(&ca, &named(&ca));
    assert_eq!(
        message,
        "ca.key is encrypted, and there is no terminal to ask for its passphrase"
    );
    assert_eq!(
        hint,
        "name a file with the passphrase in `ca-passphrase-file` of [pki], or run the command on a terminal"
    );
    let config = with_passphrase(&ca, PASSPHRASE);
    fs::remove_file(ca.scene.path("passphrase")).unwrap();
    let (message, _) = refused(&ca, &config);
    assert!(
        message.starts_with("reading the passphrase of ca.key: failed to open file `passphrase`"),
        "{message}"
    );
    let plain = OwnCa::new(P256, "/CN=my CA", "");
    let (message, _) = refused(&plain, &with_passphrase(&plain, PASSPHRASE));
    assert_eq!(
        message,
        "ca.key is not encrypted, but a passphrase is given"
    );
}

#[test]
fn the_key_of_another_certificate_is_refused() {
    let ca = encrypted(&["pkey", "-aes256"]);
    let other = OwnCa::new(P256, "/CN=other", "");
    let certificate = fs::read(other.scene.path("ca.crt")).unwrap();
    overwrite(&ca.scene.path("ca.crt"), &certificate);
    let (message, _) = refused(&ca, &with_passphrase(&ca, PASSPHRASE));
    assert_eq!(message, "ca.key is not the key of ca.crt");
}

#[test]
fn an_encryption_that_is_unknown_or_too_laborious_is_refused() {
    let unknown = "is encrypted in a way that is not supported; `openssl pkey -in FILE -aes256 -out NEW` writes it with AES";
    let traditional = "is encrypted in OpenSSL's traditional form, which is not supported; \
                       `openssl pkey -in FILE -aes256 -out NEW` writes it as PKCS #8 with a passphrase";
    for (options, reason) in [
        (&["ec", "-aes256"][..], traditional),
        (&["pkcs8", "-topk8", "-v1", "PBE-SHA1-3DES"], unknown),
    ] {
        let ca = encrypted(options);
        let (message, _) = refused(&ca, &with_passphrase(&ca, PASSPHRASE));
        assert_eq!(message, format!("ca.key {reason}"));
    }
    let ca = encrypted(&["pkey", "-aes256"]);
    let parameters = Parameters::pbkdf2_sha256_aes256cbc(20_000_001, &[0; 8], &[0; 16]).unwrap();
    let key = EncryptedPrivateKeyInfo {
        encryption_algorithm: parameters.into(),
        encrypted_data: &[0; 64],
    };
    let document = SecretDocument::try_from(key.to_der().unwrap()).unwrap();
    let pem = document.to_pem("ENCRYPTED PRIVATE KEY", LineEnding::LF);
    overwrite(&ca.scene.path("ca.key"), pem.unwrap().as_bytes());
    let (message, _) = refused(&ca, &with_passphrase(&ca, PASSPHRASE));
    assert_eq!(
        message,
        "ca.key asks for more work to check its passphrase than any program does by default"
    );
}

#[test]
fn the_next_ca_is_encrypted_with_the_same_passphrase() {
    let ca = encrypted(&["pkey", "-aes256"]);
    let config = with_passphrase(&ca, PASSPHRASE);
    let scene = Scene::new();
    open(&scene.state, &cluster(&config), ca.now).unwrap();
    // These commands have no configuration: the state directory remembers the file.
    begin_rotation(&scene.state, ca.now).unwrap();
    enter(&scene.state, Phase::Issue).unwrap();
    let names = ["etcd1", "etcd2", "etcd3"].map(str::to_owned);
    let renewed = renew(&scene.state, &names, ca.now, ca.now).unwrap();
    assert!(renewed.nodes.iter().flatten().all(|leaf| leaf.is_new));
    let (next, passphrase) = (scene.path("next-ca.key"), format!("pass:{PASSPHRASE}"));
    let text = fs::read_to_string(&next).unwrap();
    assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n"));
    let next = next.to_str().unwrap();
    says(&["pkey", "-in", next, "-passin", &passphrase, "-noout"]);
}
