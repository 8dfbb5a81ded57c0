//! An image file opened for reading: its partitions found by content, its file systems by number.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{Partition, PartitionKind, PartitionTable, ReadFs, ReadOnlyFile, Storage, Window};

use super::core::base::{Known, SignedModels};
use super::core::{self, Core};
use super::files::{Files, rootless};
use super::found::Before;
use super::layout::{Layout, Part, System};
use super::os_release::OsRelease;
use super::recognize::refuse_booted;
use crate::failure::{Failure, Kind};

/// Bytes of the first sector, which holds the partition table.
const SECTOR: u64 = 512;

/// An image opened for reading. The file is never opened for writing.
#[derive(Debug)]
pub struct Image {
    storage: Arc<dyn Storage>,
    layout: Layout,
    /// The file itself, for copying without reading.
    file: Option<File>,
    /// What else is known of Ubuntu Core; of bases only.
    known: Known,
}

impl Image {
    /// Opens a base that has not run yet: a booted one has an identity that N nodes must not share.
    ///
    /// Each file system's gate comes first: it names what is wrong, where a reader would only stumble over it.
    pub fn open_base(path: &Path) -> Result<Self> {
        let context = || format!("inspecting {}", path.display());
        let known = gate(path).with_context(context)?;
        let image = Self::open(path)?;
        if let System::Root(_) = image.layout.system {
            refuse_booted(&mut *image.root()?).with_context(context)?;
        }
        Ok(Self { known, ..image })
    }

    /// Refuses a base whose grade is another than the one asked for.
    pub fn check_grade(&self, allowed: SignedModels) -> Result<()> {
        core::base::check_grade(&self.layout, allowed)
    }

    /// Opens any image this program could have written.
    pub fn open(path: &Path) -> Result<Self> {
        let context = || format!("inspecting {}", path.display());
        let storage: Arc<dyn Storage> = Arc::new(ReadOnlyFile::open(path).with_context(context)?);
        let image = Self::of(storage).with_context(context)?;
        let file = File::open(path).with_context(context)?;
        Ok(Self {
            file: Some(file),
            ..image
        })
    }

    /// The same over any storage, such as a base with edits laid over it.
    pub fn of(storage: Arc<dyn Storage>) -> Result<Self> {
        let layout = match recognised(&storage)? {
            Some(core) => core.layout(&storage)?,
            None => rooted(&storage)?,
        };
        Ok(Self {
            storage,
            layout,
            file: None,
            known: Known::default(),
        })
    }

    /// What was found.
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    /// Lines worth knowing before nodes are made of this base.
    pub fn doubts(&self) -> &[String] {
        &self.known.doubts
    }

    /// The file, if the image is one.
    pub fn file(&self) -> Option<&File> {
        self.file.as_ref()
    }

    /// The bytes, shareable between threads.
    pub fn storage(&self) -> Arc<dyn Storage> {
        Arc::clone(&self.storage)
    }

    /// A reader of the boot partition.
    pub fn boot(&self) -> Result<Box<dyn ReadFs>> {
        Ok(Box::new(diskimg::fat::FatReader::open(
            self.window(&self.layout.boot)?,
        )?))
    }

    /// A reader of the root partition, of an image that has one.
    pub fn root(&self) -> Result<Box<dyn ReadFs>> {
        match &self.layout.system {
            System::Root(part) => self.ext4(part),
            System::Writable(_) | System::Seed(_) => Err(rootless()),
        }
    }

    /// Readers of all its file systems.
    pub fn files(&self) -> Result<Files> {
        let ext4 = self.layout.system.part();
        let ext4 = ext4.map(|part| self.ext4(part)).transpose()?;
        Ok(Files::new(self.boot()?, ext4))
    }

