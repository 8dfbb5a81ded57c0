//! Whether the configuration of `NetworkManager` leaves an interface to it (`NetworkManager.conf(5)`). Pure.

use crate::ssh_patterns::is_like;

/// Returns the settings of a file, each with its section.
pub(super) fn settings(text: &str) -> Vec<(&str, &str, &str)> {
    let mut section = "";
    let mut found = Vec::new();
    for line in text.lines().map(str::trim) {
        let header = line.strip_prefix('[').and_then(|it| it.strip_suffix(']'));
        if let Some(name) = header {
            section = name.trim();
        } else if let Some((key, value)) = line.split_once('=').filter(|_| !line.starts_with('#')) {
            found.push((section, key.trim(), value.trim()));
        }
    }
    found
}

/// Returns the file that excludes an interface, and the setting with which it does. `files` are the paths and texts of the
/// configuration in the order in which `NetworkManager` reads them: a later one replaces the settings of an earlier one.
pub(super) fn exclusion<'f>(
    files: &'f [(String, String)],
    interface: &str,
) -> Option<(&'f str, &'static str)> {
    let mut devices = ("", String::new());
    for (path, text) in files {
        let settings = settings(text);
        for (section, key, value) in &settings {
            match (*section, *key) {
                ("keyfile", "unmanaged-devices") => devices = (path, (*value).to_owned()),
                ("keyfile", "unmanaged-devices+") => {
                    devices = (path, format!("{},{value}", devices.1));
                }
                (section, "managed") if section.starts_with("device") && is_off(value) => {
                    let of_section = |(known, key, _): &&(&str, &str, &str)| {
                        *known == section && *key == "match-device"
                    };
                    let matched = settings.iter().rev().find(of_section);
                    if matched.is_none_or(|(.., list)| matches(list, interface)) {
                        return Some((path, "managed"));
                    }
                }
                _ => {}
            }
        }
    }
    let (path, list) = devices;
    matches(&list, interface).then_some((path, "unmanaged-devices"))
}

fn is_off(value: &str) -> bool {
    ["0", "no", "off", "false"].contains(&value.to_lowercase().as_str())
}

/// Returns whether a list of devices contains the interface. A list with nothing but exceptions contains all others.
fn matches(list: &str, interface: &str) -> bool {
    let items = list.split([',', ';']).map(str::trim);
    let items: Vec<_> = items.filter(|item| !item.is_empty()).collect();
    let exceptions = items.iter().filter_map(|item| item.strip_prefix("except:"));
    let is_excepted = exceptions.clone().any(|item| is_device(item, interface));
    let is_listed = items.iter().any(|item| is_device(item, interface));
    let only_exceptions = !items.is_empty() && exceptions.count() == items.len();
    !is_excepted && (is_listed || only_exceptions)
}

/// Returns whether a device of the list is the interface. Addresses and drivers are those of a board, which is not known.
fn is_device(item: &str, interface: &str) -> bool {
    let kind = match interface.starts_with("wl") {
        true => "wifi",
        false => "ethernet",
    };
    match item.split_once(':') {
        None => item == "*" || item == interface,
        Some(("interface-name", name)) => match name.strip_prefix('=') {
            Some(name) => name == interface,
            None => is_like(name.trim_start_matches('~'), interface),
        },
        Some(("type", name)) => name == kind,
        Some(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the setting that excludes `eth0` in files with these texts.
    fn excluded(texts: &[&str]) -> Option<&'static str> {
        let texts = texts.iter();
        let files: Vec<_> = texts
            .map(|text| ("/etc/x.conf".to_owned(), (*text).to_owned()))
            .collect();
        exclusion(&files, "eth0").map(|(_, setting)| setting)
    }

    #[test]
    fn devices_are_excluded_by_patterns() {
        for list in [
            "*",
            "eth0",
            "mac:0;interface-name:eth0",
            "interface-name:eth*",
            "interface-name:=eth0",
            "wlan0, type:ethernet",
            "*,except:type:wifi",
            "except:interface-name:wlan0",
        ] {
            for key in ["unmanaged-devices=", "unmanaged-devices =  "] {
                let text = format!("[keyfile]\n{key}{list}\n");
                assert_eq!(excluded(&[&text]), Some("unmanaged-devices"), "{text}");
            }
        }
        for list in [
            "",
            "interface-name:eth1",
            "interface-name:=eth*",
            "type:wifi",
            "*,except:interface-name:eth*",
            "*;except:type:ethernet",
            "except:type:ethernet",
            "mac:00:11:22:33:44:55",
        ] {
            let text = format!("[keyfile]\nunmanaged-devices={list}\n");
            assert_eq!(excluded(&[&text]), None, "{text}");
        }
        assert_eq!(excluded(&["[main]\nunmanaged-devices=*\n"]), None);
        assert_eq!(excluded(&["[keyfile]\n#unmanaged-devices=*\n"]), None);
    }

    #[test]
    fn a_later_file_replaces_an_earlier_one() {
        let all = "[keyfile]\nunmanaged-devices=*\n";
        assert_eq!(excluded(&[all, "[keyfile]\nunmanaged-devices=\n"]), None);
        let more = "[keyfile]\nunmanaged-devices+=eth0\n";
        let wlan = "[keyfile]\nunmanaged-devices=wlan0\n";
        assert_eq!(excluded(&[wlan, more]), Some("unmanaged-devices"));
    }

    #[test]
    fn a_section_excludes_the_devices_that_it_matches() {
        let section = |of: &str| format!("[device-x]\nmatch-device={of}\nmanaged=0\n");
        assert_eq!(
            excluded(&[&section("interface-name:eth*")]),
            Some("managed")
        );
        assert_eq!(excluded(&[&section("type:wifi")]), None);
        assert_eq!(excluded(&["[device]\nmanaged=false\n"]), Some("managed"));
        assert_eq!(excluded(&["[device]\nmanaged=true\n"]), None);
        assert_eq!(excluded(&["[ifupdown]\nmanaged=false\n"]), None);
    }
}
