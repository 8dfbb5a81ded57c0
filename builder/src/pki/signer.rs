//! The key of a CA, as far as this program has it.

use std::cell::OnceCell;
use std::path::{Path, PathBuf};

use rcgen::{CertificateParams, Issuer, KeyIdMethod, KeyPair, KeyUsagePurpose};
use zeroize::Zeroizing;

use super::encrypted_key::{EncryptedKey, Passphrase};
use super::x509::{self, CertificateFacts};
use super::{keys, refused};
use crate::failure::Kind;

/// The way in which certificates of a CA are signed.
pub(super) enum Signer {
    /// By the CA's owner, from requests: this program has no key.
    Owner,
    /// Its key.
    Key(Box<Issuer<'static, KeyPair>>),
    /// With an encrypted key. The passphrase is requested when the first certificate is signed.
    Encrypted(Box<EncryptedSigner>),
}

/// An encrypted key, and the certificate to which it must belong.
pub(super) struct EncryptedSigner {
    key: EncryptedKey,
    /// The path of the certificate, for messages.
    certificate: PathBuf,
    public_key: Vec<u8>,
    key_id: Option<Vec<u8>>,
    opened: OnceCell<(Issuer<'static, KeyPair>, Passphrase)>,
}

/// A key file as read.
pub(super) enum ReadKey {
    Plain(KeyPair),
    Encrypted(EncryptedKey),
}

impl ReadKey {
    /// Reads a key as far as that needs no passphrase.
    pub(super) fn read(
        path: &Path,
        pem: &[u8],
        passphrase_file: Option<&Path>,
        correction: &'static str,
    ) -> anyhow::Result<Self> {
        let wrong = |what| refused(path, what, correction);
        let file = passphrase_file.map(Path::to_owned);
        match EncryptedKey::read(path.to_owned(), pem, file).map_err(wrong)? {
            Some(key) => Ok(Self::Encrypted(key)),
            None if passphrase_file.is_some() => {
                let hint = "remove `ca-passphrase-file` from [pki]";
                Err(refused(
                    path,
                    "is not encrypted, but a passphrase is given",
                    hint,
                ))
            }
            None => keys::parse(pem).map(Self::Plain).map_err(wrong),
        }
    }

    /// Returns the certificate of the key. That of an encrypted key is the one that has signed none of the others.
    pub(super) fn certificate<'a>(
        &self,
        all: &'a [CertificateFacts],
    ) -> Option<&'a CertificateFacts> {
        match self {
            Self::Plain(key) => all.iter().find(|it| it.public_key == key.public_key_raw()),
            Self::Encrypted(_) => lowest(all),
        }
    }

    /// Returns the signer of a CA with this certificate.
    pub(super) fn signer(self, certificate: PathBuf, facts: &CertificateFacts) -> Signer {
        match self {
            Self::Plain(key) => {
                Signer::Key(Box::new(Issuer::new(params(facts.key_id.as_ref()), key)))
            }
            Self::Encrypted(key) => Signer::Encrypted(Box::new(EncryptedSigner {
                key,
                certificate,
                public_key: facts.public_key.clone(),
                key_id: facts.key_id.clone(),
                opened: OnceCell::new(),
            })),
        }
    }
}

/// Returns the certificate that has signed none of the others.
pub(super) fn lowest(all: &[CertificateFacts]) -> Option<&CertificateFacts> {
    let signs_none = |it: &&CertificateFacts| {
        let mut others = all.iter().filter(|other| other.der != it.der);
        !others.any(|other| x509::is_signed_by(other, it))
    };
    all.iter().find(signs_none).or(all.first())
}

impl Signer {
    /// Returns the issuer, after asking for the passphrase if necessary.
    pub(super) fn issuer(&self) -> anyhow::Result<&Issuer<'static, KeyPair>> {
        match self {
            Self::Owner => {
                let message = "the CA's key is not in the state directory";
                Err(Kind::Usage.error(message, REQUEST))
            }
            Self::Key(issuer) => Ok(issuer),
            Self::Encrypted(signer) => Ok(&signer.open()?.0),
        }
    }

    /// Returns the PEM of a new key that takes the place of this one: encrypted with the same passphrase, if this one is.
    pub(super) fn stored_form(&self, key: &KeyPair) -> anyhow::Result<Zeroizing<String>> {
        match self {
            Self::Encrypted(signer) => signer.open()?.1.protect(key),
            Self::Key(_) | Self::Owner => Ok(Zeroizing::new(key.serialize_pem())),
        }
    }
}

impl EncryptedSigner {
    fn open(&self) -> anyhow::Result<&(Issuer<'static, KeyPair>, Passphrase)> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let (key, passphrase) = self.key.decrypt()?;
        if key.public_key_raw() != self.public_key {
            let path = self.key.path();
            let what = format!("is not the key of {}", self.certificate.display());
            let hint = "name the certificate and the key of one CA";
            return Err(refused(path, &what, hint));
        }
        let issuer = Issuer::new(params(self.key_id.as_ref()), key);
        Ok(self.opened.get_or_init(|| (issuer, passphrase)))
    }
}

/// Returns what rcgen needs to know of a CA; the issuer's name is put in afterwards.
fn params(key_id: Option<&Vec<u8>>) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    if let Some(id) = key_id {
        params.key_identifier_method = KeyIdMethod::PreSpecified(id.clone());
    }
    params
}

/// The next step where the owner of the CA signs.
pub(super) const REQUEST: &str = "write requests for the CA's owner with `etcd-image pki csr`, and import the answers with \
                                  `etcd-image pki import`";
