//! Reads and checks the root file system with e2fsprogs.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Verdict;
use crate::support::fixture::{digest, write};
use crate::support::tool::tool;

/// Checks that `e2fsck -fn` exits with 0 and that the file system needs no repair at the next mount.
pub(crate) fn ext4(partition: &Path) -> Verdict {
    let said = tool("e2fsck", &["-fn".as_ref(), partition.as_os_str()]);
    if said.code != Some(0) {
        return Err(said.words());
    }
    // In both cases e2fsck -n exits with 0, because it would fix them only in a run that may write.
    if header(partition, "Filesystem state") != "clean" {
        return Err(format!("state: {}", header(partition, "Filesystem state")));
    }
    if header(partition, "Filesystem features").contains("needs_recovery") {
        return Err("the journal waits to be replayed".to_owned());
    }
    Ok(())
}

/// Returns a value of `dumpe2fs -h`, e.g. `Free blocks`, or an empty string if it is not shown.
#[track_caller]
pub(crate) fn header(partition: &Path, name: &str) -> String {
    let said = tool("dumpe2fs", &["-h".as_ref(), partition.as_os_str()]).done();
    let text = said.text();
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    value.unwrap_or_default().trim().to_owned()
}

/// The type of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Folder,
    Symlink,
    Other,
}

/// An inode as `debugfs stat` prints it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stat {
    pub(crate) inode: u64,
    pub(crate) kind: Kind,
    /// The permission bits with setuid, setgid and sticky.
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) links: u32,
    pub(crate) size: u64,
    /// The modification time in seconds since 1970.
    pub(crate) mtime: i64,
    /// The flags, generation, ACL block and four times, as printed.
    pub(crate) rest: String,
    /// The extended attributes, as printed, one per line.
    pub(crate) xattrs: String,
}

impl Stat {
    /// Returns `0600 0:0`, as a test states it.
    pub(crate) fn access(&self) -> String {
        format!("{:04o} {}:{}", self.mode, self.uid, self.gid)
    }

    fn parse(text: &str) -> Self {
        let word = |key: &str| {
            let after = text
                .split_once(key)
                .unwrap_or_else(|| panic!("no {key} in {text}"))
                .1;
            after.split_whitespace().next().unwrap()
        };
        Self {
            inode: word("Inode:").parse().unwrap(),
            kind: kind(word("Type:")),
            mode: u32::from_str_radix(word("Mode:"), 8).unwrap(),
            uid: word("User:").parse().unwrap(),
            gid: word("Group:").parse().unwrap(),
            links: word("Links:").parse().unwrap(),
            size: word("Size:").parse().unwrap(),
            mtime: seconds(word("mtime:")),
            rest: [
                "Flags:",
                "Generation:",
                "File ACL:",
                " ctime:",
                " atime:",
                " mtime:",
                "crtime:",
            ]
            .map(word)
            .join(" "),
            xattrs: text
                .lines()
                .filter(|line| line.starts_with("  ") && line.contains(" = "))
                .collect::<Vec<_>>()
                .join("\n"),
        }
    }
}

fn kind(word: &str) -> Kind {
    match word {
        "regular" => Kind::File,
        "directory" => Kind::Folder,
        "symlink" => Kind::Symlink,
        _ => Kind::Other,
    }
}

/// Parses the seconds of `0x6ac4cb6e:00000000`; after the colon are nanoseconds and two bits that extend the seconds.
fn seconds(word: &str) -> i64 {
    let hex = |digits: &str| u32::from_str_radix(digits, 16).unwrap();
    let (low, extra) = word.trim_start_matches("0x").split_once(':').unwrap();
    i64::from(hex(low).cast_signed()) + (i64::from(hex(extra) & 3) << 32)
}

/// An ext4 file system, read through debugfs.
#[derive(Debug)]
pub(crate) struct Ext4 {
    partition: PathBuf,
    work: TempDir,
}

impl Ext4 {
    /// Creates a reader for an extracted partition.
    pub(crate) fn new(partition: &Path) -> Self {
        Self {
            partition: partition.to_owned(),
            work: tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap(),
        }
    }

    /// Returns the inode at a path, following links except a final one, or `None` if the path does not exist.
    pub(crate) fn stat(&self, path: &str) -> Option<Stat> {
        let answer = self.ask(&[format!("stat \"{path}\"")]).remove(0);
        (!answer.is_empty()).then(|| Stat::parse(&answer))
    }

    /// Returns a file's bytes or a link's target, or `None` if there is neither.
    pub(crate) fn content(&self, path: &str) -> Option<Vec<u8>> {
        let answer = self.ask(&[format!("stat \"{path}\"")]).remove(0);
        if answer.is_empty() {
            return None;
        }
        if let Some((_, target)) = answer.split_once("Fast link dest: \"") {
            return Some(target.trim_end().trim_end_matches('"').as_bytes().to_vec());
        }
        let dump = self.work.path().join("content");
        self.ask(&[format!("dump \"{path}\" {}", dump.display())]);
        Some(fs::read(dump).unwrap())
    }

