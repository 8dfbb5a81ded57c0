//! Files that the program for which they are meant skips, because of their name, mode, owner or end.

use super::machine::{ExtraContent, ExtraFile};

/// Directories in which only files with a certain ending are read.
const ENDINGS: [(&str, &str); 9] = [
    ("/etc/NetworkManager/conf.d", ".conf"),
    ("/etc/modprobe.d", ".conf"),
    ("/etc/modules-load.d", ".conf"),
    ("/etc/profile.d", ".sh"),
    ("/etc/ssh/sshd_config.d", ".conf"),
    ("/etc/sysctl.d", ".conf"),
    ("/etc/systemd/ntp-units.d", ".list"),
    ("/etc/tmpfiles.d", ".conf"),
    ("/etc/udev/rules.d", ".rules"),
];

/// The directories of programs that cron runs.
const RUN_BY_CRON: [&str; 4] = [
    "/etc/cron.hourly",
    "/etc/cron.daily",
    "/etc/cron.weekly",
    "/etc/cron.monthly",
];

/// Directories whose programs skip files of other users than root.
const OF_ROOT: [&str; 3] = ["/etc/cron.d", "/etc/logrotate.d", "/etc/sudoers.d"];

/// Returns why a file is skipped, if it is.
pub(super) fn why(file: &ExtraFile) -> Option<String> {
    let (folder, name) = file.path.rsplit_once('/')?;
    if file.content == ExtraContent::Folder {
        return None;
    }
    let is_drop_in = folder.starts_with("/etc/systemd/") && folder.rsplit('.').next() == Some("d");
    let known = ENDINGS.iter().find(|(known, _)| *known == folder);
    let ending = known.map(|(_, ending)| *ending);
    let ending = ending.or(is_drop_in.then_some(".conf"));
    if let Some(ending) = ending.filter(|ending| !name.ends_with(ending)) {
        return Some(format!("only names that end in `{ending}` are read there"));
    }
    let why = of_name(folder, name)
        .or_else(|| of_mode(folder, file))
        .or_else(|| of_owner(folder, file))
        .or_else(|| of_content(folder, file));
    why.map(str::to_owned)
}

fn of_name(folder: &str, name: &str) -> Option<&'static str> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    let is_cron = folder == "/etc/cron.d" || RUN_BY_CRON.contains(&folder);
    if is_cron && !name.chars().all(plain) {
        return Some("cron reads only names of letters, digits, `_` and `-` there");
    }
    let is_skipped = folder == "/etc/sudoers.d" && (name.contains('.') || name.ends_with('~'));
    is_skipped.then_some("sudo skips names with a dot, or with `~` at their end")
}

fn of_mode(folder: &str, file: &ExtraFile) -> Option<&'static str> {
    if matches!(file.content, ExtraContent::Link(_)) {
        return None;
    }
    let is_program = RUN_BY_CRON.contains(&folder) || file.path == "/etc/rc.local";
    match folder {
        "/etc/NetworkManager/system-connections" if file.mode & 0o077 != 0 => {
            Some("NetworkManager skips profiles that others may read; set `mode = \"0600\"`")
        }
        "/etc/cron.d" | "/etc/logrotate.d" if file.mode & 0o022 != 0 => {
            Some("files that others may write are skipped there; set `mode = \"0644\"`")
        }
        "/etc/sudoers.d" if file.mode & 0o002 != 0 => {
            Some("sudo skips files that everybody may write; set `mode = \"0440\"`")
        }
        "/var/spool/cron/crontabs" if file.mode != 0o600 => {
            Some("cron skips tables of another mode than 0600; set `mode = \"0600\"`")
        }
        _ if is_program && file.mode & 0o111 == 0 => {
            Some("it is not executable; set `mode = \"0755\"`")
        }
        _ => None,
    }
}

fn of_owner(folder: &str, file: &ExtraFile) -> Option<&'static str> {
    let is_of_root = file.owner.starts_with("root:") || file.owner.starts_with("0:");
    (OF_ROOT.contains(&folder) && !is_of_root)
        .then_some("only files of root are read there; remove `owner`")
}

