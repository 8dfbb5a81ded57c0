//! Checks that the check of the finished image accepts what optional settings add.

use crate::support::scene::Scene;

/// Settings that add programs and units to a node, or change what its programs rely on.
const SETTINGS: &str = r#"
[etcd]
metrics = "mtls"
client-http-port = 8080
advertise = "name"
listen = "0.0.0.0"

[backup]
to = "data"

[auth]
enabled = true

[[unit]]
name = "etcd-mine.service"
content = "[Service]\nExecStart=/usr/bin/dash -c true\n"
enable = false

[[unit]]
name = "etcd-mine.timer"
content = "[Timer]\nOnBootSec=60\n[Install]\nWantedBy=timers.target\n"
"#;

#[test]
fn optional_settings_give_images_that_build_and_verify_accept() {
    for base in ["raspios-trixie", "raspios-bookworm", "ubuntu-server-24.04"] {
        let scene = Scene::with(base);
        scene.file("cluster.toml", SETTINGS);
        scene.build(&["--nodes", "1"]);
        scene.bare(&["verify", "images"]).done();
        let curl = scene.text("images/client/curl.sh");
        assert!(curl.contains("\nurl=https://192.168.0.50:8080\n"), "{curl}");
    }
}
