//! Checks that `init --from` writes a file that the other commands accept, or whose gaps they name.

use crate::support::scene::Scene;

/// Returns what `plan` says about the configuration for a file of another program.
fn plan_from(name: &str, content: &str) -> (Option<i32>, String) {
    let scene = Scene::with("raspios-trixie");
    std::fs::remove_file(scene.at("cluster.toml")).unwrap_or_default();
    scene.file(name, content);
    let init = scene.bare(&["init", "--from", name]).done();
    let outcome = scene.run("plan", &[]);
    (
        outcome.code,
        init.stderr + &outcome.stdout + &outcome.stderr,
    )
}

#[test]
fn a_hosts_table_becomes_a_cluster() {
    let (code, plan) = plan_from("hosts", "10.0.0.11 pi1.lan\n10.0.0.12 pi2.lan\n");
    assert_eq!(code, Some(0), "{plan}");
    for expected in ["pi1.img", "pi2.img", "10.0.0.12 pi2.lan pi2"] {
        assert!(plan.contains(expected), "{expected}: {plan}");
    }
}

#[test]
fn a_missing_address_is_complained_about_at_its_node() {
    let (code, said) = plan_from("hosts.ini", "[etcd]\npi1\n");
    assert_eq!(code, Some(2));
    let complaint = "cluster.toml:5: [[node]] has no `address`";
    assert!(said.contains(complaint), "{said}");
    let gap = "hosts.ini has no valid address of pi1: add it\nwrote cluster.toml: ";
    assert!(said.starts_with(gap), "{said}");
}
