//! Encryption of files with age (`age-encryption.org/v1`).

use std::fmt;
use std::io::{self, BufRead, Read, Write};
use std::path::Path;

use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use anyhow::Result;
use zeroize::Zeroizing;

use crate::failure::Kind;
use crate::hex;

/// The owners of the secret keys that decrypt a file: each of them can do it alone.
pub(super) struct Recipients {
    keys: Vec<Recipient>,
    /// Equal for the same recipients in any order.
    id: String,
}

impl Recipients {
    /// Parses the values of `--encrypt-to`. An error never repeats a secret key that was given by mistake.
    pub(super) fn parse(texts: &[String]) -> Result<Self> {
        let keys = texts.iter().map(|text| parse(text));
        let keys = keys.collect::<Result<Vec<_>>>()?;
        let mut names: Vec<String> = keys.iter().map(ToString::to_string).collect();
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            keys,
            id: hex::sha256(names.join("\n")),
        })
    }

    /// Returns a text that is equal for the same recipients.
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// Encrypts everything that can be read. Two runs give different bytes.
    pub(super) fn encrypt<W: Write>(&self, mut from: impl Read, to: W) -> io::Result<W> {
        let mut writer = self.writer(to)?;
        io::copy(&mut from, &mut writer)?;
        writer.finish()
    }

    /// Returns a writer that encrypts what it passes on. It must be finished.
    pub(super) fn writer<W: Write>(&self, to: W) -> io::Result<StreamWriter<W>> {
        let keys = self.keys.iter().map(|key| key as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(keys).map_err(io::Error::other)?;
        encryptor.wrap_output(to)
    }
}

/// The secret keys that decrypt files.
pub(super) struct Identities(Vec<Identity>);

impl Identities {
    /// Reads the keys in a file that `age-keygen` wrote.
    pub(super) fn read(path: &Path) -> Result<Self> {
        let wrong = |why: String| {
            Kind::Usage.error(
                format!("the file with the secret key {}: {why}", path.display()),
                "name a file that `age-keygen` wrote; its keys begin with `AGE-SECRET-KEY-`",
            )
        };
        let text =
            Zeroizing::new(crate::file::read_text(path).map_err(|it| wrong(it.to_string()))?);
        let lines = text.lines().map(str::trim).enumerate();
        let keys = lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let parse = |(number, line): (usize, &str)| {
            let parsed = line.parse::<Identity>();
            parsed.map_err(|_| wrong(format!("line {} is not a secret key", number + 1)))
        };
        let keys = keys.map(parse).collect::<Result<Vec<_>>>()?;
        match keys.is_empty() {
            true => Err(wrong("it has no secret key".to_owned())),
            false => Ok(Self(keys)),
        }
    }

    /// Decrypts everything that can be read.
    pub(super) fn decrypt(&self, from: impl BufRead, to: &mut impl Write) -> Result<()> {
        let failed = |error: age::DecryptError| match error {
            age::DecryptError::NoMatchingKeys => Kind::Usage.error(
                "the file is encrypted to other keys than the given ones",
                "name the file with the secret key of a recipient that `--encrypt-to` named",
            ),
            age::DecryptError::Io(error) => error.into(),
            error => Kind::Verification.error(
                format!("decrypting: {error}"),
                "do not use it; send it to the store again",
            ),
        };
        let decryptor = age::Decryptor::new_buffered(from).map_err(failed)?;
        let keys = self.0.iter().map(|key| key as &dyn age::Identity);
        let mut reader = decryptor.decrypt(keys).map_err(failed)?;
        io::copy(&mut reader, to)?;
        Ok(())
    }
}

impl fmt::Debug for Identities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Identities(…)")
    }
}

fn parse(text: &str) -> Result<Recipient> {
    if text
        .trim()
        .to_ascii_uppercase()
        .starts_with("AGE-SECRET-KEY-")
    {
        return Err(Kind::Usage.error(
            "--encrypt-to: this is a secret key, not a recipient",
            "name its recipient, which `age-keygen -y FILE` prints; if others could read this command line, make a new key",
        ));
    }
    text.trim().parse().map_err(|_| {
        Kind::Usage.error(
            format!("--encrypt-to: `{text}` is not an age recipient"),
            "name one that `age-keygen` printed; it begins with `age1`",
        )
    })
}

impl fmt::Debug for Recipients {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Recipients({})", self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::explain;

    fn recipients(identities: &[&Identity]) -> Recipients {
        let texts = identities.iter().map(|it| it.to_public().to_string());
        Recipients::parse(&texts.collect::<Vec<_>>()).unwrap()
    }

    #[test]
    fn every_recipient_can_decrypt_and_nobody_else() {
        let [one, two, other] = [(); 3].map(|()| Identity::generate());
        let sealed = recipients(&[&one, &two]).encrypt(&b"key"[..], Vec::new());
        let sealed = sealed.unwrap();
        for identity in [&one, &two] {
            assert_eq!(age::decrypt(identity, &sealed).unwrap(), b"key");
        }
        assert!(age::decrypt(&other, &sealed).is_err());
    }

    #[test]
    fn the_order_of_recipients_does_not_matter() {
        let [one, two] = [(); 2].map(|()| Identity::generate());
        assert_eq!(
            recipients(&[&one, &two]).id(),
            recipients(&[&two, &one, &two]).id()
        );
        assert_ne!(recipients(&[&one]).id(), recipients(&[&one, &two]).id());
    }

    #[test]
    fn a_wrong_recipient_is_refused_and_a_secret_key_not_repeated() {
        let refused = |text: &str| {
            let error = Recipients::parse(&[text.to_owned()]).unwrap_err();
            let (kind, hint) = explain(&error);
            assert_eq!(kind, Kind::Usage);
            format!("{error:#} / {hint}")
        };
        assert_eq!(
            refused("age1x"),
            "--encrypt-to: `age1x` is not an age recipient / name one that `age-keygen` printed; it begins with `age1`"
        );
        let secret = "age-secret-key-1qqq";
        assert!(!refused(secret).contains("1qqq"));
    }
}
