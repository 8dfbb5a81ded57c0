//! Tests of what a plan needs of its base.

use super::tests::{entry, refusal};
use crate::failure::Kind;
use crate::overlay::{Change, Entry};

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
    let entry = Entry {
        origin: Some("`timezone` of [system]".to_owned()),
        ..entry(zone, Change::Needed)
    };
    let wanted = format!("`timezone` of [system]: the base has no {zone}: because");
    assert_eq!(refusal(vec![entry]), (Kind::Usage, wanted));
}