    /// Whether the base snap holds that path, links not followed.
    pub(super) fn in_base_snap(&self, path: &str) -> Before {
        match self.known.paths.contains(path) {
            true => Before::Other,
            false => Before::Missing,
        }
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

/// Refuses what must not be edited; tells what else is known of Ubuntu Core.
fn gate(path: &Path) -> Result<Known> {
    let storage: Arc<dyn Storage> = Arc::new(ReadOnlyFile::open(path)?);
    if let Some(core) = recognised(&storage)? {
        let known = core.check(&storage)?;
        check_fat(&core.boot, &storage)?;
        if let Some(writable) = &core.writable {
            check_ext4(writable, &storage)?;
        }
        return Ok(known);
    }
    let (_, [boot, root]) = partitions(&*storage)?;
    check_fat(&boot, &storage)?;
    check_ext4(&root, &storage)?;
    Ok(Known::default())
}

fn check_fat(boot: &Partition, storage: &Arc<dyn Storage>) -> Result<()> {
    let context = || format!("checking partition {}", boot.number);
    diskimg::fat::gate(&boot.window(storage)?).with_context(context)?;
    Ok(())
}

fn check_ext4(root: &Partition, storage: &Arc<dyn Storage>) -> Result<()> {
    let context = || format!("checking partition {}", root.number);
    diskimg::ext4::gate(&root.window(storage)?).with_context(context)?;
    Ok(())
}

/// Ubuntu Core has another layout; what cannot be read as a table is told by those who need one.
fn recognised(storage: &Arc<dyn Storage>) -> Result<Option<Core>> {
    match storage.size() {
        0..SECTOR => Ok(None),
        _ => core::recognise(storage),
    }
}

/// The layout of a system with a root.
fn rooted(storage: &Arc<dyn Storage>) -> Result<Layout> {
    let (disk_id, [boot, root]) = partitions(&**storage)?;
    let mut reader = open_ext4(storage, &root)?;
    let mut fat = open_fat(storage, &boot)?;
    let boot_label = fat.label().to_owned();
    let os = OsRelease::read(&mut *reader)?;
    Ok(Layout {
        size: storage.size(),
        disk_id,
        boot: part(&boot, "fat", fat.free_bytes()?),
        system: System::Root(part(&root, "ext4", reader.free_bytes()?)),
        boot_label,
        os,
    })
}

/// The MBR's disk signature, its first FAT and its first Linux partition.
fn partitions(storage: &dyn Storage) -> Result<(u32, [Partition; 2])> {
    if storage.size() < SECTOR {
        return Err(Failure::new(
            Kind::Corrupt,
            format!("{} bytes are too few for a disk image", storage.size()),
            "name a disk image, raw or compressed",
        ));
    }
    let table = PartitionTable::read(storage)?;
    let disk_id = table.disk_id.ok_or_else(|| {
        Failure::new(
            Kind::Unsupported,
            "the image has a GPT partition table",
            "Raspberry Pi OS and Debian bases have an MBR; use one of `etcd-image recipes`",
        )
    })?;
    let all = table.partitions;
    let boot = find(&all, "FAT boot", |kind| *kind == PartitionKind::Fat)?;
    let root = find(&all, "Linux root", |kind| *kind == PartitionKind::Linux)?;
    Ok((disk_id, [boot.clone(), root.clone()]))
}

fn find<'a>(
    partitions: &'a [Partition],
    what: &str,
    wanted: impl Fn(&PartitionKind) -> bool,
) -> Result<&'a Partition> {
    partitions.iter().find(|partition| wanted(&partition.kind)).ok_or_else(|| {
        Failure::new(
            Kind::Unsupported,
            format!("the image has no {what} partition"),
            "use a stock Raspberry Pi OS Lite (64-bit) or Debian image; `etcd-image recipes` lists them",
        )
    })
}

pub(super) fn open_ext4(
    storage: &Arc<dyn Storage>,
    partition: &Partition,
) -> Result<Box<dyn ReadFs>> {
    let context = || format!("opening the ext4 of partition {}", partition.number);
    let window = partition.window(storage).with_context(context)?;
    Ok(Box::new(
        diskimg::ext4::Ext4Reader::open(Arc::new(window)).with_context(context)?,
    ))
}

pub(super) fn open_fat(
    storage: &Arc<dyn Storage>,
    partition: &Partition,
) -> Result<diskimg::fat::FatReader> {
    let context = || format!("opening the FAT of partition {}", partition.number);
    let window = partition.window(storage).with_context(context)?;
    diskimg::fat::FatReader::open(Arc::new(window)).with_context(context)
}

pub(super) fn part(partition: &Partition, filesystem: &'static str, free_bytes: u64) -> Part {
    Part {
        number: partition.number,
        start: partition.start,
        len: partition.len,
        filesystem,
        free_bytes,
    }
}
