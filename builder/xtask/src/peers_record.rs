//! Puts the table and the plot of the last bench with competitors into the README.

use std::path::Path;

use crate::command::{Outcome, root, say};

/// The lines of the README around the figures.
const AROUND: [&str; 2] = ["<!-- bench peers -->\n", "<!-- end of bench peers -->\n"];

/// The place of the plot in the repository.
const PLOT: &str = "builder/xtask/peers/speed.svg";

/// Replaces the figures of the README by those that `bench peers` has left below target/.
pub(crate) fn run() -> Outcome {
    let table = read(&root().join("target/bench-peers.md"))?;
    let plot = read(&root().join("target/bench-peers.svg"))?;
    let readme = root().join("README.md");
    let text = replaced(&read(&readme)?, &figures(&table))?;
    write(&root().join(PLOT), &plot)?;
    write(&readme, &text)
}

fn figures(table: &str) -> String {
    format!("\n![Wall time over the number of nodes]({PLOT})\n\n{table}\n")
}

/// Returns the README with other figures.
fn replaced(readme: &str, figures: &str) -> Outcome<String> {
    let [start, end] = AROUND;
    let parts = readme
        .split_once(start)
        .and_then(|(before, rest)| Some((before, rest.split_once(end)?.1)));
    match parts {
        Some((before, after)) => Ok([before, start, figures, end, after].concat()),
        None => Err(format!("README.md lacks `{}`", start.trim())),
    }
}

fn read(path: &Path) -> Outcome<String> {
    std::fs::read_to_string(path).map_err(|error| {
        format!(
            "reading {}: {error}; run `cargo xtask bench peers` first",
            path.display()
        )
    })
}

fn write(path: &Path, text: &str) -> Outcome {
    std::fs::write(path, text).map_err(|error| format!("writing {}: {error}", path.display()))?;
    say(&format!("wrote {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_figures_of_the_readme_are_replaced() {
        let readme = include_str!("../../../README.md");
        let once = replaced(readme, &figures("| a |\n")).unwrap();
        assert!(once.contains("(builder/xtask/peers/speed.svg)\n\n| a |\n"));
        let again = replaced(&once, &figures("| b |\n")).unwrap();
        assert!(!again.contains("| a |\n"));
        let lines = |text: &str| text.lines().count();
        assert_eq!(lines(&again), lines(&once));
        replaced("# etcd-image\n", "").unwrap_err();
    }
}
