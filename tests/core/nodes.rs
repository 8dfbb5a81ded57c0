//! Checks what a build writes to Ubuntu Core images and that nothing else changes, using cloud-init's own code.

use std::collections::BTreeSet;
use std::path::Path;

use crate::support::checker::{Disk, Ext4, Fat, cloud, fat, table};
use crate::support::compare::planned;
use crate::support::compare::unplanned;
use crate::support::fixture::{digest, image};
use crate::support::refusal::refused;
use crate::support::scene::Scene;
use crate::support::tool::tool;

const SEEDED: [&str; 3] = ["ubuntu-core-24", "ubuntu-core-22", "ubuntu-core-20"];
const TRIGGER: &str = "data/etc/cloud/cloud.cfg.d/99_etcd-node.cfg";

fn built(family: &str, configuration: &str) -> Scene {
    Scene::built(family, configuration, &["--nodes", "3"])
}

/// Returns a text file of the FAT.
#[track_caller]
fn on_fat(image: &Path, name: &str) -> String {
    let boot = Disk::open(image).boot();
    let content = Fat::new(boot.path()).content(name);
    String::from_utf8(content.unwrap_or_else(|| panic!("there is no {name}"))).unwrap()
}

#[test]
fn only_what_was_planned_changes_and_the_partition_table_not_at_all() {
    for family in SEEDED.into_iter().chain(["ubuntu-core-18"]) {
        let scene = built(family, "");
        let (base, result) = (image(family), scene.image_path("etcd1"));
        let planned = planned(&scene);
        let ours = |path: &String| {
            ["/etcd-node", "/data", "/system-data/var"]
                .iter()
                .any(|top| path.starts_with(top))
        };
        assert!(planned.boot.iter().chain(&planned.root).all(ours));
        assert_eq!(unplanned(&base, &result, &planned), Vec::<String>::new());
        let (base, result) = (Disk::open(&base), Disk::open(&result));
        assert_eq!(base.gaps(), result.gaps(), "{family}");
        assert_eq!(base.id, result.id);
        table(&scene.image_path("etcd1")).unwrap();
        fat(result.boot().path()).unwrap();
    }
}

#[test]
fn unusual_images_cause_warnings_and_are_built() {
    let scene = Scene::with("ubuntu-core-24+cloud-on+own-brand");
    let told = scene.build(&["--nodes", "1"]).stderr;
    let warnings = told
        .lines()
        .filter(|line| line.starts_with("warning: the "));
    assert_eq!(
        warnings.collect::<Vec<_>>(),
        [
            "warning: the model acme/ubuntu-core-24-pi-arm64 is not Canonical's: this program does not know what its first boot does",
            "warning: the gadget snap pi_132 has settings for cloud-init (cloud.conf), which are read before ours",
        ]
    );
}

#[test]
fn verify_and_inspect_know_such_images_and_a_rebuild_repeats_them() {
    for family in ["ubuntu-core-24", "ubuntu-core-18"] {
        let scene = built(family, "");
        let verified = scene.bare(&["verify", "images"]).done().stdout;
        assert_eq!(verified.matches(": good, ").count(), 3, "{verified}");
        let told = scene.bare(&["inspect", "images/etcd2.img"]).done().stdout;
        for line in [
            "host name  etcd2",
            "address    192.168.0.51/24",
            "certificate peer",
        ] {
            assert!(told.contains(line), "{line}: {told}");
        }
        let before = digest(&scene.image_path("etcd2"));
        scene.build(&["--nodes", "3"]);
        assert_eq!(digest(&scene.image_path("etcd2")), before, "{family}");
        let broken = scene.at("images/etcd3.img");
        let boot = format!("{}@@1M", broken.display());
        let name = match family {
            "ubuntu-core-24" => "::etcd-node/pki/ca.crt",
            _ => "::config.txt",
        };
        tool("mdel", &["-i", &boot, name]).done();
        let verified = scene.bare(&["verify", "images"]);
        assert_eq!(verified.code, Some(3), "{}", verified.stdout);
    }
}

