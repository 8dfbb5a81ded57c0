//! The SSH key that signs, from a file or in the user's agent.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use super::agent;
use super::signature::NAMESPACE;
use crate::failure::Kind;
use crate::{file, shell};

/// A key that can sign.
#[derive(Debug)]
pub(crate) enum SigningKey {
    /// A private key without a passphrase.
    File(Box<PrivateKey>),
    /// A key that only an agent can use.
    Agent {
        /// The key.
        public: Box<PublicKey>,
        /// The socket of the agent.
        socket: PathBuf,
    },
}

impl SigningKey {
    /// Opens a private key, or a public one whose private half the agent has. `agent` is the socket of the agent.
    pub(crate) fn open(path: &Path, agent: Option<&Path>) -> Result<Self> {
        let text = file::read_text(path).with_context(|| {
            let what = format!("reading the key {}", path.display());
            Kind::Usage.context(
                what,
                "name an SSH key with `--sign`, as in `~/.ssh/id_ed25519`",
            )
        })?;
        if let Ok(private) = PrivateKey::from_openssh(&text) {
            return match needs_agent(&private) {
                None => Ok(Self::File(Box::new(private))),
                Some(why) => Self::in_agent(path, private.public_key().clone(), why, agent),
            };
        }
        match PublicKey::from_openssh(&text) {
            Ok(public) => Self::in_agent(path, public, "it is a public key", agent),
            Err(error) => Err(unknown(path, &text, &error)),
        }
    }

    fn in_agent(path: &Path, public: PublicKey, why: &str, agent: Option<&Path>) -> Result<Self> {
        let Some(socket) = agent else {
            let private = path.with_extension("");
            return Err(Kind::Usage.error(
                format!(
                    "the key {}: {why}, so only an SSH agent can sign with it, and none is running",
                    path.display()
                ),
                format!(
                    "run `eval $(ssh-agent) && ssh-add {}`, or name an ed25519 key without a passphrase",
                    shell::path(&private)
                ),
            ));
        };
        Ok(Self::Agent {
            public: Box::new(public),
            socket: socket.to_owned(),
        })
    }

    /// Returns the signature of a message, as `ssh-keygen -Y sign` writes it.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<String> {
        let signature = match self {
            Self::File(key) => key.sign(NAMESPACE, HashAlg::Sha512, message)?,
            Self::Agent { public, socket } => {
                let data = SshSig::signed_data(NAMESPACE, HashAlg::Sha512, message)?;
                let signature = agent::sign(socket, public, &data)?;
                let key = public.key_data().clone();
                SshSig::new(key, NAMESPACE, HashAlg::Sha512, signature)?
            }
        };
        Ok(signature.to_pem(LineEnding::LF)?)
    }

    /// Returns whether this is the signature of a message by this key.
    pub(super) fn has_signed(&self, signature: &[u8], message: &[u8]) -> bool {
        let public = match self {
            Self::File(key) => key.public_key(),
            Self::Agent { public, .. } => public,
        };
        SshSig::from_pem(signature)
            .is_ok_and(|signature| public.verify(NAMESPACE, message, &signature).is_ok())
    }
}

/// Returns why this program cannot sign with a private key, or `None` if it can.
fn needs_agent(key: &PrivateKey) -> Option<&'static str> {
    if key.is_encrypted() {
        return Some("it has a passphrase");
    }
    match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. } => None,
        Algorithm::Rsa { .. } => Some("it is an RSA key"),
        Algorithm::SkEd25519 | Algorithm::SkEcdsaSha2NistP256 => Some("it is in a security token"),
        _ => Some("it is of a type that is not supported"),
    }
}

/// Creates the error for a file that is not a key in OpenSSH's format.
fn unknown(path: &Path, text: &str, error: &ssh_key::Error) -> anyhow::Error {
    let hint = match text.contains("PRIVATE KEY-----") {
        true => format!(
            "convert a copy of it with `ssh-keygen -p -f {}`",
            shell::path(path)
        ),
        false => "make one with `ssh-keygen -t ed25519`".to_owned(),
    };
    let path = path.display();
    Kind::Usage.error(
        format!("the key {path}: it is not in OpenSSH's format: {error}"),
        hint,
    )
}
