//! The operating system of a root file system, as its os-release(5) names it, and the processor that it runs on.

use anyhow::Result;
use diskimg::ReadFs;

use crate::failure::Kind;
use crate::printable::printable;

/// Possible paths of os-release(5). The second is usually a link to the first, and readers do not follow links.
const PATHS: [&str; 2] = ["/usr/lib/os-release", "/etc/os-release"];

/// `e_machine` of `AArch64` in the ELF header (ELF for the Arm 64-bit Architecture, 4.1).
const EM_AARCH64: u16 = 183;
const EM_ARM: u16 = 40;

/// Programs whose ELF header names the processor; the first one found on the root is read.
const PROGRAMS: [&str; 2] = ["/usr/bin/dash", "/usr/bin/ls"];

const STOCK: &str =
    "use a stock 64-bit Raspberry Pi OS Lite or the debian-trixie recipe; see `etcd-image recipes`";

/// The name that an operating system gives itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OsRelease {
    /// `ID`, e.g. `debian`.
    pub id: String,
    /// `VERSION_ID`, e.g. `13`; empty if there is none.
    pub version: String,
    /// `PRETTY_NAME`, for people.
    pub pretty_name: String,
}

impl OsRelease {
    /// Reads os-release(5) from a root file system for arm64.
    pub(super) fn read(root: &mut dyn ReadFs) -> Result<Self> {
        for path in PATHS {
            if let Some(text) = root.read_text(path)? {
                check_architecture(root)?;
                return Ok(Self::parse(&text));
            }
        }
        Err(unsupported(
            "the image does not contain an operating system this program knows: its root file system has no /etc/os-release",
        ))
    }

    /// Returns whether the file system holds an operating system.
    pub(super) fn is_in(root: &mut dyn ReadFs) -> bool {
        let mut has = |path: &str| root.metadata(path).is_ok_and(|found| found.is_some());
        PATHS.into_iter().any(&mut has)
    }

    fn parse(text: &str) -> Self {
        let field = |name: &str| {
            let mut lines = text.lines();
            let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(printable(value.trim_matches(['"', '\''])))
        };
        Self {
            // The defaults of os-release(5).
            id: field("ID").unwrap_or_else(|| "linux".to_owned()),
            version: field("VERSION_ID").unwrap_or_default(),
            pretty_name: field("PRETTY_NAME").unwrap_or_else(|| "Linux".to_owned()),
        }
    }
}

fn check_architecture(root: &mut dyn ReadFs) -> Result<()> {
    for path in PROGRAMS {
        if root.metadata(path)?.is_none() {
            continue;
        }
        let bytes = root.read(path)?;
        let machine = bytes
            .get(18..20)
            .map(|field| u16::from(field[0]) | u16::from(field[1]) << 8);
        return match machine {
            Some(EM_AARCH64) => Ok(()),
            Some(EM_ARM) => Err(unsupported("the base is 32-bit (armhf)")),
            machine => Err(unsupported(&format!(
                "the base is not arm64: {path} has ELF machine {machine:?}"
            ))),
        };
    }
    Err(unsupported(&format!(
        "the root file system has neither {} nor {}, which would show its architecture",
        PROGRAMS[0], PROGRAMS[1]
    )))
}

fn unsupported(message: &str) -> anyhow::Error {
    Kind::Unsupported.error(message, STOCK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_may_be_bare_or_quoted_either_way() {
        let text = "NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 13 (trixie)\"\nVERSION_ID='13'\nID=debian\nID_LIKE=other\n";
        let expected = OsRelease {
            id: "debian".to_owned(),
            version: "13".to_owned(),
            pretty_name: "Debian GNU/Linux 13 (trixie)".to_owned(),
        };
        assert_eq!(OsRelease::parse(text), expected);
    }

    #[test]
    fn a_name_cannot_command_the_terminal() {
        let os = OsRelease::parse("ID=debian\nPRETTY_NAME=\"\u{1b}]0;x\u{7}good\"\n");
        assert_eq!(os.pretty_name, "\\u{1b}]0;x\\u{7}good");
    }

    #[test]
    fn missing_fields_have_the_defaults_of_os_release() {
        let expected = OsRelease {
            id: "linux".to_owned(),
            version: String::new(),
            pretty_name: "Linux".to_owned(),
        };
        assert_eq!(OsRelease::parse("NAME=x\n"), expected);
    }
}
