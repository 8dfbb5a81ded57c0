//! An image opened for reading: its partitions, which are identified by their content, and their file systems.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{Partition, PartitionKind, PartitionTable, ReadFs, ReadOnlyFile, Storage, Window};

use super::core::base::{CoreFacts, SignedModels};
use super::core::{self, CoreImage};
use super::files::{Files, rootless};
use super::layout::{Layout, OtherPart, Part, System};
use super::os_release::OsRelease;
use super::partitions::{check_fs, open_ext4, open_fat, part};
use super::used;
use crate::failure::Kind;
use crate::fetch::OpenedImage;
use crate::refusals::Refusals;

/// Size in bytes of the first sector, which holds the partition table.
const SECTOR: u64 = 512;

/// An image opened for reading. The file is never opened for writing.
#[derive(Debug)]
pub struct Image {
    storage: Arc<dyn Storage>,
    layout: Layout,
    /// The same storage, if it is a file: such an image is copied without reading it.
    file: Option<Arc<ReadOnlyFile>>,
    /// The SHA-256 of the whole image, if it was unpacked from a compressed one.
    unpacked_sha256: Option<String>,
    /// Facts about an Ubuntu Core image that its layout does not show; set for bases only.
    core_facts: CoreFacts,
}

impl Image {
    /// Opens a base and collects the reasons not to build from it, for example that it was booted and so has an identity that
    /// nodes must not share. A base that cannot be read is an error.
    ///
    /// The file system checks come first because they name the fault, which a reader would not.
    pub fn open_base(file: &File) -> Result<(Self, Refusals)> {
        let file = ReadOnlyFile::new(file.try_clone()?).context("reading the size of the base")?;
        let file = Arc::new(file);
        let storage: Arc<dyn Storage> = file.clone();
        let mut refusals = Refusals::default();
        let core_facts = facts_of_storage(&storage, &mut refusals)?;
        let image = Self::of(storage)?;
        if let System::Root(_) = image.layout.system {
            used::check(&mut *image.boot()?, &mut *image.root()?, &mut refusals)?;
        }
        let image = Self {
            file: Some(file),
            core_facts,
            ..image
        };
        Ok((image, refusals))
    }

    /// Refuses a base whose grade differs from the requested one.
    pub fn check_grade(&self, allowed: SignedModels) -> Result<()> {
        core::base::check_grade(&self.layout, allowed)
    }

    /// Opens any image this program could have written, also a compressed one.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("inspecting {}", path.display());
        let opened = OpenedImage::open(path).with_context(context)?;
        let file = Arc::new(ReadOnlyFile::new(opened.file).with_context(context)?);
        let image = Self::of(file.clone()).with_context(context)?;
        Ok(Self {
            file: Some(file),
            unpacked_sha256: opened.unpacked_sha256,
            ..image
        })
    }

    /// Opens an image on any storage, such as a base with edits laid over it.
    pub fn of(storage: Arc<dyn Storage>) -> Result<Self> {
        let layout = match recognized(&storage)? {
            Some(core) => core.layout(&storage)?,
            None => rooted(&storage)?,
        };
        Ok(Self {
            storage,
            layout,
            file: None,
            unpacked_sha256: None,
            core_facts: CoreFacts::default(),
        })
    }

    /// Returns the layout of the image.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Returns the warnings to print before building nodes from this base.
    pub fn warnings(&self) -> &[String] {
        &self.core_facts.warnings
    }

    /// Returns the file, if the image is one.
    pub fn file(&self) -> Option<&File> {
        self.file.as_deref().map(ReadOnlyFile::file)
    }

    /// Returns the SHA-256 of the whole image, in lower-case hexadecimal, if it was unpacked from a compressed one.
    pub(crate) fn unpacked_sha256(&self) -> Option<&str> {
        self.unpacked_sha256.as_deref()
    }

    /// Returns the bytes, shareable between threads.
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// Opens a reader of the boot partition.
    pub fn boot(&self) -> Result<Box<dyn ReadFs>> {
        Ok(Box::new(diskimg::fat::FatReader::open(
            self.window(&self.layout.boot)?,
        )?))
    }

    /// Opens a reader of the root partition; fails if the image has none.
    pub fn root(&self) -> Result<Box<dyn ReadFs>> {
        match &self.layout.system {
            System::Root(part) => self.ext4(part),
            System::Writable(_) | System::Seed(_) => Err(rootless()),
        }
    }

    /// Opens readers of all file systems of the image.
    pub fn files(&self) -> Result<Files> {
        let ext4 = self.layout.system.part();
        let ext4 = ext4.map(|part| self.ext4(part)).transpose()?;
        Ok(Files::new(self.boot()?, ext4))
    }

    /// Returns whether the base snap contains `path`, without following links.
    ///
    /// A base snap that cannot be read is a reason of its own, so nothing counts as missing from it.
    pub(super) fn is_in_base_snap(&self, path: &str) -> bool {
        let paths = self.core_facts.paths.as_ref();
        paths.is_none_or(|paths| paths.contains(path))
    }

    fn ext4(&self, part: &Part) -> Result<Box<dyn ReadFs>> {
        Ok(Box::new(diskimg::ext4::Ext4Reader::open(
            self.window(part)?,
        )?))
    }

    fn window(&self, part: &Part) -> Result<Arc<dyn Storage>> {
        Ok(Arc::new(Window::new(self.storage(), part.start, part.len)?))
    }
}

