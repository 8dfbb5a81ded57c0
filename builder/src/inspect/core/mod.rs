//! Ubuntu Core, recognized by its content: what it is, and whether a node can be built from it.
//!
//! Core 20 and later come as one FAT partition, `ubuntu-seed`, from which snapd creates the rest on the first boot. Core 16
//! and 18 come as a FAT and an ext4 partition with the directory `system-data`. An image is refused if snapd or cloud-init
//! would ignore the added files: a card that silently does nothing is worse than none.

pub(super) mod base;
mod model;
mod snaps;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{Partition, PartitionKind, PartitionTable, ReadFs, Storage};

use self::base::CoreFacts;
use self::model::Model;
use super::layout::{Layout, System};
use super::os_release::OsRelease;
use super::partitions::{open_ext4, open_fat, part};
use crate::failure::Kind;
use crate::recipe::Grade;
use crate::refusals::Refusals;

/// The label of the FAT partition that Core 20 and later are shipped as.
const SEED_LABEL: &str = "ubuntu-seed";

/// The first bytes of an encrypted partition (LUKS On-Disk Format, 2.2).
const LUKS: &[u8] = b"LUKS\xba\xbe";

/// The directory of snapd on Core 16 and 18.
const SNAPD: &str = "/system-data/var/lib/snapd";

const COPY: &str = "start from an image as it was downloaded";
const RASPI: &str = "take the image for Raspberry Pi (arm64+raspi)";
const SERVER: &str = "use Ubuntu Server instead: `--base ubuntu-server-24.04`";
const FRESH: &str = "start from an image as it was downloaded: a booted one has an identity that nodes must not share";

/// An image of Ubuntu Core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CoreImage {
    /// The FAT partition.
    pub(super) boot: Partition,
    /// The ext4 partition of Core 16 and 18.
    pub(super) writable: Option<Partition>,
    /// The recovery system of Core 20 and later.
    system: String,
    model: Model,
    /// The number of an encrypted partition, if there is one.
    encrypted: Option<u32>,
}

/// Returns the Ubuntu Core on the image, if it is one.
pub(super) fn recognize(storage: &Arc<dyn Storage>) -> Result<Option<CoreImage>> {
    let partitions = PartitionTable::read(&**storage)?.partitions;
    for partition in &partitions {
        let context = || format!("looking for Ubuntu Core in partition {}", partition.number);
        let core = match partition.kind {
            PartitionKind::Fat => find_seed(partition, storage, partitions.len() == 1)
                .with_context(context)?
                .map(|mut fat| read_seed(&mut fat, partition, &partitions, storage))
                .transpose(),
            PartitionKind::Linux => find_writable(partition, storage)
                .map(|mut ext4| read_writable(&mut *ext4, partition, &partitions))
                .transpose(),
            PartitionKind::Other => Ok(None),
        };
        if let Some(core) = core.with_context(context)? {
            return Ok(Some(core));
        }
    }
    Ok(None)
}