fn of_content(folder: &str, file: &ExtraFile) -> Option<&'static str> {
    let ExtraContent::File(bytes) = &file.content else {
        return None;
    };
    let is_table = ["/etc/cron.d", "/var/spool/cron/crontabs"].contains(&folder);
    let has_open_end = bytes.last().is_some_and(|last| *last != b'\n');
    (is_table && has_open_end).then_some("cron requires a newline after the last line")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn added(path: &str) -> ExtraFile {
        ExtraFile::of_text(path, "")
    }

    #[test]
    fn owners_and_ends_decide_whether_a_file_is_read() {
        let file = ExtraFile {
            owner: "pi:pi".to_owned(),
            ..added("/etc/logrotate.d/app")
        };
        let root = "only files of root are read there; remove `owner`";
        assert_eq!(why(&file).as_deref(), Some(root));
        for (text, wanted) in [
            ("@daily root /bin/a\n", None),
            (
                "@daily root /bin/a",
                Some("cron requires a newline after the last line"),
            ),
        ] {
            let file = ExtraFile {
                content: ExtraContent::File(text.into()),
                ..added("/etc/cron.d/app")
            };
            assert_eq!(why(&file).as_deref(), wanted, "{text}");
        }
    }

    #[test]
    fn names_and_modes_decide_whether_a_file_is_read() {
        let ending = |ending: &str| format!("only names that end in `{ending}` are read there");
        let cron = "cron reads only names of letters, digits, `_` and `-` there";
        let sudo = "sudo skips names with a dot, or with `~` at their end";
        let profile = "NetworkManager skips profiles that others may read; set `mode = \"0600\"`";
        let table = "cron skips tables of another mode than 0600; set `mode = \"0600\"`";
        let program = "it is not executable; set `mode = \"0755\"`";
        let write = "files that others may write are skipped there; set `mode = \"0644\"`";
        let all = "sudo skips files that everybody may write; set `mode = \"0440\"`";
        for (path, mode, wanted) in [
            ("/etc/motd", 0o644, None),
            ("/etc/sysctl.d/99-a", 0o644, Some(ending(".conf"))),
            ("/etc/sysctl.d/99-a.conf", 0o644, None),
            ("/etc/sysctl.d/old/a", 0o644, None),
            ("/etc/profile.d/go", 0o644, Some(ending(".sh"))),
            (
                "/etc/systemd/system/a.service.d/override",
                0o644,
                Some(ending(".conf")),
            ),
            ("/etc/systemd/system/a.service", 0o644, None),
            ("/etc/systemd/ntp-units.d/50-chrony.list", 0o644, None),
            ("/etc/cron.d/my.job", 0o644, Some(cron.to_owned())),
            ("/etc/cron.d/my-job", 0o644, None),
            ("/etc/cron.d/my-job", 0o664, Some(write.to_owned())),
            ("/etc/sudoers.d/ada", 0o646, Some(all.to_owned())),
            ("/etc/cron.daily/job", 0o644, Some(program.to_owned())),
            ("/etc/cron.daily/job", 0o755, None),
            ("/etc/rc.local", 0o644, Some(program.to_owned())),
            ("/etc/sudoers.d/ada.conf", 0o440, Some(sudo.to_owned())),
            ("/etc/sudoers.d/ada", 0o440, None),
            (
                "/etc/NetworkManager/system-connections/a.nmconnection",
                0o644,
                Some(profile.to_owned()),
            ),
            (
                "/etc/NetworkManager/system-connections/a.nmconnection",
                0o600,
                None,
            ),
            (
                "/var/spool/cron/crontabs/root",
                0o644,
                Some(table.to_owned()),
            ),
        ] {
            let file = ExtraFile {
                mode,
                ..added(path)
            };
            assert_eq!(why(&file), wanted, "{path}");
        }
    }
}