/// Refuses a base that must not be edited, and collects the facts that its layout does not show.
fn facts_of_storage(storage: &Arc<dyn Storage>, refusals: &mut Refusals) -> Result<CoreFacts> {
    if let Some(core) = recognized(storage)? {
        let facts = core.check(storage, refusals)?;
        check_all(
            std::iter::once(&core.boot).chain(&core.writable),
            storage,
            refusals,
        )?;
        return Ok(facts);
    }
    let table = mbr_table(&**storage)?;
    check_all([boot(&table)?, root(&table, storage)?], storage, refusals)?;
    Ok(CoreFacts::default())
}

/// Refuses file systems that must not be edited: all of them at once, with the reasons so far.
fn check_all<'p>(
    partitions: impl IntoIterator<Item = &'p Partition>,
    storage: &Arc<dyn Storage>,
    refusals: &mut Refusals,
) -> Result<()> {
    let mut are_sound = true;
    for partition in partitions {
        are_sound &= refusals.check(check_fs(partition, storage))?.is_some();
    }
    match are_sound {
        true => Ok(()),
        false => refusals.clone().settle(),
    }
}

/// Recognizes Ubuntu Core, which has its own layout. An unreadable partition table is reported by the callers that need
/// one.
fn recognized(storage: &Arc<dyn Storage>) -> Result<Option<CoreImage>> {
    match storage.size() {
        0..SECTOR => Ok(None),
        _ => core::recognize(storage),
    }
}

/// Reads the layout of a system with a root file system.
fn rooted(storage: &Arc<dyn Storage>) -> Result<Layout> {
    let table = mbr_table(&**storage)?;
    let (boot, root) = (boot(&table)?, root(&table, storage)?);
    let mut reader = open_ext4(storage, root)?;
    let os = OsRelease::read(&mut reader)?;
    let others = table.partitions.iter().map(|partition| OtherPart {
        number: partition.number,
        start: partition.start,
    });
    Ok(Layout {
        size: storage.size(),
        disk_id: table.disk_id.ok_or_else(no_mbr)?,
        boot: part(boot, "fat", &mut open_fat(storage, boot)?)?,
        others: others
            .filter(|other| ![boot.number, root.number].contains(&other.number))
            .collect(),
        system: System::Root(part(root, "ext4", &mut reader)?),
        os,
    })
}

/// Reads the partition table, which must be an MBR.
fn mbr_table(storage: &dyn Storage) -> Result<PartitionTable> {
    let table = PartitionTable::read(storage)?;
    match table.disk_id {
        Some(_) => Ok(table),
        None => Err(no_mbr()),
    }
}

fn no_mbr() -> anyhow::Error {
    Kind::Unsupported.error(
        "the image has a GPT partition table",
        "Raspberry Pi OS and Debian bases have an MBR; use one of `etcd-image recipes`",
    )
}

/// Returns the first FAT partition.
fn boot(table: &PartitionTable) -> Result<&Partition> {
    required_partition(&table.partitions, "FAT boot", |it| {
        it.kind == PartitionKind::Fat
    })
}

/// Returns the Linux partition that holds an operating system, or the first one if none does, so that the error names it.
fn root<'t>(table: &'t PartitionTable, storage: &Arc<dyn Storage>) -> Result<&'t Partition> {
    let is_linux = |it: &Partition| it.kind == PartitionKind::Linux;
    let has_system = |it: &Partition| {
        let reader = open_ext4(storage, it).ok();
        reader.is_some_and(|mut reader| OsRelease::is_in(&mut reader))
    };
    let first = required_partition(&table.partitions, "Linux root", is_linux)?;
    let found = required_partition(&table.partitions, "Linux root", |it| {
        is_linux(it) && has_system(it)
    });
    Ok(found.unwrap_or(first))
}

fn required_partition<'a>(
    partitions: &'a [Partition],
    what: &str,
    wanted: impl Fn(&Partition) -> bool,
) -> Result<&'a Partition> {
    partitions.iter().find(|partition| wanted(partition)).ok_or_else(|| {
        Kind::Unsupported.error(format!("the image has no {what} partition"),
            "use a stock Raspberry Pi OS Lite (64-bit) or Debian image; `etcd-image recipes` lists them",
        )
    })
}
