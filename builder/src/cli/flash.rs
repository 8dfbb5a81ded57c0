//! The options of `flash`.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::shell;

/// Which images to write, and to which cards.
#[derive(Clone, Debug, Args)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line"
)]
pub struct FlashOptions {
    /// A node or an image and its device, or NODE=DEVICE for each card
    #[arg(value_name = "NODE|IMG DEVICE", required_unless_present = "list")]
    pub targets: Vec<String>,
    /// List the disks of this machine and their contents
    #[arg(long, conflicts_with_all = ["targets", "all", "allowed_signers", "wipe_data", "yes_really", "dry_run"])]
    pub list: bool,
    /// Write every node to one of these devices, in the cluster's order
    #[arg(long)]
    pub all: bool,
    /// Find the images of nodes in this directory or store (`s3://…`, `oci://…`)
    #[arg(long, value_name = "DIR|STORE", default_value = "images")]
    pub images: PathBuf,
    /// Decrypt the images of a store with the secret key in this file
    #[arg(long, value_name = "FILE")]
    pub identity: Option<PathBuf>,
    /// Require a signature of SHA256SUMS by one of these keys (see
    /// ssh-keygen(1))
    #[arg(long, value_name = "FILE")]
    pub allowed_signers: Option<PathBuf>,
    /// Erase etcd's data on the card instead of keeping it
    #[arg(long)]
    pub wipe_data: bool,
    /// Write to a disk that is not removable, or to a file
    #[arg(long)]
    pub yes_really: bool,
    /// Verify the image and check the card without writing to it
    #[arg(long)]
    pub dry_run: bool,
    /// The store from which the files in `images` came.
    #[arg(skip)]
    pub store: Option<String>,
}

impl FlashOptions {
    /// Returns where the images are, for messages.
    pub(crate) fn place(&self) -> String {
        let shown = || self.images.display().to_string();
        self.store.clone().unwrap_or_else(shown)
    }

    /// Returns the options that say where the images are and whose they must be, for the command line of a hint.
    pub(crate) fn origin(&self) -> String {
        let images = match &self.store {
            Some(store) => shell::word(store),
            None => shell::path(&self.images),
        };
        let option = |name: &str, file: Option<&Path>| {
            file.map_or_else(String::new, |file| format!(" {name} {}", shell::path(file)))
        };
        let identity = option("--identity", self.identity.as_deref());
        let signers = option("--allowed-signers", self.allowed_signers.as_deref());
        format!("--images {images}{identity}{signers}")
    }
}
