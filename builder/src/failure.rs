//! Failures of a command: the kind, the affected thing and place, and the next step.
//!
//! Every error message is one line that names the thing and the place, then a `hint:` line. The kind decides the exit code
//! (`builder/ARCHITECTURE.md`, "Ways to fail").

use std::fmt;
use std::io;

use crate::unquoted;

/// The ways in which a command can fail, by who has to act next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line, `cluster.toml` or the state directory is wrong; the user corrects it (exit code 2).
    Usage,
    /// A digest, certificate or image does not match its expected value (exit code 3).
    Verification,
    /// The base is valid but not supported by this program (exit code 4).
    Unsupported,
    /// The base violates the rules of its own format (exit code 4).
    Corrupt,
    /// The base is valid and supported, but this edit is not possible: no space, a dirty journal (exit code 4).
    Refused,
    /// A disk, a directory or the network failed (exit code 5).
    Storage,
    /// A running or booted cluster is not healthy, or one of its nodes failed (exit code 6).
    Unhealthy,
}

impl Kind {
    /// Returns the process exit code, which scripts can rely on.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Verification => 3,
            Self::Unsupported | Self::Corrupt | Self::Refused => 4,
            Self::Storage => 5,
            Self::Unhealthy => 6,
        }
    }

    /// Returns an error of this kind, ready for `?` or `return Err(...)`.
    pub fn error(self, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        self.context(message, hint).into()
    }

    /// Returns the context that gives another error this kind and this next step.
    pub fn context(self, message: impl Into<String>, hint: impl Into<String>) -> Failure {
        Failure {
            kind: self,
            message: message.into(),
            hint: hint.into(),
        }
    }
}

/// An error with its kind and the next step; the root of an `anyhow` chain.
#[derive(Clone, Debug)]
pub struct Failure {
    /// The kind, which says who has to act.
    pub kind: Kind,
    /// The thing and the place, without a full stop.
    pub message: String,
    /// The next step, printed after `hint:`.
    pub hint: String,
}

/// Several failures that were found before a command ended. Those with different next steps are printed with them.
#[derive(Clone, Debug)]
pub struct Several(pub Vec<Failure>);

impl Several {
    /// Returns the kind of the first failure, and the next step that all of them share, if they do.
    fn explain(&self) -> (Kind, String) {
        let kind = self.0.first().map_or(Kind::Refused, |first| first.kind);
        let hint = match (self.0.first(), self.has_one_hint()) {
            (Some(first), true) => first.hint.as_str(),
            _ => "take the steps below the reasons, then run the command again",
        };
        (kind, hint.to_owned())
    }

    fn has_one_hint(&self) -> bool {
        self.0.windows(2).all(|pair| pair[0].hint == pair[1].hint)
    }
}

