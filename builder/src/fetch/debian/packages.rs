//! Downloads etcd's Debian packages alone. apt resolves and downloads them and checks Debian's signatures.
//! It uses separate directories, reads only the proxies from the machine's apt configuration, and changes nothing of it.
#![expect(
    clippy::disallowed_methods,
    reason = "apt downloads the packages; its configuration is scratch of the cache"
)]

use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context as _, Result};

use super::{DebianInputs, tools};
use crate::failure::Kind;

/// Downloads `etcd-server.deb` and `etcd-client.deb` of Debian trixie for arm64 into `work_dir`.
pub(in crate::fetch) fn download(inputs: &DebianInputs, work_dir: &Path) -> Result<()> {
    tools::find_apt()?;
    fs_err::create_dir_all(work_dir.join("lists/partial"))?;
    fs_err::create_dir_all(work_dir.join("archives/partial"))?;
    fs_err::write(work_dir.join("status"), "")?;
    fs_err::write(work_dir.join("sources.list"), sources(inputs.mirror()))?;
    let proxies = apt(work_dir, "apt-config", &PROXIES)?;
    let proxies = String::from_utf8_lossy(&proxies.stdout);
    fs_err::write(work_dir.join("apt.conf"), configuration(work_dir, &proxies))?;
    apt(work_dir, "apt-get", &["--quiet", "update"])?;
    for package in ["etcd-server", "etcd-client"] {
        apt(work_dir, "apt-get", &["--quiet", "download", package])?;
        rename(work_dir, package)?;
    }
    Ok(())
}

const PROXIES: [&str; 5] = [
    "dump",
    "--format",
    "%F \"%v\";%n",
    "Acquire::http",
    "Acquire::https",
];

/// Returns trixie's package sources, the same as in the recipe's `fetch.sh` for the whole base.
fn sources(mirror: &str) -> String {
    let keys = tools::KEYS;
    if mirror.starts_with("deb ") {
        return format!("{mirror}\n");
    }
    let (main, security) = match mirror {
        "" => (
            "http://deb.debian.org/debian".to_owned(),
            "http://deb.debian.org/debian-security".to_owned(),
        ),
        mirror => (mirror.to_owned(), format!("{mirror}-security")),
    };
    let line = |url: &str, suite: &str| format!("deb [signed-by={keys}] {url} {suite} main\n");
    [
        line(&main, "trixie"),
        line(&main, "trixie-updates"),
        line(&security, "trixie-security"),
    ]
    .concat()
}

/// Returns the configuration that apt reads first and that keeps it from reading the machine's own files.
fn configuration(work_dir: &Path, proxies: &str) -> String {
    let work = work_dir.display();
    format!(
        "{proxies}\
         Dir::Etc::Main \"/dev/null\";\n\
         Dir::Etc::Parts \"/dev/null\";\n\
         Dir::Etc::SourceList \"{work}/sources.list\";\n\
         Dir::Etc::SourceParts \"/dev/null\";\n\
         Dir::Etc::Preferences \"/dev/null\";\n\
         Dir::Etc::PreferencesParts \"/dev/null\";\n\
         Dir::Etc::Trusted \"{keys}\";\n\
         Dir::Etc::TrustedParts \"/dev/null\";\n\
         Dir::State \"{work}\";\n\
         Dir::State::status \"{work}/status\";\n\
         Dir::Cache \"{work}\";\n\
         APT::Architecture \"arm64\";\n\
         APT::Architectures {{ \"arm64\"; }};\n\
         APT::Sandbox::User \"root\";\n\
         Acquire::Languages \"none\";\n",
        keys = tools::KEYS,
    )
}

/// Runs one of apt's programs in `work_dir`, with its `apt.conf` once that exists.
fn apt(work_dir: &Path, program: &str, arguments: &[&str]) -> Result<Output> {
    let configuration = work_dir.join("apt.conf");
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(work_dir)
        .env("LC_ALL", "C");
    if fs_err::exists(&configuration)? {
        command.env("APT_CONFIG", configuration);
    }
    let output = command
        .output()
        .with_context(|| format!("starting {program}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(Kind::Storage.error(
        format!(
            "downloading etcd's packages from Debian: `{program} {}`: {}\n{}",
            arguments.join(" "),
            output.status,
            said.trim_end()
        ),
        "check the network and the mirror (`--mirror`), then run the command again",
    ))
}

/// Renames a downloaded package, which apt names after its version.
fn rename(work_dir: &Path, package: &str) -> Result<()> {
    for entry in fs_err::read_dir(work_dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if name.starts_with(&format!("{package}_")) {
            fs_err::rename(&path, work_dir.join(format!("{package}.deb")))?;
            return Ok(());
        }
    }
    Err(Kind::Storage.error(
        format!("downloading etcd's packages from Debian: apt left no file for {package}"),
        "check the mirror (`--mirror`)",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_those_of_the_whole_base() {
        let signed = "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg]";
        let own = sources("http://mirror.example/debian");
        assert_eq!(
            own.lines().collect::<Vec<_>>(),
            [
                format!("{signed} http://mirror.example/debian trixie main"),
                format!("{signed} http://mirror.example/debian trixie-updates main"),
                format!("{signed} http://mirror.example/debian-security trixie-security main"),
            ]
        );
        let line = "deb [trusted=no] file:/srv trixie main";
        assert_eq!(sources(line), format!("{line}\n"));
        assert!(
            sources("").contains(" http://deb.debian.org/debian-security trixie-security main\n")
        );
    }

    #[test]
    fn every_folder_of_apt_is_the_work_folder() {
        let text = configuration(Path::new("/work"), "Acquire::http::Proxy \"http://p\";\n");
        assert!(text.starts_with("Acquire::http::Proxy \"http://p\";\nDir::Etc::Main "));
        let own = text.lines().filter(|line| line.starts_with("Dir::"));
        for line in own {
            let path = line.split('"').nth(1).unwrap();
            assert!(
                path.starts_with("/work") || path == "/dev/null" || path == tools::KEYS,
                "{line}"
            );
        }
    }
}