/// Returns the seed partition of Core 20 and later. If there are other partitions (`alone` is false), an unreadable one is
/// ignored.
fn find_seed(
    partition: &Partition,
    storage: &Arc<dyn Storage>,
    alone: bool,
) -> Result<Option<diskimg::fat::FatReader>> {
    let window = partition.window(storage)?;
    match diskimg::fat::FatReader::open(Arc::new(window)) {
        Ok(fat) => Ok((fat.label() == SEED_LABEL).then_some(fat)),
        Err(error) if alone => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// Returns the writable partition of Core 16 and 18.
fn find_writable(partition: &Partition, storage: &Arc<dyn Storage>) -> Option<Box<dyn ReadFs>> {
    let window = partition.window(storage).ok()?;
    let mut ext4 = diskimg::ext4::Ext4Reader::open(Arc::new(window)).ok()?;
    ext4.metadata("/system-data").ok()??;
    Some(Box::new(ext4))
}

/// Reads an image of Core 20 and later, which is one seed partition.
fn read_seed(
    seed: &mut dyn ReadFs,
    boot: &Partition,
    partitions: &[Partition],
    storage: &Arc<dyn Storage>,
) -> Result<CoreImage> {
    let system = only_system(seed)?;
    let model = read_model(seed, &format!("/systems/{system}/model"))?;
    Ok(CoreImage {
        boot: boot.clone(),
        writable: None,
        system,
        model,
        encrypted: encrypted(partitions, storage)?,
    })
}

/// Reads an image of Core 16 and 18, which has a writable partition.
fn read_writable(
    ext4: &mut dyn ReadFs,
    writable: &Partition,
    partitions: &[Partition],
) -> Result<CoreImage> {
    let model = read_model(ext4, &format!("{SNAPD}/seed/assertions/model"))?;
    let boot = partitions
        .iter()
        .find(|partition| partition.kind == PartitionKind::Fat);
    let boot = boot.ok_or_else(|| unsupported("the image has no FAT boot partition", COPY))?;
    Ok(CoreImage {
        boot: boot.clone(),
        writable: Some(writable.clone()),
        system: String::new(),
        model,
        encrypted: None,
    })
}

impl CoreImage {
    /// Returns the layout of the image.
    pub(super) fn layout(&self, storage: &Arc<dyn Storage>) -> Result<Layout> {
        let table = PartitionTable::read(&**storage)?;
        let writable = self.writable.as_ref();
        let writable = writable
            .map(|it| part(it, "ext4", &mut open_ext4(storage, it)?))
            .transpose()?;
        Ok(Layout {
            size: storage.size(),
            disk_id: table.disk_id.ok_or_else(no_mbr)?,
            boot: part(&self.boot, "fat", &mut open_fat(storage, &self.boot)?)?,
            others: Vec::new(),
            system: writable.map_or(System::Seed(self.model.grade), System::Writable),
            os: self.os_release(),
        })
    }

    /// Returns the content of the base snap's os-release(5), which is on no partition.
    fn os_release(&self) -> OsRelease {
        let base = self.model.base.as_deref().unwrap_or_default();
        let version = base.trim_start_matches("core");
        let grade = match self.model.grade {
            Grade::None => String::new(),
            grade => format!(", grade {}", grade.name()),
        };
        OsRelease {
            id: "ubuntu-core".to_owned(),
            version: version.to_owned(),
            pretty_name: format!("Ubuntu Core {version} ({}{grade})", self.model.name),
        }
    }

    /// Refuses an image on which our files would be ignored or exist already; returns further facts about it.
    pub(super) fn check(
        &self,
        storage: &Arc<dyn Storage>,
        refusals: &mut Refusals,
    ) -> Result<CoreFacts> {
        check_model(&self.model, refusals)?;
        let partition = self.writable.as_ref().unwrap_or(&self.boot);
        match &self.writable {
            Some(writable) => self.check_writable(&mut open_ext4(storage, writable)?, refusals),
            None => self.check_seed(&mut open_fat(storage, &self.boot)?, storage, refusals),
        }
        .with_context(|| format!("looking for Ubuntu Core in partition {}", partition.number))
    }

    fn check_seed(
        &self,
        seed: &mut dyn ReadFs,
        storage: &Arc<dyn Storage>,
        refusals: &mut Refusals,
    ) -> Result<CoreFacts> {
        let table = PartitionTable::read(&**storage)?;
        refusals.check(self.check_partitions(&table.partitions))?;
        refusals.check(base::check_environment(seed, &self.system))?;
        refusals.check(base::check_fresh(seed, "/etcd-node"))?;
        refusals.check(base::check_arguments(seed))?;
        self.check_snaps(seed, "/snaps", refusals)
    }

    /// Refuses partitions besides the seed: nothing can be written into an encrypted one, whose key only the board has, and
    /// a plain one comes from a first boot.
    fn check_partitions(&self, partitions: &[Partition]) -> Result<()> {
        if let Some(number) = self.encrypted {
            let what = format!("partition {number} of the image is encrypted (LUKS)");
            return Err(unsupported(what, SERVER));
        }
        match partitions {
            [_, second, ..] => {
                let what = format!(
                    "Ubuntu Core was installed by a first boot already: it has partition {}",
                    second.number
                );
                Err(refused(what, FRESH))
            }
            _ => Ok(()),
        }
    }

    fn check_writable(
        &self,
        writable: &mut dyn ReadFs,
        refusals: &mut Refusals,
    ) -> Result<CoreFacts> {
        refusals.check(check_state(writable))?;
        let payload = "/system-data/var/lib/misc/etcd-node";
        refusals.check(base::check_fresh(writable, payload))?;
        self.check_snaps(writable, &format!("{SNAPD}/seed/snaps"), refusals)
    }

    fn check_snaps(
        &self,
        fs: &mut dyn ReadFs,
        folder: &str,
        refusals: &mut Refusals,
    ) -> Result<CoreFacts> {
        let paths = match &self.model.base {
            Some(base) => refusals.check(base::check_base(fs, folder, base))?,
            None => None,
        };
        let gadget = refusals.check(base::check_gadget(fs, folder, &self.model))?;
        let warnings = base::warning_about_brand(&self.model)
            .into_iter()
            .chain(gadget.flatten());
        Ok(CoreFacts {
            paths,
            warnings: warnings.collect(),
        })
    }
}

/// Refuses an image of Core 16 and 18 that was booted.
fn check_state(writable: &mut dyn ReadFs) -> Result<()> {
    let path = format!("{SNAPD}/state.json");
    if writable.metadata(&path)?.is_none() {
        return Ok(());
    }
    let what = format!("Ubuntu Core was booted already: {path} exists");
    Err(refused(what, FRESH))
}

/// Returns the number of the first encrypted partition.
fn encrypted(partitions: &[Partition], storage: &Arc<dyn Storage>) -> Result<Option<u32>> {
    for partition in partitions {
        let mut start = [0; LUKS.len()];
        storage.read_at(partition.start, &mut start)?;
        if start == LUKS {
            return Ok(Some(partition.number));
        }
    }
    Ok(None)
}

fn only_system(seed: &mut dyn ReadFs) -> Result<String> {
    let mut systems = match seed.metadata("/systems")? {
        Some(_) => seed.read_dir("/systems")?,
        None => Vec::new(),
    };
    match (systems.pop(), systems.len()) {
        (Some(only), 0) => Ok(only),
        (None, _) => Err(unsupported(
            "the image has no recovery system in systems/",
            COPY,
        )),
        (Some(_), others) => {
            let what = format!(
                "the image has {} recovery systems in systems/, not one",
                others + 1
            );
            Err(unsupported(what, COPY))
        }
    }
}

fn read_model(fs: &mut dyn ReadFs, path: &str) -> Result<Model> {
    let text = fs.read_text(path)?;
    let model = text.as_deref().and_then(Model::parse);
    model.ok_or_else(|| unsupported(format!("{path} is not a readable model assertion"), COPY))
}

/// Refuses a model that can never work, whatever else the card holds.
fn check_model(model: &Model, refusals: &mut Refusals) -> Result<()> {
    let (name, architecture) = (&model.name, &model.architecture);
    let rules = [
        (
            model.base.is_none(),
            format!("{name} is Ubuntu Core 16, of which no arm64 image for Raspberry Pi exists"),
        ),
        (
            architecture != "arm64",
            format!("{name} is for {architecture}, not for arm64"),
        ),
        (
            model.grade == Grade::Secured,
            format!("{name} has grade secured: snapd takes no settings from the card"),
        ),
        (
            model.encrypted,
            format!("{name} insists on encrypted data (storage-safety)"),
        ),
    ];
    for (is_broken, what) in rules {
        if is_broken {
            refusals.check(Err::<(), _>(unsupported(what, SERVER)))?;
        }
    }
    Ok(())
}

fn no_mbr() -> anyhow::Error {
    unsupported("the image has a GPT partition table", RASPI)
}

fn unsupported(what: impl Into<String>, hint: &str) -> anyhow::Error {
    Kind::Unsupported.error(what, hint)
}

fn refused(what: String, hint: &str) -> anyhow::Error {
    Kind::Refused.error(what, hint)
}
