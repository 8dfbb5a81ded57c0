//! A Linux kernel in the form that QEMU loads.

use std::io::Read as _;

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;

use super::fault::{Fault, FaultKind};

/// Returns the kernel unpacked, after checking that it is one (Linux, Documentation/arch/arm64/booting.rst, 4).
pub fn kernel(bytes: Vec<u8>) -> Result<Vec<u8>> {
    const MAGIC: (usize, &[u8]) = (56, b"ARM\x64");
    let bytes = match bytes.strip_prefix(b"\x1f\x8b") {
        None => bytes,
        Some(_) => unpacked(&bytes).context("unpacking the kernel")?,
    };
    match bytes.get(MAGIC.0..MAGIC.0 + MAGIC.1.len()) == Some(MAGIC.1) {
        true => Ok(bytes),
        false => Err(Fault::new(
            FaultKind::Unsupported,
            "the kernel is not an arm64 Linux image",
            "name one that is with `--kernel` and its initramfs with `--initrd`",
        )),
    }
}

fn unpacked(gzip: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    MultiGzDecoder::new(gzip).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn image() -> Vec<u8> {
        let mut bytes = vec![0; 64];
        bytes[56..60].copy_from_slice(b"ARM\x64");
        bytes
    }

    #[test]
    fn a_kernel_is_taken_as_it_is_or_unpacked() {
        assert_eq!(kernel(image()).unwrap(), image());
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&image()).unwrap();
        assert_eq!(kernel(gzip.finish().unwrap()).unwrap(), image());
    }

    #[test]
    fn what_is_no_arm64_kernel_is_refused() {
        for bytes in [Vec::new(), b"MZ".to_vec(), vec![0; 64]] {
            assert!(
                kernel(bytes)
                    .unwrap_err()
                    .to_string()
                    .contains("not an arm64")
            );
        }
    }
}
