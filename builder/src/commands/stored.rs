//! The commands whose images are in a store: `build` sends them, `verify` and `flash` read them.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use indicatif::BinaryBytes;

use super::printing::{conclude, print};
use super::signature::Signature;
use crate::cli::{BuildOptions, Environment, FlashOptions, OutputMode, VerifyOptions};
use crate::count::count;
use crate::failure::Kind;
use crate::fleet::SelectedCluster;
use crate::merge::KnownDigests;
use crate::pki;
use crate::progress;
use crate::report::{self, MANIFEST};
use crate::run::{self, Job, Prepared};
use crate::spec::Purpose;
use crate::store::{self, Address, Content, Delivered, Delivery, Destination, Names, StoredBuild};

/// Builds images in the staging directory and sends them to a store.
pub(super) fn build(
    mut work: BuildOptions,
    destination: Destination,
    environment: Environment,
    mode: &OutputMode,
) -> Result<()> {
    let is_encrypted = destination.is_encrypted();
    let tag = destination.address().clone();
    let cache = run::local_cache(work.fetch.cache.cache.as_deref(), &environment)?;
    let delivery = Delivery::open(destination, &environment.stores, cache)?;
    work.output.out = delivery.folder();
    let progress = progress::stderr(mode.quiet);
    let job = Job::new(work, environment, mode);
    let fleet = job.fleet(Purpose::Images)?;
    let summary = |(place, delivered)| StoreSummary {
        place,
        tag: &tag,
        is_encrypted,
        is_fleet: fleet.is_some(),
        delivered,
    };
    if let Some(fleet) = &fleet {
        let content = Content::Fleet(job.work.nodes.shard);
        let clusters = fleet.clusters.iter().map(|it| it.name.as_str());
        delivery.refuse_another(&content, None, &clusters.collect::<Vec<_>>())?;
        let record = crate::build_fleet(&job, fleet)?;
        let folder = delivery.folder();
        let names = |part: SelectedCluster<'_>| {
            let name = part.cluster.name.clone();
            report::file_names(&folder.join(&name)).map(|files| (name, files))
        };
        let parts = fleet.select(&job.work.nodes)?.into_iter().map(names);
        let parts = parts.collect::<Result<Vec<_>>>()?;
        let mut keys = BTreeMap::new();
        for (cluster, _) in &parts {
            let own = pki::state_fingerprint(&job.state_path().join(cluster))?;
            keys.extend(own.map(|own| (cluster.clone(), own)));
        }
        let names = Names {
            content,
            keys,
            files: report::fleet_file_names(&folder)?,
            parts,
        };
        return print(mode, &record, &summary(delivery.send(names, &*progress)?));
    }
    let cluster = job.cluster(Purpose::Images)?;
    let content = Content::Cluster(cluster.name.clone());
    let keys = || pki::state_fingerprint(job.state_path());
    delivery.refuse_another(&content, keys()?.as_deref(), &[])?;
    let manifest = crate::build(&job, &cluster, &mut Prepared::default())?;
    let of_cluster = |keys| (cluster.name.clone(), keys);
    let names = Names {
        content,
        keys: keys()?.map(of_cluster).into_iter().collect(),
        files: report::file_names(&delivery.folder())?,
        parts: Vec::new(),
    };
    let sent = delivery.send(names, &*progress)?;
    print(mode, &manifest.shown(), &summary(sent))
}

/// Reads every file in a store and compares it with the index.
pub(super) fn verify(
    address: &Address,
    options: &VerifyOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    if options.rebuild {
        return Err(Kind::Usage.error(
            "`--rebuild` needs the images in a directory",
            "build them into a directory, and verify that",
        ));
    }
    let progress = progress::stderr(mode.quiet);
    let access = &environment.stores;
    let check = match &options.allowed_signers {
        Some(allowed) => {
            let cache = run::local_cache(None, environment)?;
            let identity = options.identity.as_deref();
            let build = StoredBuild::open(address, identity, access, cache)?;
            let signature = Signature::new(allowed, environment, &*progress);
            let (signer, indexes) = signature.signers(&build)?;
            let mut check = store::check_opened(address, &indexes, access, &*progress)?;
            check.signer = Some(signer);
            check
        }
        None => store::check(address, access, &*progress)?,
    };
    conclude(mode, &check, check.verdict())
}

