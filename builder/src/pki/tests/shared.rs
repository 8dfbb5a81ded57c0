//! Tests of one certificate that all nodes share.

use super::*;
use crate::failure::Failure;

const SHARED: &str = "[pki]\nlayout = \"etcd-pi\"\nshared = true\n";

#[test]
fn all_nodes_have_the_same_certificate_with_the_names_of_all() {
    let scene = Scene::new();
    let certs = scene.open(SHARED).unwrap();
    let first = &certs.nodes["etcd1"].server;
    for node in certs.nodes.values() {
        for pair in [&node.server, &node.peer] {
            assert_eq!(pair.certificate.pem, first.certificate.pem);
            assert_eq!(pair.key, first.key);
        }
    }
    let sans = &first.certificate.sans;
    for name in [
        "etcd1",
        "etcd3.local",
        "192.168.0.50",
        "192.168.0.52",
        "127.0.0.1",
    ] {
        assert_eq!(
            sans.iter().filter(|san| *san == name).count(),
            1,
            "{name}: {sans:?}"
        );
    }
    let (ca, shared) = (scene.path("ca.crt"), scene.path("shared.crt"));
    for purpose in ["sslserver", "sslclient"] {
        assert!(checker::accepts(&ca, purpose, &shared));
    }
    let subject = checker::says(&[
        "x509",
        "-noout",
        "-subject",
        "-in",
        shared.to_str().unwrap(),
    ]);
    let subject = subject.trim().replace(" = ", "=");
    assert!(subject.ends_with("CN=etcd"), "{subject}");
    assert!(!scene.path("nodes/etcd1/server.crt").exists());
    let before = scene.files();
    scene.open(SHARED).unwrap();
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
}

#[test]
fn a_renewal_gives_all_nodes_the_same_new_certificate() {
    let scene = Scene::new();
    let before = scene.open(SHARED).unwrap();
    let names = ["etcd1", "etcd2", "etcd3"].map(str::to_owned);
    let renewed = renew(&scene.state, &names, NOW + DAY, NOW + 5000 * DAY).unwrap();
    let servers = renewed.nodes.iter().map(|leaves| &leaves[0]);
    let pems: Vec<_> = servers
        .map(|leaf| (&leaf.kind, &leaf.pair.certificate.pem))
        .collect();
    assert!(pems.iter().all(|pem| *pem == pems[0]), "{pems:?}");
    assert_eq!(pems[0].0, "server");
    assert_ne!(*pems[0].1, before.nodes["etcd1"].server.certificate.pem);
}

#[test]
fn a_state_directory_keeps_the_kind_that_it_has() {
    let refused = |scene: &Scene, config: &str| {
        let error = scene.open(config).unwrap_err();
        let failure: &Failure = error.downcast_ref().unwrap();
        let state = format!("{}/", scene.state.display());
        failure.message.replace(&state, "")
    };
    let scene = Scene::new();
    scene.open(SHARED).unwrap();
    assert_eq!(
        refused(&scene, "[pki]\nlayout = \"etcd-pi\"\n"),
        "shared.crt is shared by all nodes, and `shared` is not set in [pki]"
    );
    let scene = Scene::made();
    assert_eq!(
        refused(&scene, SHARED),
        "nodes/etcd1/server.crt is the node's own, and `shared` is set in [pki]"
    );
}
