//! Checks that a second run changes nothing, or exactly what it must.

use super::*;

#[test]
fn a_second_run_changes_nothing() {
    let scene = Scene::new();
    let first = scene.open("").unwrap();
    let before = scene.files();
    let second = open(&scene.state, &cluster(""), NOW + 100 * DAY).unwrap();
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
    assert!(second.notes.is_empty());
    let silent = Certs {
        notes: Vec::new(),
        ..first
    };
    assert_eq!(format!("{second:?}"), format!("{silent:?}"));
}

#[test]
fn a_new_address_reissues_that_node_only() {
    let scene = Scene::new();
    scene.open(&nodes(&[("etcd1", 50), ("etcd2", 51)])).unwrap();
    let before = scene.files();
    let certs = open(
        &scene.state,
        &cluster(&nodes(&[("etcd1", 50), ("etcd2", 60)])),
        NOW + DAY,
    )
    .unwrap();
    assert_eq!(
        scene.changed_since(&before),
        ["nodes/etcd2/peer.crt", "nodes/etcd2/server.crt"],
        "the keys stay"
    );
    assert_eq!(
        certs.notes,
        [
            "reissued nodes/etcd2/server.crt: its names changed",
            "reissued nodes/etcd2/peer.crt: its names changed",
        ]
    );
    assert_eq!(certs.time, NOW + DAY);
    let ca = scene.path("ca.crt");
    assert!(checker::accepts(
        &ca,
        "sslserver",
        &scene.path("nodes/etcd2/server.crt")
    ));
}

#[test]
fn a_changed_list_of_members_reaches_all_nodes_and_a_lost_one_is_kept() {
    let scene = Scene::new();
    scene.open(&nodes(&[("etcd1", 50), ("etcd2", 51)])).unwrap();
    let before = scene.files();
    let certs = scene.open(&nodes(&[("etcd1", 50), ("etcd3", 52)])).unwrap();
    let changed = scene.changed_since(&before);
    assert!(
        !changed.iter().any(|name| name.starts_with("nodes/etcd2/")),
        "{changed:?}"
    );
    assert_eq!(
        certs.notes,
        [
            "reissued nodes/etcd1/server.crt: its names changed",
            "reissued nodes/etcd1/peer.crt: its names changed",
            "issued nodes/etcd3/server.crt",
            "issued nodes/etcd3/peer.crt",
            "issued nodes/etcd3/client.root.crt"
        ]
    );
    assert_eq!(certs.nodes.keys().collect::<Vec<_>>(), ["etcd1", "etcd3"]);
}

#[test]
fn a_new_key_kind_reaches_everything_but_the_ca() {
    let scene = Scene::made();
    let before = scene.files();
    let certs = scene.open("[pki]\nkey = \"rsa-2048\"\n").unwrap();
    let changed = scene.changed_since(&before);
    assert_eq!(changed.len(), 20);
    assert!(
        !changed
            .iter()
            .any(|name| name.starts_with("ca.") || name.contains("ssh")),
        "{changed:?}"
    );
    assert_eq!(certs.notes[0], "reissued admin.crt: `key` in [pki] changed");
    let last =
        "the CA keeps its key: `key` in [pki] applies only to the certificates that it signs";
    assert_eq!(certs.notes.last().unwrap(), last);
    assert!(checker::accepts(
        &scene.path("ca.crt"),
        "sslclient",
        &scene.path("nodes/etcd1/peer.crt")
    ));
}

#[test]
fn expired_certificates_are_replaced() {
    let scene = Scene::new();
    let config = "[pki]\nca-days = 100\nleaf-days = 10\n";
    scene.open(config).unwrap();
    let certs = open(&scene.state, &cluster(config), NOW + 10 * DAY).unwrap();
    assert_eq!(certs.notes.len(), 10);
    assert_eq!(certs.notes[0], "reissued admin.crt: it had expired");
    assert_eq!(certs.time, NOW + 10 * DAY);
}

#[test]
fn certificates_in_the_last_third_of_their_life_are_replaced() {
    let scene = Scene::new();
    let config = cluster("[pki]\nleaf-days = 90\n");
    open(&scene.state, &config, NOW).unwrap();
    let before = scene.files();
    open(&scene.state, &config, NOW + 59 * DAY).unwrap();
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
    let certs = open(&scene.state, &config, NOW + 61 * DAY).unwrap();
    assert_eq!(certs.notes.len(), 10);
    assert_eq!(
        certs.notes[0],
        "reissued admin.crt: less than a third of its life was left"
    );
    assert_eq!(certs.admin.certificate.not_after, NOW + (61 + 90) * DAY);
}

