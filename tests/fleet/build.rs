//! Checks that a fleet gives the same images as its clusters one by one, and that nothing of it mixes.

use std::fs;

use super::{FLEET, TABLE, TEMPLATE, scene};
use crate::support::fixture::digest;

#[test]
fn a_fleet_gives_what_its_clusters_give() {
    let scene = scene();
    let told = scene.build(&["--fleet", "fleet.toml"]);
    assert!(
        told.stdout.starts_with("fleet: 2 clusters, 3 nodes\n"),
        "{}",
        told.stdout
    );
    scene.bare(&["verify", "images"]).done();

    let alone = "[cluster]\nname = \"home\"\ndomain = \"lab\"\n\
                 [[node]]\nname = \"home-1\"\naddress = \"192.168.0.11\"\n\
                 [[node]]\nname = \"home-2\"\naddress = \"192.168.0.12\"\n";
    scene.file("home.toml", alone);
    scene.build(&[
        "--config",
        "home.toml",
        "--state",
        "etcd-cluster/home",
        "--out",
        "alone",
    ]);
    for file in ["home-1.img", "home-2.img", "client/ca.crt", "manifest.json"] {
        let of_fleet = digest(&scene.at(&format!("images/home/{file}")));
        assert_eq!(
            of_fleet,
            digest(&scene.at(&format!("alone/{file}"))),
            "{file}"
        );
    }
    let ca = |cluster: &str| scene.text(&format!("etcd-cluster/{cluster}/ca.crt"));
    assert_ne!(ca("home"), ca("west"));

    // One node of one cluster can be built again, and a missing image is noticed.
    let before = digest(&scene.at("images/home/home-2.img"));
    fs::remove_file(scene.at("images/home/home-2.img")).unwrap();
    let told = scene.bare(&["verify", "images"]);
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    scene.build(&["--fleet", "fleet.toml", "--only", "home/home-2"]);
    assert_eq!(digest(&scene.at("images/home/home-2.img")), before);
    fs::remove_dir_all(scene.at("images/west")).unwrap();
    let told = scene.bare(&["verify", "images"]);
    assert_eq!(told.code, Some(3));
    let missing = "images/west: BAD\n  there is no finished build of this cluster\n";
    assert!(told.stdout.contains(missing), "{}", told.stdout);
}

#[test]
fn a_locked_fleet_requires_the_lock_of_each_cluster() {
    let scene = scene();
    let locked = ["--fleet", "fleet.toml", "--locked"];
    let refused = |code: i32, why: &str| {
        let told = scene.run("build", &locked);
        told.refused_naming(code, &[why]);
    };
    refused(2, "building cluster home: home.lock does not exist");
    scene.build(&["--fleet", "fleet.toml"]);
    let before = scene.snapshot("images");
    scene.build(&locked);
    assert_eq!(scene.snapshot("images"), before);

    let lock = scene.text("home.lock");
    fs::remove_file(scene.at("home.lock")).unwrap();
    refused(2, "building cluster home: home.lock does not exist");
    assert_eq!(scene.snapshot("images"), before, "the fleet is complete");
    scene.file("home.lock", &lock);
    let lock = scene.text("west.lock");
    fs::remove_file(scene.at("west.lock")).unwrap();
    refused(2, "building cluster west: west.lock does not exist");
    scene.file("west.lock", &lock);
    let file = "[[file]]\npath = \"/etc/motd\"\ncontent = \"hello\"\n";
    scene.file("lab.toml", &format!("{TEMPLATE}{file}"));
    refused(
        3,
        "building cluster home: `--locked` is given, and the inputs differ from home.lock: file /etc/motd",
    );
    assert_eq!(scene.text("west.lock"), lock);
}

#[test]
fn images_that_a_fleet_does_not_list_are_reported() {
    let scene = scene();
    scene.build(&["--fleet", "fleet.toml"]);
    let reports = |line: &str| {
        let told = scene.bare(&["verify", "images"]);
        assert_eq!(told.code, Some(3), "{line}: {}", told.stderr);
        assert!(told.stdout.contains(line), "{line}: {}", told.stdout);
    };
    let unlisted =
        "fleet.json lists none of the images here, so they were not verified: move them away";
    fs::create_dir(scene.at("images/old")).unwrap();
    for (file, place) in [
        ("old/manifest.json", "images/old"),
        ("old/home-3.img.xz", "images/old"),
        ("manifest.json.new", "images"),
        ("home-1.img", "images"),
    ] {
        scene.file(&format!("images/{file}"), "");
        reports(&format!("{place}: BAD\n  {unlisted}\n"));
        fs::remove_file(scene.at(&format!("images/{file}"))).unwrap();
    }
    scene.bare(&["verify", "images"]).done();

    for (from, to) in [("home", "away"), ("west", "home")] {
        let [from, to] = [from, to].map(|name| scene.at(&format!("images/{name}")));
        fs::rename(from, to).unwrap();
    }
    reports("images/home: BAD\n  the manifest is that of cluster \"west\"\n");
}

