//! Little-endian fields by offset, and conversions that cannot panic.
//!
//! Reading past the end gives zeros, as if the structure were padded: the offsets are constants of the format, so a
//! short slice is a mistake in this crate, and the checks on the values refuse zeros anyway.

use crate::error::{Result, StorageError};

/// The `N` bytes at `at`.
pub(crate) fn array_at<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes
        .get(at..)
        .and_then(|tail| tail.first_chunk::<N>())
        .copied()
        .unwrap_or([0; N])
}

/// The byte at `at`.
pub(crate) fn u8_at(bytes: &[u8], at: usize) -> u8 {
    bytes.get(at).copied().unwrap_or(0)
}

/// The 16-bit number at `at`.
pub(crate) fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(array_at(bytes, at))
}

/// The 32-bit number at `at`.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(array_at(bytes, at))
}

/// The 64-bit number at `at`.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(array_at(bytes, at))
}

/// Replaces the bytes at `at` with `value`; what does not fit is left out.
pub(crate) fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    if let Some(place) = bytes.get_mut(at..at.saturating_add(value.len())) {
        place.copy_from_slice(value);
    }
}

/// A buffer length as a byte count.
pub(crate) fn len_u64(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

/// A byte count as a buffer length, refused where memory cannot hold it.
pub(crate) fn to_usize(offset: u64, len: u64) -> Result<usize> {
    usize::try_from(len).map_err(|_| StorageError::TooLarge { offset, len }.into())
}

#[cfg(test)]
mod tests {
    use super::{array_at, put, u16_at, u32_at, u64_at};

    #[test]
    fn reads_little_endian_fields() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9];
        assert_eq!(u16_at(&bytes, 1), 0x0302);
        assert_eq!(u32_at(&bytes, 1), 0x0504_0302);
        assert_eq!(u64_at(&bytes, 1), 0x0908_0706_0504_0302);
    }

    #[test]
    fn reads_zeros_past_the_end() {
        assert_eq!(array_at::<4>(&[1, 2, 3], 0), [0; 4]);
        assert_eq!(u16_at(&[1, 2, 3], usize::MAX), 0);
    }

    #[test]
    fn leaves_out_what_does_not_fit() {
        let mut bytes = [0; 3];
        put(&mut bytes, 2, &[7, 7]);
        assert_eq!(bytes, [0, 0, 0]);
    }
}
