//! Checks that every checker rejects a known-bad input; otherwise its approval of good input would prove nothing.

use std::path::PathBuf;

use serde_json::{Value, json};
use tempfile::TempDir;

#[cfg(target_os = "linux")]
use crate::support::checker::snapd::Seed;
use crate::support::checker::{self, Disk, Ext4, Kind, chain, cloud, key_fits, leaf};
use crate::support::fixture::{image, poke, write};
use crate::support::tool::{debugfs, tool};

fn root_verdict(mistake: &str) -> String {
    let disk = Disk::open(&image(&format!("raspios-trixie+{mistake}")));
    checker::ext4(disk.root().path()).unwrap_err()
}

fn boot_verdict(mistake: &str) -> String {
    let disk = Disk::open(&image(&format!("raspios-trixie+{mistake}")));
    checker::fat(disk.boot().path()).unwrap_err()
}

#[track_caller]
fn says(verdict: &str, words: &str) {
    assert!(verdict.contains(words), "expected `{words}` in:\n{verdict}");
}

#[test]
fn mistakes_of_the_root_are_seen() {
    for (mistake, words) in [
        ("bad-bitmap", "Block bitmap differences"),
        ("orphans", "has zero dtime"),
        ("orphan-present", "orphan_present is set"),
        ("unknown-feature", "unsupported feature(s): FEATURE_I30"),
        ("no-root", "Bad magic number in super-block"),
        // e2fsck exits with zero.
        ("error-state", "state: clean with errors"),
        ("dirty-journal", "the journal waits to be replayed"),
    ] {
        says(&root_verdict(mistake), words);
    }
}

#[test]
fn mistakes_of_the_boot_partition_are_seen() {
    for (mistake, words) in [
        ("bad-chain", "share clusters"),
        ("fat-dirty", "Dirty bit is set"),
        ("fat-dirty-windows", "Dirty bit is set"),
    ] {
        says(&boot_verdict(mistake), words);
    }
}

#[test]
fn a_wrong_free_cluster_count_is_seen_although_fsck_exits_zero() {
    let boot = Disk::open(&image("raspios-trixie")).boot();
    poke(boot.path(), 512 + 488, &7_u32.to_le_bytes());
    says(
        &checker::fat(boot.path()).unwrap_err(),
        "Free cluster summary wrong (7 vs. really",
    );
}

#[test]
fn overlapping_partitions_are_seen() {
    let verdict = checker::table(&image("raspios-trixie+overlap")).unwrap_err();
    says(&verdict, "Partition 1: overlaps partition 2.");
}

#[test]
fn a_partition_past_the_end_is_seen() {
    let verdict = checker::table(&image("raspios-trixie+cut")).unwrap_err();
    says(
        &verdict,
        "Total allocated sectors 425984 greater than the maximum 262144.",
    );
}

#[test]
fn stat_returns_mode_owner_kind_time_and_attributes() {
    let disk = Disk::open(&image("raspios-trixie"));
    let root = disk.root();
    let ext4 = Ext4::new(root.path());
    let shadow = ext4.stat("/etc/shadow").unwrap();
    assert_eq!(
        (shadow.kind, shadow.access().as_str()),
        (Kind::File, "0640 0:42")
    );
    assert_eq!(shadow.mtime, 1_791_282_030);
    assert_eq!(
        shadow.size,
        ext4.content("/etc/shadow").unwrap().len() as u64
    );
    assert_eq!(ext4.stat("/usr/bin/sudo").unwrap().access(), "4755 0:0");
    assert_eq!(ext4.stat("/tmp").unwrap().access(), "1777 0:0");
    assert_eq!(ext4.stat("/usr/bin/perl").unwrap().links, 2);
    assert_eq!(ext4.stat("/lib").unwrap().kind, Kind::Symlink);
    assert_eq!(ext4.content("/lib").unwrap(), b"usr/lib");
    assert!(ext4.stat("/lib/systemd/system/ssh.service").is_some());
    assert_eq!(ext4.stat("/etc/missing"), None);
    says(
        &ext4.stat("/usr/bin/ping").unwrap().xattrs,
        "security.capability (20) = 01 00 00 02 00 20",
    );
}

#[test]
fn a_changed_mode_owner_or_time_is_detected() {
    let root = Disk::open(&image("raspios-trixie")).root();
    for line in [
        "mode 0100600",
        "uid 100990",
        "mtime @4294967295",
        "ctime @4294967297",
    ] {
        let ext4 = Ext4::new(root.path());
        let before = ext4.stat("/etc/hostname").unwrap();
        debugfs(root.path(), &format!("sif /etc/hostname {line}"));
        assert_ne!(ext4.stat("/etc/hostname").unwrap(), before, "{line}");
    }
    let stat = Ext4::new(root.path()).stat("/etc/hostname").unwrap();
    assert_eq!(
        (stat.access().as_str(), stat.mtime),
        ("0600 100990:0", 4_294_967_295)
    );
}

