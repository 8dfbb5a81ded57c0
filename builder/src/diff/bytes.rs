//! Whether two images are the same, byte by byte.

use anyhow::Result;
use diskimg::Storage;

/// Bytes that are compared at a time.
const CHUNK: usize = 1 << 20;

/// Returns the place of the first byte that differs, or `None` if the images are the same.
pub(super) fn first_difference(a: &dyn Storage, b: &dyn Storage) -> Result<Option<u64>> {
    let size = a.size().min(b.size());
    let mut buffers = [vec![0; CHUNK], vec![0; CHUNK]];
    for start in (0..size).step_by(CHUNK) {
        let len = usize::try_from(size - start)?.min(CHUNK);
        let [x, y] = buffers.each_mut().map(|buffer| &mut buffer[..len]);
        a.read_at(start, x)?;
        b.read_at(start, y)?;
        if x != y {
            let same = x.iter().zip(y).take_while(|(x, y)| x == y).count();
            return Ok(Some(start + u64::try_from(same)?));
        }
    }
    Ok((a.size() != b.size()).then_some(size))
}

#[cfg(test)]
mod tests {
    use diskimg::Memory;

    use super::*;

    #[test]
    fn the_first_different_byte_is_found_in_any_chunk_and_behind_the_shorter_one() {
        let image = vec![7; CHUNK + 9];
        let compared = |other: Vec<u8>| {
            let [a, b] = [image.clone(), other].map(Memory::new);
            first_difference(&a, &b).unwrap()
        };
        assert_eq!(compared(image.clone()), None);
        for place in [0, 440, CHUNK, CHUNK + 8] {
            let mut other = image.clone();
            other[place..].fill(8);
            assert_eq!(compared(other), Some(place as u64));
        }
        assert_eq!(compared(vec![7; CHUNK]), Some(CHUNK as u64));
    }
}
