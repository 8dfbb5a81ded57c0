//! etcd-image turns a stock operating-system image and the description of a cluster into one flashable image per node.
//!
//! `builder/ARCHITECTURE.md` lists the modules in reading order; a module uses only those before it
//! (`tests/project/imports.rs`).

#![cfg_attr(
    test,
    allow(
        clippy::disallowed_methods,
        reason = "unit tests lay out files and start foreign programs"
    )
)]

// What any module may use.
mod attempt;
mod cache_item;
mod client_view;
mod config_txt;
mod count;
mod date;
mod digest;
pub mod failure;
mod file;
mod firmware_config;
mod hex;
mod holes;
mod image_format;
mod interrupt;
#[cfg(all(test, not(guided)))]
mod mutated;
// Under `cargo xtask fuzz --coverage`, libFuzzer takes the place of the loop over random inputs.
#[cfg(all(test, guided))]
use guided as mutated;
mod parallel;
mod printable;
pub mod progress;
pub mod refusals;
mod secret;
mod shared_bytes;
mod shell;
mod ssh_patterns;
mod unquoted;
mod without_login;

// The modules of `builder/ARCHITECTURE.md`, in alphabetical order.
mod apply;
#[cfg(target_os = "linux")]
pub mod boot;
#[cfg(not(target_os = "linux"))]
#[path = "boot/unsupported.rs"]
pub mod boot;
pub mod check;
pub mod cli;
pub mod cluster;
pub mod commands;
mod compressed;
pub mod description;
pub mod diff;
pub mod etcd;
pub mod fetch;
#[cfg(target_os = "linux")]
pub mod flash;
#[cfg(not(target_os = "linux"))]
#[path = "flash/unsupported.rs"]
pub mod flash;
mod fleet;
pub mod inspect;
mod inventory;
pub mod lock;
mod merge;
pub mod overlay;
pub mod pki;
mod plan;
mod publication;
pub mod recipe;
mod report;
mod run;
pub mod snapshot;
pub mod spec;
pub mod store;

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::apply::OutputFolder;
use crate::cli::Updated;
use crate::failure::Kind;
use crate::fleet::Fleet;
use crate::pki::StateDirectory;
use crate::plan::Plan;
use crate::publication::SigningKey;
use crate::report::{FetchReport, FleetRecord, Manifest, Rebuild};
use crate::run::{Job, Prepared, overwrite};
use crate::snapshot::Snapshot;
use crate::spec::{Cluster, Purpose};

/// Writes one image per node: the whole pipeline. Images are renamed, and the state directory updated, only after every
/// image is complete: a refused or interrupted build changes neither.
fn build(job: &Job, cluster: &Cluster, inputs: &mut Prepared) -> Result<Manifest> {
    build_part(job, cluster, inputs, || Ok(()))
}

/// Does the same for a cluster of a fleet. Before the first image is replaced, `withdraw` removes what describes the whole fleet: a refused
/// build leaves it in place.
fn build_part(
    job: &Job,
    cluster: &Cluster,
    inputs: &mut Prepared,
    withdraw: impl FnOnce() -> Result<()>,
) -> Result<Manifest> {
    interrupt::watch();
    let signing_key = permitted_key(job, cluster)?;
    let key = signing_key.as_ref();
    job.note(&pki::unknown_replaced(job.state_path(), cluster)?);
    let publishing = job.publishing(cluster);
    let lock = job.lock(cluster)?;
    let snapshot = snapshot(job)?;
    let inputs = inputs.all(job, cluster, &lock)?;
    let base = &*inputs.base;
    let mut state = base.refusals.join(open_state(job, cluster))?;
    if let Some((name, text)) = &inputs.etcd.learned {
        state.add(name, text);
    }
    let overlays = job.overlays()?;
    let sources = inputs.sources(cluster, &state.certs, snapshot.as_ref(), &overlays);
    let locked = job.locked_inputs(&sources.nodes, base, &lock)?;
    let plans = job.plans(&sources.nodes, base)?;
    if let Some(manifest) = job.built_before(&sources, &plans, key)? {
        let _step = interrupt::uninterrupted();
        job.note_about_cluster(&lock.write(&locked)?);
        return Ok(manifest);
    }

    let out = OutputFolder::open(&job.work.output.out)?;
    let images = job.write_images(&plans, base, &out, &publishing)?;
    let may_be_kept = |older: &Manifest| publication::may_keep(out.path(), older, key);
    let mut manifest = report::manifest(&sources, &plans, &images, &out, may_be_kept)?;
    let lock_sha256 = locked.sha256()?;
    let of_images = (plans.as_slice(), images.as_slice(), lock_sha256.as_str());
    let attachments = base.attachments(&mut manifest, of_images, &publishing)?;
    let sums = manifest.sums()?;
    let sign = |key: &SigningKey| key.sign(sums.as_bytes());
    let signature = key.map(sign).transpose()?;
    let signature = signature.as_deref();
    let unsigned = publication::lost_signature(out.path(), key)?;
    let step = interrupt::uninterrupted();
    job.save_state(&state)?;
    job.note_about_cluster(&lock.write(&locked)?);
    withdraw()?;
    report::begin_replacement(&out, &manifest)?;
    out.publish(images)?;
    report::write(&out, &manifest, &sources, &attachments, signature)?;
    drop(step);
    job.note_about_cluster(unsigned.as_slice());
    job.note_about_cluster(&report::outdated(&manifest, cluster, out.path()));
    job.note_about_cluster(&state.certs.notes);
    let expiring = report::expiring_certificates(&manifest, job.environment.clock);
    job.note_about_cluster(expiring.as_slice());
    Ok(manifest)
}

