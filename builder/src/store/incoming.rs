//! Files of a store on their way to a card or to `merge`: downloaded, compared, decrypted and compared again.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use anyhow::{Context as _, Result};

use super::Address;
use super::backend::Store;
use super::blob::Blob;
use super::encryption::Identities;
use super::index::{Index, StoredFile};
use super::open::open;
use super::staging::Incoming;
use crate::cli::StoreAccess;
use crate::digest::DigestWriter;
use crate::failure::Kind;
use crate::image_format::ImageFormat;
use crate::interrupt;
use crate::progress::Progress;

/// A build in a store, and the directory that gets files of it.
#[derive(Debug)]
pub(crate) struct StoredBuild {
    store: Box<dyn Store>,
    address: Address,
    index: Index,
    identities: Rc<Option<Identities>>,
    folder: Rc<Incoming>,
}

/// An index and the address that it is at.
#[derive(Debug)]
pub(crate) struct OpenedIndex {
    pub(super) address: Address,
    pub(super) index: Index,
}

impl StoredBuild {
    /// Opens the build at an address.
    pub(crate) fn open(
        address: &Address,
        identity: Option<&Path>,
        access: &StoreAccess,
        cache: &Path,
    ) -> Result<Self> {
        let identities = Rc::new(identity.map(Identities::read).transpose()?);
        let open = || Incoming::open(cache).map(Rc::new);
        Self::look(address, access, identities, open)
    }

    /// Opens another build, whose files go to the same directory.
    pub(crate) fn beside(&self, address: &Address, access: &StoreAccess) -> Result<Self> {
        let open = || Ok(self.folder.clone());
        Self::look(address, access, self.identities.clone(), open)
    }

    fn look(
        address: &Address,
        access: &StoreAccess,
        identities: Rc<Option<Identities>>,
        open_folder: impl FnOnce() -> Result<Rc<Incoming>>,
    ) -> Result<Self> {
        interrupt::watch();
        let store = open(address, access)?;
        let index = present(&*store, address)?;
        if index.encrypted_to.is_some() && identities.is_none() {
            return Err(Kind::Usage.error(
                format!("the images in {address} are encrypted"),
                "name the file with the secret key: `--identity FILE`",
            ));
        }
        // Whoever can write to the store, but does not know the recipient, can replace encrypted images by plain ones.
        if index.encrypted_to.is_none() && identities.is_some() {
            return Err(Kind::Verification.error(
                format!("the images in {address} are not encrypted, and `--identity` is given"),
                "do not use them if you sent them with `--encrypt-to`: they were replaced; otherwise leave `--identity` out",
            ));
        }
        Ok(Self {
            store,
            address: address.clone(),
            index,
            identities,
            folder: open_folder()?,
        })
    }

    /// Downloads every file of the build and of its parts into a directory of this name and returns its path. Adds each file's
    /// verified SHA-256 to `known`.
    pub(crate) fn get_all(
        &self,
        name: &str,
        access: &StoreAccess,
        progress: &dyn Progress,
        known: &mut BTreeMap<PathBuf, String>,
    ) -> Result<PathBuf> {
        for file in &self.index.files {
            let to = format!("{name}/{}", file.name);
            let got = self.fetch(file, &to, progress);
            got.with_context(|| format!("getting {} from {}", file.name, self.address))?;
            let bytes = match self.index.encrypted_to {
                Some(_) => &file.plain,
                None => &file.stored,
            };
            known.insert(self.folder.path().join(to), bytes.sha256.clone());
        }
        for (part, address) in self.parts() {
            let part = format!("{name}/{part}");
            self.beside(&address, access)?
                .get_all(&part, access, progress, known)?;
        }
        Ok(self.folder.path().join(name))
    }

    /// Returns the index as it was when the build was opened.
    pub(crate) fn index(&self) -> OpenedIndex {
        OpenedIndex {
            address: self.address.clone(),
            index: self.index.clone(),
        }
    }

    /// Returns the directory with the files got so far.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Returns the address.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Returns the names of the files with the digests that they have before their encryption.
    pub(crate) fn files(&self) -> impl Iterator<Item = (&str, &str)> {
        let files = self.index.files.iter();
        files.map(|file| (file.name.as_str(), file.plain.sha256.as_str()))
    }