#[test]
fn every_file_of_the_payload_is_in_its_list_of_digests() {
    let scene = built("ubuntu-core-24", "");
    let out = scene.at("payload");
    std::fs::create_dir(&out).unwrap();
    let boot = format!("{}@@1M", scene.image_path("etcd1").display());
    tool(
        "mcopy",
        &["-s", "-i", &boot, "::etcd-node", out.to_str().unwrap()],
    )
    .done();
    let payload = out.join("etcd-node");
    let script = "cd \"$0\" && sha256sum --check --strict SHA256SUMS >&2 && find . -type f ! -name SHA256SUMS ! -name node.json | wc -l";
    let said = tool("sh", &["-c", script, payload.to_str().unwrap()]).done();
    let sums = std::fs::read_to_string(payload.join("SHA256SUMS")).unwrap();
    assert_eq!(said.text().trim(), sums.lines().count().to_string());
}

#[test]
fn cloud_init_accepts_what_snapd_hands_on() {
    for family in SEEDED {
        let scene = built(family, "");
        let mut identities = BTreeSet::new();
        for (name, address) in [("etcd1", "50"), ("etcd2", "51"), ("etcd3", "52")] {
            let settings = on_fat(&scene.image_path(name), TRIGGER);
            let [meta, user, network] = cloud::inline(&settings).unwrap();
            cloud::schema(&user).unwrap();
            assert!(
                user.contains("[sh, /run/mnt/ubuntu-seed/etcd-node/provision.sh]"),
                "{user}"
            );
            let made: String = cloud::networkd(&network).unwrap().into_values().collect();
            assert!(
                made.contains(&format!("Address=192.168.0.{address}/24\n")),
                "{made}"
            );
            let words: Vec<&str> = meta.split(' ').collect();
            assert_eq!(words[1], name);
            identities.insert(words[0].to_owned());
            let known = [("cloud.cfg.d/90_99_etcd-node.cfg", settings.as_str())];
            assert_eq!(
                cloud::sources(&known).unwrap(),
                "datasource_list: [ NoCloud, None ]\n"
            );
        }
        assert_eq!(identities.len(), 3, "{identities:?}");
    }
}

#[test]
fn the_old_one_has_its_seed_where_cloud_init_looks_first() {
    let scene = built("ubuntu-core-18", "");
    let root = Disk::open(&scene.image_path("etcd2")).root();
    let ext4 = Ext4::new(root.path());
    let seed = |name| {
        ext4.text(&format!(
            "/system-data/var/lib/cloud/seed/nocloud-net/{name}"
        ))
    };
    cloud::schema(&seed("user-data")).unwrap();
    let files = ["meta-data", "user-data", "network-config"].map(|name| (name, seed(name)));
    let files = files.each_ref().map(|(name, text)| (*name, text.as_str()));
    assert!(cloud::reads(&files).unwrap().ends_with(" etcd2 networkd"));
    let made: String = cloud::networkd(&seed("network-config"))
        .unwrap()
        .into_values()
        .collect();
    assert!(made.contains("Address=192.168.0.51/24\n"), "{made}");
    let key = ext4
        .stat("/system-data/var/lib/misc/etcd-node/pki/peer.key")
        .unwrap();
    assert_eq!((key.mode, key.uid, key.gid), (0o600, 0, 0));
    // The base copies its files to these paths only if they do not exist yet (writable-paths, `transition`).
    for trap in ["/system-data/etc", "/system-data/writable"] {
        assert!(ext4.stat(trap).is_none(), "{trap}");
    }
}

