//! Whether what etcd writes is still there after the next boot.

use anyhow::Result;

use super::partitions::{argument, memory_over};
use super::system::NodeSystem;
use crate::inspect::NODE_PROGRAMS;
use crate::spec::{DEFAULT_DATA_DIR, rules};

/// The settings of Debian's overlayroot(8), and its part of an initramfs.
const OVERLAYROOT: &str = "/etc/overlayroot.conf";
const IN_INITRAMFS: &str = "/usr/share/initramfs-tools/scripts/init-bottom/overlayroot";

/// Checks that nothing lays memory over the data. `commands` are the kernel arguments of the boards.
pub(super) fn check(commands: &[String], fstab: &str, system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    // The kernel's argument takes precedence, and has its own check.
    let is_given = commands
        .iter()
        .any(|it| argument(it, "overlayroot").is_some());
    if !is_given && system.root.exists(IN_INITRAMFS)? {
        let text = system.root.text(OVERLAYROOT)?.unwrap_or_default();
        if let Some(value) = overlayroot(&text) {
            system.add(format!(
                "{OVERLAYROOT} says `overlayroot={value}`: what the node writes would be lost at every boot"
            ));
        }
    }
    let mounts = format!("{NODE_PROGRAMS}/data");
    let data = node.data_dir.as_deref().unwrap_or(DEFAULT_DATA_DIR);
    let has_own_place = node.files.iter().any(|file| file.path == mounts);
    // Below memory, something may make the directory at which the node mounts its data.
    let is_lost = |target: &&str| !has_own_place || *target == data;
    if let Some(target) = memory_over(fstab, data).filter(is_lost) {
        system.add(format!(
            "/etc/fstab lays memory over {target}: etcd's data in {data} would be lost at every boot"
        ));
    }
    Ok(())
}

/// Returns the value of the last line that sets `overlayroot`, unless it changes nothing.
fn overlayroot(text: &str) -> Option<&str> {
    let is_on = |value: &&str| rules::lays_memory_over_root(&format!("overlayroot={value}"));
    let mut last_first = text.lines().rev();
    let value = last_first.find_map(|line| line.trim().strip_prefix("overlayroot="))?;
    // A comment may follow.
    let value = value.split_whitespace().next().unwrap_or_default();
    let value = value.trim_matches(['"', '\'']);
    // What is written to a device stays there.
    Some(value)
        .filter(is_on)
        .filter(|it| !it.starts_with("device:"))
}

#[cfg(test)]
mod tests {
    use super::overlayroot;

    #[test]
    fn the_last_line_counts() {
        for (text, expected) in [
            ("overlayroot=\"tmpfs\"\n", Some("tmpfs")),
            ("overlayroot='tmpfs:recurse=0'\n", Some("tmpfs:recurse=0")),
            ("overlayroot=tmpfs\noverlayroot=\"\"\n", None),
            ("overlayroot=disabled\n", None),
            ("overlayroot=\"\" # tmpfs\n", None),
            ("overlayroot=\"device:dev=/dev/sda1\"\n", None),
            (
                "# overlayroot=tmpfs\noverlayroot_cfgdisk=\"LABEL=x\"\n",
                None,
            ),
            ("", None),
        ] {
            assert_eq!(overlayroot(text), expected, "{text}");
        }
    }
}