#[test]
fn a_ca_near_its_end_is_warned_about_and_the_advice_works() {
    let scene = Scene::new();
    let config = cluster("[pki]\nca-days = 100\nleaf-days = 100\n");
    let first = open(&scene.state, &config, NOW).unwrap();
    let before = scene.files();
    let silent = open(&scene.state, &config, NOW + 60 * DAY).unwrap();
    assert_eq!(silent.notes, Vec::<String>::new());
    // New certificates would expire with the CA as well, so they are not replaced.
    let warned = open(&scene.state, &config, NOW + 80 * DAY).unwrap();
    let nodes = ["etcd1".to_owned()];
    let renew = |at| renew(&scene.state, &nodes, at, at + 60 * DAY).unwrap();
    assert_eq!(renew(NOW + 60 * DAY).warning, None);
    let kept = renew(NOW + 80 * DAY);
    assert!(kept.nodes.iter().flatten().all(|leaf| !leaf.is_new));
    assert_eq!(kept.warning.as_ref(), warned.notes.first());
    assert_eq!(
        warned.notes,
        [
            "warning: the CA ends on 2026-04-11, and with it every certificate of the cluster; before that day, replace \
             it with `etcd-image cluster rotate-ca`, or remove ca.*, admin.* and nodes/*/{server,peer}.* from the state \
             directory, build, and flash every node at once"
        ]
    );
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());

    for name in before.keys().filter(|name| {
        name.starts_with("ca.")
            || name.starts_with("admin.")
            || name.contains("/server.")
            || name.contains("/peer.")
    }) {
        fs::remove_file(scene.path(name)).unwrap();
    }
    let renewed = open(&scene.state, &config, NOW + 80 * DAY).unwrap();
    assert_ne!(renewed.ca, first.ca);
    assert_eq!(renewed.ca.not_after, NOW + 180 * DAY);
    assert_eq!(renewed.token, first.token);
    let node = |certs: &Certs| certs.nodes["etcd1"].clone();
    assert_eq!(node(&renewed).machine_id, node(&first).machine_id);
    assert_eq!(node(&renewed).ssh_host_public, node(&first).ssh_host_public);
}

#[test]
fn what_the_user_removed_is_made_again() {
    let scene = Scene::made();
    let before = scene.files();
    for name in [
        "nodes/etcd1/server.key",
        "nodes/etcd2/peer.crt",
        "nodes/etcd3/ssh_host_ed25519_key",
    ] {
        fs::remove_file(scene.path(name)).unwrap();
    }
    let certs = scene.open("").unwrap();
    assert_eq!(
        scene.changed_since(&before),
        [
            "nodes/etcd1/server.crt",
            "nodes/etcd1/server.key",
            "nodes/etcd2/peer.crt",
            "nodes/etcd2/peer.key",
            "nodes/etcd3/ssh_host_ed25519_key",
            "nodes/etcd3/ssh_host_ed25519_key.pub",
        ]
    );
    assert_eq!(
        certs.notes,
        [
            "reissued nodes/etcd1/server.crt: its key was missing",
            "reissued nodes/etcd2/peer.crt: its certificate was missing",
            "created a new SSH host key for etcd3, because nodes/etcd3/ssh_host_ed25519_key was missing: flash etcd3 again, and \
             remove the old key with `ssh-keygen -R etcd3` wherever your own known_hosts contains it",
        ]
    );
}

#[test]
fn two_builds_at_once_agree() {
    let scene = Scene::new();
    let certs: Vec<Certs> = std::thread::scope(|scope| {
        let builds: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| scene.open("").unwrap()))
            .collect();
        builds
            .into_iter()
            .map(|build| build.join().unwrap())
            .collect()
    });
    assert!(certs.iter().all(|other| other.ca == certs[0].ca));
    assert!(
        certs
            .iter()
            .all(|other| other.nodes["etcd3"].machine_id == certs[0].nodes["etcd3"].machine_id)
    );
    assert_eq!(
        certs.iter().filter(|certs| !certs.notes.is_empty()).count(),
        1
    );
}
