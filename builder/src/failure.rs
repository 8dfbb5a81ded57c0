//! How a command fails: what kind, which thing and place, and the next step.
//!
//! Every error a person sees is one line naming the thing and the place, then a `hint:` line. The kind
//! decides the exit code (`builder/ARCHITECTURE.md`, "Ways to fail").

use std::fmt;

/// The ways a command can fail, by who has to act next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The command line, `cluster.toml` or the state folder is wrong: the person corrects it (exit code 2).
    Usage,
    /// A digest, certificate or image does not match what was promised (exit code 3).
    Verification,
    /// The base is sound but outside what this program handles (exit code 4).
    Unsupported,
    /// The base breaks its own format's rules (exit code 4).
    Corrupt,
    /// The base is sound and handled, but this edit cannot be made: no room, a dirty journal (exit code 4).
    Refused,
    /// A disk, a folder or the network failed (exit code 5).
    Storage,
    /// The booted cluster did not become healthy (exit code 6).
    Unhealthy,
}

impl Kind {
    /// The process exit code that scripts can rely on.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Usage => 2,
            Self::Verification => 3,
            Self::Unsupported | Self::Corrupt | Self::Refused => 4,
            Self::Storage => 5,
            Self::Unhealthy => 6,
        }
    }
}

/// An error with its kind and the next step; the root of an `anyhow` chain.
#[derive(Debug)]
pub struct Failure {
    /// Who has to act.
    pub kind: Kind,
    /// The thing and the place, without a full stop.
    pub message: String,
    /// The next step, printed after `hint:`.
    pub hint: String,
}

impl Failure {
    /// A failure as an `anyhow::Error`, ready to be returned with `?` or `return Err(...)`.
    #[allow(clippy::new_ret_no_self, reason = "always used as an anyhow error")]
    pub fn new(kind: Kind, message: impl Into<String>, hint: impl Into<String>) -> anyhow::Error {
        anyhow::Error::new(Self {
            kind,
            message: message.into(),
            hint: hint.into(),
        })
    }
}

/// The kind and the next step of any error of this program: its own, or one of `diskimg`.
pub fn explain(error: &anyhow::Error) -> (Kind, String) {
    if let Some(failure) = error.downcast_ref::<Failure>() {
        return (failure.kind, failure.hint.clone());
    }
    let Some(disk) = error.downcast_ref::<diskimg::Error>() else {
        return (Kind::Storage, String::new());
    };
    let (kind, hint) = match disk.class() {
        diskimg::Class::Storage => (
            Kind::Storage,
            "check the disk and its free room, then try again",
        ),
        diskimg::Class::Unsupported => (
            Kind::Unsupported,
            "use a stock image as it was downloaded; `etcd-image recipes` lists those known to work",
        ),
        diskimg::Class::Corrupt => (
            Kind::Corrupt,
            "get the image anew and compare its digest; this one is damaged",
        ),
        diskimg::Class::Refused => (
            Kind::Refused,
            "start from an image as it was downloaded, never booted and never mounted",
        ),
    };
    (kind, hint.to_owned())
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}
