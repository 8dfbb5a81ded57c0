//! Ubuntu Core, told by its content: what it is, and whether a node could be made of it at all.
//!
//! Core 20 and later come as one FAT, `ubuntu-seed`, from which snapd makes the rest on the first boot; Core 16 and 18 as a
//! FAT and an ext4 with the folder `system-data`. Where snapd or cloud-init would ignore what is put there, the image is
//! refused: a card that silently does nothing is worse than none.

mod model;
mod snaps;

use std::sync::Arc;

use anyhow::{Context as _, Result};
use diskimg::{Partition, PartitionKind, ReadFs, Storage, Table};

use self::model::{Grade, Model};
use self::snaps::Snap;
use crate::failure::{Failure, Kind};

/// The FAT that Core 20 and later are shipped as.
const SEED_LABEL: &str = "ubuntu-seed";

/// The kernels of two refreshes and the payload must fit beside what is there.
const ROOM: u64 = 300 << 20;

/// How a partition that holds nothing but ciphertext begins (LUKS On-Disk Format, 2.2).
const LUKS: &[u8] = b"LUKS\xba\xbe";

/// The program that would read a seed.
const CLOUD_INIT: &str = "/usr/bin/cloud-init";

/// Where the bootloader is told what to start: Core 22 and later, and Core 20.
const ENVIRONMENTS: [&str; 2] = ["/piboot/ubuntu/piboot.conf", "/uboot/ubuntu/boot.sel"];

const COPY: &str = "start from an image as it was downloaded";
const SERVER: &str = "use Ubuntu Server instead: `--base ubuntu-server-24.04`";
const FRESH: &str = "start from an image as it was downloaded: a booted one has an identity that nodes must not share";

/// An image of Ubuntu Core that could be provisioned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Core {
    /// Brand and model.
    pub(super) model: String,
    /// Name and revision of the base snap.
    pub(super) base: String,
}

/// What an image of Ubuntu Core is; `None` for any other image. Refuses one that could never become a node.
pub(super) fn examine(storage: &Arc<dyn Storage>) -> Result<Option<Core>> {
    let partitions = Table::read(&**storage)?.partitions();
    for partition in &partitions {
        let context = || format!("looking for Ubuntu Core in partition {}", partition.number);
        let core = match partition.kind {
            PartitionKind::Fat => seed(partition, storage, partitions.len() == 1)
                .with_context(context)?
                .map(|mut fat| seeded(&mut fat, &partitions, storage))
                .transpose(),
            PartitionKind::Linux => writable(partition, storage)
                .map(|mut ext4| old(&mut *ext4))
                .transpose(),
            PartitionKind::Other(_) => Ok(None),
        };
        if let Some(core) = core.with_context(context)? {
            return Ok(Some(core));
        }
    }
    Ok(None)
}

/// The seed partition of Core 20 and later. Beside others, what cannot be read is somebody else's to complain about.
fn seed(
    partition: &Partition,
    storage: &Arc<dyn Storage>,
    alone: bool,
) -> Result<Option<diskimg::fat::Reader>> {
    let window = partition.window(storage)?;
    match diskimg::fat::Reader::open(Arc::new(window)) {
        Ok(fat) => Ok((fat.label() == SEED_LABEL).then_some(fat)),
        Err(error) if alone => Err(error.into()),
        Err(_) => Ok(None),
    }
}

/// The writable partition of Core 16 and 18.
fn writable(partition: &Partition, storage: &Arc<dyn Storage>) -> Option<Box<dyn ReadFs>> {
    let window = partition.window(storage).ok()?;
    let mut ext4 = diskimg::ext4::Reader::open(Arc::new(window)).ok()?;
    ext4.metadata("/system-data").ok()??;
    Some(Box::new(ext4))
}

