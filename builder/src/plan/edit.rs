//! Rules that change a text file: pure, text in, text out.

/// Kernel arguments: `remove` is taken away (exact, or by prefix when it ends in `*`), `add` is appended when
/// missing. The firmware reads one line; what follows it in the file is dropped.
pub(super) fn kernel_arguments(text: &str, remove: &[String], add: &[String]) -> String {
    let removed = |argument: &str| {
        remove
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => argument.starts_with(prefix),
                None => argument == pattern,
            })
    };
    let line = text.lines().next().unwrap_or_default();
    let mut arguments: Vec<&str> = line.split_whitespace().filter(|a| !removed(a)).collect();
    for argument in add {
        if !arguments.contains(&argument.as_str()) {
            arguments.push(argument);
        }
    }
    arguments.join(" ") + "\n"
}

/// Settings of config.txt, added to the `[all]` section at the end of the file. A line already in force for all
/// boards is left alone; `dtoverlay` and `dtparam` accumulate, for any other key the last line wins anyway.
pub(super) fn firmware_settings(text: &str, ensure: &[String]) -> String {
    let (mut section, mut in_force) = ("[all]", Vec::new());
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line;
        } else if section == "[all]" {
            in_force.push(line);
        }
    }
    let missing: Vec<_> = ensure
        .iter()
        .filter(|line| !in_force.contains(&line.as_str()))
        .collect();
    if missing.is_empty() {
        return text.to_owned();
    }
    let mut out = text.to_owned();
    if !out.is_empty() && !out.ends_with('\n') {
        out.push('\n');
    }
    if section != "[all]" {
        out.push_str("\n[all]\n");
    }
    for line in missing {
        out.push_str(line);
        out.push('\n');
    }
    out
}

/// Every `PARTUUID=<old>-` becomes the new disk id, as the kernel and fstab spell it.
pub(super) fn disk_id(text: &str, old: u32, new: u32) -> String {
    text.replace(
        &format!("PARTUUID={old:08x}-"),
        &format!("PARTUUID={new:08x}-"),
    )
}

#[cfg(test)]
mod tests {
    use super::{disk_id, firmware_settings, kernel_arguments};

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn kernel_arguments_are_removed_whole_and_added_once() {
        let text =
            "console=tty1 root=PARTUUID=1-02 resize resize2 quiet rfkill.state=0\nsecond line\n";
        let out = kernel_arguments(
            text,
            &strings(&["resize", "rfkill.*"]),
            &strings(&["quiet", "panic=10"]),
        );
        assert_eq!(
            out,
            "console=tty1 root=PARTUUID=1-02 resize2 quiet panic=10\n"
        );
    }

    #[test]
    fn a_setting_lands_in_the_all_section() {
        let text = "arm_64bit=1\n[cm4]\notg_mode=1";
        let out = firmware_settings(text, &strings(&["enable_uart=1"]));
        assert_eq!(
            out,
            "arm_64bit=1\n[cm4]\notg_mode=1\n\n[all]\nenable_uart=1\n"
        );
    }

    #[test]
    fn a_setting_in_force_is_left_alone() {
        let text = "[cm4]\nenable_uart=0\n[all]\nenable_uart=1\n";
        assert_eq!(firmware_settings(text, &strings(&["enable_uart=1"])), text);
    }

    #[test]
    fn a_setting_for_one_board_does_not_count_for_all() {
        let text = "[pi5]\nenable_uart=1\n";
        let out = firmware_settings(text, &strings(&["enable_uart=1"]));
        assert_eq!(out, "[pi5]\nenable_uart=1\n\n[all]\nenable_uart=1\n");
    }

    #[test]
    fn the_disk_id_changes_wherever_a_partition_is_named() {
        let text =
            "PARTUUID=041bba91-01 /boot/firmware\nPARTUUID=041bba91-02 /\nUUID=041bba91-0200\n";
        let want =
            "PARTUUID=0000beef-01 /boot/firmware\nPARTUUID=0000beef-02 /\nUUID=041bba91-0200\n";
        assert_eq!(disk_id(text, 0x041b_ba91, 0xbeef), want);
    }
}
