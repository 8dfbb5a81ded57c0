//! A client of the user's SSH agent, for one request: sign these bytes with this key.
//!
//! Protocol: <https://www.ietf.org/archive/id/draft-miller-ssh-agent-14.html>, section 3.6.

use std::path::Path;

use anyhow::Result;
use ssh_key::{PublicKey, Signature};

use crate::failure::Kind;

#[cfg(unix)]
const SIGN_REQUEST: u8 = 13;
#[cfg(unix)]
const SIGN_RESPONSE: u8 = 14;
/// Asks for SHA-512 if the key is an RSA key.
#[cfg(unix)]
const RSA_SHA2_512: u32 = 4;
/// The longest answer that is read.
#[cfg(unix)]
const LONGEST: u32 = 64 << 10;

/// Returns the agent's signature of the bytes.
#[cfg(unix)]
pub(super) fn sign(socket: &Path, key: &PublicKey, bytes: &[u8]) -> Result<Signature> {
    use anyhow::Context as _;

    let request = [
        &[SIGN_REQUEST][..],
        &string(&key.to_bytes()?),
        &string(bytes),
        &RSA_SHA2_512.to_be_bytes(),
    ];
    let answer = ask(socket, &request.concat()).with_context(|| {
        let what = format!("asking the SSH agent at {}", socket.display());
        Kind::Storage.context(what, "check that `ssh-add -l` lists the key")
    })?;
    let signature = match answer.split_first() {
        // The signature follows its length.
        Some((&SIGN_RESPONSE, rest)) => rest.get(4..),
        _ => None,
    };
    let signature = signature.and_then(|bytes| Signature::try_from(bytes).ok());
    signature.ok_or_else(|| {
        Kind::Usage.error(
            format!(
                "the SSH agent does not sign with the key {}: it does not have the key, or its confirmation was refused",
                key.fingerprint(ssh_key::HashAlg::Sha256)
            ),
            "add it with `ssh-add` and its passphrase",
        )
    })
}

/// Sends one message and returns the answer.
#[cfg(unix)]
#[expect(clippy::disallowed_methods, reason = "asks the user's SSH agent")]
fn ask(socket: &Path, message: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::{Error, ErrorKind, Read as _, Write as _};
    use std::os::unix::net::UnixStream;

    let mut stream = UnixStream::connect(socket)?;
    stream.write_all(&string(message))?;
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let len = u32::from_be_bytes(len);
    if len > LONGEST {
        return Err(Error::new(ErrorKind::InvalidData, "the answer is too long"));
    }
    let mut answer = vec![0; len as usize];
    stream.read_exact(&mut answer)?;
    Ok(answer)
}

/// Returns bytes after their length, as the protocol writes strings.
#[cfg(unix)]
fn string(bytes: &[u8]) -> Vec<u8> {
    let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    [&len.to_be_bytes()[..], bytes].concat()
}

/// Fails: agents of other systems are not supported.
#[cfg(not(unix))]
pub(super) fn sign(_: &Path, _: &PublicKey, _: &[u8]) -> Result<Signature> {
    Err(Kind::Unsupported.error(
        "signing with an SSH agent is supported on Unix only",
        "name a private key without a passphrase",
    ))
}
