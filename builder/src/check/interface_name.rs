//! Whether the network interfaces have the names for which the node has settings: udev may give them others than the kernel
//! (systemd.link(5), udev(7)).

use anyhow::Result;

use super::managed::settings;
use super::network;
use super::partitions::argument;
use super::system::NodeSystem;
use super::tree::Tree;
use super::udev_rule;
use crate::description::FileRole;
use crate::inspect::Volume;
use crate::ssh_patterns::is_like;

/// The policies by which udev names an interface after its place on the board or its address.
const BY_PLACE: [&str; 4] = ["onboard", "slot", "path", "mac"];

/// The file of udev that gives interfaces the names of link files. Without it, they keep those of the kernel.
const APPLIES: &str = "/80-net-setup-link.rules";

/// A file's section, key and value.
type LinkSetting<'t> = (&'t str, &'t str, &'t str);

/// The files of the image that can change the names of interfaces, each with its path.
struct Naming {
    rules: Vec<(String, String)>,
    links: Vec<(String, String)>,
    /// Whether the kernel command lines of all boards disable predictable names. `Name=` and udev rules still apply.
    is_plain: bool,
}

/// Checks that the interface of every connection profile exists under its name.
pub(super) fn check(commands: &[String], system: &mut NodeSystem<'_>) -> Result<()> {
    let is_plain = |arguments: &String| {
        argument(arguments, "net.ifnames")
            .is_some_and(|it| ["0", "no", "false", "off"].contains(&it))
    };
    let rules = system.root.configuration("udev/rules.d", ".rules")?;
    let is_masked = |(path, text): &(String, String)| text.is_empty() && path.ends_with(APPLIES);
    let links = match rules.iter().any(is_masked) {
        true => Vec::new(),
        false => links(&mut system.root)?,
    };
    let naming = Naming {
        rules,
        links,
        is_plain: commands.iter().all(is_plain),
    };
    let node = system.node;
    for file in &node.files {
        if file.role != Some(FileRole::Network) || file.partition != Volume::Root {
            continue;
        }
        let profile = system.root.text(&file.path)?.unwrap_or_default();
        let fault = network::interface_of(&profile).and_then(|interface| naming.fault(interface));
        if let Some(fault) = fault {
            system.add(fault);
        }
    }
    Ok(())
}

/// Returns the link files, each with its drop-ins.
fn links(root: &mut Tree<'_>) -> Result<Vec<(String, String)>> {
    let mut links = root.configuration("systemd/network", ".link")?;
    // Those of a masked file have no effect.
    for (path, text) in links.iter_mut().filter(|(_, text)| !text.is_empty()) {
        let name = path.rsplit('/').next().unwrap_or_default();
        let folder = format!("systemd/network/{name}.d");
        for (_, more) in root.configuration(&folder, ".conf")? {
            text.push('\n');
            text.push_str(&more);
        }
    }
    Ok(links)
}

impl Naming {
    /// Returns why no interface has this name, if that is certain.
    fn fault(&self, interface: &str) -> Option<String> {
        if is_of_kernel(interface) {
            self.renaming(interface)
        } else if interface.starts_with("en") && !self.gives(interface) {
            Some(format!(
                "no interface is called {interface}: the base keeps the names of the kernel, such as eth0 (`interface` in [network])"
            ))
        } else {
            None
        }
    }

