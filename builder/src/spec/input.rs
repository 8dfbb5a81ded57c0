//! What `resolve` works on: flags, the configuration file and key files, all read already.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Everything the meaning of a cluster depends on.
#[derive(Clone)]
pub struct Input {
    /// What the command line says; it wins over the file.
    pub flags: Flags,
    /// The configuration file, if there is one.
    pub config: Option<TextFile>,
    /// The public keys found in the person's `~/.ssh`, used if nothing else names one.
    pub default_keys: Vec<TextFile>,
    /// What the cluster is wanted for.
    pub purpose: Purpose,
    /// Reads the `source` of a `[[file]]`.
    pub read: fn(&Path) -> io::Result<Vec<u8>>,
}

/// What a cluster is wanted for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Images: there must be nodes, and somebody must be able to log in to them.
    Images,
    /// Downloads: only the base and etcd are looked at, so neither need be there.
    Downloads,
}

/// The options that say what a cluster is.
#[derive(Clone, Default)]
pub struct Flags {
    /// `--nodes`
    pub nodes: Option<u32>,
    /// `--base`
    pub base: Option<String>,
    /// `--etcd`
    pub etcd: Option<String>,
    /// The files named with `--ssh-key`.
    pub ssh_keys: Vec<TextFile>,
}

/// A file that was read.
#[derive(Clone)]
pub struct TextFile {
    /// As the user named it.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

// The texts may hold a Wi-Fi password, or a private key named by mistake: none of them is ever printed.
impl fmt::Debug for TextFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({} bytes)", self.path.display(), self.text.len())
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flags")
            .field("nodes", &self.nodes)
            .field("base", &self.base)
            .field("etcd", &self.etcd)
            .field("ssh_keys", &self.ssh_keys)
            .finish()
    }
}

impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Input")
            .field("flags", &self.flags)
            .field("config", &self.config)
            .field("default_keys", &self.default_keys)
            .field("purpose", &self.purpose)
            .finish_non_exhaustive()
    }
}
