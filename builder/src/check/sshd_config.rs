//! `sshd_config(5)`: which value of a keyword applies to a user. Pure except for the files that it includes.

use anyhow::Result;

use super::sshd_keywords::{self, Release};
use super::tree::Tree;
use crate::inspect;
use crate::ssh_patterns::{in_list, is_like};

const MAIN: &str = "/etc/ssh/sshd_config";

/// The depth to which sshd follows `Include`.
const DEPTH: u32 = 16;

/// A keyword in lower case and its values.
type SshdSetting = (String, Vec<String>);

/// The settings that apply to one user, in the order in which sshd reads them.
pub(super) struct SshdConfig {
    /// The settings of `Match` blocks, which replace global ones.
    matched: Vec<SshdSetting>,
    global: Vec<SshdSetting>,
    /// The lines with which sshd does not start.
    pub(super) faults: Vec<String>,
}

impl SshdConfig {
    /// Reads the configuration for a user with these groups; `None` if there is none.
    pub(super) fn read(root: &mut Tree<'_>, user: &str, groups: &[&str]) -> Result<Option<Self>> {
        let Some(text) = root.text(MAIN)? else {
            return Ok(None);
        };
        let mut reader = ConfigReader {
            user,
            groups,
            release: release(root)?,
            found: Self {
                matched: Vec::new(),
                global: Vec::new(),
                faults: Vec::new(),
            },
        };
        reader.add(root, (MAIN, &text), MatchBlock::Global, DEPTH)?;
        Ok(Some(reader.found))
    }

    /// Returns the values of a keyword: the first line that sets it.
    pub(super) fn first(&self, keyword: &str) -> Option<&[String]> {
        self.all(keyword).next()
    }

    /// Returns the only value of a keyword, in lower case.
    pub(super) fn word(&self, keyword: &str) -> Option<String> {
        Some(self.first(keyword)?.first()?.to_lowercase())
    }

    /// Returns the values of every line that sets a keyword, for keywords that add up.
    pub(super) fn all<'s>(&'s self, keyword: &str) -> impl Iterator<Item = &'s [String]> {
        let keyword = keyword.to_lowercase();
        let is_matched = self.matched.iter().any(|(name, _)| *name == keyword);
        let settings = if is_matched {
            &self.matched
        } else {
            &self.global
        };
        let lines = settings.iter().filter(move |(name, _)| *name == keyword);
        lines.map(|(_, values)| values.as_slice())
    }
}

/// The part of a file that a line belongs to.
#[derive(Clone, Copy, PartialEq)]
enum MatchBlock {
    Global,
    /// `Match all`, in which every keyword may stand.
    All,
    /// A `Match` block that applies to the user.
    Matched,
    /// Another `Match` block.
    Other,
}

struct ConfigReader<'a> {
    user: &'a str,
    groups: &'a [&'a str],
    release: Option<Release>,
    found: SshdConfig,
}

