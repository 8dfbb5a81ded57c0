//! Runs the programs that the image of a node brings, such as `certificates`.

/// Returns the command that runs such a program as root with these words, for a shell on the node.
pub(super) fn command(program: &str, words: &str) -> String {
    format!(
        r#"
for lib in /usr/local/lib/etcd-node /var/lib/misc/etcd-node/lib; do
    [ ! -e "$lib/{program}" ] || exec sudo -n sh "$lib/{program}" {words}
done
echo "its image is too old for this: build and flash it once" >&2
exit 1
"#
    )
}
