//! The signature of the list of digests: an SSH signature as `ssh-keygen -Y sign -n file` makes it.

use std::path::Path;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ssh_key::{Algorithm, HashAlg, PublicKey, SshSig};

use super::allowed_signers::AllowedSigner;
use crate::failure::Kind;
use crate::file::{if_exists, read_text};
use crate::report::{self, DO_NOT_USE, Manifest, SIGNATURE, SUMS};

/// The purpose of the signature, which is a part of what is signed; that of ssh-keygen for files.
pub(super) const NAMESPACE: &str = "file";

/// Checks the signature in a directory against a file of allowed signers, and returns who signed.
pub(crate) fn check(folder: &Path, allowed: &Path, now: i64) -> Result<String> {
    Ok(check_list(folder, allowed, now)?.0)
}

/// Checks the signature in a directory, and returns who signed and the bytes of the digest list that they signed: the file may change
/// after this.
pub(super) fn check_list(folder: &Path, allowed: &Path, now: i64) -> Result<(String, Vec<u8>)> {
    let signers = read_text(allowed).with_context(|| {
        let what = format!("reading the allowed signers {}", allowed.display());
        Kind::Usage.context(
            what,
            "name a file as ssh-keygen(1) describes it: ALLOWED SIGNERS",
        )
    })?;
    let signers = AllowedSigner::parse_all(&signers).map_err(|why| {
        let what = format!("reading the allowed signers {}: {why}", allowed.display());
        Kind::Usage.error(what, "see ALLOWED SIGNERS in ssh-keygen(1)")
    })?;
    let (sums, path) = (folder.join(SUMS), folder.join(SIGNATURE));
    let unsigned = || {
        let what = format!("{} has no signature", sums.display());
        let hint =
            "fetch SHA256SUMS and SHA256SUMS.sig as well, or build the images with `--sign KEY`";
        Kind::Verification.error(what, hint)
    };
    let pem = if_exists(fs_err::read(&path))?.ok_or_else(unsigned)?;
    let message = if_exists(fs_err::read(&sums))?.ok_or_else(unsigned)?;
    let signer = verify(&pem, &message, &signers, now);
    let signer = signer.map_err(|SignatureRefusal { why, hint }| {
        Kind::Verification.error(format!("{}: {why}", path.display()), hint)
    })?;
    Ok((signer, message))
}

/// Returns who signed the digest list of a directory, and the manifests that it covers.
pub(crate) fn signed_manifests(
    folder: &Path,
    allowed: &Path,
    now: i64,
) -> Result<(String, Vec<Manifest>)> {
    let (signer, list) = check_list(folder, allowed, now)?;
    Ok((signer, report::listed_manifests(folder, &list)?))
}

/// Why a signature is not accepted.
#[derive(Debug, PartialEq, Eq)]
struct SignatureRefusal {
    why: String,
    hint: &'static str,
}

fn verify(
    pem: &[u8],
    message: &[u8],
    signers: &[AllowedSigner],
    now: i64,
) -> Result<String, SignatureRefusal> {
    let refused = |why: String, hint| Err(SignatureRefusal { why, hint });
    let signature = match SshSig::from_pem(pem) {
        Ok(signature) if signature.signature().algorithm() != Algorithm::Dsa => signature,
        Err(error) if !is_rsa_sha1(pem) => {
            return refused(format!("not an SSH signature: {error}"), DO_NOT_USE);
        }
        Ok(_) | Err(_) => {
            let why = "it is made with SHA-1, which is broken".to_owned();
            return refused(why, "sign with a key of type ed25519");
        }
    };
    let key = PublicKey::from(signature.public_key().clone());
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    let purpose = signature.namespace();
    let signer = signer_of(&key, purpose, signers, now)?;
    if purpose != NAMESPACE {
        let why = format!("it was made for the purpose `{purpose}`, not for `{NAMESPACE}`");
        return refused(
            why,
            "sign with `build --sign KEY`, or `ssh-keygen -Y sign -n file`",
        );
    }
    match key.verify(NAMESPACE, message, &signature) {
        Ok(()) => Ok(format!("{} ({fingerprint})", signer.principals)),
        Err(_) => refused(
            format!("{SUMS} is not what {} signed", signer.principals),
            DO_NOT_USE,
        ),
    }
}

/// Returns the line that allows a key to sign. If lines are about the key and none allows it, the first one says why.
fn signer_of<'a>(
    key: &PublicKey,
    purpose: &str,
    signers: &'a [AllowedSigner],
    now: i64,
) -> Result<&'a AllowedSigner, SignatureRefusal> {
    let own = signers.iter().filter(|it| it.is_about(key.key_data()));
    let mut first = None;
    for signer in own {
        match signer.objection(purpose, now) {
            None => return Ok(signer),
            Some(why) => first = first.or(Some(why)),
        }
    }
    let fingerprint = key.fingerprint(HashAlg::Sha256);
    Err(match first {
        Some(why) => SignatureRefusal {
            why,
            hint: "ask the owner of the key, or correct the line in the file of allowed signers",
        },
        None => SignatureRefusal {
            why: format!("the key {fingerprint} is not among the allowed signers"),
            hint: "compare the fingerprint with its owner before you allow the key",
        },
    })
}

