//! Untrusted text, made safe for a terminal.

/// Returns the text with its control characters escaped: text from an image must not move the cursor.
pub(crate) fn printable(text: &str) -> String {
    let escaped = |it: char| match it.is_control() {
        true => it.escape_default().to_string(),
        false => it.to_string(),
    };
    text.chars().map(escaped).collect()
}

#[cfg(test)]
mod tests {
    use super::printable;

    #[test]
    fn control_characters_are_escaped_and_nothing_else() {
        assert_eq!(printable("Ünï 1 \\"), "Ünï 1 \\");
        assert_eq!(printable("\u{1b}[2J\u{9b}1m\r"), "\\u{1b}[2J\\u{9b}1m\\r");
    }
}
