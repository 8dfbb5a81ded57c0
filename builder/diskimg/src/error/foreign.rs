//! Formats that are recognized but not read.

use std::fmt;

/// A format that is recognized by its signature but not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Foreign {
    /// An archive or a compressed file, whose content may be an image.
    Packed(&'static str),
    /// A virtual disk, which `qemu-img` converts to a raw image.
    VirtualDisk(&'static str),
    /// A partition's content: another file system, a volume manager's, or an encrypted one.
    Volume(&'static str),
    /// Something that holds no system at all.
    Other(&'static str),
}

impl fmt::Display for Foreign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Packed(name) | Self::Volume(name) | Self::Other(name) => f.write_str(name),
            Self::VirtualDisk(format) => write!(f, "a virtual disk in {format} format"),
        }
    }
}