/// Returns the key that signs the images, if there is one. Fails if a build would replace files of something else, or sign images of
/// somebody else.
fn permitted_key(job: &Job, cluster: &Cluster) -> Result<Option<SigningKey>> {
    let nodes = cluster.select(&job.work.nodes.only)?;
    let state = job.state_path();
    overwrite::refuse(cluster, &nodes, state, &job.work.output)?;
    // A shard has another message for it.
    if job.work.nodes.shard.is_none() {
        overwrite::refuse_missing_state(cluster, &nodes, state, &job.work.output.out)?;
    }
    let key = job.publishing(cluster).key(&job.environment)?;
    overwrite::refuse_unsigned(cluster, &nodes, &job.work.output.out, key.as_ref())?;
    Ok(key)
}

/// Writes the images of a fleet, one cluster after another: the memory does not grow with the number of clusters.
fn build_fleet(job: &Job, fleet: &Fleet) -> Result<FleetRecord> {
    let parts = fleet.select(&job.work.nodes)?;
    if job.work.nodes.restore.is_some() && parts.len() > 1 {
        let message = "`--restore` is for one cluster, and this build has several";
        let hint = "name the nodes of one cluster with `--only`";
        return Err(Kind::Usage.error(message, hint));
    }
    pki::refuse_cluster(job.state_path())?;
    overwrite::refuse_overlap(job.state_path(), &job.work.output.out)?;
    let signing_key = job.fleet_key(fleet, parts.first())?;
    // What can be refused without inputs is refused before the first cluster is built.
    for part in &parts {
        let cluster = fleet.resolve(part.cluster)?;
        let key = permitted_key(&job.for_cluster(part), &cluster);
        key.with_context(|| format!("building cluster {}", cluster.name))?;
    }
    let out = OutputFolder::open(&job.work.output.out)?;
    let is_whole = job.work.nodes.only.is_empty();
    let old_list = match &signing_key {
        Some(key) if !is_whole => publication::signed_list(out.path(), key)?,
        _ => None,
    };
    let withdraw = || match is_whole {
        true => report::withdraw_fleet(&out),
        false => report::withdraw_fleet_list(&out),
    };
    let mut inputs = Prepared::default();
    for part in &parts {
        let cluster = fleet.resolve(part.cluster)?;
        job.warn(&cluster);
        let built = build_part(&job.for_cluster(part), &cluster, &mut inputs, withdraw);
        built.with_context(|| format!("building cluster {}", cluster.name))?;
    }
    let record = job.fleet_record(fleet)?;
    if is_whole {
        let _step = interrupt::uninterrupted();
        // A shard may have replaced nothing.
        withdraw()?;
        report::write_fleet(&out, &record)?;
    }
    match signing_key {
        Some(key) if is_whole => publication::sign_fleet(&out, &record, &key)?,
        Some(key) => {
            let built = parts.iter().map(|part| part.cluster.name.as_str());
            let built: Vec<&str> = built.collect();
            let old_list = old_list.as_deref();
            let objection = publication::renew_fleet(&out, &record, &built, old_list, &key)?;
            job.note(objection.map(|why| unsigned_fleet(&why)).as_slice());
        }
        None => {}
    }
    Ok(record)
}

/// Returns the note about a part of a fleet after whose build the fleet has no signature.
fn unsigned_fleet(why: &str) -> String {
    format!(
        "the fleet is not signed, only the clusters of this build are: {why}; build the whole fleet with `--sign`, without `--only`, to sign it"
    )
}

/// Returns the content with which a new cluster begins, if the user names a snapshot.
fn snapshot(job: &Job) -> Result<Option<Snapshot>> {
    let snapshot = job.snapshot()?;
    if let Some(snapshot) = &snapshot {
        job.note(&[format!(
            "a new cluster of these nodes begins with {snapshot}"
        )]);
    }
    Ok(snapshot)
}