/// Certificates made by OpenSSL: an authority, a foreign authority, and the certificates that they signed.
struct Papers(TempDir);

impl Papers {
    fn new() -> Self {
        let papers = Self(tempfile::tempdir().unwrap());
        papers.authority("ca");
        papers.authority("foreign");
        papers
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn openssl(&self, command: &str) {
        let arguments: Vec<_> = command
            .split(' ')
            .map(|word| word.replace("DIR", self.0.path().to_str().unwrap()))
            .collect();
        tool("openssl", &arguments).done();
    }

    /// Creates a self-signed `NAME.crt` and its `NAME.key`.
    fn authority(&self, name: &str) {
        let ending = format!("-keyout DIR/{name}.key -out DIR/{name}.crt -subj /CN={name}");
        self.openssl(&format!(
            "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 30 -addext keyUsage=critical,keyCertSign {ending}"
        ));
    }

    /// Creates `NAME.crt` and `NAME.key`, signed by `ca`, with these extensions.
    fn leaf(&self, name: &str, extensions: &str) -> PathBuf {
        write(
            &self.at("extensions"),
            format!("authorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n{extensions}\n")
                .as_bytes(),
        );
        self.openssl(&format!("req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout DIR/{name}.key -out DIR/request -subj /CN={name}"));
        let signer = "-CA DIR/ca.crt -CAkey DIR/ca.key -CAcreateserial -extfile DIR/extensions";
        self.openssl(&format!(
            "x509 -req -in DIR/request -days 5 {signer} -out DIR/{name}.crt"
        ));
        self.at(&format!("{name}.crt"))
    }
}

const BOTH: &str = "extendedKeyUsage=serverAuth,clientAuth\nsubjectAltName=DNS:etcd1,DNS:etcd1.local,IP:192.168.0.50";

#[test]
fn a_certificate_of_a_foreign_authority_is_rejected() {
    let papers = Papers::new();
    let node = papers.leaf("etcd1", BOTH);
    chain(&papers.at("ca.crt"), &node, "sslserver").unwrap();
    says(
        &chain(&papers.at("foreign.crt"), &node, "sslserver").unwrap_err(),
        "unable to get local issuer certificate",
    );
}

#[test]
fn a_certificate_for_another_purpose_is_rejected() {
    let papers = Papers::new();
    let client = papers.leaf("admin", "extendedKeyUsage=clientAuth");
    chain(&papers.at("ca.crt"), &client, "sslclient").unwrap();
    says(
        &chain(&papers.at("ca.crt"), &client, "sslserver").unwrap_err(),
        "unsuitable certificate purpose",
    );
}

#[test]
fn a_wrong_name_is_detected() {
    let papers = Papers::new();
    let right = leaf(&papers.leaf("etcd1", BOTH));
    assert_eq!(right.subject, "CN=etcd1");
    assert_eq!(
        right.names,
        ["DNS:etcd1", "DNS:etcd1.local", "IP Address:192.168.0.50"]
            .map(str::to_owned)
            .into()
    );
    assert_eq!(right.usages.len(), 2);
    assert_eq!(right.not_after - right.not_before, 5 * 86_400);
    let wrong = leaf(&papers.leaf("etcd1", &BOTH.replace("0.50", "0.51")));
    assert_ne!(right.names, wrong.names);
}

#[test]
fn a_key_of_another_certificate_is_rejected() {
    let papers = Papers::new();
    let node = papers.leaf("etcd1", BOTH);
    key_fits(&node, &papers.at("etcd1.key")).unwrap();
    says(
        &key_fits(&node, &papers.at("ca.key")).unwrap_err(),
        "is another key",
    );
}

#[test]
fn a_bill_of_materials_that_breaks_its_specification_is_rejected() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("etcd1.spdx.json");
    let verdict = |document: &Value| {
        write(&file, document.to_string().as_bytes());
        checker::spdx(&file)
    };
    let sound = json!({
        "spdxVersion": "SPDX-2.3",
        "dataLicense": "CC0-1.0",
        "SPDXID": "SPDXRef-DOCUMENT",
        "name": "etcd1",
        "documentNamespace": "https://example.org/etcd1",
        "creationInfo": { "created": "2026-11-28T00:00:00Z", "creators": ["Tool: test"] },
        "packages": [{ "SPDXID": "SPDXRef-etcd", "name": "etcd", "downloadLocation": "NOASSERTION", "filesAnalyzed": false }],
        "relationships": [{
            "spdxElementId": "SPDXRef-DOCUMENT",
            "relationshipType": "DESCRIBES",
            "relatedSpdxElement": "SPDXRef-etcd",
        }],
    });
    verdict(&sound).unwrap();
    for (place, value, words) in [
        (
            "/SPDXID",
            "document",
            "spdx_id must be SPDXRef-DOCUMENT, but is: document",
        ),
        (
            "/packages/0/downloadLocation",
            "nowhere",
            "download_location must be a valid URL",
        ),
        (
            "/relationships/0/relatedSpdxElement",
            "SPDXRef-none",
            "did not find the referenced spdx_id \"SPDXRef-none\"",
        ),
        ("/creationInfo/created", "today", "does not match format"),
    ] {
        let mut spoiled = sound.clone();
        *spoiled.pointer_mut(place).unwrap() = value.into();
        says(&verdict(&spoiled).unwrap_err(), words);
    }
}