#[test]
fn a_cluster_of_a_fleet_is_rebuilt_with_the_fleet() {
    let scene = scene();
    scene.build(&["--fleet", "fleet.toml"]);
    let rebuild = |directory: &str, options: &[&str]| {
        scene.run("verify", &[&[directory, "--rebuild"], options].concat())
    };
    let told = rebuild("images/home", &["--fleet", "fleet.toml"])
        .done()
        .stdout;
    let different: Vec<&str> = told.lines().filter(|it| !it.starts_with("same ")).collect();
    assert_eq!(different, Vec::<&str>::new());
    for name in ["home-1.img", "home-2.img", "manifest.json"] {
        assert!(told.contains(&format!(" {name}\n")), "{told}");
    }
    let whole = rebuild("images", &["--fleet", "fleet.toml"]);
    assert_eq!(
        (whole.code, &*whole.stderr),
        (
            Some(2),
            "error: images has the images of several clusters\n\
             hint: name the directory of one of them, as in `etcd-image verify images/CLUSTER --rebuild --fleet fleet.toml`\n"
        )
    );
}

#[test]
fn the_inputs_of_a_fleet_are_fetched_and_not_updated() {
    let scene = scene();
    let told = scene.run("fetch", &["--fleet", "fleet.toml"]).done().stdout;
    assert!(
        told.starts_with("for home, west:\nbase  raspios-trixie ("),
        "{told}"
    );
    let json = scene
        .run("fetch", &["--fleet", "fleet.toml", "--json"])
        .done()
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["clusters"][1]["cluster"], "west");
    assert_eq!(json["clusters"][1]["inputs"]["etcd"]["name"], "3.6.14");
    let update = scene.bare(&["update", "--fleet", "fleet.toml"]);
    let wanted = "error: update writes the lock file of one cluster; for all clusters of a fleet, use `build --fleet FILE --refresh`\n";
    assert!(update.stderr.starts_with(wanted), "{}", update.stderr);
    assert_eq!(update.code, Some(2));
    let named = scene.run("fetch", &["--config", "fleet.toml"]);
    let wanted = "error: fleet.toml:1: `template` belongs in the file of a fleet, which `--fleet` names; `--config` names a cluster.toml\n\
                  hint: correct it and run again; nothing was written\n";
    assert_eq!((named.code, &*named.stderr), (Some(2), wanted));
}

#[test]
fn a_plan_of_a_fleet_names_every_image_and_writes_nothing() {
    let scene = scene();
    let told = scene.run("plan", &["--fleet", "fleet.toml"]).done().stdout;
    for image in [
        "images/home/home-1.img: ",
        "images/home/home-2.img: ",
        "images/west/west-1.img: ",
    ] {
        assert!(told.contains(image), "{image}");
    }
    let json = scene
        .run("plan", &["--fleet", "fleet.toml", "--json"])
        .done()
        .stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["clusters"][1]["name"], "west");
    assert_eq!(
        json["clusters"][1]["nodes"][0]["image"],
        "images/west/west-1.img"
    );
    assert!(!scene.at("images").exists() && !scene.at("etcd-cluster").exists());
}

#[test]
fn a_wrong_fleet_writes_nothing() {
    let scene = scene();
    scene.file("no-template.toml", &FLEET.replace("lab.toml", "none.toml"));
    let refused = scene.run("plan", &["--fleet", "no-template.toml"]);
    let hint = "hint: correct `template` in no-template.toml\n";
    assert!(refused.stderr.ends_with(hint), "{}", refused.stderr);
    refused.refused_naming(2, &["reading none.toml"]);
    scene.file("clusters.csv", &TABLE.replace("0.21", "0.12"));
    let refused = scene.run("build", &["--fleet", "fleet.toml"]);
    let said =
        "clusters.csv:3: it uses the address 192.168.0.12, like cluster home (clusters.csv:2)";
    refused.refused_naming(2, &[said]);
    assert!(!scene.at("images").exists() && !scene.at("etcd-cluster").exists());

    scene.file("clusters.csv", TABLE);
    scene.file("etcd-cluster/ca.key", "");
    let refused = scene.run("build", &["--fleet", "fleet.toml"]);
    refused.refused_naming(2, &["etcd-cluster is the state directory of one cluster"]);
    let refused = scene.run("build", &["--fleet", "fleet.toml", "--nodes", "3"]);
    let said = "error: the argument '--fleet <FILE>' cannot be used with '--nodes <N>'";
    assert_eq!(
        (refused.code, refused.stderr.lines().next()),
        (Some(2), Some(said))
    );
}