    /// Returns what gives the interface another name than the kernel's.
    fn renaming(&self, interface: &str) -> Option<String> {
        let renamed = |path: &str, name: &str| {
            (name != interface).then(|| {
                format!("{path} renames {interface} to {name} (`interface` in [network] is the new name)")
            })
        };
        if self.may_be_kept(interface) {
            return None;
        }
        if let Some((path, name)) = self.by_rule(interface) {
            return renamed(path, &name);
        }
        let links = self.links.iter().map(|(path, text)| (path, settings(text)));
        // What is not certainly for the interface counts if it leaves the name.
        let decides = |settings: &Vec<LinkSetting<'_>>| {
            is_for(settings, interface).unwrap_or_else(|| keeps_name(settings, interface))
        };
        let mut links = links.filter(|(_, settings)| decides(settings));
        let (path, settings) = links.next()?;
        let is_by_place = !self.is_plain && interface.starts_with("eth") && is_by_place(&settings);
        match value(&settings, "Name") {
            _ if is_by_place => Some(format!(
                "{path} renames {interface} after its place on the board, for example to end0 (`interface` in [network] is the new name)"
            )),
            Some(name) if !name.is_empty() => renamed(path, name),
            _ => None,
        }
    }

    /// Returns whether a rule gives an interface this name, be it that of one board only.
    fn may_be_kept(&self, interface: &str) -> bool {
        let name = format!("NAME=\"{interface}\"");
        let mut rules = self.rules.iter();
        rules.any(|(_, text)| text.replace([' ', ':'], "").contains(&name))
    }

    /// Returns the last rule that certainly names the interface, and the name.
    fn by_rule(&self, interface: &str) -> Option<(&str, String)> {
        let mut found = None;
        // With jumps, a rule may be skipped.
        for (path, text) in self
            .rules
            .iter()
            .filter(|(_, text)| !text.contains("GOTO="))
        {
            for rule in text.replace("\\\n", " ").lines() {
                if let Some(name) = udev_rule::name(rule, interface) {
                    found = Some((path.as_str(), name));
                }
            }
        }
        found
    }

    /// Returns whether something may give an interface this name.
    fn gives(&self, interface: &str) -> bool {
        let mut all = self.rules.iter().chain(&self.links);
        let by_place = |(_, text): &(String, String)| {
            let settings = settings(text);
            let is_virtual = settings.iter().any(|(_, key, _)| *key == "Kind");
            !is_virtual && is_by_place(&settings)
        };
        let is_by_place = !self.is_plain && self.links.iter().any(by_place);
        is_by_place || all.any(|(_, text)| text.contains(interface))
    }
}

/// Returns whether the kernel itself gives such a name to an interface of a board.
fn is_of_kernel(interface: &str) -> bool {
    let mut kinds = ["eth", "wlan"].into_iter();
    let number = kinds.find_map(|kind| interface.strip_prefix(kind));
    number.is_some_and(|it| !it.is_empty() && it.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Returns the last value of a key in the section of a link.
fn value<'t>(settings: &[LinkSetting<'t>], name: &str) -> Option<&'t str> {
    let mut last_first = settings.iter().rev();
    let found = last_first.find(|(section, key, _)| *section == "Link" && *key == name)?;
    Some(found.2)
}