/// Core 20 and later.
fn seeded(
    seed: &mut dyn ReadFs,
    partitions: &[Partition],
    storage: &Arc<dyn Storage>,
) -> Result<Core> {
    check_plain(partitions, storage)?;
    let system = only_system(seed)?;
    let model = read_model(seed, &format!("/systems/{system}/model"))?;
    check_model(&model)?;
    if let [_, second, ..] = partitions {
        let what = format!(
            "Ubuntu Core was installed by a first boot already: it has partition {}",
            second.number
        );
        return Err(refused(what, FRESH));
    }
    check_environment(seed, &system)?;
    let base = check_base(seed, "/snaps", &model)?;
    check_gadget(seed, "/snaps", &model)?;
    check_arguments(seed)?;
    check_room(seed)?;
    if model.grade == Grade::Signed {
        return Err(signed(&model));
    }
    Ok(Core {
        model: model.name,
        base,
    })
}

/// Core 16 and 18.
fn old(writable: &mut dyn ReadFs) -> Result<Core> {
    const SNAPD: &str = "/system-data/var/lib/snapd";
    let model = read_model(writable, &format!("{SNAPD}/seed/assertions/model"))?;
    check_model(&model)?;
    if writable.metadata(&format!("{SNAPD}/state.json"))?.is_some() {
        let what = format!("Ubuntu Core was booted already: {SNAPD}/state.json exists");
        return Err(refused(what, FRESH));
    }
    let snaps = format!("{SNAPD}/seed/snaps");
    let base = check_base(writable, &snaps, &model)?;
    check_gadget(writable, &snaps, &model)?;
    check_room(writable)?;
    Ok(Core {
        model: model.name,
        base,
    })
}

/// Nothing can be written into ciphertext, and its key is nobody's but the board's.
fn check_plain(partitions: &[Partition], storage: &Arc<dyn Storage>) -> Result<()> {
    for partition in partitions {
        let mut start = [0; LUKS.len()];
        storage.read_at(partition.start, &mut start)?;
        if start == LUKS {
            let what = format!(
                "partition {} of the image is encrypted (LUKS)",
                partition.number
            );
            return Err(unsupported(what, SERVER));
        }
    }
    Ok(())
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
    let text = text(fs, path)?;
    let model = text.as_deref().and_then(Model::parse);
    model.ok_or_else(|| {
        unsupported(
            format!("{path} is no model assertion that can be read"),
            COPY,
        )
    })
}

/// What the model rules out, whatever else is on the card.
fn check_model(model: &Model) -> Result<()> {
    let name = &model.name;
    if model.base.is_none() {
        let what =
            format!("{name} is Ubuntu Core 16, of which no arm64 image for Raspberry Pi exists");
        return Err(unsupported(what, SERVER));
    }
    if model.architecture != "arm64" {
        let what = format!("{name} is for {}, not for arm64", model.architecture);
        return Err(unsupported(what, SERVER));
    }
    if model.grade == Grade::Secured {
        let what = format!("{name} has grade secured: snapd takes no settings from the card");
        return Err(unsupported(what, SERVER));
    }
    if model.encrypted {
        let what = format!("{name} insists on encrypted data (storage-safety)");
        return Err(unsupported(what, SERVER));
    }
    Ok(())
}

/// What the bootloader starts must be the one system, to be installed.
fn check_environment(seed: &mut dyn ReadFs, system: &str) -> Result<()> {
    for path in ENVIRONMENTS {
        if seed.metadata(path)?.is_none() {
            continue;
        }
        let bytes = seed.read(path)?;
        let value = |key: &str| {
            let variables = bytes.split(|byte| *byte == 0).map(String::from_utf8_lossy);
            let mut values = variables.filter_map(|text| {
                let (_, value) = text.split_once(&format!("{key}="))?;
                Some(value.to_owned())
            });
            values.next().unwrap_or_default()
        };
        let (named, mode) = (value("snapd_recovery_system"), value("snapd_recovery_mode"));
        if mode != "install" {
            let what =
                format!("{path} says mode `{mode}`, not `install`: Ubuntu Core was booted already");
            return Err(refused(what, FRESH));
        }
        if named != system {
            let what = format!("{path} starts the system `{named}`, but systems/ holds `{system}`");
            return Err(unsupported(what, COPY));
        }
        return Ok(());
    }
    let what = format!(
        "neither {} nor {} tells what is started",
        ENVIRONMENTS[0], ENVIRONMENTS[1]
    );
    Err(unsupported(what, COPY))
}

