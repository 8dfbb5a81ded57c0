//! Which family a root belongs to, by what is inside, never by the file's name.

use anyhow::Result;
use diskimg::ReadFs;

use crate::failure::{Failure, Kind};
use crate::recipe::Family;

/// `e_machine` of `AArch64` in the ELF header (ELF for the Arm 64-bit Architecture, 4.1).
const EM_AARCH64: u16 = 183;
const EM_ARM: u16 = 40;

/// A program every Debian system has, to read its architecture from.
const PROGRAMS: [&str; 2] = ["/usr/bin/dash", "/usr/bin/ls"];

const STOCK: &str =
    "use a stock 64-bit Raspberry Pi OS Lite or the debian-trixie recipe; see `etcd-image recipes`";

/// Where Ubuntu's cloud-init looks for its seed.
const SEED_LABEL: &str = "system-boot";

/// The family and the release name of a root file system. `boot` is the label of the boot partition.
pub(super) fn detect(root: &mut dyn ReadFs, boot: &str) -> Result<(Family, String)> {
    check_architecture(root)?;
    let text = text(root, "/usr/lib/os-release")?
        .ok_or_else(|| unsupported("the root has no /usr/lib/os-release"))?;
    let field = |name: &str| {
        let prefix = format!("{name}=");
        let value = text.lines().find_map(|line| line.strip_prefix(&prefix))?;
        Some(value.trim_matches('"').to_owned())
    };
    let release = field("PRETTY_NAME").unwrap_or_else(|| "unnamed".to_owned());
    let raspios = root.metadata("/etc/rpi-issue")?.is_some();
    let ubuntu = field("ID").as_deref() == Some("ubuntu");
    let family = match (field("VERSION_CODENAME").as_deref(), raspios) {
        (Some("noble"), false) if ubuntu => {
            check_seed(root, boot)?;
            Family::UbuntuNoble
        }
        _ if ubuntu => {
            return Err(unsupported(&format!(
                "the root is {release}, which no recipe knows"
            )));
        }
        (Some("trixie"), true) => Family::RaspiosTrixie,
        (Some("bookworm"), true) => Family::RaspiosBookworm,
        (Some("trixie"), false) => Family::DebianTrixie,
        _ => {
            return Err(unsupported(&format!(
                "the root is {release}, which no recipe knows"
            )));
        }
    };
    Ok((family, release))
}

/// An image that has run holds an identity; its clones would share it.
pub(super) fn refuse_booted(root: &mut dyn ReadFs) -> Result<()> {
    let id = text(root, "/etc/machine-id")?.unwrap_or_default();
    let has_id = id.trim().len() == 32 && id.trim().bytes().all(|byte| byte.is_ascii_hexdigit());
    let keys = root.read_dir("/etc/ssh").unwrap_or_default();
    let host_key = keys
        .iter()
        .find(|name| name.starts_with("ssh_host_") && name.ends_with("_key"));
    let sign = match (has_id, host_key) {
        (true, _) => "/etc/machine-id is set".to_owned(),
        (false, Some(key)) => format!("/etc/ssh/{key} exists"),
        (false, None) => return Ok(()),
    };
    Err(Failure::new(
        Kind::Refused,
        format!("the base has been booted already: {sign}"),
        "start from an image as it was downloaded; a booted one has an identity that nodes must not share",
    ))
}

/// Without cloud-init, or with a boot partition it would not look at, the node would never get its address.
fn check_seed(root: &mut dyn ReadFs, boot: &str) -> Result<()> {
    if root.metadata("/usr/bin/cloud-init")?.is_none() {
        return Err(unserved(
            "the root is Ubuntu without cloud-init: a seed would be ignored",
        ));
    }
    if boot != SEED_LABEL {
        return Err(unserved(&format!(
            "the boot partition is called `{boot}`, not `{SEED_LABEL}`, where Ubuntu's cloud-init looks for its seed"
        )));
    }
    Ok(())
}

fn unserved(message: &str) -> anyhow::Error {
    let hint =
        "use Ubuntu Server's image preinstalled for Raspberry Pi (`--base ubuntu-server-24.04`)";
    Failure::new(Kind::Unsupported, message, hint)
}

fn check_architecture(root: &mut dyn ReadFs) -> Result<()> {
    for path in PROGRAMS {
        if root.metadata(path)?.is_none() {
            continue;
        }
        let bytes = root.read(path)?;
        let machine = bytes
            .get(18..20)
            .map(|field| u16::from(field[0]) | u16::from(field[1]) << 8);
        return match machine {
            Some(EM_AARCH64) => Ok(()),
            Some(EM_ARM) => Err(unsupported("the base is 32-bit (armhf)")),
            machine => Err(unsupported(&format!(
                "the base is not arm64: {path} has ELF machine {machine:?}"
            ))),
        };
    }
    Err(unsupported(
        "the root has neither /usr/bin/dash nor /usr/bin/ls",
    ))
}

fn text(root: &mut dyn ReadFs, path: &str) -> Result<Option<String>> {
    match root.metadata(path)? {
        None => Ok(None),
        Some(_) => Ok(Some(
            String::from_utf8_lossy(&root.read(path)?).into_owned(),
        )),
    }
}

fn unsupported(message: &str) -> anyhow::Error {
    Failure::new(Kind::Unsupported, message, STOCK)
}
