//! A private key that is encrypted with a passphrase (PKCS #8, RFC 5958), and where the passphrase comes from.

use std::io::IsTerminal as _;
use std::path::{Path, PathBuf};

use pkcs8::pkcs5;
use pkcs8::pkcs5::pbes2::{Kdf, Parameters};
use pkcs8::{EncryptedPrivateKeyInfo, LineEnding, PrivateKeyInfo};
use rcgen::KeyPair;
use ssh_key::rand_core::{OsRng, RngCore as _};
use x509_parser::pem::Pem;
use zeroize::Zeroizing;

use super::store::StateReader;
use super::{keys, refused};
use crate::failure::Kind;
use crate::spec::OwnCa;

/// The file of the state directory with the path of the file that contains the passphrase.
const REMEMBERED: &str = "passphrase-file";
const LABEL: &str = "ENCRYPTED PRIVATE KEY";
/// The iterations for a new key, as OWASP recommended in 2023.
const ITERATIONS: u32 = 600_000;
/// Limits of the work that a file may ask for: a minute of PBKDF2, and 1 GiB of memory for scrypt.
const MOST_ITERATIONS: u32 = 20_000_000;
const MOST_SCRYPT_BLOCKS: u64 = 1 << 23;

/// An encrypted key.
pub(super) struct EncryptedKey {
    /// The path of the key, for messages and for the question.
    path: PathBuf,
    der: Vec<u8>,
    /// The file whose first line is the passphrase; `None` if a person is asked.
    passphrase_file: Option<PathBuf>,
}

/// The passphrase of a key.
pub(super) struct Passphrase(Zeroizing<String>);

impl EncryptedKey {
    /// Returns the encrypted key in a PEM file, or `None` if the file has none. The error continues a sentence about the file.
    pub(super) fn read(
        path: PathBuf,
        pem: &[u8],
        passphrase_file: Option<PathBuf>,
    ) -> Result<Option<Self>, &'static str> {
        if String::from_utf8_lossy(pem).contains("Proc-Type: 4,ENCRYPTED") {
            return Err(TRADITIONAL);
        }
        let found = Pem::iter_from_buffer(pem).flatten();
        let found = found.into_iter().find(|block| block.label == LABEL);
        let Some(Pem { contents: der, .. }) = found else {
            return Ok(None);
        };
        check_work(&der)?;
        Ok(Some(Self {
            path,
            der,
            passphrase_file,
        }))
    }

    /// Returns the path of the key.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Decrypts the key.
    pub(super) fn decrypt(&self) -> anyhow::Result<(KeyPair, Passphrase)> {
        let passphrase = self.passphrase()?;
        let info = EncryptedPrivateKeyInfo::try_from(self.der.as_slice());
        let plain = info.and_then(|info| info.decrypt(passphrase.as_bytes()));
        let plain = plain.map_err(|error| match error {
            pkcs8::Error::EncryptedPrivateKey(
                pkcs5::Error::UnsupportedAlgorithm { .. }
                | pkcs5::Error::AlgorithmParametersInvalid { .. },
            ) => refused(&self.path, UNKNOWN, OTHER_KEY),
            _ => self.wrong_passphrase(),
        })?;
        let pem = plain
            .to_pem("PRIVATE KEY", LineEnding::LF)
            .map_err(|_| self.wrong_passphrase())?;
        let key =
            keys::parse(pem.as_bytes()).map_err(|what| refused(&self.path, what, OTHER_KEY))?;
        Ok((key, Passphrase(passphrase)))
    }

    fn passphrase(&self) -> anyhow::Result<Zeroizing<String>> {
        let Some(path) = &self.passphrase_file else {
            return self.ask();
        };
        let text = Zeroizing::new(crate::file::read(path).map_err(|error| {
            let message = format!("reading the passphrase of {}: {error}", self.path.display());
            Kind::Usage.error(message, "correct `ca-passphrase-file` in [pki]")
        })?);
        let first = text.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let first = std::str::from_utf8(first).ok();
        let first = first.map(|line| line.trim_end_matches('\r'));
        match first.filter(|line| !line.is_empty()) {
            Some(line) => Ok(Zeroizing::new(line.to_owned())),
            None => Err(refused(
                path,
                "has no passphrase in its first line",
                "write the passphrase into it, in UTF-8",
            )),
        }
    }

    /// Asks on the terminal.
    fn ask(&self) -> anyhow::Result<Zeroizing<String>> {
        if !std::io::stdin().is_terminal() {
            return Err(refused(
                &self.path,
                "is encrypted, and there is no terminal to ask for its passphrase",
                "name a file with the passphrase in `ca-passphrase-file` of [pki], or run the command on a terminal",
            ));
        }
        let question = format!("passphrase of {}: ", self.path.display());
        match rpassword::prompt_password(question) {
            Ok(answer) => Ok(Zeroizing::new(answer)),
            Err(error) => Err(refused(
                &self.path,
                &format!("is encrypted, and asking for its passphrase failed: {error}"),
                "name a file with the passphrase in `ca-passphrase-file` of [pki]",
            )),
        }
    }

    fn wrong_passphrase(&self) -> anyhow::Error {
        let hint = match &self.passphrase_file {
            Some(path) => format!(
                "correct the first line of {}, which `ca-passphrase-file` in [pki] names",
                path.display()
            ),
            None => "run the command again, and type the passphrase of the key".to_owned(),
        };
        refused(
            &self.path,
            "cannot be decrypted: the passphrase is wrong",
            hint,
        )
    }
}

