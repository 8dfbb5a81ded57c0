//! Checks which certificates `overlays/etcd/certificates` puts in place: those of the image, or renewed ones on the data
//! partition.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tempfile::TempDir;
use time::{Duration, OffsetDateTime};

use crate::support::rendered::rendered;
use crate::support::tool::{Said, tool};

/// A CA with the keys of one node.
struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    keys: [KeyPair; 2],
}

/// A certificate with its key, in PEM form.
#[derive(Clone)]
struct Pair(String, String);

impl Authority {
    fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
            keys: [(); 2].map(|()| KeyPair::generate().unwrap()),
        }
    }

    /// Issues a certificate that is valid between these days from now.
    fn issue(&self, name: &str, key: usize, days: (i64, i64)) -> Pair {
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        let now = OffsetDateTime::now_utc();
        params.not_before = now + Duration::days(days.0);
        params.not_after = now + Duration::days(days.1);
        let issued = params.signed_by(&self.keys[key], &self.issuer).unwrap();
        Pair(issued.pem(), self.keys[key].serialize_pem())
    }
}

/// The directories of a node, with the image's certificate in place.
struct Node(TempDir);

impl Node {
    fn new(authority: &Authority, image: &Pair) -> Self {
        let node = Self(TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).unwrap());
        for folder in ["pki", "data/certificates"] {
            fs::create_dir_all(node.at(folder)).unwrap();
        }
        let [pki, data] = ["pki", "data"].map(|name| node.at(name).display().to_string());
        let program = rendered("", "/usr/local/lib/etcd-node/certificates")
            .replace("/etc/etcd/pki", &pki)
            .replace("/var/lib/etcd", &data);
        fs::write(node.at("program"), program).unwrap();
        fs::write(node.at("pki/ca.crt"), &authority.pem).unwrap();
        for kind in ["server", "peer"] {
            node.write(&format!("pki/{kind}.crt"), &image.0, 0o644);
            node.write(&format!("pki/{kind}.key"), &image.1, 0o600);
        }
        node
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn write(&self, name: &str, text: &str, mode: u32) {
        fs::write(self.at(name), text).unwrap();
        fs::set_permissions(self.at(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Runs the program as before a start of etcd.
    fn start(&self) -> Said {
        tool("dash", &[self.at("program")])
    }

    /// Hands the program this text, as `cluster renew` does.
    fn renew(&self, text: &str) -> Said {
        fs::write(self.at("input"), text).unwrap();
        let script = format!(
            "dash {} renew <{}",
            self.at("program").display(),
            self.at("input").display()
        );
        tool("dash", &["-c", &script])
    }

    /// Returns the pair in place.
    fn placed(&self, kind: &str) -> (String, String) {
        let read =
            |ending: &str| fs::read_to_string(self.at(&format!("pki/{kind}.{ending}"))).unwrap();
        (read("crt"), read("key"))
    }
}

fn section(kind: &str, pair: &Pair) -> String {
    format!("{kind}\n{}\n{}\nend\n", pair.0.trim_end(), pair.1)
}

fn same(text: &str, other: &str) -> bool {
    text.lines().eq(other.lines())
}

#[test]
fn the_newer_valid_pair_of_image_and_data_partition_wins() {
    let (own, other) = (Authority::new(), Authority::new());
    let image = own.issue("etcd1", 0, (-10, 300));
    let newer = own.issue("etcd1", 0, (-5, 400));
    let older = own.issue("etcd1", 0, (-20, 400));
    let expired = own.issue("etcd1", 0, (-90, -1));
    let cut = Pair(newer.0[..200].to_owned(), newer.1.clone());
    let cases = [
        ("a renewed one", &image, Some(&newer), true),
        ("nothing is kept", &image, None, false),
        ("reflashed with an older image", &older, Some(&newer), true),
        ("reflashed with a newer image", &newer, Some(&image), false),
        (
            "reflashed with the renewed one",
            &newer,
            Some(&newer),
            false,
        ),
        (
            "another key",
            &image,
            Some(&own.issue("etcd1", 1, (-5, 400))),
            true,
        ),
        (
            "the kept one has expired",
            &image,
            Some(&own.issue("etcd1", 0, (-5, -1))),
            false,
        ),
        (
            "the kept one is not valid yet",
            &image,
            Some(&own.issue("etcd1", 0, (2, 400))),
            false,
        ),
        (
            "the image's has expired",
            &expired,
            Some(&own.issue("etcd1", 0, (-95, 20))),
            true,
        ),
        (
            "other names",
            &image,
            Some(&own.issue("etcd2", 0, (-5, 400))),
            false,
        ),
        (
            "another CA",
            &image,
            Some(&other.issue("etcd1", 0, (-5, 400))),
            false,
        ),
        (
            "the key of another one",
            &image,
            Some(&Pair(newer.0.clone(), own.keys[1].serialize_pem())),
            false,
        ),
        ("a damaged one", &image, Some(&cut), false),
    ];
    for (case, image, kept, is_used) in cases {
        let node = Node::new(&own, image);
        if let Some(kept) = kept {
            node.write(
                "data/certificates/server.pem",
                &section("server", kept),
                0o600,
            );
        }
        let said = node.start();
        assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{case}");
        let wanted = kept.filter(|_| is_used).unwrap_or(image);
        let (certificate, key) = node.placed("server");
        assert!(
            same(&certificate, &wanted.0) && same(&key, &wanted.1),
            "{case}"
        );
        assert_eq!(
            said.text() == "etcd-node: using the renewed server certificate\n",
            is_used,
            "{case}"
        );
        // The other pair is not touched.
        assert!(same(&node.placed("peer").0, &image.0), "{case}");
        let mode = |name: &str| fs::metadata(node.at(name)).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode("pki/server.crt"), mode("pki/server.key")),
            (0o644, 0o600),
            "{case}"
        );
    }
}

#[test]
fn renewed_pairs_are_kept_only_if_all_are_usable() {
    let own = Authority::new();
    let image = own.issue("etcd1", 0, (-10, 300));
    let newer = own.issue("etcd1", 0, (-5, 400));
    let foreign = own.issue("etcd2", 0, (-5, 400));
    let expired = own.issue("etcd1", 0, (-5, -1));
    let node = Node::new(&own, &image);
    let untouched = |said: &Said, wanted: &str| {
        assert_eq!(said.code, Some(1));
        assert!(said.err.starts_with(wanted), "{}", said.err);
        assert_eq!(
            fs::read_dir(node.at("data/certificates")).unwrap().count(),
            0
        );
        assert!(same(&node.placed("server").0, &image.0) && same(&node.placed("peer").0, &image.0));
    };
    let said = node.renew(&(section("server", &newer) + &section("peer", &foreign)));
    untouched(
        &said,
        "this node refuses the peer certificate: its names are not those of this node's image\n",
    );
    let said = node.renew(&section("server", &expired));
    untouched(
        &said,
        "this node refuses the server certificate: it is not valid here, by this node's CA and clock (",
    );
    let said = node.renew(&section("server", &newer)[..300]);
    untouched(
        &said,
        "this node refuses the server certificate: it is not valid here",
    );
    let said = node.renew(&(section("server", &newer) + &section("peer", &newer)));
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    // After a reboot, the image's are in place again.
    for kind in ["server", "peer"] {
        assert!(same(&node.placed(kind).0, &newer.0), "{kind}");
        node.write(&format!("pki/{kind}.crt"), &image.0, 0o644);
    }
    node.start().done();
    for kind in ["server", "peer"] {
        assert!(same(&node.placed(kind).0, &newer.0), "{kind}");
    }
}
