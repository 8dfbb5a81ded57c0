//! Edits of text files. Pure: text in, text out.

/// Removes the arguments of `remove` (exact, or by prefix if it ends in `*`) and appends those of `add` that are missing.
/// The firmware reads the first line only; the others are dropped.
pub(super) fn kernel_arguments(text: &str, remove: &[String], add: &[String]) -> String {
    let removed = |argument: &str| {
        remove
            .iter()
            .any(|pattern| match pattern.strip_suffix('*') {
                Some(prefix) => argument.starts_with(prefix),
                None => argument == pattern,
            })
    };
    let line = text.lines().next().unwrap_or_default();
    let mut arguments: Vec<&str> = line.split_whitespace().filter(|a| !removed(a)).collect();
    for argument in add {
        if !arguments.contains(&argument.as_str()) {
            arguments.push(argument);
        }
    }
    arguments.join(" ") + "\n"
}

/// Appends lines, unless the text contains them.
pub(super) fn appended(text: &str, added: &str) -> String {
    if text.contains(added) {
        return text.to_owned();
    }
    let separator = if text.is_empty() || text.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{text}{separator}{added}")
}

#[cfg(test)]
mod tests {
    use super::{appended, kernel_arguments};

    fn strings(list: &[&str]) -> Vec<String> {
        list.iter().map(|&s| s.to_owned()).collect()
    }

    #[test]
    fn lines_are_appended_once() {
        assert_eq!(appended("", "b\n"), "b\n");
        assert_eq!(appended("a", "b\n"), "a\nb\n");
        assert_eq!(appended("a\nb\n", "b\n"), "a\nb\n");
    }

    #[test]
    fn kernel_arguments_are_removed_whole_and_added_once() {
        let text =
            "console=tty1 root=PARTUUID=1-02 resize resize2 quiet rfkill.state=0\nsecond line\n";
        let out = kernel_arguments(
            text,
            &strings(&["resize", "rfkill.*"]),
            &strings(&["quiet", "panic=10"]),
        );
        assert_eq!(
            out,
            "console=tty1 root=PARTUUID=1-02 resize2 quiet panic=10\n"
        );
    }
}
