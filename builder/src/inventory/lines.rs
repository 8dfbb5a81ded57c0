//! The lines of a file, words of a line with quotes, and ranges of names.

use std::ops::RangeInclusive;

/// Returns the lines that are neither empty nor comments, trimmed, with their numbers.
pub(super) fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let numbered = text.lines().enumerate();
    numbered
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with(['#', ';']))
}

/// Splits a line at white space, except between quotes; an unquoted `#` begins a comment. Returns `None` if a quote is open.
pub(super) fn split(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for character in line.chars() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    quote.is_none().then_some(words)
}

/// The largest number of names that one pattern expands to.
const MOST: usize = 1000;

/// Expands Ansible's ranges: `etcd[1:3].local` stands for three names, and `node[01:10]` keeps the leading zeros.
/// Other patterns stay unchanged: ranges of letters, invalid ranges, and those for more names than a cluster can have.
pub(super) fn expand(pattern: &str) -> Vec<String> {
    let mut names = vec![pattern.to_owned()];
    // Every pass replaces the first range of each name; all names have the same ranges.
    while let Some(numbers) = names.first().and_then(|name| number_range(name)) {
        if numbers.end() - numbers.start() >= MOST
            || names.len() * (numbers.end() - numbers.start() + 1) > MOST
        {
            return vec![pattern.to_owned()];
        }
        names = names
            .iter()
            .flat_map(|name| with_numbers(name, numbers.clone()))
            .collect();
    }
    names
}

/// Returns the numbers of a pattern's first range.
fn number_range(pattern: &str) -> Option<RangeInclusive<usize>> {
    let (_, first, last, _) = range(pattern)?;
    let (first, last) = (first.parse().ok()?, last.parse().ok()?);
    (first <= last).then_some(first..=last)
}

fn with_numbers(pattern: &str, numbers: RangeInclusive<usize>) -> Vec<String> {
    let Some((before, first, _, after)) = range(pattern) else {
        return Vec::new();
    };
    let width = first.len();
    numbers
        .map(|number| format!("{before}{number:0width$}{after}"))
        .collect()
}

/// Splits a pattern at its first range, into what is before, the first number, the last number, and what is after.
fn range(pattern: &str) -> Option<(&str, &str, &str, &str)> {
    let (before, rest) = pattern.split_once('[')?;
    let (range, after) = rest.split_once(']')?;
    let (first, last) = range.split_once(':')?;
    Some((before, first, last, after))
}

#[cfg(test)]
mod tests {
    use super::{expand, split};

    #[test]
    fn quotes_keep_spaces_and_comments_end_a_line() {
        let words = split("a  b='c d' \"\" e#f # g").unwrap();
        assert_eq!(words, ["a", "b=c d", "", "e#f"]);
        assert_eq!(split("a 'b"), None);
    }

    #[test]
    fn ranges_stand_for_names() {
        assert_eq!(
            expand("etcd[1:3].local"),
            ["etcd1.local", "etcd2.local", "etcd3.local"]
        );
        assert_eq!(expand("n[09:11]"), ["n09", "n10", "n11"]);
        assert_eq!(expand("n[1:2]-[1:2]").len(), 4);
        for literal in [
            "plain",
            "n[3:1]",
            "n[a:c]",
            "n[1:99999]",
            "n[1:999]-[1:999]-[1:999]",
            "n[1",
        ] {
            assert_eq!(expand(literal), [literal]);
        }
    }
}
