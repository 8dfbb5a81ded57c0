//! Runs `make.sh` in separate namespaces and reports its progress.
#![expect(
    clippy::disallowed_methods,
    reason = "this recipe is made by mmdebstrap, the one exception to not shelling out"
)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use anyhow::Context as _;
use fs_err::File;

use super::DebianInputs;
use super::tools::Tools;
use crate::failure::Kind;
use crate::hex;

/// Runs the script of `recipe_dir`, which leaves `image.raw`, the list of its packages and the packages themselves in
/// `work_dir`. They come from a repository of kept packages, or else from the mirror.
pub(super) fn make_script(
    inputs: &DebianInputs,
    tools: &Tools,
    (recipe_dir, work_dir): (&Path, &Path),
    repository: Option<&Path>,
    say: &dyn Fn(&str),
) -> anyhow::Result<()> {
    let log = work_dir.join("make.log");
    let mut command = isolated(tools);
    command.arg("sh").arg(recipe_dir.join("keep.sh"));
    command.env("RECIPE", recipe_dir).env("WORK", work_dir);
    command.env("REPOSITORY", repository.unwrap_or(Path::new("")));
    settings(&mut command, inputs, tools);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    command.stderr(File::create(&log)?.into_file());
    finish(command.spawn().context("starting unshare")?, &log, say)
}

/// Returns an `unshare` command whose options make sure that no mount or process outlives the script.
fn isolated(tools: &Tools) -> Command {
    let mut command = Command::new("unshare");
    if tools.needs_user_namespace {
        command.args(["--user", "--map-root-user", "--map-auto"]);
    }
    command.args(["--mount", "--pid", "--fork", "--kill-child", "--mount-proc"]);
    command
}

fn settings(command: &mut Command, inputs: &DebianInputs, tools: &Tools) {
    command.env("MIRROR", inputs.mirror());
    command.env("LOCALE", inputs.locale());
    command.env(
        "EMULATOR",
        tools.emulator.as_deref().unwrap_or(Path::new("")),
    );
    // On disk the id is a little-endian number; PARTUUIDs contain that number in hexadecimal.
    command.env(
        "DISK_ID",
        format!("{:08x}", u32::from_le_bytes(inputs.disk_id())),
    );
    command.env("FAT_SERIAL", hex::encode(&inputs.fat_serial()));
    command.env("ROOT_UUID", inputs.uuid("root"));
    command.env("HASH_SEED", inputs.uuid("hash seed"));
}

/// Waits for the script to end. The script watches its standard input, which the kernel closes if this process is killed.
fn finish(mut script: Child, log: &Path, say: &dyn Fn(&str)) -> anyhow::Result<()> {
    let _alive = script.stdin.take();
    let steps = script.stdout.take().context("reading the script's steps")?;
    for step in BufReader::new(steps).lines() {
        say(&step.context("reading the script's steps")?);
    }
    let status = script.wait().context("waiting for mmdebstrap")?;
    if status.success() {
        return Ok(());
    }
    Err(Kind::Storage.error(format!("running mmdebstrap: {status}\n{}", last_lines(log)),
        "these are the last lines of its log; check the network, the free space of the cache directory and the free memory",
    ))
}

/// Returns the last lines of the log, which may contain the cause.
fn last_lines(log: &Path) -> String {
    let text = fs_err::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines = text.lines().filter(|line| !line.trim().is_empty());
    let lines: Vec<&str> = lines.collect();
    lines[lines.len().saturating_sub(6)..].join("\n")
}
