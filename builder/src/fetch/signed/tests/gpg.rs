//! Runs `GnuPG` as an independent program to make keys and sign.

use std::path::Path;
use std::process::Command;

use crate::recipe::TrustedKey;

/// A person with a key of their own.
pub(super) struct Person {
    pub(super) home: tempfile::TempDir,
    time: i64,
}

impl Person {
    /// Creates a key of that kind at that time, with that lifetime (`0`: unlimited).
    pub(super) fn new(kind: &str, time: i64, lasts: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let person = Self { home, time };
        let make = ["--quick-gen-key", "Test <test@example.net>", kind, "sign"];
        person.gpg(&[&make[..], &[lasts]].concat());
        person
    }

    #[expect(clippy::disallowed_methods, reason = "gpg makes what we verify")]
    pub(super) fn gpg(&self, arguments: &[&str]) -> String {
        let home = self.home.path().to_str().unwrap();
        let time = format!("--faked-system-time={}!", self.time);
        let done = Command::new("gpg")
            .args(["--homedir", home, "--batch", "--quiet", &time])
            .args(["--passphrase", "", "--pinentry-mode", "loopback"])
            .args(arguments)
            .output()
            .expect("gpg must be installed");
        let complaint = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "{arguments:?}: {complaint}");
        String::from_utf8(done.stdout).unwrap()
    }

    pub(super) fn fingerprint(&self) -> String {
        let keys = self.gpg(&["--with-colons", "--list-keys"]);
        let line = keys.lines().find_map(|line| line.strip_prefix("fpr:"));
        line.unwrap().trim_matches(':').to_owned()
    }

    pub(super) fn signer(&self) -> TrustedKey {
        TrustedKey {
            name: "test-key".to_owned(),
            fingerprint: self.fingerprint(),
            key: self.gpg(&["--armor", "--export"]),
        }
    }

    /// Returns an armored detached signature of `text`.
    pub(super) fn sign(&self, text: &str, how: &[&str]) -> String {
        let path = self.home.path().join("text");
        fs_err::write(&path, text).unwrap();
        let sign = ["--armor", "--output", "-", "--detach-sign"];
        self.gpg(&[how, &sign[..], &[path.to_str().unwrap()]].concat())
    }
}

impl Drop for Person {
    #[expect(clippy::disallowed_methods, reason = "GnuPG leaves a helper behind")]
    fn drop(&mut self) {
        let home: &Path = self.home.path();
        let _ = Command::new("gpgconf")
            .arg("--homedir")
            .arg(home)
            .args(["--kill", "all"])
            .status();
    }
}

/// Returns the packets of an armored text.
pub(super) fn packets(person: &Person, armor: &str) -> Vec<u8> {
    let (from, to) = (
        person.home.path().join("in"),
        person.home.path().join("out"),
    );
    fs_err::write(&from, armor).unwrap();
    person.gpg(&[
        "--yes",
        "--output",
        to.to_str().unwrap(),
        "--dearmor",
        from.to_str().unwrap(),
    ]);
    fs_err::read(to).unwrap()
}

impl Person {
    /// Armors packets as a signature.
    pub(super) fn armor(&self, packets: &[u8]) -> String {
        let path = self.home.path().join("packets");
        fs_err::write(&path, packets).unwrap();
        self.gpg(&["--output", "-", "--enarmor", path.to_str().unwrap()])
            .replace("PGP ARMORED FILE", "PGP SIGNATURE")
    }
}
