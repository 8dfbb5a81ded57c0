//! Files of the user for systemd-networkd and netplan, beside the node's own settings of the same interface (Ubuntu Server).

use serde_json::Value;

use super::inputs::NodeInputs;
use crate::spec::{ExtraContent, ExtraFile};
use crate::ssh_patterns::is_like;

/// The overlay of bases on which netplan lets systemd-networkd configure the interface.
const OVERLAY: &str = "cloud-init-seed";

/// The file that netplan makes of the node's own settings. systemd-networkd uses the first file for an interface.
const OWN: &str = "10-netplan-etcd-node.network";

const NETWORKD: &str = "/etc/systemd/network/";
const NETPLAN: &str = "/etc/netplan/";

/// Returns warnings about files that take the interface from the node, or have no effect on it.
pub(super) fn warnings(inputs: &NodeInputs<'_>) -> Vec<String> {
    let network = &inputs.cluster.network;
    let mut overlays = inputs.recipe.overlays.iter();
    // The node's own settings of a wireless interface have another name.
    if network.wifi.is_some() || !overlays.any(|overlay| overlay == OVERLAY) {
        return Vec::new();
    }
    let interface = network.interface_name();
    let files = inputs.cluster.files.iter();
    files.filter_map(|file| warning(file, interface)).collect()
}

fn warning(file: &ExtraFile, interface: &str) -> Option<String> {
    let path = &file.path;
    let name = match path.starts_with(NETWORKD) {
        true => name_of(file, interface)?,
        false => netplan_name_of(file, interface)?,
    };
    // A file of the same name replaces netplan's, which is in /run.
    let effect = match name.as_str() <= OWN {
        true => format!("configures {interface} instead of the node's own settings"),
        false => format!("has no effect on {interface}: the node's own settings come first"),
    };
    let origin = &file.origin;
    Some(format!(
        "warning: {origin}: `{path}` {effect}; set [network] instead"
    ))
}

/// Returns the name of a file of systemd-networkd that names the interface.
fn name_of(file: &ExtraFile, interface: &str) -> Option<String> {
    let name = file.path.strip_prefix(NETWORKD)?;
    name.strip_suffix(".network")?;
    let text = text(file)?;
    let names = text
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Name="));
    let mut patterns = names.flat_map(str::split_whitespace);
    let is_for = patterns.any(|pattern| is_like(pattern, interface));
    is_for.then(|| name.to_owned())
}

/// Returns the name of the file that netplan makes of its own file for the interface.
fn netplan_name_of(file: &ExtraFile, interface: &str) -> Option<String> {
    file.path.strip_prefix(NETPLAN)?.strip_suffix(".yaml")?;
    let Ok(Value::Object(settings)) = serde_saphyr::from_str(&text(file)?) else {
        return None;
    };
    let devices = settings.get("network")?.get("ethernets")?.as_object()?;
    let is_for = |id: &str, device: &Value| {
        let pattern = match device.get("match") {
            Some(conditions) => conditions.get("name").and_then(Value::as_str),
            None => Some(id),
        };
        pattern.is_some_and(|pattern| is_like(pattern, interface))
    };
    let mut names = devices
        .iter()
        .filter(|(id, device)| is_for(id, device))
        .map(|(id, _)| format!("10-netplan-{id}.network"));
    // Settings of this name add to the node's own.
    names.next().filter(|name| name != OWN)
}

fn text(file: &ExtraFile) -> Option<String> {
    match &file.content {
        ExtraContent::File(bytes) => Some(String::from_utf8_lossy(bytes).into_owned()),
        ExtraContent::Folder | ExtraContent::Link(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(path: &str, text: &str) -> Option<String> {
        warning(&ExtraFile::of_text(path, text), "eth0")
    }

    #[test]
    fn the_first_file_for_an_interface_counts() {
        let netplan = |device: &str| format!("network:\n  ethernets:\n    {device}\n");
        for (path, text, wanted) in [
            (
                "/etc/systemd/network/05-lan.network",
                "[Match]\nName=wlan0 eth*\n".to_owned(),
                "configures eth0 instead of the node's own settings",
            ),
            (
                "/etc/systemd/network/10-netplan-etcd-node.network",
                "[Match]\nName=eth0\n".to_owned(),
                "configures eth0 instead of the node's own settings",
            ),
            (
                "/etc/systemd/network/20-lan.network",
                "[Match]\nName=eth0\n".to_owned(),
                "has no effect on eth0: the node's own settings come first",
            ),
            (
                "/etc/netplan/90-lan.yaml",
                netplan("eth0: {dhcp4: true}"),
                "has no effect on eth0: the node's own settings come first",
            ),
            (
                "/etc/netplan/90-lan.yaml",
                netplan("board: {match: {name: \"e*\"}, dhcp4: true}"),
                "configures eth0 instead of the node's own settings",
            ),
        ] {
            let wanted =
                format!("warning: cluster.toml:2: `{path}` {wanted}; set [network] instead");
            assert_eq!(told(path, &text), Some(wanted), "{text}");
        }
    }

    #[test]
    fn other_files_are_the_users_own() {
        for (path, text) in [
            (
                "/etc/systemd/network/05-lan.network",
                "[Match]\nName=eth1\n",
            ),
            ("/etc/systemd/network/05-lan.link", "[Match]\nName=eth0\n"),
            (
                "/etc/netplan/90-lan.yaml",
                "network: {ethernets: {eth1: {}}}",
            ),
            (
                "/etc/netplan/90-lan.yaml",
                "network: {ethernets: {etcd-node: {match: {name: \"e*\"}}}}",
            ),
            (
                "/etc/netplan/90-lan.yaml",
                "network: {ethernets: {lan: {match: {macaddress: \"00:11:22:33:44:55\"}}}}",
            ),
            ("/etc/netplan/90-lan.yaml", "{"),
            ("/etc/motd", "Name=eth0"),
        ] {
            assert_eq!(told(path, text), None, "{path}: {text}");
        }
    }
}
