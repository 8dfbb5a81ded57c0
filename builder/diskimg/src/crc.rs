//! The two checksums of these formats: CRC-32 (GPT) and CRC-32C (ext4), both bit-reflected.

const CRC32: u32 = 0xEDB8_8320;
const CRC32C: u32 = 0x82F6_3B78;

/// CRC-32/ISO-HDLC, as GPT headers use it.
pub(crate) fn crc32(bytes: &[u8]) -> u32 {
    !update(CRC32, !0, bytes)
}

/// CRC-32C started from `seed` and not inverted at the end, as ext4 uses it (the first seed is all ones).
pub(crate) fn crc32c_raw(seed: u32, bytes: &[u8]) -> u32 {
    update(CRC32C, seed, bytes)
}

fn update(polynomial: u32, seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            let carry = if crc & 1 == 1 { polynomial } else { 0 };
            (crc >> 1) ^ carry
        })
    })
}

#[cfg(test)]
mod tests {
    use super::{crc32, crc32c_raw};

    #[test]
    fn agrees_with_the_published_check_values() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
        assert_eq!(!crc32c_raw(!0, b"123456789"), 0xE306_9283);
    }
}