/// By presence, not by the number of the series: Core 26 has a base without cloud-init, and may have one with it.
fn check_base(fs: &mut dyn ReadFs, folder: &str, model: &Model) -> Result<String> {
    let base = Snap::open(fs, folder, model.base.as_deref().unwrap_or_default())?;
    if base.has(CLOUD_INIT) {
        return Ok(base.name);
    }
    let what = format!(
        "the base snap {} has no cloud-init: a seed would be ignored",
        base.name
    );
    let hint =
        "use the dangerous model of Ubuntu Core 24, or Ubuntu Server: `--base ubuntu-server-24.04`";
    Err(unsupported(what, hint))
}

/// A gadget may bring settings of its own for cloud-init, which are read before ours.
fn check_gadget(fs: &mut dyn ReadFs, folder: &str, model: &Model) -> Result<()> {
    let Some(name) = &model.gadget else {
        return Ok(());
    };
    let name = name.split('=').next().unwrap_or(name);
    let gadget = Snap::open(fs, folder, name)?;
    let settings = gadget.text("/cloud.conf")?.unwrap_or_default();
    let blanks = |line: &str| line.replace([' ', '\t'], "");
    if settings
        .lines()
        .any(|line| blanks(line) == "datasource_list:[]")
    {
        let what = format!(
            "the gadget snap {} switches cloud-init off (cloud.conf)",
            gadget.name
        );
        return Err(unsupported(what, SERVER));
    }
    Ok(())
}

/// Somebody else's seed or network would come before ours.
fn check_arguments(seed: &mut dyn ReadFs) -> Result<()> {
    let text = text(seed, "/cmdline.txt")?.unwrap_or_default();
    let taken = |word: &&str| word.starts_with("ds=") || word.starts_with("network-config=");
    match text.split_whitespace().find(taken) {
        Some(word) => {
            let what = format!("cmdline.txt has `{word}` already, which comes before any seed");
            Err(refused(what, COPY))
        }
        None => Ok(()),
    }
}

fn check_room(fs: &mut dyn ReadFs) -> Result<()> {
    let free = fs.free_bytes()?;
    if free >= ROOM {
        return Ok(());
    }
    let what = format!(
        "only {free} bytes are free where {ROOM} are needed for etcd and snapd's refreshes"
    );
    Err(refused(what, COPY))
}

/// Recognised, sound, and of no use: snapd drops what is put beside a signed model.
fn signed(model: &Model) -> anyhow::Error {
    let name = &model.name;
    let series = model
        .base
        .as_deref()
        .unwrap_or_default()
        .trim_start_matches("core");
    let what = format!(
        "{name} has grade signed: snapd drops settings for cloud-init that are not signed with it"
    );
    let hint = format!(
        "use the dangerous model with the same snaps: https://cdimage.ubuntu.com/ubuntu-core/{series}/dangerous-stable/current/ubuntu-core-{series}-arm64+raspi.img.xz"
    );
    unsupported(what, &hint)
}

/// Core images that pass every check are refused too, for now: nothing here provisions them yet.
pub(super) fn unserved(core: &Core) -> anyhow::Error {
    let what = format!(
        "the image is Ubuntu Core ({}, base {}), which is recognised but not provisioned yet",
        core.model, core.base
    );
    unsupported(what, SERVER)
}

fn text(fs: &mut dyn ReadFs, path: &str) -> Result<Option<String>> {
    match fs.metadata(path)? {
        None => Ok(None),
        Some(_) => Ok(Some(String::from_utf8_lossy(&fs.read(path)?).into_owned())),
    }
}

fn unsupported(what: impl Into<String>, hint: &str) -> anyhow::Error {
    Failure::new(Kind::Unsupported, what, hint)
}

fn refused(what: String, hint: &str) -> anyhow::Error {
    Failure::new(Kind::Refused, what, hint)
}