#[test]
fn etcd_s_system_calls_are_filtered_where_systemd_knows_their_group() {
    for family in SEEDED {
        let scene = built(family, "");
        let unit = on_fat(&scene.image_path("etcd1"), "etcd-node/etcd.service");
        let filter = "\nSystemCallFilter=@system-service\nSystemCallFilter=~@privileged @resources\n\n[Install]\n";
        assert!(unit.contains(filter), "{family}: {unit}");
    }
    // Core 18 has systemd 237, which would reduce an allow-list to the system calls that every program needs to start.
    let scene = built("ubuntu-core-18", "");
    let root = Disk::open(&scene.image_path("etcd1")).root();
    let unit = Ext4::new(root.path()).text("/system-data/var/lib/misc/etcd-node/etcd.service");
    assert!(
        unit.contains("\nSystemCallArchitectures=native\n\n[Install]\n"),
        "{unit}"
    );
    assert!(!unit.contains("SystemCallFilter"), "{unit}");
}

#[test]
fn members_are_refreshed_on_days_of_their_own() {
    let scene = built("ubuntu-core-24", "");
    let days = ["etcd1", "etcd2", "etcd3"].map(|name| {
        let script = on_fat(&scene.image_path(name), "etcd-node/provision.sh");
        ["REFRESH=", "DAY="].map(|key| {
            let line = script.lines().find_map(|line| line.strip_prefix(key));
            line.unwrap().to_owned()
        })
    });
    assert_eq!(
        days,
        [
            ["mon,00:00-01:00", "0"],
            ["tue,00:00-01:00", "1"],
            ["wed,00:00-01:00", "2"]
        ]
    );
}

#[test]
fn what_core_cannot_do_is_refused() {
    let refuses = |configuration: &str, things: &[&str]| {
        let scene = Scene::with("ubuntu-core-24");
        scene.file("cluster.toml", configuration);
        refused(&scene, &[], 4, things);
    };
    refuses(
        "[appliance]\nwipe-data = true\n",
        &["does not support `[appliance]`: snapd keeps its system read-only"],
    );
    refuses(
        "[network]\ninterface = \"wlan0\"\nwifi = { ssid = \"home\", password = \"correct horse\", country = \"DE\" }\n",
        &[
            "does not support `wifi` of [network]: whether its snaps can join a wireless network could not be tried",
        ],
    );
    refuses(
        "[[file]]\npath = \"/etc/motd\"\ncontent = \"x\"\n",
        &[
            "does not support `[[file]]`, `[[unit]]` or `[[archive]]`: its system is a read-only snap",
        ],
    );
    refuses(
        "[[certificate]]\nrole = \"ca\"\npath = \"/etc/app/ca.crt\"\n",
        &["does not support `[[certificate]]`: its system is a read-only snap"],
    );
    refuses(
        "[pki]\ntrust-ca = true\n",
        &["does not support `trust-ca` of [pki]: its system is a read-only snap"],
    );
    refuses(
        "[pki]\nlayout = \"dcs\"\n",
        &["does not support `layout` of [pki]: everything of etcd lies in /var/lib/misc/etcd-node"],
    );
    refuses(
        "[ssh]\npassword-hash = \"$6$saltsaltsaltsalt$00of8Y8ZpAGaxosd4pu0Ff19hH8rucpwfCxof/ELn604.90zo6K8TACeDQP6Ttrc5F/ngjq/a4JzEcD.BmaGf1\"\n",
        &["`password-hash`"],
    );
    refuses(
        "[ssh]\ntrusted-user-ca = [\"ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user-ca\"]\n",
        &["`trusted-user-ca`"],
    );
}

const SIGNED: &str = "ubuntu-core-24+signed";
const FLAG: &str = "--core-signed-cmdline";

