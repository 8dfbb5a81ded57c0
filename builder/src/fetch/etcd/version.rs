//! Finds the version of an etcd program when no package or directory name contains it.
//!
//! Go embeds the list of modules in each program, and releases list etcd's own among them. Distributions build without it;
//! then etcd's `Version` variable is searched. A Go string is an address and a length, so a text that looks like a version
//! counts if a string header points to it with its exact length.

use crate::fetch::elf;

/// The line for etcd's API module, whose version is etcd's own.
const API_MODULE: &[u8] = b"go.etcd.io/etcd/api/v3\tv";

/// A package that exists since 3.5, when the server became a separate module.
const SERVER_MODULE: &[u8] = b"go.etcd.io/etcd/server/";

/// Returns `major.minor` of a version.
pub(super) fn series(version: &str) -> Option<(u32, u32)> {
    let mut numbers = version.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Guesses from its package paths whether the server is older than 3.5.
pub(super) fn guess_series(etcd: &[u8]) -> (u32, u32) {
    if find(etcd, SERVER_MODULE).is_some() {
        (3, 5)
    } else {
        (3, 4)
    }
}

/// Returns the leading `1.2.3` of a package's version, or of a directory's name after its prefix.
pub(super) fn leading(text: &str) -> Option<String> {
    let end = text
        .find(|letter: char| !(letter.is_ascii_digit() || letter == '.'))
        .unwrap_or(text.len());
    let version = text[..end].trim_end_matches('.');
    (version.split('.').count() >= 2 && series(version).is_some()).then(|| version.to_owned())
}

/// Returns the version in a program.
pub(super) fn of_program(bytes: &[u8]) -> Option<String> {
    of_build_info(bytes).or_else(|| of_variable(bytes))
}

fn of_build_info(bytes: &[u8]) -> Option<String> {
    let version = &bytes[find(bytes, API_MODULE)? + API_MODULE.len()..];
    let line = version.split(|byte| matches!(byte, b'\t' | b'\n')).next()?;
    Some(std::str::from_utf8(line).ok()?.to_owned())
}

/// Returns the newest version-like text that a Go string header points to.
fn of_variable(bytes: &[u8]) -> Option<String> {
    let headers: Vec<(u64, u64, &str)> = candidates(bytes).collect();
    let words = bytes
        .chunks_exact(8)
        .map(|word| u64::from_le_bytes(word.try_into().unwrap_or_default()));
    let pairs = words.clone().zip(words.skip(1));
    let found = pairs.filter_map(|pair| headers.iter().find(|header| (header.0, header.1) == pair));
    let newest = found.max_by_key(|header| version_numbers(header.2))?;
    Some(newest.2.to_owned())
}

/// Returns texts `3.x.y` with the address and length that their header would have. Texts adjoin each other without a gap, so
/// a one-digit and a two-digit reading are both candidates.
fn candidates(bytes: &[u8]) -> impl Iterator<Item = (u64, u64, &str)> {
    let starts = bytes
        .windows(2)
        .enumerate()
        .filter(|(_, start)| *start == b"3.")
        .map(|(at, _)| at);
    starts.flat_map(move |at| {
        let text = bytes[at..].get(..7).unwrap_or(&bytes[at..]);
        (5..=text.len()).filter_map(move |length| {
            let text = std::str::from_utf8(&text[..length]).ok()?;
            version_numbers(text)?;
            Some((elf::address_of(bytes, at as u64)?, length as u64, text))
        })
    })
}

/// Parses exactly three numbers.
fn version_numbers(text: &str) -> Option<[u32; 3]> {
    let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
    parts?.try_into().ok()
}

pub(super) fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes
        .windows(needle.len())
        .position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::elf::tests::elf;

    #[test]
    fn reads_the_module_list() {
        let bytes = b"dep\tgo.etcd.io/etcd/api/v3\tv3.6.14\n=>\t../api\t(devel)\t\n";
        assert_eq!(of_program(bytes).as_deref(), Some("3.6.14"));
    }

    /// Builds a program with these texts side by side and a string header for each.
    fn program(texts: &[&str]) -> Vec<u8> {
        let start = elf(183, None, b"").len();
        let (mut content, mut headers) = (Vec::new(), Vec::new());
        for text in texts {
            let address = 0x10000 + (start + content.len()) as u64;
            headers.extend([address.to_le_bytes(), (text.len() as u64).to_le_bytes()].concat());
            content.extend(text.as_bytes());
        }
        let padding = (start + content.len()).next_multiple_of(8) - start;
        content.resize(padding, 0);
        elf(183, None, &[content, headers].concat())
    }

    #[test]
    fn reads_the_variable_among_other_texts() {
        assert_eq!(
            of_program(&program(&["caller", "3.4.23", "390625", "3.0.0"])).as_deref(),
            Some("3.4.23")
        );
        assert_eq!(
            of_program(&program(&["13.9.9", "3.5.1", "6"])).as_deref(),
            Some("3.5.1")
        );
        assert_eq!(of_program(&program(&["3.x.1", "words"])), None);
    }

    #[test]
    fn a_version_nobody_points_to_is_none() {
        assert_eq!(of_program(&elf(183, None, b"3.5.16")), None);
    }

    #[test]
    fn leading_stops_at_what_packagers_add() {
        let leading = |text| leading(text);
        assert_eq!(leading("3.5.16-4").as_deref(), Some("3.5.16"));
        assert_eq!(leading("3.4.23+dfsg-1").as_deref(), Some("3.4.23"));
        assert_eq!(leading("3.6.0.rc1").as_deref(), Some("3.6.0"));
        assert_eq!(leading("unknown"), None);
    }

    #[test]
    fn series_decides_before_and_after() {
        assert_eq!(series("3.4.45"), Some((3, 4)));
        assert_eq!(series("unknown"), None);
        assert_eq!(
            guess_series(b".. go.etcd.io/etcd/server/v3/etcdmain .."),
            (3, 5)
        );
        assert_eq!(guess_series(b".. go.etcd.io/etcd/etcdmain .."), (3, 4));
    }
}