/// Gets the images to write from a store, if the options name one, and makes the options name the directory with them.
pub(super) fn get_images(
    options: &mut FlashOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<Option<StoredBuild>> {
    // `flash STORE DEVICE` is for a store with one image.
    let first = options.targets.first().map(PathBuf::from);
    let only = first
        .map(|first| Address::of(&first, "flash"))
        .transpose()?;
    let is_only = matches!(only, Some(Some(_)));
    let address = match only.flatten() {
        Some(only) => Some(only),
        None => Address::of(&options.images, "--images")?,
    };
    let Some(address) = address else {
        refuse_identity(
            options.identity.as_deref(),
            "name a store with `--images`, or leave the option out",
        )?;
        return Ok(None);
    };
    let cache = run::local_cache(None, environment)?;
    let identity = options.identity.as_deref();
    let stored = StoredBuild::open(&address, identity, &environment.stores, cache)?;
    options.store = Some(address.to_string());
    if stored.nodes().is_empty() {
        return Err(no_image(&stored));
    }
    if is_only {
        options.targets[0] = only_node(&stored, options)?;
    }
    let names = options.targets.iter();
    let names = names.map(|target| target.split_once('=').map_or(&**target, |(name, _)| name));
    let progress = progress::stderr(mode.quiet);
    match &options.allowed_signers {
        Some(allowed) => {
            // Nobody waits for images that are then refused.
            Signature::new(allowed, environment, &*progress).check(&stored, "")?;
        }
        None => stored.get_files("", &[MANIFEST], &*progress)?,
    }
    let known = stored.nodes();
    let wanted = known
        .iter()
        .copied()
        .filter(|node| options.all || names.clone().any(|it| it == *node));
    stored.get_images(&wanted.collect::<Vec<_>>(), &*progress)?;
    stored.folder().clone_into(&mut options.images);
    Ok(Some(stored))
}

/// Refuses a secret key for images that no store has.
pub(super) fn refuse_identity(identity: Option<&Path>, hint: &str) -> Result<()> {
    match identity {
        None => Ok(()),
        Some(_) => Err(Kind::Usage.error(
            "`--identity` has no effect: the images are in a directory",
            hint,
        )),
    }
}

/// The directories of shards. Those that came from stores are removed when this is dropped.
pub(super) struct ShardFolders {
    pub(super) folders: Vec<PathBuf>,
    /// The digests of the files that came from stores.
    pub(super) known: KnownDigests,
    _builds: Vec<StoredBuild>,
}

/// Gets the shards that are in stores.
pub(super) fn get_shards(
    mut shards: Vec<PathBuf>,
    identity: Option<&Path>,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<ShardFolders> {
    let access = &environment.stores;
    let mut builds: Vec<StoredBuild> = Vec::new();
    let mut known = KnownDigests::new();
    for (index, shard) in shards.iter_mut().enumerate() {
        let Some(address) = Address::of(shard, "merge")? else {
            continue;
        };
        let build = if let Some(first) = builds.first() {
            first.beside(&address, access)?
        } else {
            let cache = run::local_cache(None, environment)?;
            StoredBuild::open(&address, identity, access, cache)?
        };
        let progress = progress::stderr(mode.quiet);
        let name = (index + 1).to_string();
        *shard = build.get_all(&name, access, &*progress, &mut known)?;
        builds.push(build);
    }
    match (identity, builds.is_empty()) {
        (Some(_), true) => Err(Kind::Usage.error(
            "`--identity` has no effect: the shards are in directories",
            "name shards in stores, or leave the option out",
        )),
        _ => Ok(ShardFolders {
            folders: shards,
            known,
            _builds: builds,
        }),
    }
}

/// Returns the only node of a store; fails if the store has images of several nodes, or none.
fn only_node(stored: &StoredBuild, options: &FlashOptions) -> Result<String> {
    match stored.nodes()[..] {
        [node] => Ok(node.to_owned()),
        [] => Err(no_image(stored)),
        [first, ..] => Err(Kind::Usage.error(
            format!(
                "{} has the images of several nodes: {}",
                stored.address(),
                stored.nodes().join(", ")
            ),
            format!(
                "name one: `etcd-image flash {} {first} DEVICE`",
                options.origin()
            ),
        )),
    }
}

/// Explains that a store has no image, such as that of a fleet, whose clusters have them.
fn no_image(stored: &StoredBuild) -> anyhow::Error {
    Kind::Usage.error(
        format!("{} has no image", stored.address()),
        match stored.parts().next() {
            Some((_, part)) => format!("name one of its clusters, as in `{part}`"),
            None => "check the address".to_owned(),
        },
    )
}

/// What a store has after a build, and what to do next.
struct StoreSummary<'a> {
    /// The address that names this build.
    place: Address,
    /// The address that the user gave, under which a later build may replace it.
    tag: &'a Address,
    is_encrypted: bool,
    is_fleet: bool,
    delivered: Delivered,
}

impl fmt::Display for StoreSummary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Delivered { files, kept, bytes } = self.delivered;
        let (tag, place) = (self.tag, &self.place);
        let state = match self.is_encrypted {
            true => "encrypted",
            false => "NOT encrypted: everybody who can read them has the keys of the nodes",
        };
        write!(
            f,
            "{tag}: {}, {}, {state}",
            count(files, "file"),
            BinaryBytes(bytes)
        )?;
        match kept {
            0 => writeln!(f)?,
            kept => writeln!(f, "; {kept} were there before")?,
        }
        writeln!(f, "\ncheck:   etcd-image verify {place}")?;
        let images = match self.is_fleet {
            true => tag.part("CLUSTER"),
            false => place.clone(),
        };
        let identity = match self.is_encrypted {
            true => "--identity KEYFILE ",
            false => "",
        };
        writeln!(
            f,
            "flash:   sudo -E etcd-image flash --images {images} {identity}NODE /dev/CARD"
        )
    }
}
