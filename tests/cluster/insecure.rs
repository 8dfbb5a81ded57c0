//! A cluster that speaks plain HTTP: its images, its description, and a real member that is called without TLS.

use std::net::{IpAddr, Ipv4Addr};
use std::thread;
use std::time::{Duration, Instant};

use etcd_image::etcd::{Client, Timeouts};

use crate::support::enclosed;
use crate::support::members::program;
use crate::support::scene::Scene;
use crate::support::tool::{Running, tool};

const CONFIGURATION: &str = "[etcd]\ninsecure = true\n";
const WARNING: &str =
    "it speaks plain HTTP, and anybody who reaches its ports reads and writes everything";

fn scene() -> Scene {
    Scene::built("raspios-trixie", CONFIGURATION, &["--nodes", "1"])
}

#[test]
fn the_images_and_the_state_say_that_a_cluster_is_insecure() {
    let scene = scene();
    let inspected = scene.bare(&["inspect", "images/etcd1.img"]).done().stdout;
    let line = "  insecure   etcd speaks plain HTTP: anybody who reaches its ports reads and writes everything\n";
    assert!(inspected.contains(line), "{inspected}");
    let settings = scene.text("images/client/etcdctl.env");
    assert!(
        settings.contains("ETCDCTL_ENDPOINTS=http://192.168.0.50:2379\n"),
        "{settings}"
    );
    assert!(!settings.contains("ETCDCTL_CERT"), "{settings}");
    assert!(!scene.at("images/client/client.py").exists());

    let planned = scene.run("plan", &["--nodes", "1"]).done();
    assert!(planned.stderr.contains(WARNING), "{}", planned.stderr);
    scene.file("cluster.toml", "");
    scene.run("build", &["--nodes", "1"]).refused_naming(
        2,
        &["the cluster of etcd-cluster speaks plain HTTP, and its nodes cannot change to TLS"],
    );
    scene
        .bare(&["cluster", "rotate-ca"])
        .refused_naming(2, &["speaks plain HTTP and uses no certificates"]);
}

#[test]
fn an_insecure_member_is_called_without_tls() {
    enclosed::inside(|| {
        tool("ip", &["link", "set", "lo", "up"]).done();
        let scene = scene();
        let [client, peer] = ["http://127.0.0.1:2379", "http://127.0.0.1:2380"];
        let cluster = format!("default={peer}");
        let etcd = program("etcd");
        let _member = Running::start_in(
            &scene.at("tmp"),
            etcd.to_str().unwrap(),
            &[
                "--data-dir=data",
                "--listen-client-urls",
                client,
                "--advertise-client-urls",
                client,
                "--listen-peer-urls",
                peer,
                "--initial-advertise-peer-urls",
                peer,
                "--initial-cluster",
                &cluster,
            ],
        );
        let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
        let client = Client::open(&scene.at("etcd-cluster"), Timeouts::LABORATORY).unwrap();
        let started = Instant::now();
        while let Err(trouble) = client.health(here) {
            assert!(started.elapsed() < Duration::from_mins(1), "{trouble}");
            thread::sleep(Duration::from_millis(200));
        }
        client.put(here, "key", "value").unwrap();
        let session = client.connect(here).unwrap();
        assert_eq!(session.get("key").unwrap().as_deref(), Some("value"));
        assert_eq!(client.check_peer_port(here).unwrap(), Vec::<u8>::new());
    });
}
