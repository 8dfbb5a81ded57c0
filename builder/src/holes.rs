//! Long runs of zeros, which become holes of a file: images are mostly empty space.

use std::ops::Range;

/// The length of an aligned run of zeros that becomes a hole; a multiple of every file system's block size.
pub(crate) const HOLE: usize = 64 << 10;

static ZEROS: [u8; HOLE] = [0; HOLE];

/// Returns the parts of the bytes between aligned runs of zeros.
pub(crate) fn data(bytes: &[u8]) -> impl Iterator<Item = Range<usize>> {
    let mut at = 0;
    let blocks = bytes.chunks(HOLE).map(move |block| {
        let start = at;
        at += block.len();
        (start..at, *block == ZEROS[..block.len()])
    });
    let mut blocks = blocks.peekable();
    std::iter::from_fn(move || {
        while blocks.next_if(|(_, is_hole)| *is_hole).is_some() {}
        let (mut part, _) = blocks.next()?;
        while let Some((next, _)) = blocks.next_if(|(_, is_hole)| !is_hole) {
            part.end = next.end;
        }
        Some(part)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_lie_between_long_runs_of_zeroes() {
        let mut bytes = vec![0; 5 * HOLE + 7];
        assert_eq!(data(&bytes).count(), 0);
        bytes[2 * HOLE - 1] = 1;
        bytes[2 * HOLE] = 1;
        bytes[5 * HOLE + 6] = 1;
        let parts: Vec<_> = data(&bytes).collect();
        assert_eq!(parts, [HOLE..3 * HOLE, 5 * HOLE..5 * HOLE + 7]);
    }
}
