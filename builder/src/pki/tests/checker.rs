//! Runs openssl and ssh-keygen for the tests of certificates and keys.

use std::path::Path;
use std::process::{Command, Output};

#[expect(clippy::disallowed_methods, reason = "foreign checkers of our output")]
fn ask(checker: &str, arguments: &[&str]) -> Output {
    let asked = Command::new(checker).args(arguments).output();
    asked.unwrap_or_else(|error| panic!("{checker} must be installed: {error}"))
}

/// Returns the output of a checker, which must succeed.
#[track_caller]
fn content(checker: &str, arguments: &[&str]) -> String {
    let output = ask(checker, arguments);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {complaint}");
    String::from_utf8(output.stdout).unwrap()
}

/// Returns the output of openssl.
#[track_caller]
pub(super) fn says(arguments: &[&str]) -> String {
    content("openssl", arguments)
}

/// Returns the public half that ssh-keygen computes from a private key.
#[track_caller]
pub(super) fn ssh_public(private: &Path) -> String {
    content("ssh-keygen", &["-y", "-f", private.to_str().unwrap()])
}

/// Returns whether a certificate is valid for a purpose (`sslserver`, `sslclient`) under a CA at the tests' time.
pub(super) fn accepts(ca: &Path, purpose: &str, certificate: &Path) -> bool {
    let (ca, certificate) = (ca.to_str().unwrap(), certificate.to_str().unwrap());
    let time = super::NOW.to_string();
    let verify = ["verify", "-x509_strict", "-attime", &time, "-CAfile", ca];
    let arguments = [&verify[..], &["-purpose", purpose, certificate]].concat();
    ask("openssl", &arguments).status.success()
}
