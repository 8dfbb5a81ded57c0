//! The lines of a file, words of a line with quotes, and ranges of names.

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
const MOST_NAMES: usize = 1000;

/// Expands Ansible's ranges: `etcd[1:3].local` stands for three names, `node[01:10]` keeps the leading zeros, `kv-[a:c]` counts
/// letters, and `n[0:9:3]` counts by threes. Invalid ranges and those for more names than a cluster can have stay unchanged.
pub(super) fn expand(pattern: &str) -> Vec<String> {
    let mut names = vec![pattern.to_owned()];
    // Every pass replaces the first range of each name; all names have the same ranges.
    while let Some(values) = names.first().and_then(|name| values(range(name)?.1)) {
        if names.len() * values.len() > MOST_NAMES {
            return vec![pattern.to_owned()];
        }
        names = names
            .iter()
            .flat_map(|name| with_values(name, &values))
            .collect();
    }
    names
}

fn with_values(name: &str, values: &[String]) -> Vec<String> {
    let Some((before, _, after)) = range(name) else {
        return Vec::new();
    };
    let values = values.iter();
    values
        .map(|value| format!("{before}{value}{after}"))
        .collect()
}

/// Returns the values of a range such as `01:03`, `a:c` or `0:9:3`; `None` if it is invalid or has too many.
fn values(range: &str) -> Option<Vec<String>> {
    let (first, last, step) = match range.split(':').collect::<Vec<_>>()[..] {
        [first, last] => (first, last, 1),
        [first, last, step] => (
            first,
            last,
            step.parse::<usize>().ok().filter(|step| *step > 0)?,
        ),
        _ => return None,
    };
    if let ([first], [last]) = (first.as_bytes(), last.as_bytes())
        && (*first..=*last).all(|letter| letter.is_ascii_alphabetic())
    {
        let letters = (*first..=*last).step_by(step);
        let letters = letters.map(|letter| char::from(letter).to_string());
        return Some(letters.collect()).filter(|letters: &Vec<_>| !letters.is_empty());
    }
    let (from, to): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
    if from > to || (to - from) / step >= MOST_NAMES {
        return None;
    }
    let width = first.len();
    let numbers = (from..=to).step_by(step);
    Some(numbers.map(|number| format!("{number:0width$}")).collect())
}

/// Splits a pattern at its first range, into what is before, the range, and what is after.
fn range(pattern: &str) -> Option<(&str, &str, &str)> {
    let (before, rest) = pattern.split_once('[')?;
    let (range, after) = rest.split_once(']')?;
    Some((before, range, after))
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
        assert_eq!(expand("db-[a:c]"), ["db-a", "db-b", "db-c"]);
        assert_eq!(expand("www[01:50:25].lan"), ["www01.lan", "www26.lan"]);
        for literal in [
            "plain",
            "n[3:1]",
            "n[c:a]",
            "n[a:3]",
            "n[1:3:0]",
            "n[1:2:3:4]",
            "n[1:99999]",
            "n[1:999]-[1:999]-[1:999]",
            "n[1",
        ] {
            assert_eq!(expand(literal), [literal]);
        }
    }
}