/// Opens the state directory and stages what the nodes of the cluster and the commands for it need.
fn open_state(job: &Job, cluster: &Cluster) -> Result<StateDirectory> {
    let mut state = job.state(cluster)?;
    for (name, text) in report::access(cluster, &state.certs)? {
        state.update(name, &text)?;
    }
    Ok(state)
}

/// Creates or updates the keys and identities of a cluster, and no image.
fn save_identities(job: &Job, cluster: &Cluster) -> Result<()> {
    overwrite::refuse_state_of_another(&cluster.name, job.state_path())?;
    let state = open_state(job, cluster)?;
    state.save()?;
    job.note_about_cluster(&state.certs.notes);
    Ok(())
}

/// Updates the state directory after a change of `cluster.toml` that needs no image.
fn update_state(job: &Job) -> Result<()> {
    save_identities(job, &job.cluster(Purpose::Images)?)
}

/// Returns every edit that [`build`] would make. Writes nothing but the cache of downloads.
fn plan(job: &Job, cluster: &Cluster, inputs: &mut Prepared) -> Result<Vec<Plan>> {
    overwrite::refuse_state_of_another(&cluster.name, job.state_path())?;
    job.note(&pki::unknown_replaced(job.state_path(), cluster)?);
    // Opening the key shows whether `build` could sign with it.
    let key = job.publishing(cluster).key(&job.environment)?;
    let nodes = cluster.select(&job.work.nodes.only)?;
    overwrite::refuse_unsigned(cluster, &nodes, &job.work.output.out, key.as_ref())?;
    let lock = job.lock(cluster)?;
    let snapshot = snapshot(job)?;
    let inputs = inputs.all(job, cluster, &lock)?;
    let base = &*inputs.base;
    let certs = pki::preview(job.state_path(), cluster, job.environment.now);
    let certs = base.refusals.join(certs)?;
    let overlays = job.overlays()?;
    let sources = inputs.sources(cluster, &certs, snapshot.as_ref(), &overlays);
    job.locked_inputs(&sources.nodes, base, &lock)?;
    job.plans(&sources.nodes, base)
}

/// Builds the images of an output directory again, beside it, and compares every file. Neither state nor lock may need a
/// change for that.
fn rebuild(job: Job, target: &Path) -> Result<Rebuild> {
    let old = report::read_manifests(target, true)?.swap_remove(0);
    interrupt::watch();
    let (path, _directory) = apply::temporary_beside(target)?;
    let (job, cluster) = match job.fleet(Purpose::Images)? {
        None => {
            let job = job.repeat(&old, target, &path);
            let cluster = job.cluster(Purpose::Images)?;
            (job, cluster)
        }
        Some(fleet) => {
            let part = fleet.select_cluster(&old.cluster)?;
            let job = job.for_cluster(&part).repeat(&old, target, &path);
            (job, fleet.resolve(part.cluster)?)
        }
    };
    let new = build(&job, &cluster, &mut Prepared::default())?;
    Rebuild::compare((target, &old), (&path, &new))
}

/// Fills the cache, so that [`build`] needs no network.
fn fetch(job: &Job, cluster: &Cluster, inputs: &mut Prepared) -> Result<FetchReport> {
    let lock = job.lock(cluster)?;
    let base = inputs.base(job, cluster, &lock)?;
    base.refusals.clone().settle()?;
    let etcd = inputs.etcd(job, cluster, (&base, &lock))?;
    if job.work.lock.locked {
        lock.require(&lock.found()?.with(&base.locked, &etcd.locked))?;
    }
    inputs.archives(job, cluster)?;
    Ok(FetchReport::new(base.record(), &base.verified, &etcd))
}

/// Looks for newer inputs, fetches them and writes them to the lock file. With `dry_run`, nothing but the cache is written.
fn update(job: &Job, what: Updated, dry_run: bool) -> Result<report::Update> {
    interrupt::watch();
    let cluster = job.cluster(Purpose::Downloads)?;
    let lock = job.lock(&cluster)?;
    let old = lock.found()?;
    let mirror = job.work.fetch.sources.mirror.as_deref();
    let base = match what {
        Updated::Etcd => job.base(&cluster, lock.base(&cluster, mirror))?,
        Updated::Base | Updated::All => job.base(&cluster, None)?,
    };
    job.refuse_older(&lock, &cluster, &base)?;
    base.refusals.clone().settle()?;
    let etcd = match what {
        Updated::Base => job.etcd(&cluster.etcd.source, lock.etcd(&cluster), &base)?,
        Updated::Etcd | Updated::All => {
            job.etcd(&job.newest_etcd(&cluster, &lock)?, None, &base)?
        }
    };
    let new = old.with(&base.locked, &etcd.locked);
    if !dry_run {
        let _step = interrupt::uninterrupted();
        lock.write(&new)?;
    }
    Ok(report::Update::new(
        lock.path(),
        old.differences(&new),
        dry_run,
    ))
}