#[test]
fn a_signed_model_is_started_by_the_kernel_s_command_line() {
    let scene = Scene::with(SIGNED);
    let told = scene.build(&["--nodes", "3", FLAG]).stderr;
    assert!(told.contains("is unofficial"), "{told}");
    let before = on_fat(&image(SIGNED), "cmdline.txt");
    for (name, address) in [("etcd1", "50"), ("etcd2", "51")] {
        let built = scene.image_path(name);
        let after = on_fat(&built, "cmdline.txt");
        let own = after.strip_prefix(before.trim_end()).unwrap();
        let [seed, network] = cloud::arguments(&after).unwrap();
        assert_eq!(seed, "file:///run/mnt/ubuntu-seed/etcd-node/");
        assert!(
            own.starts_with(&format!(" ds=nocloud;s={seed} network-config=")),
            "{own}"
        );
        assert!(after.len() < 1900 && after.lines().count() == 1, "{after}");
        let made: String = cloud::networkd(&network).unwrap().into_values().collect();
        assert!(
            made.contains(&format!("Address=192.168.0.{address}/24\n")),
            "{made}"
        );
        let policy = "policy: search,found=first,maybe=none,notfound=disabled\n";
        let found = cloud::sources_of(&[("ds-identify.cfg", policy)], &after).unwrap();
        assert_eq!(found, "datasource_list: [ NoCloud, None ]\n");
        cloud::schema(&on_fat(&built, "etcd-node/user-data")).unwrap();
        assert!(on_fat(&built, "etcd-node/meta-data").contains(name));
        let boot = Disk::open(&built).boot();
        assert_eq!(Fat::new(boot.path()).content(TRIGGER), None);
    }
    let (base, result) = (image(SIGNED), scene.image_path("etcd1"));
    assert_eq!(
        unplanned(&base, &result, &planned(&scene)),
        Vec::<String>::new()
    );
}

#[test]
fn the_unofficial_way_is_for_signed_models_only_and_has_its_limit() {
    for other in ["ubuntu-core-24", "ubuntu-core-18", "raspios-trixie"] {
        let things = ["`--core-signed-cmdline` is for Ubuntu Core 20 and later of grade signed"];
        refused(&Scene::with(other), &[FLAG], 2, &things);
    }
    let long = Scene::with("ubuntu-core-24+signed+long-cmdline");
    refused(
        &long,
        &[FLAG],
        4,
        &["node etcd1: cmdline.txt would have ", "1900"],
    );
    let taken = Scene::with("ubuntu-core-24+signed+seed-taken");
    refused(
        &taken,
        &[FLAG],
        4,
        &["cmdline.txt has `ds=nocloud` already"],
    );
    let secured = Scene::with("ubuntu-core-24+secured");
    refused(&secured, &[FLAG], 4, &["grade secured"]);
}

#[test]
fn peculiarities_of_core_are_reported_before_flashing() {
    let told = |family: &str, configuration: &str| {
        let scene = Scene::with(family);
        scene.file("cluster.toml", configuration);
        scene.run("plan", &["--nodes", "3"]).done().stderr
    };
    let eeprom = "only with an EEPROM of 2021-03-18 or newer";
    for (family, warns) in [
        ("ubuntu-core-24", true),
        ("ubuntu-core-22", true),
        ("ubuntu-core-20", false),
    ] {
        let told = told(family, "");
        assert_eq!(told.contains(eeprom), warns, "{family}: {told}");
        assert!(
            told.contains("private keys can be read on its card"),
            "{told}"
        );
        assert!(told.contains("a factory reset loses its data"), "{told}");
    }
    assert!(!told("ubuntu-core-18", "").contains("private keys"));
}

#[test]
fn recipes_tell_grade_and_route() {
    let told = Scene::with("ubuntu-core-24")
        .bare(&["recipes"])
        .done()
        .stdout;
    let recipes: Vec<&str> = told.split("\nubuntu-core-").skip(1).collect();
    for (recipe, (series, grade)) in recipes.iter().zip([
        ("18", "none"),
        ("20", "dangerous"),
        ("22", "dangerous"),
        ("24", "dangerous"),
    ]) {
        assert!(recipe.starts_with(series), "{recipe}");
        for line in [
            "provisioned by ",
            "signed by 843938DF228D22F7B3742BC0D94AA3F0EFE21092",
        ] {
            assert!(recipe.contains(line), "{line}: {recipe}");
        }
        assert!(recipe.contains(&format!(" grade {grade}\n")), "{recipe}");
    }
    assert_eq!(recipes.len(), 4);
}
