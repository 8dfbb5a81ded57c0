//! The result of `diff`, as text and JSON.

use std::fmt::{self, Display, Formatter};

use diskimg::{FileKind, Metadata};
use serde::Serialize;

use super::content::ContentDifference;
use crate::count::count;
use crate::inspect::Volume;

/// The differences of all images.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// Version of this format.
    pub format: u32,
    /// One per image.
    pub images: Vec<ImageComparison>,
}

/// The differences of two images.
#[derive(Debug, Serialize)]
pub struct ImageComparison {
    /// File name of the image.
    pub image: String,
    /// The differences; empty if the images hold the same.
    pub differences: Vec<Difference>,
}

/// One difference between `a` and `b`, the first and the second argument.
#[derive(Debug, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Difference {
    /// One of the directories does not contain the image.
    Image {
        /// `a` or `b`.
        only_in: &'static str,
    },
    /// A fact about the disk or a partition.
    Table {
        /// The fact.
        what: String,
        /// Its value in the first image, if it has one.
        a: Option<String>,
        /// Its value in the second image, if it has one.
        b: Option<String>,
    },
    /// A file.
    File(FileDifference),
    /// Only bytes that belong to none of these, such as times, boot code and free space.
    Bytes {
        /// The place of the first one in the image.
        first: u64,
    },
}

/// A file that is in one image only, or differs.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct FileDifference {
    /// Partition of the file.
    pub partition: Volume,
    /// Absolute path in that partition.
    pub path: String,
    /// Type, permissions, owner and size in the first image; `None` if it is not there.
    pub a: Option<String>,
    /// The same in the second image.
    pub b: Option<String>,
    /// The difference of the contents, if any.
    pub content: Option<ContentDifference>,
}

impl FileDifference {
    /// Returns the difference of two files, or `None` if they are the same.
    pub(super) fn new(
        partition: Volume,
        path: &str,
        (a, b): (Option<&Metadata>, Option<&Metadata>),
        content: Option<ContentDifference>,
    ) -> Option<Self> {
        let (a, b) = (a.map(attributes), b.map(attributes));
        (a != b || content.is_some()).then(|| Self {
            partition,
            path: path.to_owned(),
            a,
            b,
            content,
        })
    }
}

/// Returns what `ls -ln` shows of a file. The size of a directory depends on its history.
fn attributes(file: &Metadata) -> String {
    let (kind, size) = match file.kind {
        FileKind::File => ("file", format!(", {} bytes", file.size)),
        FileKind::Directory => ("directory", String::new()),
        FileKind::Symlink => ("link", String::new()),
        FileKind::Other => ("device, pipe or socket", String::new()),
    };
    format!("{kind} {:04o} {}:{}{size}", file.mode, file.uid, file.gid)
}

impl Comparison {
    /// Returns whether no image differs.
    pub fn is_same(&self) -> bool {
        self.images.iter().all(|image| image.differences.is_empty())
    }
}

impl Display for Comparison {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for ImageComparison { image, differences } in &self.images {
            match differences.len() {
                0 => writeln!(f, "{image}: no differences")?,
                number => writeln!(f, "{image}: {}", count(number, "difference"))?,
            }
            differences
                .iter()
                .try_for_each(|difference| write!(f, "{difference}"))?;
        }
        Ok(())
    }
}

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Image { only_in } => writeln!(f, "  only in {only_in}"),
            Self::Table { what, a, b } => {
                writeln!(f, "  {what}")?;
                both(f, a.as_deref(), b.as_deref())
            }
            Self::File(file) => write!(f, "{file}"),
            Self::Bytes { first } => writeln!(
                f,
                "  bytes outside of partition table and files, such as times or free space\n      the first at byte {first}"
            ),
        }
    }
}

impl Display for FileDifference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let (partition, path) = (self.partition.name(), &self.path);
        writeln!(f, "  {partition}:{path}")?;
        if self.a != self.b {
            both(f, self.a.as_deref(), self.b.as_deref())?;
        }
        self.content
            .iter()
            .try_for_each(|content| write!(f, "{content}"))
    }
}

fn both(f: &mut Formatter<'_>, a: Option<&str>, b: Option<&str>) -> fmt::Result {
    for (sign, value) in [('-', a), ('+', b)] {
        if let Some(value) = value {
            writeln!(f, "      {sign} {value}")?;
        }
    }
    Ok(())
}
