//! Numbers with their nouns in messages.

/// Returns a number with the noun in the right form, such as `1 node` or `3 entries`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    let is_vowel = |letter: char| "aeiou".contains(letter);
    let stem = noun
        .strip_suffix('y')
        .filter(|stem| !stem.ends_with(is_vowel));
    match (number, stem) {
        (1, _) => format!("1 {noun}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::count;

    #[test]
    fn only_one_thing_has_the_singular() {
        assert_eq!(count(0, "node"), "0 nodes");
        assert_eq!(count(1, "node"), "1 node");
        assert_eq!(count(2, "node"), "2 nodes");
        assert_eq!(count(1, "entry"), "1 entry");
        assert_eq!(count(3, "entry"), "3 entries");
        assert_eq!(count(2, "day"), "2 days");
    }
}
