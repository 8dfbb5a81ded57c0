//! The command lines that run a node's own programs as root, such as `certificates`.

use crate::inspect::NODE_PROGRAMS;
use crate::shell;

/// Returns the command that runs such a program as root with these words, for a shell on the node.
pub(super) fn command(program: &str, words: &str) -> String {
    let words: Vec<_> = words.split_whitespace().map(shell::word).collect();
    let words = words.join(" ");
    format!(
        r#"
for lib in {NODE_PROGRAMS} /var/lib/misc/etcd-node/lib; do
    [ ! -e "$lib/{program}" ] || exec sudo -n sh "$lib/{program}" {words}
done
echo "its image is too old for this: build and flash it once" >&2
exit 1
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_runs_another_command() {
        let line = |words: &str| {
            let text = command("restore", words);
            let line = text.lines().find(|line| line.contains("exec ")).unwrap();
            line.split_once("restore\" ")
                .unwrap()
                .1
                .rsplit_once("restore\" ")
                .unwrap()
                .1
                .to_owned()
        };
        assert_eq!(line("take 0a1b"), "take 0a1b");
        assert_eq!(line("use 3.6.0-rc.1+x"), "use 3.6.0-rc.1+x");
        assert_eq!(line("want $(reboot)"), "want '$(reboot)'");
        assert_eq!(line("want ab;reboot"), "want 'ab;reboot'");
        assert_eq!(line("want a'b"), r"want 'a'\''b'");
    }
}