impl Passphrase {
    /// Returns another key as PEM, encrypted with the same passphrase.
    pub(super) fn protect(&self, other: &KeyPair) -> anyhow::Result<Zeroizing<String>> {
        let der = Zeroizing::new(other.serialize_der());
        let failed = |error: pkcs8::Error| anyhow::anyhow!("encrypting the new key: {error}");
        let info = PrivateKeyInfo::try_from(der.as_slice()).map_err(failed)?;
        let (mut salt, mut iv) = ([0; 16], [0; 16]);
        OsRng.fill_bytes(&mut salt);
        OsRng.fill_bytes(&mut iv);
        // OpenSSL refuses the memory that the default of this library, scrypt, takes.
        let parameters = Parameters::pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, &iv)
            .map_err(|error| failed(error.into()))?;
        let encrypted = info
            .encrypt_with_params(parameters, self.0.as_bytes())
            .map_err(failed)?;
        encrypted
            .to_pem(LABEL, LineEnding::LF)
            .map_err(|error| failed(error.into()))
    }
}

/// Refuses a key whose encryption is unknown, or would take too long to undo.
fn check_work(der: &[u8]) -> Result<(), &'static str> {
    let info = EncryptedPrivateKeyInfo::try_from(der).map_err(|_| UNKNOWN)?;
    let parameters = info.encryption_algorithm.pbes2().ok_or(UNKNOWN)?;
    let is_bounded = match &parameters.kdf {
        Kdf::Pbkdf2(kdf) => kdf.iteration_count <= MOST_ITERATIONS,
        Kdf::Scrypt(kdf) => {
            let blocks = u64::from(kdf.block_size).checked_mul(u64::from(kdf.parallelization));
            let blocks = blocks.and_then(|blocks| blocks.checked_mul(kdf.cost_parameter));
            blocks.is_some_and(|blocks| blocks <= MOST_SCRYPT_BLOCKS)
        }
        _ => return Err(UNKNOWN),
    };
    match is_bounded {
        true => Ok(()),
        false => Err("asks for more work to check its passphrase than any program does by default"),
    }
}

/// Returns the file with the passphrase of the CA's key: that of the configuration, or without one, that of the last build.
pub(super) fn passphrase_file(
    reader: &StateReader,
    own: Option<&OwnCa>,
) -> anyhow::Result<Option<PathBuf>> {
    match own {
        Some(own) => Ok(own.passphrase_file.clone()),
        None => Ok(remembered_path(reader)?.map(PathBuf::from)),
    }
}

/// Returns the file of the state directory that remembers the path for commands without a configuration, if it changes.
pub(super) fn remembered(reader: &StateReader, own: &OwnCa) -> anyhow::Result<Option<StateFile>> {
    let path = own.passphrase_file.as_ref().map(std::path::absolute);
    let path = path.transpose()?.map(|path| path.display().to_string());
    if path == remembered_path(reader)? {
        return Ok(None);
    }
    let line = path.unwrap_or_default() + "\n";
    Ok(Some((REMEMBERED, Zeroizing::new(line.into_bytes()))))
}

fn remembered_path(reader: &StateReader) -> anyhow::Result<Option<String>> {
    let path = reader.public(REMEMBERED)?.unwrap_or_default();
    let path = path.trim_end();
    Ok((!path.is_empty()).then(|| path.to_owned()))
}

/// A file to write into the state directory.
type StateFile = (&'static str, Zeroizing<Vec<u8>>);

const TRADITIONAL: &str = "is encrypted in OpenSSL's traditional form, which is not supported; \
                           `openssl pkey -in FILE -aes256 -out NEW` writes it as PKCS #8 with a passphrase";
const UNKNOWN: &str = "is encrypted in a way that is not supported; \
                       `openssl pkey -in FILE -aes256 -out NEW` writes it with AES";
const OTHER_KEY: &str = "use the key of a CA for servers and clients";
