//! The SSH key that signs, from a file or in the user's agent.

use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use ssh_key::{Algorithm, EcdsaCurve, HashAlg, LineEnding, PrivateKey, PublicKey, SshSig};

use super::agent;
use super::signature::NAMESPACE;
use crate::failure::Kind;
use crate::{file, shell};

/// The sizes in bytes of RSA keys whose signatures `ssh_key` and `rsa` verify.
const RSA_SIZES: RangeInclusive<usize> = 256..=512;

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
            must_be_supported(path, private.public_key())?;
            return match needs_agent(&private) {
                None => Ok(Self::File(Box::new(private))),
                Some(why) => Self::in_agent(path, private.public_key().clone(), why, agent),
            };
        }
        match PublicKey::from_openssh(&text) {
            Ok(public) => {
                must_be_supported(path, &public)?;
                Self::in_agent(path, public, "it is a public key", agent)
            }
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

    /// Returns the signature of a message, as `ssh-keygen -Y sign` writes it. It is verified: an agent may return anything.
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
        let pem = signature.to_pem(LineEnding::LF)?;
        match self.has_signed(pem.as_bytes(), message) {
            true => Ok(pem),
            false => Err(self.is_faulty()),
        }
    }

    /// Returns whether this is the signature of a message by this key.
    pub(super) fn has_signed(&self, signature: &[u8], message: &[u8]) -> bool {
        let public = self.public();
        SshSig::from_pem(signature)
            .is_ok_and(|signature| public.verify(NAMESPACE, message, &signature).is_ok())
    }

    fn public(&self) -> &PublicKey {
        match self {
            Self::File(key) => key.public_key(),
            Self::Agent { public, .. } => public,
        }
    }

    /// Creates the error for a signature that is not one of this key, or that this program cannot verify.
    fn is_faulty(&self) -> anyhow::Error {
        let key = self.public().fingerprint(HashAlg::Sha256);
        Kind::Verification.error(
            format!(
                "a signature with the key {key} is not valid: the SSH agent is faulty, or this type of key is not supported"
            ),
            "test the key with `ssh-add -T FILE.pub`, or name one of type ed25519",
        )
    }
}

/// Fails if this program cannot verify the signatures of a key.
fn must_be_supported(path: &Path, key: &PublicKey) -> Result<()> {
    let is_supported = match key.algorithm() {
        Algorithm::Ed25519 | Algorithm::SkEd25519 | Algorithm::Rsa { .. } => true,
        Algorithm::Ecdsa { curve } => curve != EcdsaCurve::NistP521,
        _ => false,
    };
    let modulus = key
        .key_data()
        .rsa()
        .and_then(|rsa| rsa.n.as_positive_bytes());
    let what = match modulus.map(<[u8]>::len) {
        Some(len) if !RSA_SIZES.contains(&len) => format!("RSA with {} bits", len * 8),
        _ if is_supported => return Ok(()),
        _ => format!("type {}", key.algorithm().as_str()),
    };
    Err(Kind::Usage.error(
        format!(
            "the key {}: signatures of {what} are not supported",
            path.display()
        ),
        "name a key of type ed25519",
    ))
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

#[cfg(test)]
#[cfg(unix)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::os::unix::net::UnixListener;
    use std::thread;

    use ssh_key::private::Ed25519Keypair;
    use ssh_key::public::{EcdsaPublicKey, RsaPublicKey};
    use ssh_key::{Mpint, Signature};

    use super::*;
    use crate::failure::explain;

    const MESSAGE: &[u8] = b"sums";

    fn key(seed: u8) -> PrivateKey {
        PrivateKey::from(Ed25519Keypair::from_seed(&[seed; 32]))
    }

    fn signature(key: &PrivateKey, namespace: &str, message: &[u8]) -> Signature {
        let signed = key.sign(namespace, HashAlg::Sha512, message).unwrap();
        signed.signature().clone()
    }

    /// Returns bytes after their length.
    fn string(bytes: &[u8]) -> Vec<u8> {
        let len = u32::try_from(bytes.len()).unwrap().to_be_bytes();
        [&len[..], bytes].concat()
    }

    /// Signs with a key in an agent that returns this signature.
    fn sign(answer: Signature) -> Result<String> {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("agent");
        let listener = UnixListener::bind(&socket).unwrap();
        let agent = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut len = [0; 4];
            stream.read_exact(&mut len).unwrap();
            let mut request = vec![0; u32::from_be_bytes(len) as usize];
            stream.read_exact(&mut request).unwrap();
            let answer = Vec::<u8>::try_from(answer).unwrap();
            let answer = [&[14_u8][..], &string(&answer)].concat();
            stream.write_all(&string(&answer)).unwrap();
        });
        let public = Box::new(key(1).public_key().clone());
        let signed = SigningKey::Agent { public, socket }.sign(MESSAGE);
        agent.join().unwrap();
        signed
    }

    #[test]
    fn a_key_whose_signatures_cannot_be_verified_is_refused() {
        // Whether the point is on its curve does not matter here.
        let key =
            |len: usize| PublicKey::from(EcdsaPublicKey::from_sec1_bytes(&vec![4; len]).unwrap());
        for len in [65, 97] {
            must_be_supported(Path::new("key"), &key(len)).unwrap();
        }
        let error = must_be_supported(Path::new("key"), &key(133)).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the key key: signatures of type ecdsa-sha2-nistp521 are not supported"
        );
        assert_eq!(explain(&error).0, Kind::Usage);
    }

    #[test]
    fn an_rsa_key_of_another_size_is_refused() {
        let number = |bytes: &[u8]| Mpint::from_positive_bytes(bytes).unwrap();
        let checked = |len: usize| {
            let (e, n) = (number(&[1, 0, 1]), number(&vec![0xff; len]));
            must_be_supported(Path::new("key"), &PublicKey::from(RsaPublicKey { e, n }))
        };
        for len in [256, 384, 512] {
            checked(len).unwrap();
        }
        for (len, bits) in [(128, 1024), (1024, 8192)] {
            let wanted =
                format!("the key key: signatures of RSA with {bits} bits are not supported");
            assert_eq!(checked(len).unwrap_err().to_string(), wanted);
        }
    }

    #[test]
    fn a_signature_of_an_agent_is_verified() {
        let own = key(1);
        sign(signature(&own, NAMESPACE, MESSAGE)).unwrap();
        let fingerprint = own.public_key().fingerprint(HashAlg::Sha256);
        let why = format!(
            "a signature with the key {fingerprint} is not valid: the SSH agent is faulty, or this type of key is not supported"
        );
        for wrong in [
            signature(&key(2), NAMESPACE, MESSAGE),
            signature(&own, NAMESPACE, b"other"),
            signature(&own, "git", MESSAGE),
            Signature::new(Algorithm::Ed25519, [7; 64]).unwrap(),
        ] {
            let error = sign(wrong).unwrap_err();
            assert_eq!(error.to_string(), why);
            assert_eq!(explain(&error).0, Kind::Verification);
        }
    }
}