#[test]
fn a_seed_that_breaks_the_schema_is_rejected() {
    says(
        &cloud::schema("#cloud-config\nusers: 3\n").unwrap_err(),
        "schema errors: users: 3",
    );
    says(
        &cloud::schema("hostname: a\n").unwrap_err(),
        "needs to begin with \"#cloud-config\"",
    );
}

#[test]
fn a_network_that_leads_nowhere_is_rejected() {
    let routes = "      routes:\n        - to: nowhere\n          via: \"10.0.0.2\"\n";
    let network = format!("network:\n  version: 2\n  ethernets:\n    a:\n{routes}");
    let verdict = cloud::networkd(&network).unwrap_err();
    says(&verdict, "Address nowhere is not a valid ip");
}

#[test]
fn a_root_that_names_no_source_is_detected() {
    says(&cloud::sources(&[]).unwrap_err(), "exited with Some(1)");
}

#[test]
fn a_seed_that_is_not_whole_is_rejected() {
    let whole = [
        ("user-data", "#cloud-config\n"),
        ("meta-data", "instance-id: a-1\nlocal-hostname: a\n"),
        ("network-config", "version: 2\nrenderer: networkd\n"),
    ];
    assert_eq!(cloud::reads(&whole).unwrap(), "a-1 a networkd");
    let broken = |index: usize, text| {
        let mut seed = whole;
        seed[index].1 = text;
        cloud::reads(&seed).unwrap_err()
    };
    let none = "NoCloud found no seed";
    says(&cloud::reads(&whole[1..]).unwrap_err(), none);
    says(&cloud::reads(&whole[..1]).unwrap_err(), none);
    says(
        &broken(1, "instance-id: a-1\nlocal-hostname: a\ndsmode: disabled\n"),
        none,
    );
    says(&broken(1, "instance-id: [\n"), "local-hostname");
    says(&broken(2, "renderer: [\n"), "'NoneType' object");
}

#[cfg(target_os = "linux")]
#[test]
fn settings_under_another_name_are_lost_on_snapd() {
    let seed = Seed::of(&image("ubuntu-core-24"));
    let place = "data/etc/cloud/cloud.cfg.d";
    seed.put(&format!("{place}/99_etcd-node.conf"), b"hostname: etcd1\n");
    assert!(seed.configured().unwrap().is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn snapd_takes_only_some_settings_from_a_signed_seed() {
    let seed = Seed::of(&image("ubuntu-core-24+signed"));
    let settings = "datasource_list: [MAAS]\nusers: [pi]\nnetwork:\n  version: 2\n";
    let place = "data/etc/cloud/cloud.cfg.d";
    seed.put(&format!("{place}/50_other.cfg"), settings.as_bytes());
    let taken: Vec<String> = seed.configured().unwrap().into_values().collect();
    let filtered = "#cloud-config\nnetwork:\n  version: 2\ndatasource_list:\n- MAAS\n";
    assert_eq!(taken, [filtered, "datasource_list: [MAAS]\n"]);
}

#[cfg(target_os = "linux")]
#[test]
fn a_second_line_for_the_kernel_is_lost_on_snapd() {
    let seed = Seed::of(&image("ubuntu-core-24"));
    seed.put("cmdline.txt", b"quiet\nds=nocloud\n");
    assert_eq!(seed.switched().unwrap(), "quiet snapd_recovery_mode=run\n");
}

#[cfg(target_os = "linux")]
#[test]
fn a_torn_environment_of_the_bootloader_is_rejected() {
    let seed = Seed::of(&image("ubuntu-core-24"));
    let torn = b"\x01\x02\x03\x04\0snapd_recovery_mode=install\0\0";
    seed.put("piboot/ubuntu/piboot.conf", torn);
    says(&seed.switched().unwrap_err(), "bad CRC");
}