    /// Returns the names of the parts, such as the clusters of a fleet, with their addresses.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, Address)> {
        let addresses = self.index.parts_of(&self.address);
        self.index.parts.iter().map(String::as_str).zip(addresses)
    }

    /// Returns the names of all nodes with an image.
    pub(crate) fn nodes(&self) -> Vec<&str> {
        let mut nodes: Vec<&str> = self.index.files.iter().filter_map(node_of).collect();
        nodes.dedup();
        nodes
    }

    /// Gets these files, with a text before their names, such as that of a directory and `/`.
    pub(crate) fn get_files(
        &self,
        prefix: &str,
        names: &[&str],
        progress: &dyn Progress,
    ) -> Result<()> {
        let mut names = names.iter();
        names.try_for_each(|name| self.get_file(prefix, name, progress))
    }

    /// Gets the images of these nodes in the smallest of their formats.
    pub(crate) fn get_images(&self, nodes: &[&str], progress: &dyn Progress) -> Result<()> {
        for node in nodes {
            let files = self.index.files.iter();
            let images = files.filter(|file| node_of(file) == Some(*node));
            if let Some(image) = images.min_by_key(|file| file.stored.size) {
                self.get_file("", &image.name, progress)?;
            }
        }
        Ok(())
    }

    fn get_file(&self, prefix: &str, name: &str, progress: &dyn Progress) -> Result<()> {
        let mut files = self.index.files.iter();
        let Some(file) = files.find(|file| file.name == name) else {
            return Err(Kind::Usage.error(
                format!("{} has no {name}", self.address),
                "build into this store again, or name another one",
            ));
        };
        let got = self.fetch(file, &format!("{prefix}{name}"), progress);
        got.with_context(|| format!("getting {name} from {}", self.address))
    }

    fn fetch(&self, file: &StoredFile, name: &str, progress: &dyn Progress) -> Result<()> {
        let stored = &file.stored;
        // A signature covers the digest of the file, and the store has that of its blob.
        if self.index.encrypted_to.is_none() && file.plain != *stored {
            return Err(Kind::Verification.error(
                "its index has another digest or size for the file than for its blob, which is not encrypted",
                "do not use it; build into the store again",
            ));
        }
        progress.note(&format!("getting {} from {}", file.name, self.address));
        if self.index.encrypted_to.is_none() {
            return self.folder.write(name, |to| self.download(stored, to));
        }
        let sealed = format!("{name}.age");
        self.folder.write(&sealed, |to| self.download(stored, to))?;
        let path = self.folder().join(&sealed);
        let decrypted = self
            .folder
            .write(name, |to| self.decrypt(&path, &file.plain, to));
        decrypted.and_then(|()| self.folder.remove(&sealed))
    }

    fn download(&self, blob: &Blob, to: &mut File) -> Result<()> {
        let found = self.store.blob(blob, to)?;
        same(&found, blob, &self.store.place(blob))
    }

    fn decrypt(&self, sealed: &Path, plain: &Blob, to: &mut File) -> Result<()> {
        let Some(identities) = &*self.identities else {
            return Ok(());
        };
        let from = BufReader::new(fs_err::File::open(sealed)?);
        let mut writer = DigestWriter::new(BufWriter::new(to));
        identities.decrypt(from, &mut writer)?;
        writer.flush()?;
        same(&writer.finish().0, plain, "the decrypted file")
    }
}

fn same(found: &Blob, wanted: &Blob, what: &str) -> Result<()> {
    match found == wanted {
        true => Ok(()),
        false => Err(Kind::Verification.error(
            format!(
                "{what} has the SHA-256 {}, the index says {}",
                found.sha256, wanted.sha256
            ),
            "do not use it; build into the store again",
        )),
    }
}

/// Returns the index of a build, or an error if the prefix has none.
pub(super) fn present(store: &dyn Store, address: &Address) -> Result<Index> {
    store.index()?.ok_or_else(|| {
        Kind::Usage.error(
            format!("there is no finished build in {address}"),
            "check the address; a build that was interrupted has no index",
        )
    })
}

/// Returns the node whose image a file contains.
fn node_of(file: &StoredFile) -> Option<&str> {
    ImageFormat::split(&file.name).map(|(node, _)| node)
}
