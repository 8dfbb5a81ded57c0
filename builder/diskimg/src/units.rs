//! Units and conversions that cannot overflow, each with the reason.

/// A number of sectors of 512 bytes, or the address of one (LBA).
///
/// MBR and FAT store both in 32 bits, so a count of bytes always fits into 64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sectors(pub(crate) u32);

impl Sectors {
    /// Bytes per sector.
    pub(crate) const SIZE: u64 = 512;

    /// Returns the number of bytes, at most 2^41.
    pub(crate) fn bytes(self) -> u64 {
        u64::from(self.0) << 9
    }
}

/// Returns the product of two 32-bit numbers, which always fits into 64 bits.
#[expect(
    clippy::arithmetic_side_effects,
    reason = "(2^32 - 1)^2 is less than 2^64"
)]
pub(crate) fn product(a: u32, b: u32) -> u64 {
    u64::from(a) * u64::from(b)
}

/// Returns the length of a buffer in bytes.
#[expect(
    clippy::as_conversions,
    reason = "the assertion is checked at compile time"
)]
pub(crate) fn length(bytes: &[u8]) -> u64 {
    const { assert!(usize::BITS <= u64::BITS) };
    bytes.len() as u64
}

/// Returns a 32-bit number as an index into a buffer.
#[expect(
    clippy::as_conversions,
    reason = "the assertion is checked at compile time"
)]
pub(crate) fn index(number: u32) -> usize {
    const { assert!(usize::BITS >= u32::BITS) };
    number as usize
}

#[cfg(test)]
mod tests {
    use super::{Sectors, product};

    #[test]
    fn the_largest_numbers_fit() {
        assert_eq!(Sectors(u32::MAX).bytes(), (1 << 41) - 512);
        assert_eq!(product(u32::MAX, u32::MAX), 0xFFFF_FFFE_0000_0001);
    }
}