/// Returns whether a signature that the library does not read is one of RSA with SHA-1: the name `ssh-rsa` is that of the
/// key and that of the algorithm.
fn is_rsa_sha1(pem: &[u8]) -> bool {
    const NAME: &[u8] = b"\0\0\0\x07ssh-rsa";
    let text = String::from_utf8_lossy(pem);
    let body: String = text
        .lines()
        .filter(|line| !line.starts_with("-----"))
        .collect();
    let bytes = STANDARD.decode(body.trim()).unwrap_or_default();
    bytes
        .windows(NAME.len())
        .filter(|part| *part == NAME)
        .count()
        > 1
}

#[cfg(test)]
mod tests {
    use ssh_key::{LineEnding, PrivateKey};

    use super::*;

    const NOW: i64 = 1_795_000_000;

    fn key() -> PrivateKey {
        let seed = ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
        PrivateKey::from(seed)
    }

    fn signers(key: &PrivateKey) -> Vec<AllowedSigner> {
        let line = format!("ada@example {}", key.public_key().to_openssh().unwrap());
        AllowedSigner::parse_all(&line).unwrap()
    }

    fn signed(namespace: &str, message: &[u8]) -> String {
        let signature = key().sign(namespace, HashAlg::Sha512, message).unwrap();
        signature.to_pem(LineEnding::LF).unwrap()
    }

    fn verdict(pem: &str, message: &[u8]) -> Result<String, String> {
        let verdict = verify(pem.as_bytes(), message, &signers(&key()), NOW);
        verdict.map_err(|refused| refused.why)
    }

    #[test]
    fn only_the_signed_data_are_accepted() {
        let fingerprint = key().fingerprint(HashAlg::Sha256);
        let good = verdict(&signed("file", b"sums"), b"sums");
        assert_eq!(good, Ok(format!("ada@example ({fingerprint})")));
        let other = verdict(&signed("file", b"sums"), b"other");
        assert_eq!(
            other,
            Err("SHA256SUMS is not what ada@example signed".to_owned())
        );
        let purpose = verdict(&signed("git", b"sums"), b"sums");
        let wanted = "it was made for the purpose `git`, not for `file`";
        assert_eq!(purpose, Err(wanted.to_owned()));
        let junk = verdict("junk", b"sums");
        assert!(junk.is_err_and(|why| why.starts_with("not an SSH signature: ")));
    }

    #[test]
    fn an_unknown_key_is_refused() {
        let refused = verify(signed("file", b"sums").as_bytes(), b"sums", &[], NOW).unwrap_err();
        let fingerprint = key().fingerprint(HashAlg::Sha256);
        let expected = format!("the key {fingerprint} is not among the allowed signers");
        assert_eq!(refused.why, expected);
    }

    #[test]
    fn a_key_that_may_not_sign_is_refused_with_the_reason() {
        let public = key().public_key().to_openssh().unwrap();
        let verdict = |text: String| {
            let signers = AllowedSigner::parse_all(&text).unwrap();
            let signature = signed("file", b"sums");
            verify(signature.as_bytes(), b"sums", &signers, NOW)
        };
        let ended = format!("ada@example valid-before=\"20200101\" {public}\n");
        let other = format!("ada@example namespaces=\"git\" {public}\n");
        for (lines, why) in [
            (
                ended.clone(),
                "the key of ada@example was valid until 2020-01-01",
            ),
            (
                format!("{other}{ended}"),
                "the key of ada@example is allowed for the purpose `git`, not for `file`",
            ),
        ] {
            assert_eq!(verdict(lines).unwrap_err().why, why);
        }
        // Another line about the same key allows it.
        assert!(verdict(format!("{ended}{other}ada@example {public}\n")).is_ok());
    }

    #[test]
    fn sha1_is_refused() {
        let string = |bytes: &[u8]| {
            let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
            [&len[..], bytes].concat()
        };
        let (exponent, modulus) = (string(&[1, 0, 1]), string(&[0x7f; 256]));
        let key = [string(b"ssh-rsa"), exponent, modulus].concat();
        let signature = [string(b"ssh-rsa"), string(&[1; 256])].concat();
        let signature = [
            b"SSHSIG\0\0\0\x01".to_vec(),
            string(&key),
            string(b"file"),
            string(b""),
            string(b"sha512"),
            string(&signature),
        ];
        let body = STANDARD.encode(signature.concat());
        let lines: Vec<&str> = body
            .as_bytes()
            .chunks(70)
            .map(|it| std::str::from_utf8(it).unwrap())
            .collect();
        let pem = format!(
            "-----BEGIN SSH SIGNATURE-----\n{}\n-----END SSH SIGNATURE-----\n",
            lines.join("\n")
        );
        let refused = verdict(&pem, b"sums");
        assert_eq!(
            refused,
            Err("it is made with SHA-1, which is broken".to_owned())
        );
    }
}
