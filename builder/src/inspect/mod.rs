//! A verified base → its layout as found: partitions, file systems, family, room. Reads only.

mod core;
mod family;
mod files;
mod found;
mod image;
mod layout;
mod libc;

pub use self::core::base::SignedModels;
pub use files::Files;
pub use found::{Attributes, Before, Found, Place, find};
pub use image::Image;
pub use layout::{Home, Layout, Part, System};
pub use libc::glibc;
