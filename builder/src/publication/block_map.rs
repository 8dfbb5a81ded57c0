//! Block maps: which blocks of an image are in use, in the format of bmaptool (version 2.0).
//!
//! Format: <https://github.com/yoctoproject/bmaptool>, `src/bmaptool/BmapCreate.py`.

use std::fmt::Write as _;

use crate::apply::MappedRange;
use crate::hex;
use crate::inspect::MAP_BLOCK;

/// The digits of the map's own digest while it is computed.
const UNKNOWN: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// Returns the name of a node's map, which bmaptool finds for an image in any format.
pub(crate) fn file_name(node: &str) -> String {
    format!("{node}.bmap")
}

/// Returns the map of an image of this size. The map contains its own digest.
pub(crate) fn xml(size: u64, map: &[MappedRange]) -> String {
    let unsigned = with_digest(size, map, UNKNOWN);
    with_digest(size, map, &hex::sha256(&unsigned))
}

fn with_digest(size: u64, map: &[MappedRange], digest: &str) -> String {
    let blocks = |range: &MappedRange| {
        let (first, end) = (
            range.bytes.start / MAP_BLOCK,
            range.bytes.end.div_ceil(MAP_BLOCK),
        );
        (first, end.saturating_sub(1))
    };
    let mapped: u64 = map
        .iter()
        .map(|range| blocks(range).1 - blocks(range).0 + 1)
        .sum();
    let total = size.div_ceil(MAP_BLOCK);
    let mut xml = format!(
        "<?xml version=\"1.0\" ?>\n\
         <bmap version=\"2.0\">\n    \
             <ImageSize> {size} </ImageSize>\n    \
             <BlockSize> {MAP_BLOCK} </BlockSize>\n    \
             <BlocksCount> {total} </BlocksCount>\n    \
             <MappedBlocksCount> {mapped} </MappedBlocksCount>\n    \
             <ChecksumType> sha256 </ChecksumType>\n    \
             <BmapFileChecksum> {digest} </BmapFileChecksum>\n    \
             <BlockMap>\n"
    );
    for range in map {
        let (first, last) = blocks(range);
        let numbers = match first == last {
            true => first.to_string(),
            false => format!("{first}-{last}"),
        };
        // Writing to a string does not fail.
        let _ = writeln!(
            xml,
            "        <Range chksum=\"{}\"> {numbers} </Range>",
            range.sha256
        );
    }
    xml + "    </BlockMap>\n</bmap>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_numbers_of_blocks_and_the_last_block_may_be_short() {
        let range = |start: u64, end: u64| MappedRange {
            bytes: start..end,
            sha256: "a".repeat(64),
        };
        let xml = xml(
            5 * 4096 + 100,
            &[range(0, 8192), range(5 * 4096, 5 * 4096 + 100)],
        );
        let a = "a".repeat(64);
        let counts =
            "    <BlocksCount> 6 </BlocksCount>\n    <MappedBlocksCount> 3 </MappedBlocksCount>\n";
        assert!(xml.contains(counts), "{xml}");
        let expected = format!(
            "        <Range chksum=\"{a}\"> 0-1 </Range>\n        <Range chksum=\"{a}\"> 5 </Range>\n"
        );
        assert!(xml.contains(&expected), "{xml}");
    }
}
