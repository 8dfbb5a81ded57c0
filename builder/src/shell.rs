//! Words of commands that a reader pastes into a shell, and of files that a shell reads.

use std::path::Path;

/// Quotes a word for a POSIX shell.
pub(crate) fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

/// Returns a word of a command, in quotes if a POSIX shell would change it otherwise.
pub(crate) fn word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:,+@%=".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => quoted(text),
    }
}

/// Returns a path as a word of a command, which no program mistakes for an option.
pub(crate) fn path(path: &Path) -> String {
    let text = path.display().to_string();
    match text.starts_with('-') {
        true => word(&format!("./{text}")),
        false => word(&text),
    }
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    #[test]
    fn a_shell_reads_back_every_word() {
        let words = [
            "images",
            "my images",
            "",
            "it's",
            "~",
            "a\"b",
            "$HOME",
            "`id`",
            "a\\b",
            "a;b",
            "a\nb",
            "é",
            "*",
            "[a]",
            "#a",
            "a#b",
            "!",
            "{a,b}",
        ];
        for text in words {
            for written in [word(text), quoted(text)] {
                let script = format!("printf %s {written}");
                let printed = Command::new("sh").args(["-c", &script]).output().unwrap();
                assert_eq!(
                    String::from_utf8(printed.stdout).unwrap(),
                    text,
                    "{written}"
                );
            }
        }
        assert_eq!(word("etcd1=/dev/sdX"), "etcd1=/dev/sdX");
    }

    #[test]
    fn a_path_is_no_option() {
        assert_eq!(path(Path::new("-rf")), "./-rf");
        assert_eq!(path(Path::new("- f")), "'./- f'");
        assert_eq!(path(Path::new("/a b")), "'/a b'");
    }
}
