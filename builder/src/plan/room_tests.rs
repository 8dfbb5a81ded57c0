//! Tests of the space that a plan needs in the partitions and on the card.

use super::plan;
use super::tests::{found, layout, refusal, text, tree};
use crate::failure::{Failure, Kind, explain};
use crate::inspect::{Layout, OtherPart, System};
use crate::overlay::FileTree;

#[test]
fn a_partition_that_is_too_full_is_refused() {
    let (kind, message) = refusal(vec![text("/etc/big", &"x".repeat(1001))]);
    assert_eq!(kind, Kind::Refused);
    assert_eq!(
        message,
        "node etcd1: no room in the root partition (2): 1001 bytes needed, 1000 free"
    );
}

#[test]
fn a_partition_without_room_for_so_many_files_is_refused() {
    // The directory /etc/a is a file like any other.
    let paths = ["/etc/a/b", "/etc/a/c", "/etc/hostname", "/etc/d"];
    let tree = tree(paths.map(|path| text(path, "x")).to_vec());
    let mut layout = layout();
    let mut with_free = |files| {
        if let System::Root(part) = &mut layout.system {
            part.free_files = files;
        }
        plan(&layout, &found(), &tree)
    };
    let error = with_free(Some(3)).unwrap_err();
    assert_eq!(explain(&error).0, Kind::Refused);
    assert_eq!(
        error.to_string(),
        "node etcd1: no room in the root partition (2): 4 inodes needed for new files, 3 free"
    );
    assert!(with_free(Some(4)).is_ok() && with_free(None).is_ok());
}

#[test]
fn a_base_that_would_cover_the_data_is_refused() {
    let size = layout().size;
    let ending = |end| FileTree {
        ends_before: Some(end),
        ..tree(Vec::new())
    };
    plan(&layout(), &found(), &ending(size)).unwrap();
    let error = plan(&layout(), &found(), &ending(size - 1)).unwrap_err();
    let failure: &Failure = error.downcast_ref().unwrap();
    assert_eq!(failure.kind, Kind::Refused);
    assert!(failure.message.contains("would cover the data partition"));
}

#[test]
fn a_base_whose_third_partition_the_data_would_replace_is_refused() {
    let layout = Layout {
        others: vec![OtherPart {
            number: 3,
            start: 0,
        }],
        ..layout()
    };
    let tree = FileTree {
        ends_before: Some(layout.size),
        ..tree(Vec::new())
    };
    let error = plan(&layout, &found(), &tree).unwrap_err();
    let expected = "the base has a partition 3, whose entry a node needs for its data";
    assert_eq!(error.to_string(), expected);
    let classic = FileTree {
        ends_before: None,
        ..tree
    };
    plan(&layout, &found(), &classic).unwrap();
}
