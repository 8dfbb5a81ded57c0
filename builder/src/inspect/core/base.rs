//! The conditions for building a node from an Ubuntu Core image: nothing that we add may be ignored.

use std::collections::BTreeSet;

use anyhow::Result;
use diskimg::ReadFs;

use super::super::layout::{Layout, System};
use super::model::Model;
use super::snaps::Snap;
use super::{COPY, FRESH, RASPI, SERVER, refused, unsupported};
use crate::failure::Kind;
use crate::recipe::Grade;

/// The program that reads a seed.
const CLOUD_INIT: &str = "/usr/bin/cloud-init";

/// Files that select what the bootloader starts: of Core 22 and later, and of Core 20.
const ENVIRONMENTS: [&str; 2] = ["/piboot/ubuntu/piboot.conf", "/uboot/ubuntu/boot.sel"];

/// Facts about a valid Ubuntu Core image that its partition layout does not show.
#[derive(Debug, Default)]
pub(in crate::inspect) struct CoreFacts {
    /// Paths in the base snap; `None` if it cannot be read.
    pub(in crate::inspect) paths: Option<BTreeSet<String>>,
    /// Warnings to print before building nodes from it.
    pub(in crate::inspect) warnings: Vec<String>,
}

/// Refuses an image that already holds a node, whose files could remain in the new one.
pub(super) fn check_fresh(fs: &mut dyn ReadFs, payload: &str) -> Result<()> {
    match fs.metadata(payload)? {
        None => Ok(()),
        Some(_) => Err(refused(
            format!("the image is a node already: it has {payload}"),
            COPY,
        )),
    }
}

/// Checks that the bootloader starts the only system, in install mode.
pub(super) fn check_environment(seed: &mut dyn ReadFs, system: &str) -> Result<()> {
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
        "neither {} nor {} names the system to start",
        ENVIRONMENTS[0], ENVIRONMENTS[1]
    );
    Err(unsupported(what, RASPI))
}

/// Checks that the base has cloud-init. The series does not decide: Core 26 has a base without it, and may get one with it.
pub(super) fn check_base(
    fs: &mut dyn ReadFs,
    folder: &str,
    base: &str,
) -> Result<BTreeSet<String>> {
    let base = Snap::open(fs, folder, base)?;
    if base.has(CLOUD_INIT) {
        return Ok(base.paths());
    }
    let what = format!(
        "the base snap {} has no cloud-init: a seed would be ignored",
        base.name
    );
    let hint =
        "use the dangerous model of Ubuntu Core 24, or Ubuntu Server: `--base ubuntu-server-24.04`";
    Err(unsupported(what, hint))
}

/// Checks the gadget's own settings for cloud-init, which are read before ours. Returns a warning, or refuses the image if
/// they disable cloud-init.
pub(super) fn check_gadget(
    fs: &mut dyn ReadFs,
    folder: &str,
    model: &Model,
) -> Result<Option<String>> {
    let Some(name) = &model.gadget else {
        return Ok(None);
    };
    let name = name.split('=').next().unwrap_or(name);
    let gadget = Snap::open(fs, folder, name)?;
    let Some(settings) = gadget.text("/cloud.conf")? else {
        return Ok(None);
    };
    let blanks = |line: &str| line.replace([' ', '\t'], "");
    if settings
        .lines()
        .any(|line| blanks(line) == "datasource_list:[]")
    {
        let what = format!(
            "the gadget snap {} disables cloud-init (cloud.conf)",
            gadget.name
        );
        return Err(unsupported(what, SERVER));
    }
    Ok(Some(format!(
        "warning: the gadget snap {} has settings for cloud-init (cloud.conf), which are read before ours",
        gadget.name
    )))
}

/// Returns a warning if the brand is not Canonical: such images are legitimate, but may lack what our method relies on.
pub(super) fn warning_about_brand(model: &Model) -> Option<String> {
    (!model.name.starts_with("canonical/")).then(|| {
        format!(
            "warning: the model {} is not Canonical's: this program does not know what its first boot does",
            model.name
        )
    })
}

/// Refuses a command line that already names a seed or a network configuration, which would take precedence over ours.
pub(super) fn check_arguments(seed: &mut dyn ReadFs) -> Result<()> {
    let text = seed.read_text("/cmdline.txt")?.unwrap_or_default();
    let taken = |word: &&str| word.starts_with("ds=") || word.starts_with("network-config=");
    match text.split_whitespace().find(taken) {
        Some(word) => {
            let what = format!("cmdline.txt has `{word}` already, which comes before any seed");
            Err(refused(what, COPY))
        }
        None => Ok(()),
    }
}

/// The treatment of images with a signed model.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedModels {
    /// They are refused: snapd ignores files added next to such a model.
    Refused,
    /// The node is started through the kernel's command line, as requested by the user. Other models are refused.
    ByCommandLine,
}

/// Refuses a signed model unless it was requested, and any other model if a signed one was requested.
pub(in crate::inspect) fn check_grade(layout: &Layout, allowed: SignedModels) -> Result<()> {
    let is_signed = layout.system == System::Seed(Grade::Signed);
    match (is_signed, allowed) {
        (true, SignedModels::Refused) => Err(signed(layout)),
        (false, SignedModels::ByCommandLine) => Err(Kind::Usage.error(format!(
                "`--core-signed-cmdline` is for Ubuntu Core 20 and later of grade signed; the base is {}",
                layout.os.pretty_name
            ),
            "leave it out",
        )),
        _ => Ok(()),
    }
}

fn signed(layout: &Layout) -> anyhow::Error {
    let what = format!(
        "the image is {}: snapd drops settings for cloud-init that are not signed with it",
        layout.os.pretty_name
    );
    let series = &layout.os.version;
    let hint = format!(
        "use the dangerous model with the same snaps: https://cdimage.ubuntu.com/ubuntu-core/{series}/dangerous-stable/current/ubuntu-core-{series}-arm64+raspi.img.xz, \
         or the unofficial way of `--core-signed-cmdline`"
    );
    unsupported(what, &hint)
}
