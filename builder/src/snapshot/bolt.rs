//! Reads buckets of a bbolt database, the format of etcd's snapshots. Every position is checked: the file may be damaged.

/// The mark and the version in the header of a database.
const MAGIC: u32 = 0xED0C_DAED;
const VERSION: u32 = 2;

/// The length of the header of a page, and of one of its elements.
const HEADER: usize = 16;
const ELEMENT: usize = 16;

const BRANCH: u16 = 1;
const LEAF: u16 = 2;

/// The deepest tree, and the most entries of a small bucket.
const MOST_LEVELS: usize = 32;
const MOST_ENTRIES: usize = 1000;

/// A database in memory.
#[derive(Debug)]
pub(super) struct Database<'a> {
    bytes: &'a [u8],
    page_size: usize,
    root: u64,
}

/// A bucket of a database.
#[derive(Debug)]
pub(super) struct BoltBucket<'a> {
    database: &'a Database<'a>,
    root: BoltPage<'a>,
}

#[derive(Clone, Copy, Debug)]
struct BoltPage<'a> {
    bytes: &'a [u8],
}

/// A key and its value.
type BoltEntry<'a> = (&'a [u8], &'a [u8]);

impl<'a> Database<'a> {
    /// Opens a database; `None` if the bytes are not one.
    pub(super) fn open(bytes: &'a [u8]) -> Option<Self> {
        let first = header(bytes, 0);
        let page_size = first.as_ref().map_or(4096, |header| header.page_size);
        let headers = [first, header(bytes, page_size)];
        let newest = headers.into_iter().flatten();
        let newest = newest.max_by_key(|header| header.transaction)?;
        Some(Self {
            bytes,
            page_size: newest.page_size,
            root: newest.root,
        })
    }

    /// Returns the bucket of this name.
    pub(super) fn bucket(&'a self, name: &str) -> Option<BoltBucket<'a>> {
        let root = BoltBucket {
            database: self,
            root: self.page(self.root)?,
        };
        let (_, value) = root
            .entries()?
            .into_iter()
            .find(|(key, _)| *key == name.as_bytes())?;
        let page = match u64_at(value, 0)? {
            // A small bucket lies beside its name.
            0 => BoltPage {
                bytes: value.get(HEADER..)?,
            },
            root => self.page(root)?,
        };
        Some(BoltBucket {
            database: self,
            root: page,
        })
    }

    fn page(&self, id: u64) -> Option<BoltPage<'a>> {
        let start = usize::try_from(id).ok()?.checked_mul(self.page_size)?;
        let bytes = self.bytes.get(start..)?;
        let more = usize::try_from(u32_at(bytes, 12)?).ok()?;
        let length = more.checked_add(1)?.checked_mul(self.page_size)?;
        Some(BoltPage {
            bytes: bytes.get(..length)?,
        })
    }
}

impl<'a> BoltBucket<'a> {
    /// Returns all entries of a small bucket; `None` if it is damaged or large.
    pub(super) fn entries(&self) -> Option<Vec<BoltEntry<'a>>> {
        let (mut found, mut waiting) = (Vec::new(), vec![(self.root, 0)]);
        while let Some((page, level)) = waiting.pop() {
            if level == MOST_LEVELS || found.len() + waiting.len() > MOST_ENTRIES {
                return None;
            }
            for at in 0..page.count()? {
                match page.kind()? {
                    LEAF => found.push(page.entry(at)?),
                    BRANCH => waiting.push((self.database.page(page.child(at)?)?, level + 1)),
                    _ => return None,
                }
            }
        }
        Some(found)
    }

    /// Returns the value of a key in a small bucket.
    pub(super) fn value(&self, key: &str) -> Option<&'a [u8]> {
        let mut entries = self.entries()?.into_iter();
        let found = entries.find(|(name, _)| *name == key.as_bytes())?;
        Some(found.1)
    }

    /// Returns the last key; `None` if the bucket is empty or damaged.
    pub(super) fn last_key(&self) -> Option<&'a [u8]> {
        let mut page = self.root;
        for _ in 0..MOST_LEVELS {
            let last = page.count()?.checked_sub(1)?;
            page = match page.kind()? {
                LEAF => return Some(page.entry(last)?.0),
                BRANCH => self.database.page(page.child(last)?)?,
                _ => return None,
            };
        }
        None
    }
}

impl<'a> BoltPage<'a> {
    fn kind(self) -> Option<u16> {
        u16_at(self.bytes, 8)
    }

    fn count(self) -> Option<usize> {
        u16_at(self.bytes, 10).map(usize::from)
    }

    /// Returns the page below the element of a branch.
    fn child(self, at: usize) -> Option<u64> {
        u64_at(self.bytes, HEADER + at * ELEMENT + 8)
    }

    /// Returns the key and the value of an element of a leaf.
    fn entry(self, at: usize) -> Option<BoltEntry<'a>> {
        let element = HEADER + at * ELEMENT;
        let word = |at| usize::try_from(u32_at(self.bytes, element + at)?).ok();
        let start = element.checked_add(word(4)?)?;
        let middle = start.checked_add(word(8)?)?;
        let end = middle.checked_add(word(12)?)?;
        Some((self.bytes.get(start..middle)?, self.bytes.get(middle..end)?))
    }
}

/// The header of a database, of which there are two.
struct BoltHeader {
    page_size: usize,
    root: u64,
    transaction: u64,
}

fn header(bytes: &[u8], start: usize) -> Option<BoltHeader> {
    let bytes = bytes.get(start.checked_add(HEADER)?..)?;
    let page_size = usize::try_from(u32_at(bytes, 8)?).ok()?;
    let sound = u32_at(bytes, 0)? == MAGIC
        && u32_at(bytes, 4)? == VERSION
        && u64_at(bytes, 56)? == checksum(bytes.get(..56)?)
        && page_size.is_power_of_two()
        && page_size >= 512;
    sound.then_some(BoltHeader {
        page_size,
        root: u64_at(bytes, 16)?,
        transaction: u64_at(bytes, 48)?,
    })
}

/// FNV-1a.
fn checksum(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |sum, byte| {
        (sum ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u16::from_le_bytes(*word))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u32::from_le_bytes(*word))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    let word = bytes.get(at..)?.first_chunk()?;
    Some(u64::from_le_bytes(*word))
}
