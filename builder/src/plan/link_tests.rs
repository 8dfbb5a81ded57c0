//! Tests of the links that a plan makes.

use super::model::Action;
use super::plan;
use super::tests::{entry, found, layout, tree};
use crate::inspect::{Before, Volume};
use crate::overlay::Change;

/// Returns the links that a plan makes on a base with more paths.
fn links(base: &[(&str, Before)], changes: Vec<Change>) -> Vec<String> {
    let mut found = found();
    let more = base
        .iter()
        .map(|(path, before)| ((Volume::Root, (*path).to_owned()), before.clone()));
    found.extend(more);
    let entries = changes
        .into_iter()
        .map(|change| entry("/etc/0a1b2c3d", change));
    let plan = plan(&layout(), &found, &tree(entries.collect())).unwrap();
    let steps = plan.steps.into_iter();
    let links = steps.filter_map(|step| match step.action {
        Action::MakeSymlink { target } => Some(format!("{} → {target}", step.path)),
        _ => None,
    });
    links.collect()
}

#[test]
fn a_numbered_link_replaces_none_of_the_base() {
    let link = |target: &str| Change::NumberedLink {
        target: target.to_owned(),
    };
    let of_base = |target: &str| Before::Symlink {
        target: target.to_owned(),
    };
    let two = || vec![link("ca.pem"), link("root.pem")];
    assert_eq!(
        links(&[], two()),
        ["/etc/0a1b2c3d.0 → ca.pem", "/etc/0a1b2c3d.1 → root.pem"]
    );
    assert_eq!(
        links(&[("/etc/0a1b2c3d.0", of_base("Other_Root.pem"))], two()),
        ["/etc/0a1b2c3d.1 → ca.pem", "/etc/0a1b2c3d.2 → root.pem"]
    );
    assert_eq!(
        links(&[("/etc/0a1b2c3d.0", of_base("ca.pem"))], two()),
        ["/etc/0a1b2c3d.1 → root.pem"]
    );
}
