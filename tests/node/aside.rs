//! Checks what is kept of data that is set aside, also if the power fails meanwhile.

use super::join::Node;

/// Otherwise a power cut seconds later would leave an empty file, and nobody would know whose data this is.
#[test]
fn the_description_of_data_is_on_the_disk_before_the_data_is_set_aside() {
    let node = Node::with_data();
    let said = node.call(
        "sync() { case $* in '-f '*/1.new) cat \"$ASIDE/1.new/node/id\"; has_data && echo in place ;; esac; }; set_aside removed",
    );
    assert_eq!(said, "1a\nin place\n");
    assert_eq!(node.read("data/aside/1/node/id"), "1a\n");
    assert!(!node.has("data/node/id"));
}
