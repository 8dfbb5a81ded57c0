//! Modules of the kernel that a node needs, and that modprobe.d(5) of the image keeps from loading.

use std::collections::BTreeSet;

use anyhow::Result;

use super::system::NodeSystem;
use super::tree::Tree;
use crate::inspect::NODE_PROGRAMS;
use crate::spec::rules;

/// The directory with the modules of each kernel.
const MODULES: &str = "/usr/lib/modules";

/// The drivers of the boards' wired interfaces.
const WIRED: [&str; 5] = ["bcmgenet", "genet", "lan78xx", "macb", "smsc95xx"];

/// The module that the node's first program loads by its name, which a blacklist does not prevent.
const BY_NAME: &str = "overlay";

/// A line of modprobe.d(5) that keeps a module from loading.
#[derive(Debug, PartialEq, Eq)]
struct Ban {
    /// The module, with `_` in the place of `-`.
    module: String,
    /// Whether the module does not load by its name either.
    is_total: bool,
}

/// Checks that modprobe.d(5) lets the kernel load the modules that the node needs.
pub(super) fn check(system: &mut NodeSystem<'_>) -> Result<()> {
    let node = system.node;
    let is_wifi = node.network.wifi;
    let has = |path: &str| node.files.iter().any(|file| file.path == path);
    let has_firewall = has("/etc/nftables.conf");
    let has_memory_over_root = has(&format!("{NODE_PROGRAMS}/init"));
    let is_used = |module: &str| match module {
        "nf_tables" => has_firewall,
        BY_NAME => has_memory_over_root,
        _ => true,
    };
    let mut banned = Vec::new();
    for (path, text) in system.root.configuration("modprobe.d", ".conf")? {
        for line in text.lines() {
            let ban = ban(line).filter(|it| is_needed(&it.module, is_wifi) && is_used(&it.module));
            if let Some(ban) = ban.filter(|it| it.is_total || it.module != BY_NAME) {
                banned.push((format!("{path} says `{}`", line.trim()), ban.module));
            }
        }
    }
    if banned.is_empty() {
        return Ok(());
    }
    let loadable = loadable(&mut system.root)?;
    for (what, module) in banned {
        system.expect(
            !loadable.contains(&module),
            format!("{what}: the kernel would not load {module}, which the node needs"),
        );
    }
    Ok(())
}

fn is_needed(module: &str, is_wifi: bool) -> bool {
    rules::is_needed_module(module) && !(is_wifi && WIRED.contains(&module))
}

/// Returns the ban on a line, if it is one.
fn ban(line: &str) -> Option<Ban> {
    let mut words = line.split_whitespace();
    let (command, module) = (words.next()?, words.next()?);
    let is_total = match command {
        "blacklist" => false,
        "install" if is_nothing(words.next()?) => true,
        _ => return None,
    };
    let module = module.replace('-', "_");
    Some(Ban { module, is_total })
}

/// Returns whether a program loads no module.
fn is_nothing(program: &str) -> bool {
    let name = program.rsplit('/').next().unwrap_or_default();
    [":", "false", "null", "true"].contains(&name)
}

/// Returns the modules that the kernels of the image load from files. The others are built into a kernel, or it lacks them.
fn loadable(root: &mut Tree<'_>) -> Result<BTreeSet<String>> {
    let mut modules = BTreeSet::new();
    for release in root.names(MODULES)? {
        let list = root.text(&format!("{MODULES}/{release}/modules.dep"))?;
        let list = list.unwrap_or_default();
        modules.extend(list.lines().filter_map(module_of));
    }
    Ok(modules)
}

/// Returns the module of a line such as `kernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz`.
fn module_of(line: &str) -> Option<String> {
    let (path, _) = line.split_once(':')?;
    let file = path.rsplit('/').next()?;
    let (name, _) = file.split_once(".ko")?;
    Some(name.replace('-', "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blacklist_and_an_install_command_ban_a_module() {
        for (line, expected) in [
            ("blacklist sdhci-iproc", Some(("sdhci_iproc", false))),
            ("  install ext4 /bin/false", Some(("ext4", true))),
            ("install vfat /bin/true # x", Some(("vfat", true))),
            ("install snd modprobe -i snd", None),
            ("# blacklist vfat", None),
            ("options vfat x=1", None),
            ("blacklist", None),
            ("", None),
        ] {
            let expected = expected.map(|(module, is_total)| Ban {
                module: module.to_owned(),
                is_total,
            });
            assert_eq!(ban(line), expected, "{line}");
        }
    }

    #[test]
    fn a_node_with_wifi_needs_no_wired_driver() {
        for (module, wired, wireless) in [
            ("genet", true, false),
            ("brcmfmac", false, false),
            ("vfat", true, true),
            ("snd_bcm2835", false, false),
        ] {
            assert_eq!(is_needed(module, false), wired, "{module}");
            assert_eq!(is_needed(module, true), wireless, "{module}");
        }
    }

    #[test]
    fn modules_are_listed_with_what_they_depend_on() {
        let line = "kernel/drivers/mmc/host/sdhci-iproc.ko.xz: kernel/drivers/mmc/host/sdhci.ko.xz";
        assert_eq!(module_of(line).as_deref(), Some("sdhci_iproc"));
        assert_eq!(module_of(""), None);
    }
}
