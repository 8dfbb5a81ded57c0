//! Checks that the check of the finished image accepts what optional settings add.

use crate::support::broken::Sound;
use crate::support::fixture::digest;
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

#[test]
fn variables_of_etcd_are_checked_as_its_file_is() {
    let path = "/etc/default/etcd";
    Sound::configured("raspios-trixie", "[etcd]\nconfig = \"env\"\n").shows(
        |it| {
            it.edit(path, "ETCD_NAME='etcd1'", "ETCD_NAME='etcd9'");
            it.edit(path, "ETCD_PEER_KEY_FILE='/etc", "ETCD_PEER_KEY_FILE='/none");
            let token = "jwt,sign-method=RS256,priv-key=/etc/etcd/jwt.key";
            let text = it.root_text(path);
            it.write(path, &format!("{text}ETCD_AUTH_TOKEN='{token}'\n"));
        },
        &[
            "/etc/default/etcd does not set `name` to `etcd1`, on which the node's programs rely",
            "/etc/default/etcd: `auth-token` names /etc/etcd/jwt.key, which the image does not have",
            "/etc/default/etcd: `key-file` of `peer-transport-security` names no file of the image",
        ],
    );
}

#[test]
fn an_image_of_an_earlier_version_with_a_quiet_log_works() {
    let sound = Sound::of("raspios-trixie");
    let copy = sound.copy();
    let (path, description) = (
        "/etc/etcd/etcd.conf.yml",
        "/usr/local/lib/etcd-node/node.json",
    );
    let before = copy.root_text(path);
    let after = format!("{before}log-level: warn\n");
    let [old, new] = [&before, &after].map(|text| {
        sound.scene.file("text", text);
        digest(&sound.scene.at("text"))
    });
    copy.write(path, &after).edit(description, &old, &new);
    let said = sound.scene.bare(&["verify", "alone/etcd1.img"]).done();
    let note = "  note: /etc/etcd/etcd.conf.yml: with `log-level` set to \"warn\", the node does not notice that the others lack its \
                writes, or why etcd has ended; build it again without that setting\n";
    assert!(said.stdout.ends_with(note), "{}", said.stdout);
}
