//! The commands, each as a sequence of steps.

mod access;
mod cache;
mod change;
mod cluster;
mod membership;
mod pki;
mod printing;
mod signature;
mod stored;
mod targets;
mod upgrade;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result};

use crate::apply::OutputFolder;
use crate::cli::{
    self, Args, BuildOptions, Command, Environment, FlashOptions, LockOptions, MergeOptions,
    OutputMode, OutputOptions, StateCommand, StateInitOptions, VerifyOptions,
};
use crate::failure::Kind;
use crate::merge::Joining;
use crate::publication::{self, SignedFleets, SigningKey};
use crate::report::{self, FleetRecord, FleetSummary, SIGNATURE, Summary};
use crate::run::{Job, Prepared};
use crate::shell;
use crate::spec::Purpose;
use crate::store::{Address, Destination};
use crate::{boot, flash, inventory, progress};
use crate::{recipe, spec};
use printing::{conclude, print, print_text};
use targets::{BUILD_FIRST, ONE_IMAGE, must_be_no_text, must_be_one_image, must_exist};

/// Runs one command and returns its exit code, which is not zero if `diff` finds a difference.
pub fn run(args: Args, environment: Environment) -> Result<ExitCode> {
    let mode = args.mode;
    let done = match args.command {
        Command::Build(work) => build(work, environment, &mode),
        Command::Plan(work) => plan(work, environment, &mode),
        Command::Fetch { fetch, lock, fleet } => {
            let mut job = Job::fetch(fetch, lock, environment, &mode);
            job.work.nodes.fleet = fleet;
            self::fetch(&job, &mode)
        }
        Command::Update {
            what,
            dry_run,
            fetch,
            ..
        } => {
            let job = Job::fetch(fetch, LockOptions::REFRESH, environment, &mode);
            let update = crate::update(&job, what, dry_run)?;
            print(&mode, &update, &update)
        }
        Command::Inspect { image } => {
            must_exist(&image, BUILD_FIRST)?;
            must_be_one_image(&image)?;
            must_be_no_text(&image, ONE_IMAGE)?;
            let inspection = report::inspect(&image)?;
            print(&mode, &inspection, &inspection)
        }
        Command::Verify(options) => verify(options, environment, &mode),
        Command::Boot(options) => boot::boot(&options, &environment, mode.quiet, |report| {
            print(&mode, report, report)
        }),
        Command::Merge(options) => merge(&options, &environment, &mode),
        Command::State(StateCommand::Init(options)) => init_state(options, environment, &mode),
        Command::Pki(command) => pki::run(command, environment, &mode),
        Command::Cluster(command) => cluster::run(command, &environment, &mode),
        Command::Diff { a, b, state } => return diff(&a, &b, state.as_deref(), &mode),
        Command::Flash(options) => flash(options, &environment, &mode),
        Command::BootInside => boot::inside(),
        Command::Cache(options) => cache::run(&options, &environment, &mode),
        Command::Recipes { recipes } => {
            let list = recipe::RecipeList(recipe::load(recipes.as_deref())?);
            print(&mode, &list, &list)
        }
        Command::Init {
            config,
            nodes,
            from,
        } => init(&config, nodes, from.as_deref(), &mode),
        Command::Schema => print_schema(&mode),
        Command::Completions { shell } => print_text(&cli::completions(shell)),
        Command::Man { dir } => cli::man(&dir),
    };
    done.map(|()| ExitCode::SUCCESS)
}

/// Prints the JSON Schema of `cluster.toml`, indented.
fn print_schema(mode: &OutputMode) -> Result<()> {
    let schema = spec::schema();
    print(mode, &schema, &format_args!("{schema:#}\n"))
}

/// Writes a `cluster.toml`: the template, or one for the machines that a file lists.
fn init(config: &Path, nodes: u32, from: Option<&Path>, mode: &OutputMode) -> Result<()> {
    let mut gaps = Vec::new();
    if let Some(source) = from {
        let converted = inventory::cluster_toml(source)?;
        cli::write_new(config, &converted.text)?;
        gaps = converted.gaps;
    } else {
        spec::init(config, nodes)?;
    }
    let option = match config == Path::new(spec::DEFAULT_CONFIG) {
        true => String::new(),
        false => format!(" --config {}", shell::path(config)),
    };
    let progress = progress::stderr(mode.quiet);
    for gap in &gaps {
        progress.note(gap);
    }
    progress.note(&format!(
        "wrote {}: edit it, then run `etcd-image plan{option}` to check it",
        config.display()
    ));
    Ok(())
}

