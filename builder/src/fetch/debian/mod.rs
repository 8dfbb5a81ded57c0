//! Makes the `debian-trixie` base: a bootable Raspberry Pi image that consists only of Debian's own signed packages.
//!
//! `recipes/debian-trixie/make.sh` does the work in fresh mount and process namespaces, and in a user namespace unless we are
//! root. Its trees live in memory there and vanish with it, however it ends. Linux only.
//! mmdebstrap starts apt, which resolves and downloads packages and checks Debian's signatures. The machine's own programs
//! then replace the arm64 ones while packages are configured, which avoids nearly all of the emulation.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

mod inputs;
mod recipe;
mod tools;

mod repository;
mod run;
mod table;

mod packages;

pub(super) use inputs::DebianInputs;
pub(super) use packages::download as download_packages;
pub(super) use table::made_at;

/// Makes the raw image in `work_dir` and returns its path. Beside it remain `debian-trixie.packages` (the list of packages),
/// `debian-trixie.tar` (the packages), Debian's packages of etcd, and `make.log` (the output of the tools). Calls `say` with
/// one line for each step.
pub(super) fn make(
    inputs: &DebianInputs,
    work_dir: &Path,
    say: &dyn Fn(&str),
) -> anyhow::Result<PathBuf> {
    make_from(inputs, work_dir, None, say)
}

/// Makes the raw image again from an archive of the packages that it was made from; all of the locked ones must be in it.
pub(super) fn make_again(
    inputs: &DebianInputs,
    work_dir: &Path,
    (archive, locked): (&Path, &[String]),
    say: &dyn Fn(&str),
) -> anyhow::Result<PathBuf> {
    let repository = work_dir.join("repository");
    repository::unpack(archive, &repository, locked)?;
    make_from(inputs, work_dir, Some(&repository), say)
}

fn make_from(
    inputs: &DebianInputs,
    work_dir: &Path,
    repository: Option<&Path>,
    say: &dyn Fn(&str),
) -> anyhow::Result<PathBuf> {
    let tools = tools::find()?;
    let recipe_dir = work_dir.join("recipe");
    recipe::unpack(&recipe_dir, inputs.packages()).context("unpacking the debian-trixie recipe")?;
    run::make_script(inputs, &tools, (&recipe_dir, work_dir), repository, say)?;
    let image = work_dir.join("image.raw");
    table::write(&image, inputs.disk_id())
        .with_context(|| format!("writing the partition table of {}", image.display()))?;
    Ok(image)
}
