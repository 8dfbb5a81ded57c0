//! Sizes in bytes, as an integer or as text with a binary unit.

use std::ops::RangeInclusive;

use toml::de::DeValue;

const UNITS: [(&str, u64); 2] = [("GiB", 1 << 30), ("MiB", 1 << 20)];

/// Returns the size if it is valid and within the range.
pub(super) fn read(value: &DeValue<'_>, range: &RangeInclusive<u64>) -> Option<u64> {
    let size = match value {
        DeValue::Integer(number) => u64::from_str_radix(number.as_str(), number.radix()).ok(),
        DeValue::String(text) => size_with_unit(text),
        _ => None,
    };
    size.filter(|size| range.contains(size))
}

fn size_with_unit(text: &str) -> Option<u64> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
    let (_, unit) = UNITS.iter().find(|(name, _)| *name == unit.trim())?;
    number.parse::<u64>().ok()?.checked_mul(*unit)
}

/// Formats the size with the largest unit that divides it.
pub(super) fn text(size: u64) -> String {
    let unit = UNITS.iter().find(|(_, unit)| size.is_multiple_of(*unit));
    unit.map_or_else(
        || size.to_string(),
        |(name, unit)| format!("{}{name}", size / unit),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units() {
        assert_eq!(size_with_unit("2GiB"), Some(2 << 30));
        assert_eq!(size_with_unit("512 MiB"), Some(512 << 20));
        for text in ["", "2", "2GB", "GiB", "-1GiB", "99999999999999GiB"] {
            assert_eq!(size_with_unit(text), None, "{text}");
        }
    }

    #[test]
    fn sizes_are_written_with_their_largest_unit() {
        let texts = [2 << 30, 16 << 20, 1000].map(text);
        assert_eq!(texts, ["2GiB", "16MiB", "1000"]);
    }
}
