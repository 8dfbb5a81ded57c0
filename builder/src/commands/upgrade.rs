//! Upgrades etcd on the running nodes.

use std::path::Path;

use anyhow::Result;

use super::access::ssh_login;
use super::printing::print;
use crate::cli::{
    CacheOptions, DetailOptions, Environment, Fetch, LockOptions, OutputMode, SourceOptions,
    UpgradeOptions,
};
use crate::cluster::{self, Access, Operation, OperatorLock};
use crate::failure::Kind;
use crate::fetch::EtcdBinaries;
use crate::progress;
use crate::report;
use crate::run::Job;
use crate::spec::EtcdSource;

/// Installs the etcd of `--etcd` or `--images` on the running nodes.
pub(super) fn upgrade(
    options: &UpgradeOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    let folder = options.login.access.folder();
    let access = Access::open(folder, ssh_login(&options.login.ssh))?;
    let etcd = match (&options.etcd, &options.images) {
        (Some(text), _) => requested(text, &access, options, environment, mode)?,
        (None, images) => {
            let images = images.as_deref().unwrap_or(Path::new("images"));
            report::etcd_in_images(images, access.cluster())?
        }
    };
    let (operator, now) = (&environment.operator, environment.clock);
    let progress = progress::stderr(mode.quiet);
    let lock = OperatorLock::require(&access, "cluster upgrade", operator, now, &*progress)?;
    let setting = options.etcd.as_deref();
    let operation = Operation {
        access: &access,
        now,
        lock: &lock,
        progress: &*progress,
    };
    let done = cluster::upgrade(&operation, &etcd, setting)?;
    print(mode, &done, &done)
}

/// Returns the etcd that `--etcd` names.
fn requested(
    text: &str,
    access: &Access,
    options: &UpgradeOptions,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<EtcdBinaries> {
    let source = source_of_etcd(text, options)?;
    // A step that is refused needs no download.
    let report = cluster::members(access, environment.clock)?;
    match &source {
        EtcdSource::Version(version) => report.can_change_to(version)?,
        EtcdSource::Debian | EtcdSource::Paths(_) => report.verdict()?,
    }
    job(options, environment, mode).new_etcd(&source)
}

fn source_of_etcd(text: &str, options: &UpgradeOptions) -> Result<EtcdSource> {
    let source = EtcdSource::parse(text, Path::new("")).map_err(|message| {
        let hint = "name a release such as 3.6.14, `debian`, a release tarball, `.deb` packages or a directory";
        Kind::Usage.error(format!("--etcd: {message}"), hint)
    })?;
    if options.mirror.is_some() && source != EtcdSource::Debian {
        let message = "`--mirror` has no effect: etcd does not come from Debian packages";
        return Err(Kind::Usage.error(message, "remove it, or use `--etcd debian`"));
    }
    Ok(source)
}

/// Returns the run that fetches etcd's programs, the newest ones unless it is offline.
fn job(options: &UpgradeOptions, environment: &Environment, mode: &OutputMode) -> Job {
    let fetch = Fetch {
        sources: SourceOptions {
            config: None,
            base: None,
            etcd: options.etcd.clone(),
            state: options.login.access.folder().to_owned(),
            recipes: options.recipes.clone(),
            mirror: options.mirror.clone(),
        },
        cache: CacheOptions {
            cache: options.cache.clone(),
            offline: options.offline,
            jobs: None,
        },
        detail: DetailOptions { verbose: false },
    };
    let lock = match options.offline {
        true => LockOptions::default(),
        false => LockOptions::REFRESH,
    };
    Job::fetch(fetch, lock, environment.clone(), mode)
}