fn is_by_place(settings: &[LinkSetting<'_>]) -> bool {
    let policies = value(settings, "NamePolicy").unwrap_or_default();
    policies.split_whitespace().any(|it| BY_PLACE.contains(&it))
}

/// Returns whether a link file is for the interface, unless that depends on the board, which is not known.
fn is_for(settings: &[LinkSetting<'_>], interface: &str) -> Option<bool> {
    let kind = match interface.starts_with("wl") {
        true => "wlan",
        false => "ether",
    };
    let holds = |(_, key, patterns): &LinkSetting<'_>| match *key {
        "OriginalName" => Some(is_among(patterns, interface)),
        "Type" => Some(is_among(patterns, kind)),
        // Only virtual interfaces have one.
        "Kind" => Some(false),
        _ => None,
    };
    let conditions = settings.iter().filter(|(section, ..)| *section == "Match");
    let known: Vec<Option<bool>> = conditions.map(holds).collect();
    // udev ignores a file without conditions.
    if known.is_empty() || known.contains(&Some(false)) {
        return Some(false);
    }
    (!known.contains(&None)).then_some(true)
}

/// Returns whether a link file gives the interface no other name.
fn keeps_name(settings: &[LinkSetting<'_>], interface: &str) -> bool {
    let name = value(settings, "Name").unwrap_or(interface);
    !is_by_place(settings) && ["", interface].contains(&name)
}

/// Returns whether a list of patterns contains the name; a leading `!` excludes what the list contains.
fn is_among(patterns: &str, name: &str) -> bool {
    let listed = patterns.strip_prefix('!');
    let mut all = listed.unwrap_or(patterns).split_whitespace();
    all.any(|pattern| is_like(pattern, name)) == listed.is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(rule: &str, link: &str, is_plain: bool) -> Naming {
        let file = |path: &str, text: &str| vec![(path.to_owned(), text.to_owned())];
        Naming {
            rules: file("RULE", rule),
            links: file("LINK", link),
            is_plain,
        }
    }

    #[test]
    fn an_interface_has_the_name_of_the_first_link_file_for_it() {
        let by_place = "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel path\n";
        for (link, is_plain, is_fault) in [
            (by_place, false, true),
            (by_place, true, false),
            (
                "[Match]\nOriginalName=eth*\n[Link]\nName=lan0\n",
                true,
                true,
            ),
            (
                "[Match]\nOriginalName=eth0\n[Link]\nName=eth0\n",
                false,
                false,
            ),
            (
                "[Match]\nOriginalName=!eth*\n[Link]\nName=lan0\n",
                false,
                false,
            ),
            ("[Match]\nType=wlan\n[Link]\nName=lan0\n", false, false),
            (
                "[Match]\nMACAddress=b8:27:eb:00:00:01\n[Link]\nName=lan0\n",
                false,
                false,
            ),
            ("[Link]\nName=lan0\n", false, false),
            ("", false, false),
        ] {
            let fault = naming("", link, is_plain).fault("eth0");
            assert_eq!(fault.is_some(), is_fault, "{link}: {fault:?}");
        }
        let kept = naming("KERNEL==\"eth0\", NAME=\"eth0\"", by_place, false);
        assert_eq!(kept.fault("eth0"), None);
        let of_board = "ATTR{address}==\"b8:27:eb:1:2:3\", NAME := \"eth0\"";
        assert_eq!(naming(of_board, by_place, false).fault("eth0"), None);
    }

    #[test]
    fn a_link_file_for_some_boards_may_keep_the_name() {
        for (own, is_fault) in [
            ("[Match]\nDriver=bcmgenet\n[Link]\nName=eth0\n", false),
            ("[Match]\nPath=*fd580000*\n[Link]\nWakeOnLan=magic\n", false),
            ("[Match]\nDriver=bcmgenet\n[Link]\nName=lan0\n", true),
            ("[Match]\nPath=*-usb-*\n[Link]\nNamePolicy=mac\n", true),
            ("[Match]\nKind=veth\n[Link]\nMTUBytes=1400\n", true),
            ("[Match]\nDriver=x\nOriginalName=wlan0\n", true),
            ("", true),
        ] {
            let mut naming = naming("", own, false);
            let by_place = "[Match]\nOriginalName=*\n[Link]\nNamePolicy=keep kernel path\n";
            naming.links.push(("LAST".to_owned(), by_place.to_owned()));
            assert_eq!(naming.fault("eth0").is_some(), is_fault, "{own}");
        }
    }

    #[test]
    fn a_name_after_the_place_needs_something_that_gives_it() {
        let by_place = "[Match]\nOriginalName=*\n[Link]\nNamePolicy=onboard\n";
        assert_eq!(naming("", by_place, false).fault("end0"), None);
        assert!(naming("", by_place, true).fault("end0").is_some());
        let of_bridges = "[Match]\nKind=bridge\n[Link]\nNamePolicy=onboard\n";
        assert!(naming("", of_bridges, false).fault("end0").is_some());
        let own = "ATTR{address}==\"b8:27:eb:1:2:3\", NAME=\"end0\"";
        assert_eq!(naming(own, "", true).fault("end0"), None);
        assert_eq!(naming("", "", true).fault("lan0"), None);
    }
}