impl fmt::Display for Several {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let is_usage = self.0.iter().all(|failure| failure.kind == Kind::Usage);
        let heading = match is_usage {
            true => "things to correct",
            false => "reasons to refuse this build",
        };
        write!(f, "{} {heading}", self.0.len())?;
        for (index, failure) in self.0.iter().enumerate() {
            write!(f, "\n  {}", failure.message.replace('\n', "\n  "))?;
            let next = self.0.get(index + 1);
            let ends_group = next.is_none_or(|next| next.hint != failure.hint);
            if ends_group && !self.has_one_hint() {
                write!(f, "\n    hint: {}", failure.hint)?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for Several {}

/// The cause of a failure: the answer of a server that does not have a file, or no longer.
#[derive(Debug)]
pub(crate) struct Gone(pub(crate) String);

impl fmt::Display for Gone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Gone {}

/// Returns whether a server no longer has a file.
pub(crate) fn is_gone(error: &anyhow::Error) -> bool {
    error.downcast_ref::<Gone>().is_some()
}

/// Parses a TOML text; the error is one line that names the line.
pub fn parse_toml<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, String> {
    toml::from_str(text).map_err(|error| {
        let before = error.span().and_then(|span| text.get(..span.start));
        let line = before.map_or(1, |before| before.matches('\n').count() + 1);
        let advice = error
            .span()
            .and_then(|span| unquoted::advice_at(text, span.start));
        let message = advice.unwrap_or_else(|| error.message().replace('\n', " "));
        format!("line {line}: {message}")
    })
}

/// Returns the kind and the next step of any error: one of this program, of `diskimg`, or of the system.
pub fn explain(error: &anyhow::Error) -> (Kind, String) {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.kind, failure.hint.clone());
    }
    if let Some(several) = error.downcast_ref::<Several>() {
        return several.explain();
    }
    #[cfg(target_os = "linux")]
    if let Some(fault) = error.downcast_ref::<lab::qemu::Fault>() {
        return (fault.kind.into(), fault.hint.clone());
    }
    let Some(disk) = error.downcast_ref::<diskimg::Error>() else {
        return other(error);
    };
    let (kind, hint) = match disk {
        diskimg::Error::Storage(_) => (
            Kind::Storage,
            "check the disk and its free space, then try again",
        ),
        diskimg::Error::Unsupported(error) => return (Kind::Unsupported, unsupported(error)),
        diskimg::Error::Corrupt(_) => (
            Kind::Corrupt,
            "download the image again and compare its digest: this copy is damaged",
        ),
        diskimg::Error::Refused(_) => (
            Kind::Refused,
            "start from an unmodified image that was never booted or mounted",
        ),
    };
    (kind, hint.to_owned())
}

/// Returns the next step for an image that may be valid but is not supported.
fn unsupported(error: &diskimg::Unsupported) -> String {
    use diskimg::{Foreign, Unsupported};
    match error {
        Unsupported::Feature { set, bits } => set.removal(*bits).map_or_else(
            || STOCK.to_owned(),
            |removal| {
                format!(
                    "remove them with `tune2fs -O {removal}` on the unmounted partition, or {STOCK}"
                )
            },
        ),
        Unsupported::SmallFat32 { .. } => {
            format!("make that partition with `mkfs.vfat -F 16` or `-F 32 -s 1`, or {STOCK}")
        }
        Unsupported::Foreign { found, .. } => match found {
            Foreign::Packed(_) => "unpack it and name the image in it".to_owned(),
            Foreign::VirtualDisk(_) => {
                "convert it with `qemu-img convert -O raw FILE base.img` and name base.img"
                    .to_owned()
            }
            Foreign::Volume(_) | Foreign::Other(_) => STOCK.to_owned(),
        },
        _ => STOCK.to_owned(),
    }
}

/// The next step for a base that does not have what every supported base has.
pub(crate) const STOCK: &str =
    "use an unmodified stock image; `etcd-image recipes` lists those known to work";

#[cfg(target_os = "linux")]
impl From<lab::qemu::FaultKind> for Kind {
    fn from(kind: lab::qemu::FaultKind) -> Self {
        match kind {
            lab::qemu::FaultKind::Usage => Self::Usage,
            lab::qemu::FaultKind::Unsupported => Self::Unsupported,
            lab::qemu::FaultKind::Storage => Self::Storage,
        }
    }
}

/// Explains an error that is not a [`Failure`]: the hint for a system error depends on its kind; any other error is a defect.
fn other(error: &anyhow::Error) -> (Kind, String) {
    let mut causes = error.chain();
    let system = causes.find_map(|cause| cause.downcast_ref::<io::Error>());
    let hint = match system.map(io::Error::kind) {
        Some(
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge,
        ) => "free some space there, or name another directory (`--cache`, `--state`, `--out`)",
        Some(io::ErrorKind::PermissionDenied) => "run this as the owner of the file, or with sudo",
        Some(io::ErrorKind::ReadOnlyFilesystem) => {
            "make the disk writable, or name a directory on another one"
        }
        Some(_) => {
            "check that the path exists, that you have access to it, and that its disk has free space"
        }
        None => {
            "this is a defect of etcd-image: please report it with the command and this message"
        }
    };
    (Kind::Storage, hint.to_owned())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    #[test]
    fn a_mistake_in_toml_is_one_line() {
        let parsed = parse_toml::<std::collections::BTreeMap<String, u8>>("a = 1\nb = [\n 2]\n");
        assert!(
            parsed
                .as_ref()
                .is_err_and(|parsed| parsed.starts_with("line 2: invalid type")),
            "{parsed:?}"
        );
        assert!(parsed.is_err_and(|parsed| parsed.lines().count() == 1));
        assert_eq!(
            parse_toml::<toml::Table>("[[cluster]]\nprefix = 255.255.0.0\n").unwrap_err(),
            "line 2: `prefix` is the number of bits of the netmask: write `prefix = 16`"
        );
    }

    #[test]
    fn every_error_has_a_kind_and_a_next_step() {
        let system = || std::io::Error::from(std::io::ErrorKind::NotFound);
        let own = || Kind::Usage.error("a", "look at b");
        let disk = |error: diskimg::Error| anyhow!(error).context("reading c");
        let cases = [
            (own(), Kind::Usage, "look at b"),
            (own().context("reading a"), Kind::Usage, "look at b"),
            (
                anyhow!(system()).context("reading a"),
                Kind::Storage,
                "check that the path",
            ),
            (
                anyhow!(std::io::Error::from(std::io::ErrorKind::PermissionDenied)),
                Kind::Storage,
                "run this as the owner of the file, or with sudo",
            ),
            (anyhow!("unforeseen"), Kind::Storage, "this is a defect"),
            (
                Err::<(), _>(system())
                    .context(Failure {
                        kind: Kind::Verification,
                        message: "b".to_owned(),
                        hint: "compare b".to_owned(),
                    })
                    .unwrap_err(),
                Kind::Verification,
                "compare b",
            ),
            (
                disk(diskimg::Corrupt::NoTable { found: 0 }.into()),
                Kind::Corrupt,
                "download the image again",
            ),
        ];
        for (error, kind, start) in cases {
            let (found, hint) = explain(&error);
            assert_eq!(found, kind, "{error:#}");
            assert!(hint.starts_with(start), "{error:#}: {hint}");
        }
    }
}
