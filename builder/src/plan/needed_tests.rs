//! Tests of what a plan needs of its base.

use super::plan;
use super::tests::{entry, found, layout, refusal, tree};
use crate::failure::Kind;
use crate::overlay::{Change, DesiredPath};

#[test]
fn a_base_without_what_is_needed_is_refused() {
    let tree = vec![entry("/usr/sbin/nft", Change::Needed)];
    let (kind, message) = refusal(tree);
    assert_eq!(kind, Kind::Unsupported);
    assert!(
        message.contains("the base has no /usr/sbin/nft"),
        "{message}"
    );
}

#[test]
fn a_setting_that_names_what_the_base_lacks_is_a_mistake_of_the_user() {
    let zone = "/usr/share/zoneinfo/Europe/Berln";
    let entry = DesiredPath {
        origin: Some("`timezone` of [system]".to_owned()),
        ..entry(zone, Change::Needed)
    };
    let wanted = format!("`timezone` of [system]: the base has no {zone}: because");
    assert_eq!(refusal(vec![entry]), (Kind::Usage, wanted));
}

#[test]
fn a_setting_does_not_name_a_directory() {
    let folder = |origin| DesiredPath {
        origin,
        ..entry("/etc", Change::Needed)
    };
    let wanted = "`timezone` of [system]: /etc of the base is not a file: because";
    let named = folder(Some("`timezone` of [system]".to_owned()));
    assert_eq!(refusal(vec![named]), (Kind::Usage, wanted.to_owned()));
    // What this program itself needs may be a directory.
    assert!(plan(&layout(), &found(), &tree(vec![folder(None)])).is_ok());
}
