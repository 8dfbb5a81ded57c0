//! `etcd-image pki`: shows the certificates of a state directory, and has them signed by the owner of a CA.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::printing::{conclude, print};
use super::targets::must_exist;
use crate::cli::{
    self, Environment, OutputMode, PkiCommand, PkiCsrOptions, PkiImportOptions, PkiStatusOptions,
};
use crate::failure::Kind;
use crate::report::{self, Imports, PkiStatus, Requests};
use crate::run::Job;
use crate::spec::Purpose;
use crate::{file, pki};

/// The endings of files with certificates in a directory.
const ENDINGS: [&str; 3] = ["crt", "pem", "cer"];

/// Runs one of the commands.
pub(super) fn run(command: PkiCommand, environment: Environment, mode: &OutputMode) -> Result<()> {
    match command {
        PkiCommand::Status(options) => status(&options, &environment, mode),
        PkiCommand::Csr(options) => request(options, environment, mode),
        PkiCommand::Import(options) => import(options, environment, mode),
    }
}

fn status(options: &PkiStatusOptions, environment: &Environment, mode: &OutputMode) -> Result<()> {
    let stored = pki::stored(&options.state)?;
    let requested = pki::requested(&options.state)?;
    let found = (stored, requested);
    let status = PkiStatus::new(&options.state, found, options.within, environment.clock);
    conclude(mode, &status, status.verdict())
}

fn request(options: PkiCsrOptions, environment: Environment, mode: &OutputMode) -> Result<()> {
    let job = Job::new(options.cluster.into_work(), environment, mode);
    let cluster = job.cluster(Purpose::Identities)?;
    let state = job.state_path();
    let requests = pki::requests(state, &cluster, job.environment.now, options.all)?;
    let files = requests.iter();
    let files = files.map(|request| (report::request_name(request), request.pem.as_str()));
    cli::replace_all(&options.out, files)?;
    let written = Requests::new(&options.out, &requests);
    print(mode, &written, &written)
}

fn import(options: PkiImportOptions, environment: Environment, mode: &OutputMode) -> Result<()> {
    let job = Job::new(options.cluster.into_work(), environment, mode);
    let cluster = job.cluster(Purpose::Identities)?;
    let state = job.state_path();
    let mut answers = Vec::new();
    for path in files(&options.answers)? {
        let bytes = file::read(&path).with_context(unreadable)?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        answers.push((path, text));
    }
    let imported = pki::import(state, &cluster, job.environment.now, &answers)?;
    let imports = Imports::new(imported);
    print(mode, &imports, &imports)
}

/// Returns the named files, and the files with certificates in the named directories.
fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in named {
        must_exist(path, "check the path")?;
        if !path.is_dir() {
            files.push(path.clone());
            continue;
        }
        for entry in fs_err::read_dir(path).with_context(unreadable)? {
            let path = entry?.path();
            if is_certificate(&path) {
                files.push(path);
            }
        }
    }
    files.sort();
    match files.is_empty() {
        false => Ok(files),
        true => Err(Kind::Usage.error(
            "there is no file with a certificate",
            "its name must end in .crt, .pem or .cer; name other files one by one",
        )),
    }
}

fn is_certificate(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    path.is_file()
        && ENDINGS
            .iter()
            .any(|known| ending.eq_ignore_ascii_case(known))
}

fn unreadable() -> crate::failure::Failure {
    Kind::Usage.context(
        "reading the certificates to import",
        "name existing files or directories",
    )
}
