//! Lists of digests as `sha256sum` writes them: `<hex>`, a blank, `*` or a blank, the file's name.

use crate::recipe::is_sha256;

/// Returns the digest in a file beside the one it describes; that file may consist of the digest alone.
pub(super) fn digest_beside(text: &str, name: &str) -> Option<String> {
    let alone = text.trim().to_ascii_lowercase();
    match is_sha256(&alone) {
        true => Some(alone),
        false => listed_digest(text, name).map(str::to_owned),
    }
}

/// Returns the digest of exactly that name, or `None` if it is absent or two lines disagree about it.
pub(super) fn listed_digest<'t>(list: &'t str, name: &str) -> Option<&'t str> {
    let mut of_name = list
        .lines()
        .filter_map(digest_and_name)
        .filter(|(_, found)| *found == name)
        .map(|(digest, _)| digest);
    let first = of_name.next()?;
    of_name.all(|other| other == first).then_some(first)
}

/// Returns the name that matches a pattern such as `a-24.04*.img`, where `*` stands for a point release such as `.5`, or for
/// nothing. If several match, returns that of the newest release.
pub(super) fn newest_name<'t>(list: &'t str, pattern: &str) -> Option<&'t str> {
    let (before, after) = pattern.split_once('*')?;
    let release = |name: &str| -> Option<Vec<u32>> {
        let middle = name.strip_prefix(before)?.strip_suffix(after)?;
        let mut parts = middle.split('.');
        parts.next().filter(|start| start.is_empty())?;
        parts.map(|part| part.parse().ok()).collect()
    };
    let names = list.lines().filter_map(digest_and_name);
    let releases = names.filter_map(|(_, name)| Some((release(name)?, name)));
    releases.max().map(|(_, name)| name)
}

fn digest_and_name(line: &str) -> Option<(&str, &str)> {
    let (digest, rest) = line.split_once(' ')?;
    let name = rest.strip_prefix(['*', ' '])?;
    is_sha256(digest).then_some((digest, name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_exact_name_counts() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let list = format!(
            "{a} *ubuntu-core-24-arm64.img.xz\n{b} *ubuntu-core-24-arm64+raspi.img.xz\n{a}  text.img\nrubbish\n"
        );
        assert_eq!(
            listed_digest(&list, "ubuntu-core-24-arm64+raspi.img.xz"),
            Some(&*b)
        );
        assert_eq!(listed_digest(&list, "text.img"), Some(&*a));
        for absent in ["arm64.img.xz", "*text.img", " text.img", "", "rubbish"] {
            assert_eq!(listed_digest(&list, absent), None, "{absent}");
        }
    }

    #[test]
    fn what_is_no_digest_or_has_no_name_counts_for_nothing() {
        let a = "a".repeat(64);
        for line in [
            format!("{a} x"),
            a.clone(),
            format!("{} *x", a.to_uppercase()),
            format!("{}  x", &a[1..]),
            format!("SHA256 (x) = {a}"),
        ] {
            assert_eq!(listed_digest(&line, "x"), None, "{line}");
        }
    }

    #[test]
    fn a_digest_beside_its_file_needs_no_name() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        let list = format!("{a}  other.img\n{b} *this.img\n");
        assert_eq!(digest_beside(&list, "this.img"), Some(b));
        assert_eq!(digest_beside(&list, "that.img"), None);
        assert_eq!(
            digest_beside(&format!("{}\n", a.to_uppercase()), "any"),
            Some(a)
        );
        assert_eq!(digest_beside("<html>", "any"), None);
    }

    #[test]
    fn a_star_is_the_newest_point_release() {
        let newest = |names: &[&str]| {
            let lines = names
                .iter()
                .map(|name| format!("{}  {name}\n", "a".repeat(64)));
            newest_name(&lines.collect::<String>(), "a-24.04*.img").map(str::to_owned)
        };
        let found = |name: &str| Some(name.to_owned());
        assert_eq!(newest(&["a-24.04.img"]), found("a-24.04.img"));
        let names = ["a-24.04.9.img", "a-24.04.10.img", "a-24.04.img"];
        assert_eq!(newest(&names), found("a-24.04.10.img"));
        let others = [
            "a-24.045.img",
            "a-24.04.img.xz",
            "a-24.04.5-x.img",
            "a-24.04..img",
            "b.img",
        ];
        assert_eq!(newest(&others), None);
    }

    #[test]
    fn two_different_digests_count_for_nothing() {
        let (a, b) = ("a".repeat(64), "b".repeat(64));
        assert_eq!(listed_digest(&format!("{a} *x\n{a} *x\n"), "x"), Some(&*a));
        assert_eq!(listed_digest(&format!("{a} *x\n{b} *x\n"), "x"), None);
    }
}
