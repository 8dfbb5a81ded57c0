//! Upgrades etcd on the running nodes.

use std::path::Path;

use anyhow::Result;

use super::print;
use crate::cli::{
    CacheOptions, DetailOptions, Environment, Fetch, LockOptions, SourceOptions, UpgradeOptions,
    Voice,
};
use crate::cluster::{self, Access, OperatorLock};
use crate::failure::Kind;
use crate::progress;
use crate::run::Job;
use crate::spec::EtcdSource;

/// Brings another etcd onto the nodes.
pub(super) fn upgrade(
    options: &UpgradeOptions,
    environment: &Environment,
    voice: &Voice,
) -> Result<()> {
    let source = source(options)?;
    let folder = options.login.access.folder();
    let access = Access::open(folder, options.login.ssh_identity.clone())?;
    let (operator, now) = (&environment.operator, environment.clock);
    // A step that is refused needs no download.
    let report = cluster::members(&access, now)?;
    match &source {
        EtcdSource::Version(version) => report.can_change_to(version)?,
        EtcdSource::Debian | EtcdSource::Paths(_) => report.verdict()?,
    }
    let etcd = job(options, environment, voice).new_etcd(&source)?;
    let progress = progress::stderr(voice.quiet);
    let lock = OperatorLock::require(&access, "cluster upgrade", operator, now, &*progress)?;
    let done = cluster::upgrade(&access, (&etcd, &options.etcd), now, &lock, &*progress)?;
    print(voice, &done, &done)
}

fn source(options: &UpgradeOptions) -> Result<EtcdSource> {
    let source = EtcdSource::parse(&options.etcd, Path::new("")).map_err(|message| {
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
fn job(options: &UpgradeOptions, environment: &Environment, voice: &Voice) -> Job {
    let fetch = Fetch {
        sources: SourceOptions {
            config: None,
            base: None,
            etcd: Some(options.etcd.clone()),
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
    Job::fetch(fetch, lock, environment.clone(), voice)
}
