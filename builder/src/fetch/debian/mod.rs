//! Makes the `debian-trixie` base: a bootable Raspberry Pi image of nothing but Debian's own signed packages.
//!
//! The work itself is `recipes/debian-trixie/make.sh`, run inside fresh mount and process namespaces (and a user namespace
//! when we are not root); its trees live in memory there and vanish with it, however it ends. Linux only.
//! apt, started by mmdebstrap, resolves, downloads and checks Debian's signatures. The machine's own programs then stand in
//! for the arm64 ones while packages are configured, which spares nearly all of the emulation.

use std::path::{Path, PathBuf};

use anyhow::Context as _;

mod inputs;
mod recipe;
mod tools;

mod run;
mod table;

mod packages;

pub(super) use inputs::Inputs;
pub(super) use packages::download as download_packages;

/// Makes the raw image in `work_dir` and returns its path. Beside it are left `debian-trixie.packages`, the record of what
/// went in, Debian's packages of etcd, and `make.log`, what the tools said. `say` is given one line for each step.
pub(super) fn make(
    inputs: &Inputs,
    work_dir: &Path,
    say: &dyn Fn(&str),
) -> anyhow::Result<PathBuf> {
    let tools = tools::find()?;
    let recipe_dir = work_dir.join("recipe");
    recipe::unpack(&recipe_dir).context("unpacking the debian-trixie recipe")?;
    run::make_script(inputs, &tools, &recipe_dir, work_dir, say)?;
    let image = work_dir.join("image.raw");
    table::write(&image, inputs.disk_id())
        .with_context(|| format!("writing the partition table of {}", image.display()))?;
    Ok(image)
}