fn build(work: BuildOptions, environment: Environment, mode: &OutputMode) -> Result<()> {
    if let Some(destination) = Destination::of(&work)? {
        return stored::build(work, destination, environment, mode);
    }
    let job = Job::new(work, environment, mode);
    if let Some(fleet) = job.fleet(Purpose::Images)? {
        let record = crate::build_fleet(&job, &fleet)?;
        let summary = FleetSummary {
            record: &record,
            out: &job.work.output.out,
        };
        return print(mode, &record, &summary);
    }
    let cluster = job.cluster(Purpose::Images)?;
    let manifest = crate::build(&job, &cluster, &mut Prepared::default())?;
    let summary = Summary {
        manifest: &manifest,
        out: &job.work.output.out,
        state: job.state_path(),
    };
    print(mode, &manifest.shown(), &summary)
}

fn plan(work: BuildOptions, environment: Environment, mode: &OutputMode) -> Result<()> {
    // A build with these options would be refused.
    Destination::of(&work)?;
    let job = Job::new(work, environment, mode);
    let mut inputs = Prepared::default();
    let Some(fleet) = job.fleet(Purpose::Images)? else {
        let cluster = job.cluster(Purpose::Images)?;
        let plans = crate::plan(&job, &cluster, &mut inputs)?;
        let plans = report::Plans::new(plans, &job.work.output);
        return print(mode, &plans, &plans);
    };
    let mut all = report::FleetPlans::new();
    for part in fleet.select(&job.work.nodes)? {
        let cluster = fleet.resolve(part.cluster)?;
        job.warn(&cluster);
        let job = job.for_cluster(&part);
        let plans = crate::plan(&job, &cluster, &mut inputs);
        let plans = plans.with_context(|| format!("planning cluster {}", cluster.name))?;
        let plans = report::Plans::new(plans, &job.work.output);
        match mode.json {
            true => all.add(&cluster.name, &plans)?,
            false => print(mode, &plans, &plans)?,
        }
    }
    match mode.json {
        true => print(mode, &all, &""),
        false => Ok(()),
    }
}

/// Fills the cache for a cluster, or for all clusters of a fleet.
fn fetch(job: &Job, mode: &OutputMode) -> Result<()> {
    let mut inputs = Prepared::default();
    let Some(fleet) = job.fleet(Purpose::Downloads)? else {
        let cluster = job.cluster(Purpose::Downloads)?;
        let fetched = crate::fetch(job, &cluster, &mut inputs)?;
        return print(mode, &fetched, &fetched);
    };
    let mut all = report::FleetFetchReport::default();
    for part in fleet.select(&job.work.nodes)? {
        let cluster = fleet.resolve(part.cluster)?;
        job.warn(&cluster);
        let fetched = crate::fetch(&job.for_cluster(&part), &cluster, &mut inputs);
        let fetched = fetched.with_context(|| format!("fetching for cluster {}", cluster.name))?;
        all.add(&cluster.name, fetched);
    }
    print(mode, &all, &all)
}

/// Joins the shards of a fleet.
fn merge(options: &MergeOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let out = options.out.as_path();
    OutputFolder::refuse_file(out)?;
    let agent = environment.ssh_agent.as_deref();
    let open = |path| SigningKey::open(path, agent);
    let signing_key = options.sign.as_deref().map(open).transpose()?;
    let identity = options.identity.as_deref();
    let shards = stored::get_shards(options.shards.clone(), identity, environment, mode)?;
    let progress = progress::stderr(mode.quiet);
    let folders = options.shards.iter().zip(&shards.folders);
    let signed = options.allowed_signers.as_deref();
    let signed = signed.map(|allowed| signed_shards(folders, allowed, environment.clock));
    let signed = signed.transpose()?;
    if let Some(signed) = &signed {
        let signers = signed.signers();
        progress.note(&format!("every shard is signed by {signers}"));
    }
    let joining = Joining {
        out,
        signed: signed.as_ref(),
        signing_key: signing_key.as_ref(),
        jobs: environment.parallelism,
    };
    let record = crate::merge::merge(&shards.folders, &shards.known, joining, &*progress)?;
    let is_signed = |folder: &PathBuf| folder.join(SIGNATURE).is_file();
    if signing_key.is_none() && shards.folders.iter().any(is_signed) {
        progress.note(
            "the joined images are not signed: the signatures of the shards are about other lists; `merge --sign KEY` signs them",
        );
    }
    let summary = FleetSummary {
        record: &record,
        out,
    };
    print(mode, &record, &summary)
}

