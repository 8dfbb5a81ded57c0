//! Compares the rules for lines of `authorized_keys` with the decisions of a real sshd.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::super::public_key;

/// Lines with `KEY` for type and base64, and whether the key counts.
const LINES: [(&str, bool); 38] = [
    ("KEY", true),
    ("  KEY a comment of words", true),
    ("no-pty \t KEY", true),
    ("NO-Pty,Restrict KEY", true),
    ("from=\"10.0.0.0/8,!10.0.0.1\" KEY", true),
    (
        "from=\"*\",command=\"echo \\\"a, b\\\"\",no-X11-forwarding KEY",
        true,
    ),
    ("permitopen=\"a:1\",permitopen=\"b:2\" KEY", true),
    ("permitlisten=\"8080\" KEY", true),
    ("environment=\"A=b\",tunnel=\"1\" KEY", true),
    ("expiry-time=\"20990101\" KEY", true),
    ("verify-required,no-touch-required KEY", true),
    ("principals=\"a\" KEY", false),
    (",no-pty,,no-user-rc KEY", true),
    ("from=\"\" KEY", true),
    ("permitopen=\"[::1]:22\",permitopen=\"a:*\" KEY", true),
    ("permitlisten=\"host:22\" KEY", true),
    ("tunnel=\"any\" KEY", true),
    ("permitopen=\"::1:22\" KEY", false),
    ("permitopen=\"a:0\" KEY", false),
    ("permitlisten=\"x\" KEY", false),
    ("expiry-time=\"20991301\" KEY", false),
    ("expiry-time=\"2099010112\" KEY", false),
    ("environment=\"a-b=c\" KEY", false),
    ("nopty KEY", false),
    ("from=10.0.0.1 KEY", false),
    ("from='10.0.0.1' KEY", false),
    ("no-pty, KEY", true),
    ("no-pty no-user-rc KEY", false),
    ("command KEY", false),
    ("command=\"a KEY", false),
    ("from=\"*\",from=\"*\" KEY", false),
    ("from=\"*\"no-pty KEY", false),
    ("no-restrict KEY", false),
    ("expiry-time=\"tomorrow\" KEY", false),
    ("permitopen=\"nowhere\" KEY", false),
    ("permitopen=\"a:port\" KEY", false),
    ("environment=\"A\" KEY", false),
    ("tunnel=\"x\" KEY", false),
];

#[test]
fn sshd_and_the_rules_agree() {
    let folder = tempfile::tempdir().unwrap();
    let (root, id) = (
        Path::new(env!("CARGO_MANIFEST_DIR")),
        folder.path().join("id"),
    );
    let made = run(
        Command::new("ssh-keygen")
            .args(["-q", "-t", "ed25519", "-N", "", "-f"])
            .arg(&id),
        "",
    );
    assert_eq!(made, "");
    let key = fs_err::read_to_string(id.with_extension("pub")).unwrap();
    let key = key.split(' ').take(2).collect::<Vec<_>>().join(" ");
    let lines = LINES.map(|(line, counts)| (line.replace("KEY", &key), counts));
    let unpacked = root.join("target/checkers");
    let installed = PathBuf::from("/usr/sbin/sshd");
    let sshd = match installed.exists() {
        true => installed,
        false => unpacked.join("usr/sbin/sshd"),
    };
    assert!(sshd.exists(), "no sshd: `cargo xtask quick` unpacks one");
    let text: String = lines.iter().map(|(line, _)| line.clone() + "\n").collect();
    let verdicts = run(
        Command::new("sh")
            .arg(root.join("tests/support/checker/sshd.sh"))
            .args([&sshd, folder.path()]),
        &text,
    );
    let verdicts: Vec<_> = verdicts.lines().map(|verdict| verdict == "yes").collect();
    assert_eq!(verdicts.len(), lines.len(), "one verdict per line");
    for ((line, counts), verdict) in lines.iter().zip(verdicts) {
        assert_eq!(verdict, *counts, "sshd: {line}");
        assert_eq!(
            public_key::checked(line).is_ok(),
            *counts,
            "the rules: {line}"
        );
    }
}

/// Runs a program on this input, which must succeed, and returns its output.
fn run(command: &mut Command, input: &str) -> String {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child
        .stdin
        .take()
        .unwrap()
        .write_all(input.as_bytes())
        .unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{command:?}");
    String::from_utf8(output.stdout).unwrap()
}
