//! The SSH key that signs, from a file or in the user's agent.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ssh_key::{Algorithm, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use super::agent;
use super::signature::NAMESPACE;
use crate::failure::Kind;

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
        let text = fs_err::read_to_string(path).with_context(|| {
            let what = format!("reading the key {}", path.display());
            Kind::Usage.context(
                what,
                "name an SSH key with --sign, as in `~/.ssh/id_ed25519`",
            )
        })?;
        if let Ok(private) = PrivateKey::from_openssh(&text) {
            if can_sign(&private) {
                return Ok(Self::File(Box::new(private)));
            }
            return Self::in_agent(path, private.public_key().clone(), agent);
        }
        match PublicKey::from_openssh(&text) {
            Ok(public) => Self::in_agent(path, public, agent),
            Err(error) => Err(Kind::Usage.error(
                format!("{}: not a key in OpenSSH's format: {error}", path.display()),
                "make one with `ssh-keygen -t ed25519`",
            )),
        }
    }

    fn in_agent(path: &Path, public: PublicKey, agent: Option<&Path>) -> Result<Self> {
        let Some(socket) = agent else {
            let path = path.display();
            return Err(Kind::Usage.error(
                format!("the key {path} needs an agent, because its file alone cannot sign"),
                "start `ssh-agent` and add the key with `ssh-add`",
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
}

/// Returns whether this program can sign with the key: it is not encrypted, not in a security token, and not an RSA key, with
/// which the library cannot sign.
fn can_sign(key: &PrivateKey) -> bool {
    let supported = matches!(
        key.algorithm(),
        Algorithm::Ed25519 | Algorithm::Ecdsa { .. }
    );
    supported && !key.is_encrypted()
}
