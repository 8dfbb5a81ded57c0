//! Files of the user that no program of a node reads: the program is not there, or the node's own settings come first.

use super::inputs::NodeInputs;
use crate::spec::{ExtraContent, ExtraFile};

/// Files that have no effect on the nodes of some bases.
struct Unread {
    /// The directory of `overlays/` that such a base has.
    overlay: &'static str,
    /// The beginning of their paths.
    start: &'static str,
    /// The end of their paths.
    end: &'static str,
    why: &'static str,
}

const UNREAD: [Unread; 15] = [
    unread("network", "/etc/systemd/network/", ".network", NETWORKD),
    unread("network", "/etc/systemd/network/", ".netdev", NETWORKD),
    unread(
        "network",
        "/etc/resolv.conf",
        "resolv.conf",
        "NetworkManager writes it; set `dns` and `search` in [network] instead",
    ),
    unread(
        "network",
        "/etc/NetworkManager/dispatcher.d/",
        "",
        "nodes do not run these programs; add a [[unit]] that starts after network-online.target",
    ),
    unread(
        "network",
        "/etc/cloud/",
        "",
        "cloud-init does not run on these nodes; remove it",
    ),
    unread(
        "cloud-init-seed",
        "/etc/NetworkManager/",
        "",
        "Ubuntu Server has no NetworkManager; set [network] instead",
    ),
    unread(
        "disable-setup-raspios-bookworm",
        "/etc/dphys-swapfile",
        "swapfile",
        SWAP,
    ),
    unread(
        "disable-setup-raspios-trixie",
        "/etc/rpi/swap.conf",
        "swap.conf",
        SWAP,
    ),
    unread(
        "network",
        "/etc/dhcp/dhclient.conf",
        "dhclient.conf",
        "NetworkManager has a DHCP client of its own; set [network] instead",
    ),
    unread(
        "network",
        "/etc/default/crda",
        "crda",
        "the kernel's command line sets the country; set `country` in [network.wifi] instead",
    ),
    unread(
        "network",
        "/etc/initramfs-tools/",
        "",
        "the initramfs is that of the base",
    ),
    unread(
        "fast-boot",
        "/etc/default/grub",
        "grub",
        "a Raspberry Pi boots without GRUB; set `cmdline` in [firmware] instead",
    ),
    unread(
        "fast-boot",
        "/etc/locale.gen",
        "locale.gen",
        "nothing compiles locales on a node; set `locale` in [system] instead",
    ),
    unread(
        "fast-boot",
        "/etc/timezone",
        "timezone",
        "/etc/localtime decides; set `timezone` in [system] instead",
    ),
    unread(
        "fast-boot",
        "/etc/binfmt.d/",
        ".conf",
        "nodes do not run systemd-binfmt",
    ),
];

const NETWORKD: &str =
    "NetworkManager configures the interfaces; set [network] or [[network.other]] instead";
const SWAP: &str = "nodes have no swap, which delays etcd and wears the card";

/// The settings of unattended upgrades.
const UPGRADES: [&str; 2] = [
    "/etc/apt/apt.conf.d/20auto-upgrades",
    "/etc/apt/apt.conf.d/50unattended-upgrades",
];
const FLASHED: &str = "nodes with `read-only = true` install no upgrades; flash a new image";

/// The overlay of a base whose systemd is older than 254.
const OLD_SYSTEMD: &str = "disable-setup-raspios-bookworm";
const UPHELD: &str = "the systemd of this base does not know UpheldBy=; use WantedBy= instead";

const PROFILES: &str = "/etc/NetworkManager/system-connections/";
/// The priority of the node's own profile of a wired interface.
const OWN_PRIORITY: i32 = 100;

const fn unread(
    overlay: &'static str,
    start: &'static str,
    end: &'static str,
    why: &'static str,
) -> Unread {
    Unread {
        overlay,
        start,
        end,
        why,
    }
}

/// Returns warnings about files that have no effect on nodes of this base.
pub(super) fn warnings(inputs: &NodeInputs<'_>) -> Vec<String> {
    let (overlays, files) = (&inputs.recipe.overlays, &inputs.cluster.files);
    let network = &inputs.cluster.network;
    let is_managed = overlays.iter().any(|overlay| overlay == "network");
    let wired = (is_managed && network.wifi.is_none()).then(|| network.interface_name());
    let is_read_only = inputs.appliance().read_only;
    let warning = |file: &ExtraFile| {
        let upgrades = is_read_only && UPGRADES.contains(&file.path.as_str());
        let why = why(file, overlays, files)
            .or_else(|| beside_own(file, wired))
            .or_else(|| upheld(file, overlays))
            .or_else(|| upgrades.then_some(FLASHED))?;
        let (origin, path) = (&file.origin, &file.path);
        Some(format!("warning: {origin}: `{path}` has no effect: {why}"))
    };
    files.iter().filter_map(warning).collect()
}

/// Returns why a file has no effect, if it has none beside the others.
fn why(file: &ExtraFile, overlays: &[String], others: &[ExtraFile]) -> Option<&'static str> {
    let is_known = |unread: &&Unread| {
        let is_its_path = file.path.starts_with(unread.start) && file.path.ends_with(unread.end);
        is_its_path && overlays.iter().any(|overlay| overlay == unread.overlay)
    };
    let why = UNREAD.iter().find(is_known)?.why;
    let is_used = match file.content {
        ExtraContent::File(_) => others.iter().any(|other| makes_use_of(file, other)),
        ExtraContent::Folder | ExtraContent::Link(_) => true,
    };
    (!is_used).then_some(why)
}

