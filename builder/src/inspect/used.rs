//! Refuses a base that is not as it was published: a node, booted, customized, or with the data of a cluster.

use anyhow::Result;
use diskimg::{FileKind, ReadFs};

use super::layout::NODE_PROGRAMS;
use crate::failure::Kind;
use crate::printable::printable;
use crate::refusals::Refusals;

/// The directory with etcd's data, also that of Debian's package.
const DATA: &str = "/var/lib/etcd";

/// Files that Raspberry Pi Imager writes to the boot partition for the first boot.
const IMAGER_FILES: [&str; 3] = ["/firstrun.sh", "/custom.toml", "/rpi-preseed.toml"];

/// Refuses a used base by what is on its partitions.
pub(super) fn check(
    boot: &mut dyn ReadFs,
    root: &mut dyn ReadFs,
    refusals: &mut Refusals,
) -> Result<()> {
    let mut refuse = |what: &str, hint: &str| refusals.check(refused(what, hint)).map(drop);
    let node = format!("{NODE_PROGRAMS}/node.json");
    if root.metadata(&node)?.is_some() {
        // Everything else about it follows from this.
        return refuse(
            &format!("the base is a node that etcd-image built: {node} exists"),
            "start from an unmodified image, or name a recipe with `--base`",
        );
    }
    if let Some(sign) = booted(root)? {
        refuse(
            &format!("the base has been booted already: {sign}"),
            "start from an unmodified image; a booted one has an identity that nodes must not share",
        )?;
    }
    if let Some(sign) = customized(boot)? {
        refuse(
            &format!("Raspberry Pi Imager has customized the base: {sign}"),
            "start from an unmodified image; cluster.toml sets the user, the keys and Wi-Fi",
        )?;
    }
    if let Some(path) = data(root)? {
        refuse(
            &format!("the base contains etcd data: {path} exists"),
            "start from an unmodified image; a node would use this data as its own",
        )?;
    }
    Ok(())
}

/// Returns the trace of a boot.
fn booted(root: &mut dyn ReadFs) -> Result<Option<String>> {
    for path in ["/etc/machine-id", "/var/lib/dbus/machine-id"] {
        let id = text_or_empty(root, path)?;
        let id = id.trim();
        if id.len() == 32 && id.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Ok(Some(format!("{path} is set")));
        }
    }
    let keys = root.read_dir("/etc/ssh").unwrap_or_default();
    let host_key = keys
        .iter()
        .find(|name| name.starts_with("ssh_host_") && name.ends_with("_key"));
    Ok(host_key.map(|key| format!("/etc/ssh/{key} exists")))
}

/// Returns the trace of Raspberry Pi Imager's customization.
fn customized(boot: &mut dyn ReadFs) -> Result<Option<String>> {
    let command = text_or_empty(boot, "/cmdline.txt")?;
    let is_imagers = |word: &&str| word.starts_with("systemd.run=") || word.contains("rpi-imager");
    if let Some(word) = command.split_whitespace().find(is_imagers) {
        return Ok(Some(format!("cmdline.txt says `{word}`")));
    }
    for path in IMAGER_FILES {
        if boot.metadata(path)?.is_some() {
            return Ok(Some(format!("{} is on the boot partition", &path[1..])));
        }
    }
    let seed = text_or_empty(boot, "/meta-data")?;
    let line = seed.lines().find(|line| line.contains("rpi-imager"));
    Ok(line.map(|line| format!("meta-data says `{line}`")))
}

/// Returns the path of a member's data.
fn data(root: &mut dyn ReadFs) -> Result<Option<String>> {
    let folders = root.read_dir(DATA).unwrap_or_default().into_iter();
    let inner = folders.map(|name| format!("{DATA}/{name}/member"));
    for path in std::iter::once(format!("{DATA}/member")).chain(inner) {
        if root.metadata(&path)?.is_some() {
            return Ok(Some(path));
        }
    }
    Ok(None)
}

/// Returns the content of a regular file, or an empty text.
fn text_or_empty(fs: &mut dyn ReadFs, path: &str) -> Result<String> {
    match fs.metadata(path)? {
        Some(found) if found.kind == FileKind::File => Ok(fs.read_text(path)?.unwrap_or_default()),
        _ => Ok(String::new()),
    }
}

fn refused(what: &str, hint: &str) -> Result<()> {
    Err(Kind::Refused.error(printable(what), hint))
}
