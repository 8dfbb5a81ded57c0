//! Runs a script that makes the `debian-trixie` base with stand-ins for the others, without making one.

use std::fs;

use tempfile::TempDir;

use crate::support::tool::tool;

const KEEP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/recipes/debian-trixie/keep.sh");

/// Stands in for the order of work: unpacks one tree and ends.
const MAKE: &str = "tree=$WORK/tree; mkdir -p \"$tree/etc\"; mmdebstrap trixie \"$tree\"; exit 0\n";

/// Returns the list of locales to compile in a tree that was unpacked with this setting, if there is one.
fn listed(locale: &str) -> Option<String> {
    let folder = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let at = folder.path();
    fs::write(at.join("make.sh"), MAKE).unwrap();
    fs::write(at.join("mmdebstrap"), "#!/bin/sh\n").unwrap();
    let work = at.display();
    let script = format!(
        "chmod 755 {work}/mmdebstrap; export RECIPE={work} WORK={work} REPOSITORY= LOCALE='{locale}'
         PATH={work}:$PATH sh {KEEP}"
    );
    tool("sh", &["-euc", &script]).done();
    fs::read_to_string(at.join("tree/etc/locale.gen")).ok()
}

#[test]
fn the_locale_of_a_base_is_listed_before_its_packages_are_configured() {
    let list = listed("en_GB.UTF-8");
    assert_eq!(list.as_deref(), Some("en_GB.UTF-8 UTF-8\n"));
    assert_eq!(listed(""), None);
}