/// Checks the signatures of all shards, and returns what they cover. Each has the place that the user has named and its directory.
fn signed_shards<'a>(
    shards: impl Iterator<Item = (&'a PathBuf, &'a PathBuf)>,
    allowed: &Path,
    now: i64,
) -> Result<SignedFleets> {
    let mut signed = SignedFleets::default();
    for (named, folder) in shards {
        // What is no shard is refused afterwards.
        let added = signed.add(folder, allowed, now);
        added.with_context(|| format!("checking the signatures of {}", named.display()))?;
    }
    Ok(signed)
}

/// Creates the keys of a cluster, or of all clusters of a fleet.
fn init_state(
    options: StateInitOptions,
    environment: Environment,
    mode: &OutputMode,
) -> Result<()> {
    let job = Job::new(options.into_work(), environment, mode);
    let Some(fleet) = job.fleet(Purpose::Identities)? else {
        return crate::save_identities(&job, &job.cluster(Purpose::Identities)?);
    };
    crate::pki::refuse_cluster(job.state_path())?;
    for part in fleet.select(&job.work.nodes)? {
        let cluster = fleet.resolve(part.cluster)?;
        let saved = crate::save_identities(&job.for_cluster(&part), &cluster);
        saved.with_context(|| format!("creating the keys of cluster {}", cluster.name))?;
    }
    Ok(())
}

/// Builds images again and prints whether the bytes are the same.
fn rebuild(options: VerifyOptions, environment: Environment, mode: &OutputMode) -> Result<()> {
    must_exist(&options.target, BUILD_FIRST)?;
    let target = report::folder_of(&options.target).to_owned();
    if FleetRecord::read(&target)?.is_some() {
        let message = format!("{} has the images of several clusters", target.display());
        let hint = "name the directory of one of them, as in `etcd-image verify images/CLUSTER --rebuild --fleet fleet.toml`";
        return Err(Kind::Usage.error(message, hint));
    }
    let work = BuildOptions {
        fetch: options.fetch,
        lock: LockOptions::default(),
        nodes: options.nodes,
        output: OutputOptions::default(),
    };
    let rebuild = crate::rebuild(Job::new(work, environment, mode), &target)?;
    conclude(mode, &rebuild, rebuild.verdict())
}

/// Prints the differences; the exit code is 1 if there are any, as that of `diff`.
fn diff(a: &Path, b: &Path, state: Option<&Path>, mode: &OutputMode) -> Result<ExitCode> {
    for path in [a, b] {
        must_exist(path, BUILD_FIRST)?;
        if !path.is_dir() {
            must_be_no_text(path, "name two images, or two directories")?;
        }
    }
    let comparison = crate::diff::diff(a, b, state)?;
    print(mode, &comparison, &comparison)?;
    Ok(ExitCode::from(u8::from(!comparison.is_same())))
}

fn flash(mut options: FlashOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    if options.list {
        let list = flash::list()?;
        return print(mode, &list, &list);
    }
    // The files are removed when this is dropped.
    let _stored = stored::get_images(&mut options, environment, mode)?;
    let flashed = flash::flash(&options, environment.clock, &*progress::stderr(mode.quiet))?;
    let printed = match flashed.is_worth_printing() {
        true => print(mode, &flashed, &flashed),
        false => Ok(()),
    };
    // The verdict decides the exit code, even if printing fails.
    flashed.verdict().and(printed)
}

/// Compares images with their manifest, with what a build would write now, or with the index of a store.
fn verify(options: VerifyOptions, environment: Environment, mode: &OutputMode) -> Result<()> {
    if let Some(address) = Address::of(&options.target, "verify")? {
        return stored::verify(&address, &options, &environment, mode);
    }
    stored::refuse_identity(
        options.identity.as_deref(),
        "name a store, or leave the option out",
    )?;
    if options.rebuild {
        return rebuild(options, environment, mode);
    }
    let allowed_signers = options.allowed_signers.as_deref();
    compare(&options.target, allowed_signers, &environment, mode)
}

/// Compares images with their manifest.
fn compare(
    target: &Path,
    allowed_signers: Option<&Path>,
    environment: &Environment,
    mode: &OutputMode,
) -> Result<()> {
    must_exist(target, BUILD_FIRST)?;
    if !target.is_dir() {
        let hint = "name an image, or the directory that `etcd-image build` wrote";
        must_be_no_text(target, hint)?;
    }
    let clock = environment.clock;
    let signer = |target: &Path| {
        let check = |allowed| publication::check(report::folder_of(target), allowed, clock);
        allowed_signers.map(check).transpose()
    };
    let verify = |target: &Path| report::verify(target, signer(target)?, clock);
    let verification = match FleetRecord::read(target)? {
        Some(fleet) => fleet.verify(target, signer(target)?, verify)?,
        None => verify(target)?,
    };
    let verdict = verification.verdict(allowed_signers.is_some());
    conclude(mode, &verification, verdict)
}