/// Returns why a profile of `NetworkManager` has no effect, if the node has one of its own for the same wired interface.
fn beside_own(file: &ExtraFile, wired: Option<&str>) -> Option<&'static str> {
    let ExtraContent::File(bytes) = &file.content else {
        return None;
    };
    // Other files may be large.
    if !file.path.starts_with(PROFILES) {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let is_for_own = setting(&text, "interface-name") == Some(wired?);
    let is_automatic = setting(&text, "autoconnect") != Some("false");
    let priority: Option<i32> =
        setting(&text, "autoconnect-priority").and_then(|it| it.parse().ok());
    let is_second = priority.unwrap_or(0) < OWN_PRIORITY;
    (is_for_own && is_automatic && is_second)
        .then_some("the node's own profile of this interface comes first; set [network] instead")
}

/// Returns why a link by which a target upholds a unit has no effect, if an older systemd reads it.
fn upheld(file: &ExtraFile, overlays: &[String]) -> Option<&'static str> {
    let is_old = overlays.iter().any(|overlay| overlay == OLD_SYSTEMD);
    (is_old && file.path.contains(".upholds/")).then_some(UPHELD)
}

/// Returns the value of a setting of a profile.
fn setting<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut settings = text.lines().filter_map(|line| line.split_once('='));
    let found = settings.find(|(key, _)| key.trim() == name);
    found.map(|(_, value)| value.trim())
}

/// Returns whether another file may let a program read this one, as far as its name tells.
fn makes_use_of(file: &ExtraFile, other: &ExtraFile) -> bool {
    let user = match file.path.as_str() {
        "/etc/resolv.conf" | "/etc/dhcp/dhclient.conf" => "/etc/NetworkManager/conf.d/",
        "/etc/timezone" => "/etc/localtime",
        path if path.starts_with("/etc/systemd/network/") => "/systemd-networkd.service",
        _ => return false,
    };
    other.path.contains(user)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str) -> ExtraFile {
        ExtraFile::of_text(path, "")
    }

    #[test]
    fn a_file_has_no_effect_without_its_program() {
        let raspios = ["fast-boot", "network"].map(str::to_owned);
        let ubuntu = ["fast-boot", "cloud-init-seed"].map(str::to_owned);
        let zone = "/etc/localtime decides; set `timezone` in [system] instead";
        let dns = "NetworkManager writes it; set `dns` and `search` in [network] instead";
        let ubuntu_only = "Ubuntu Server has no NetworkManager; set [network] instead";
        for (path, overlays, wanted) in [
            (
                "/etc/systemd/network/eth0.network",
                &raspios,
                Some(NETWORKD),
            ),
            ("/etc/systemd/network/eth0.network", &ubuntu, None),
            ("/etc/systemd/network/eth0.link", &raspios, None),
            ("/etc/resolv.conf", &raspios, Some(dns)),
            ("/etc/resolv.conf", &ubuntu, None),
            ("/etc/timezone", &raspios, Some(zone)),
            ("/etc/NetworkManager/conf.d/a.conf", &raspios, None),
            (
                "/etc/NetworkManager/conf.d/a.conf",
                &ubuntu,
                Some(ubuntu_only),
            ),
        ] {
            assert_eq!(why(&file(path), overlays, &[]), wanted, "{path}");
        }
    }

    #[test]
    fn the_own_profile_of_a_node_comes_first() {
        let comes_first =
            Some("the node's own profile of this interface comes first; set [network] instead");
        for (text, wanted) in [
            ("[connection]\ninterface-name=eth0\n", comes_first),
            ("[connection]\ninterface-name=eth1\n", None),
            ("interface-name=eth0\nautoconnect=false\n", None),
            ("interface-name=eth0\nautoconnect-priority=999\n", None),
        ] {
            let file = ExtraFile::of_text(&format!("{PROFILES}mine.nmconnection"), text);
            assert_eq!(beside_own(&file, Some("eth0")), wanted, "{text}");
            assert_eq!(beside_own(&file, None), None, "{text}");
        }
    }

    #[test]
    fn an_older_systemd_upholds_nothing() {
        let link = file("/etc/systemd/system/multi-user.target.upholds/app.service");
        let bookworm = [OLD_SYSTEMD.to_owned()];
        assert_eq!(upheld(&link, &bookworm), Some(UPHELD));
        assert_eq!(upheld(&link, &["fast-boot".to_owned()]), None);
        let unit = file("/etc/systemd/system/app.service");
        assert_eq!(upheld(&unit, &bookworm), None);
    }

    #[test]
    fn another_file_may_start_the_program() {
        let overlays = ["network", "fast-boot"].map(str::to_owned);
        for (path, user) in [
            (
                "/etc/systemd/network/eth1.network",
                "/etc/systemd/system/multi-user.target.wants/systemd-networkd.service",
            ),
            ("/etc/resolv.conf", "/etc/NetworkManager/conf.d/dns.conf"),
            ("/etc/timezone", "/etc/localtime"),
        ] {
            assert_eq!(why(&file(path), &overlays, &[file(user)]), None, "{path}");
        }
        let link = ExtraFile {
            content: ExtraContent::Link("/run/resolv.conf".to_owned()),
            ..file("/etc/resolv.conf")
        };
        assert_eq!(why(&link, &overlays, &[]), None);
    }
}