    /// Returns a file's content as text.
    #[track_caller]
    pub(crate) fn text(&self, path: &str) -> String {
        let content = self
            .content(path)
            .unwrap_or_else(|| panic!("there is no {path}"));
        String::from_utf8(content).unwrap()
    }

    /// Returns the names in a directory, sorted, without `.` and `..`.
    pub(crate) fn names(&self, folder: &str) -> Vec<String> {
        let answer = self.ask(&[format!("ls -p \"{folder}\"")]).remove(0);
        let mut names: Vec<_> = entries(&answer).into_iter().map(|(_, name)| name).collect();
        names.sort();
        names
    }

    /// Returns every path with its inode and the digest of the content (for files) or the target (for links).
    pub(crate) fn walk(&self) -> BTreeMap<String, (Stat, String)> {
        let paths = self.paths();
        let stats: Vec<_> = self.ask(&lines("stat", &paths));
        let files = self.work.path().join("files");
        fs::create_dir_all(&files).unwrap();
        let dumps: Vec<_> = paths
            .iter()
            .map(|(_, inode)| format!("dump <{inode}> {}/{inode}", files.display()))
            .collect();
        let whole: Vec<_> = stats.iter().map(|text| Stat::parse(text)).collect();
        let wanted = dumps
            .iter()
            .zip(&whole)
            .filter(|(_, stat)| stat.kind == Kind::File);
        self.ask(&wanted.map(|(dump, _)| dump.clone()).collect::<Vec<_>>());
        let with_content = paths.into_iter().zip(whole.into_iter().zip(stats)).map(
            |((path, inode), (stat, text))| {
                let content = match stat.kind {
                    Kind::File => digest(&files.join(inode.to_string())),
                    Kind::Symlink => text
                        .split_once("link dest:")
                        .map_or_else(String::new, |(_, target)| target.trim().to_owned()),
                    Kind::Folder | Kind::Other => String::new(),
                };
                (path, (stat, content))
            },
        );
        with_content.collect()
    }

    /// Returns every path except the root with its inode number, directory by directory.
    fn paths(&self) -> Vec<(String, u64)> {
        let mut all = Vec::new();
        let mut level = vec![(String::new(), 2)];
        while !level.is_empty() {
            let answers = self.ask(&lines("ls -p", &level));
            let found = level.iter().zip(&answers).flat_map(|((above, _), answer)| {
                let named = entries(answer).into_iter();
                named.map(move |((inode, is_folder), name)| {
                    (format!("{above}/{name}"), inode, is_folder)
                })
            });
            let found: Vec<_> = found.collect();
            level = found
                .iter()
                .filter(|entry| entry.2)
                .map(|(path, inode, _)| (path.clone(), *inode))
                .collect();
            all.extend(found.into_iter().map(|(path, inode, _)| (path, inode)));
        }
        all
    }

    /// Returns the answers of debugfs to several requests in one run, in order and without error messages.
    fn ask(&self, requests: &[String]) -> Vec<String> {
        if requests.is_empty() {
            return Vec::new();
        }
        let script = self.work.path().join("requests");
        write(&script, (requests.join("\n") + "\n").as_bytes());
        let said = tool(
            "debugfs",
            &[
                "-f".as_ref(),
                script.as_os_str(),
                self.partition.as_os_str(),
            ],
        )
        .done();
        let text = said.text();
        let answers: Vec<_> = text
            .split("debugfs: ")
            .skip(1)
            .map(|part| part.split_once('\n').unwrap().1.trim_end().to_owned())
            .collect();
        assert_eq!(answers.len(), requests.len(), "{}", said.words());
        answers
    }
}

/// Returns one request per inode.
fn lines(request: &str, paths: &[(String, u64)]) -> Vec<String> {
    paths
        .iter()
        .map(|(_, inode)| format!("{request} <{inode}>"))
        .collect()
}

/// Parses `ls -p`: each line `/inode/mode/uid/gid/name/size/` yields (inode, is a directory), name.
fn entries(answer: &str) -> Vec<((u64, bool), String)> {
    let mut entries = Vec::new();
    for line in answer.lines() {
        let fields: Vec<_> = line.split('/').collect();
        if let ["", inode, mode, _, _, name, ..] = fields[..]
            && inode != "0"
            && !matches!(name, "." | "..")
        {
            entries.push((
                (inode.parse().unwrap(), mode.starts_with("04")),
                name.to_owned(),
            ));
        }
    }
    entries
}
