//! `config.txt`, the settings of the Raspberry Pi's firmware. Pure: text in, settings out.
//!
//! Format: <https://www.raspberrypi.com/documentation/computers/config_txt.html>. Lines are `name=value`; `initramfs` has a
//! space instead of the `=`. A line `[filter]` selects the boards that the following lines apply to.

/// Settings that do not replace an earlier line of the same name.
const ACCUMULATING: [&str; 3] = ["dtoverlay", "gpio", "include"];

/// The filter of lines that apply to every board.
const ALL: &str = "all";

/// A line that sets something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct FirmwareSetting<'t> {
    /// `all`, a board such as `pi4`, or another condition.
    filter: &'t str,
    name: &'t str,
    value: &'t str,
}

/// The settings of a `config.txt`, in the order of the file.
#[derive(Clone, Debug)]
pub(crate) struct ConfigTxt<'t> {
    settings: Vec<FirmwareSetting<'t>>,
    /// The filter in effect at the end of the file.
    last_filter: &'t str,
}

impl<'t> ConfigTxt<'t> {
    /// Reads the text; lines that set nothing are ignored, as the firmware does.
    pub(crate) fn parse(text: &'t str) -> Self {
        let (mut filter, mut settings) = (ALL, Vec::new());
        for line in text.lines().map(str::trim) {
            if let Some(rest) = line.strip_prefix('[') {
                filter = rest.split(']').next().unwrap_or_default().trim();
            } else if let Some((name, value)) = name_and_value(line) {
                settings.push(FirmwareSetting {
                    filter,
                    name,
                    value,
                });
            }
        }
        Self {
            settings,
            last_filter: filter,
        }
    }

    /// Returns the value that applies to a board with these filters (e.g. `pi4` and `cm4`): the last one, as in the firmware.
    pub(crate) fn get(&self, name: &str, filters: &[&str]) -> Option<&'t str> {
        let applies = |filter: &str| filter == ALL || filters.contains(&filter);
        let holds = |it: &&FirmwareSetting<'_>| it.name == name && applies(it.filter);
        self.settings.iter().rev().find(holds).map(|it| it.value)
    }

    /// Returns whether `line` applies to every board: it is under `[all]`, and no later line sets another value.
    fn holds_everywhere(&self, line: &str) -> bool {
        let Some((name, value)) = name_and_value(line) else {
            return false;
        };
        let (key, value) = replaced_by(name, value);
        let same_key = self
            .settings
            .iter()
            .filter(|it| replaced_by(it.name, it.value).0 == key);
        let mut holds = false;
        for setting in same_key {
            match replaced_by(setting.name, setting.value).1 == value {
                true => holds |= setting.filter == ALL,
                false => holds = false,
            }
        }
        holds
    }
}

/// Returns the text with each line of `ensure` in effect for every board: a missing one is added at the end, under `[all]`.
pub(crate) fn with_settings(text: &str, ensure: &[String]) -> String {
    let config = ConfigTxt::parse(text);
    let missing = ensure.iter().filter(|line| !config.holds_everywhere(line));
    let missing: Vec<&str> = missing.map(String::as_str).collect();
    if missing.is_empty() {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    if config.last_filter != ALL {
        out.push_str("\n[all]\n");
    }
    for line in missing {
        out.push_str(line);
        out.push('\n');
    }
    out
}

fn name_and_value(line: &str) -> Option<(&str, &str)> {
    if line.starts_with('#') {
        return None;
    }
    let (name, value) = match line.strip_prefix("initramfs") {
        Some(rest) if rest.starts_with(' ') => ("initramfs", rest),
        _ => line.split_once('=')?,
    };
    Some((name.trim(), value.trim()))
}

/// Returns what a later line must name to replace this one, and the value that it would replace: for `dtparam=watchdog=on`
/// only the parameter `watchdog`, for `dtoverlay=dwc2` only the same line.
fn replaced_by<'t>(name: &'t str, value: &'t str) -> ((&'t str, &'t str), &'t str) {
    match value.split_once('=') {
        _ if ACCUMULATING.contains(&name) => ((name, value), value),
        Some((parameter, value)) if name == "dtparam" => ((name, parameter), value),
        _ => ((name, ""), value),
    }
}

#[cfg(test)]
mod tests {
    use super::{ConfigTxt, with_settings};

    #[track_caller]
    fn ensures(text: &str, line: &str, added: &str) {
        let ensure = [line.to_owned()];
        assert_eq!(with_settings(text, &ensure), format!("{text}{added}"));
    }

    #[test]
    fn a_missing_setting_is_added_under_all() {
        ensures("arm_64bit=1\n", "enable_uart=1", "enable_uart=1\n");
        let text = "arm_64bit=1\n[cm4]\notg_mode=1";
        ensures(text, "enable_uart=1", "\n\n[all]\nenable_uart=1\n");
        ensures(
            "[pi5]\nenable_uart=1\n",
            "enable_uart=1",
            "\n[all]\nenable_uart=1\n",
        );
        ensures("#enable_uart=1\n", "enable_uart=1", "enable_uart=1\n");
    }

    #[test]
    fn a_setting_in_force_is_left_unchanged() {
        ensures(
            "[cm4]\nenable_uart=0\n[all]\nenable_uart=1\n",
            "enable_uart=1",
            "",
        );
        ensures("enable_uart = 1\n[pi4]\narm_64bit=1\n", "enable_uart=1", "");
        ensures(
            "dtparam=watchdog=on\ndtparam=audio=on\n",
            "dtparam=watchdog=on",
            "",
        );
        ensures(
            "dtoverlay=dwc2\ndtoverlay=vc4-kms-v3d\n",
            "dtoverlay=dwc2",
            "",
        );
    }

    #[test]
    fn a_setting_that_a_later_line_replaces_does_not_count() {
        ensures(
            "enable_uart=1\nenable_uart=0\n",
            "enable_uart=1",
            "enable_uart=1\n",
        );
        let text = "enable_uart=1\n[pi4]\nenable_uart=0\n";
        ensures(text, "enable_uart=1", "\n[all]\nenable_uart=1\n");
        let text = "dtparam=watchdog=on\ndtparam=watchdog=off\n";
        ensures(text, "dtparam=watchdog=on", "dtparam=watchdog=on\n");
    }

    #[test]
    fn a_board_has_the_last_value_that_holds_for_it() {
        let text = "kernel=a\n[pi4]\nkernel=b\n[pi5]\nkernel=c\n[all]\ninitramfs initrd.img followkernel\n";
        let config = ConfigTxt::parse(text);
        let kernel = ["pi3", "pi4", "pi5"].map(|board| config.get("kernel", &[board]));
        assert_eq!(kernel, [Some("a"), Some("b"), Some("c")]);
        assert_eq!(
            config.get("initramfs", &["pi4"]),
            Some("initrd.img followkernel")
        );
        assert_eq!(config.get("cmdline", &["pi4"]), None);
    }
}