impl ConfigReader<'_> {
    fn add(
        &mut self,
        root: &mut Tree<'_>,
        (path, text): (&str, &str),
        outer: MatchBlock,
        depth: u32,
    ) -> Result<()> {
        let mut block = outer;
        for line in text.lines() {
            let Some((keyword, values)) = keyword_and_values(line) else {
                continue;
            };
            let is_conditional = matches!(block, MatchBlock::Matched | MatchBlock::Other);
            let release = self.release;
            if let Some(why) = sshd_keywords::fault(&keyword, &values, is_conditional, release) {
                let line = line.trim();
                let fault = format!("sshd does not start with `{line}` in {path}: {why}");
                self.found.faults.push(fault);
            }
            match (keyword.as_str(), block) {
                ("match", _) => block = self.block(&values, outer),
                ("include", _) if depth > 0 => {
                    for path in included(root, &values)? {
                        let text = root.text(&path)?.unwrap_or_default();
                        self.add(root, (&path, &text), block, depth.saturating_sub(1))?;
                    }
                }
                (_, MatchBlock::Other) => {}
                (_, MatchBlock::Global) => self.found.global.push((keyword, values)),
                (_, MatchBlock::All | MatchBlock::Matched) => {
                    self.found.matched.push((keyword, values));
                }
            }
        }
        Ok(())
    }

    /// Returns the block that a `Match` line begins.
    fn block(&self, conditions: &[String], outer: MatchBlock) -> MatchBlock {
        let is_all = matches!(conditions, [word] if word.eq_ignore_ascii_case("all"));
        match outer != MatchBlock::Other && self.matches(conditions) {
            true if is_all && outer != MatchBlock::Matched => MatchBlock::All,
            true => MatchBlock::Matched,
            false => MatchBlock::Other,
        }
    }

    /// Returns whether a `Match` line applies to the user from anywhere. Conditions on the connection are taken not to hold.
    fn matches(&self, conditions: &[String]) -> bool {
        let mut words = conditions.iter().flat_map(|word| word.splitn(2, '='));
        while let Some(name) = words.next() {
            let holds = match name.to_lowercase().as_str() {
                "all" => true,
                "user" => words.next().is_some_and(|list| in_list(list, self.user)),
                "group" => words
                    .next()
                    .is_some_and(|list| self.groups.iter().any(|group| in_list(list, group))),
                _ => false,
            };
            if !holds {
                return false;
            }
        }
        true
    }
}

/// Returns the release of the image's sshd, if dpkg recorded it.
fn release(root: &mut Tree<'_>) -> Result<Option<Release>> {
    let records = root.text(inspect::STATUS)?.unwrap_or_default();
    let packages = inspect::installed(&records).into_iter();
    let mut servers = packages.filter(|package| package.name == "openssh-server");
    Ok(servers.find_map(|server| release_of(&server.version)))
}

/// Returns the release of a package's version, such as `1:9.2p1-2+deb12u3`.
fn release_of(version: &str) -> Option<Release> {
    let (_, upstream) = version.split_once(':').unwrap_or(("", version));
    let (numbers, _) = upstream.split_once('p')?;
    let (major, minor) = numbers.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Returns the keyword in lower case and its values; quotes may surround a value.
fn keyword_and_values(line: &str) -> Option<(String, Vec<String>)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return None;
    }
    let end = line.find([' ', '\t', '=']).unwrap_or(line.len());
    let rest = line[end..].trim_start();
    let rest = rest.strip_prefix('=').unwrap_or(rest).trim();
    let mut values: Vec<String> = Vec::new();
    let (mut quoted, mut inside) = (false, false);
    for letter in rest.chars() {
        match letter {
            '"' => {
                quoted = !quoted;
                if quoted && !inside {
                    values.push(String::new());
                }
                inside = quoted || inside;
            }
            '#' if !quoted && !inside => break,
            _ if letter.is_whitespace() && !quoted => inside = false,
            _ => {
                if !inside {
                    values.push(String::new());
                    inside = true;
                }
                values.last_mut()?.push(letter);
            }
        }
    }
    Some((line[..end].to_lowercase(), values))
}

/// Returns the files of `Include PATTERN…`, in the order in which sshd reads them.
fn included(root: &mut Tree<'_>, patterns: &[String]) -> Result<Vec<String>> {
    let mut paths = Vec::new();
    for pattern in patterns {
        let pattern = match pattern.starts_with('/') {
            true => pattern.clone(),
            false => format!("/etc/ssh/{pattern}"),
        };
        let (folder, name) = pattern.rsplit_once('/').unwrap_or_default();
        let names = root.names(folder)?.into_iter();
        // A shell's `*` does not match a leading dot.
        let fits =
            |it: &String| is_like(name, it) && (!it.starts_with('.') || name.starts_with('.'));
        paths.extend(names.filter(fits).map(|it| format!("{folder}/{it}")));
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_release_is_that_of_the_package() {
        assert_eq!(release_of("1:9.2p1-2+deb12u3"), Some((9, 2)));
        assert_eq!(release_of("1:10.0p1-7"), Some((10, 0)));
        for other in ["1", "1:9p1", "x.yp1", ""] {
            assert_eq!(release_of(other), None, "{other}");
        }
    }
}
