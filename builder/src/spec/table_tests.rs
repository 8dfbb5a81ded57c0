//! Tables of cases that tests write as text.

/// Returns the cases of a table: each line has two texts with an arrow between them.
pub(super) fn pairs(table: &str) -> impl Iterator<Item = (&str, &str)> {
    let lines = table.lines().filter(|line| !line.trim().is_empty());
    lines.map(|line| {
        let (left, right) = line.split_once('→').expect("an arrow");
        (left.trim(), right.trim())
    })
}
