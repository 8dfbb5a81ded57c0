//! Tests of runs that are killed between any two of their writes.

use super::store::StateReader;
use super::*;

/// Runs up to the point where all bytes are written and the first `renames` files have their names.
fn killed(scene: &Scene, config: &str, renames: usize) {
    let cluster = cluster(config);
    let mut store = StateStore::open(&scene.state, |_| Ok(())).unwrap();
    let found = FoundState::read(&store.reader(), &cluster, NOW).unwrap();
    found.complete(&mut store, &cluster, NOW).unwrap();
    store.write_all().unwrap();
    store.put_in_place(renames).unwrap();
}

#[test]
fn the_first_run_can_be_interrupted_anywhere() {
    let whole = Scene::made().files().len();
    for renames in 0..whole - 1 {
        let scene = Scene::new();
        killed(&scene, "", renames);
        let before = scene.files();
        let certs = scene.open("").unwrap();
        let after = scene.files();
        assert_eq!(after.len(), whole, "{renames} renames");
        // A file that already has its name is not created again.
        for name in ["seed", "ca.key"]
            .iter()
            .filter(|name| before.contains_key(**name))
        {
            assert_eq!(
                before[*name], after[*name],
                "{name} after {renames} renames"
            );
        }
        let ca = scene.path("ca.crt");
        assert!(
            checker::accepts(&ca, "sslclient", &scene.path("admin.crt")),
            "{renames} renames"
        );
        assert!(
            checker::accepts(&ca, "sslserver", &scene.path("nodes/etcd3/peer.crt")),
            "{renames} renames"
        );
        assert_eq!(certs.nodes.len(), 3);
        assert!(
            open(&scene.state, &cluster(""), NOW)
                .unwrap()
                .notes
                .is_empty(),
            "{renames} renames"
        );
    }
}

#[test]
fn a_reissue_can_be_interrupted_anywhere() {
    let (old, new) = (nodes(&[("etcd1", 50)]), nodes(&[("etcd1", 60)]));
    for renames in 0..=4 {
        let scene = Scene::new();
        let first = scene.open(&old).unwrap();
        killed(&scene, &new, renames);
        let certs = scene.open(&new).unwrap();
        assert_eq!(certs.ca, first.ca);
        let server = scene.path("nodes/etcd1/server.crt");
        assert!(
            checker::accepts(&scene.path("ca.crt"), "sslserver", &server),
            "{renames} renames"
        );
        assert_eq!(
            certs.nodes["etcd1"].server.certificate.sans[3],
            "192.168.0.60"
        );
    }
}

/// A build that is refused removes the state directory it made, including the lock.
#[test]
fn a_refused_build_leaves_no_second_lock_to_one_that_waits() {
    let scene = Scene::new();
    let anything = |_: &StateReader| Ok(());
    let refused = StateStore::open(&scene.state, anything).unwrap();
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| StateStore::open(&scene.state, anything).unwrap());
        std::thread::sleep(std::time::Duration::from_millis(200));
        drop(refused);
        let _second = waiting.join().unwrap();
        let lock = fs::File::open(scene.path(".lock")).unwrap();
        assert!(
            matches!(lock.try_lock(), Err(fs::TryLockError::WouldBlock)),
            "a third build would make another CA beside the second"
        );
    });
}
