//! Checks which certificates `overlays/etcd/certificates` puts in place: those of the image, or renewed ones on the data
//! partition.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, SanType};
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
struct Pair(String, String);

impl Authority {
    fn new() -> Self {
        Self::of(CertificateParams::default())
    }

    fn of(mut params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(params, key),
            pem,
            keys: [(); 2].map(|()| KeyPair::generate().unwrap()),
        }
    }

    /// Issues a certificate that is valid between these days from now. The names of all members may follow its own.
    fn issue(&self, name: &str, key: usize, days: (i64, i64)) -> Pair {
        let (name, members) = name.split_once(' ').unwrap_or((name, ""));
        let mut params = CertificateParams::new([name.to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        if !members.is_empty() {
            let members = format!("urn:etcd-image:members:{members}");
            let members = members.as_str().try_into().unwrap();
            params.subject_alt_names.push(SanType::URI(members));
        }
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

/// A certificate of the cluster's CA: its name, its key, and the days from now between which it is valid.
type Issued = (&'static str, usize, (i64, i64));

const IMAGE: Issued = ("etcd1", 0, (-10, 300));
const NEWER: Issued = ("etcd1", 0, (-5, 400));

/// The situation, the image's certificate, the kept one, and whether that is used.
const CASES: [(&str, Issued, Issued, bool); 11] = [
    ("a renewed one", IMAGE, NEWER, true),
    ("an older image", ("etcd1", 0, (-20, 400)), NEWER, true),
    ("a newer image", NEWER, IMAGE, false),
    ("another key", IMAGE, ("etcd1", 1, (-5, 400)), true),
    (
        "the kept one has expired",
        IMAGE,
        ("etcd1", 0, (-5, -1)),
        false,
    ),
    (
        "the kept one begins later",
        IMAGE,
        ("etcd1", 0, (2, 400)),
        false,
    ),
    (
        "the image's has expired",
        ("etcd1", 0, (-90, -1)),
        ("etcd1", 0, (-95, 20)),
        true,
    ),
    (
        "both have expired",
        ("etcd1", 0, (-90, -2)),
        ("etcd1", 0, (-80, -1)),
        false,
    ),
    ("other names", IMAGE, ("etcd2", 0, (-5, 400)), false),
    (
        "another list of members",
        ("etcd1 etcd1+etcd2", 0, (-10, 300)),
        ("etcd1 etcd1+etcd2+etcd3", 0, (-5, 400)),
        true,
    ),
    (
        "other names and another list",
        ("etcd1 etcd1+etcd2", 0, (-10, 300)),
        ("etcd2 etcd1+etcd2+etcd3", 0, (-5, 400)),
        false,
    ),
];

/// Starts a node with these certificates and checks which pair is in place afterwards.
fn check(own: &Authority, case: &str, image: &Pair, kept: &Pair, is_used: bool) {
    let node = Node::new(own, image);
    node.write(
        "data/certificates/server.pem",
        &section("server", kept),
        0o600,
    );
    let said = node.start();
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""), "{case}");
    let wanted = if is_used { kept } else { image };
    let (certificate, key) = node.placed("server");
    let is_wanted = same(&certificate, &wanted.0) && same(&key, &wanted.1);
    assert!(is_wanted, "{case}");
    let place = node.at("pki/server.crt");
    let line = format!(
        "etcd-node: using the renewed server certificate in {}\n",
        place.display()
    );
    assert_eq!(said.text() == line, is_used, "{case}");
    // The other pair is not touched.
    assert!(same(&node.placed("peer").0, &image.0), "{case}");
    let mode = |name: &str| fs::metadata(node.at(name)).unwrap().permissions().mode() & 0o777;
    let modes = (mode("pki/server.crt"), mode("pki/server.key"));
    assert_eq!(modes, (0o644, 0o600), "{case}");
}

#[test]
fn the_newer_valid_pair_of_image_and_data_partition_wins() {
    let own = Authority::new();
    let issue = |(name, key, days): Issued| own.issue(name, key, days);
    for (case, image, kept, is_used) in CASES {
        check(&own, case, &issue(image), &issue(kept), is_used);
    }
    let image = issue(IMAGE);
    check(&own, "the same one", &image, &image, false);
}

#[test]
fn a_kept_pair_that_cannot_be_used_is_ignored() {
    let (own, other) = (Authority::new(), Authority::new());
    let issue = |(name, key, days): Issued| own.issue(name, key, days);
    let (image, newer) = (issue(IMAGE), issue(NEWER));
    let foreign = other.issue("etcd1", 0, (-5, 400));
    check(&own, "another CA", &image, &foreign, false);
    let mismatch = Pair(newer.0.clone(), own.keys[1].serialize_pem());
    check(&own, "the key of another one", &image, &mismatch, false);
    let cut = Pair(newer.0[..200].to_owned(), newer.1.clone());
    check(&own, "a damaged one", &image, &cut, false);
    let nothing = Node::new(&own, &image);
    nothing.start().done();
    assert!(same(&nothing.placed("server").0, &image.0));
}

#[test]
fn an_older_pair_does_not_replace_a_newer_one() {
    let own = Authority::new();
    let [older, image] = [-10, -5].map(|from| own.issue("etcd1", 0, (from, 300)));
    let node = Node::new(&own, &image);
    let said = node.renew(&section("server", &older));
    let wanted = "this node refuses the server certificate: this node has one that was issued later, so the state directory is an older copy\n";
    assert_eq!((said.code, said.err.as_str()), (Some(1), wanted));
    assert!(same(&node.placed("server").0, &image.0));
}

/// The card or the disk was another cluster's.
#[test]
fn the_authority_of_another_cluster_is_ignored() {
    let own = Authority::new();
    let image = own.issue("etcd1", 0, (-10, 300));
    let node = Node::new(&own, &image);
    // Every authority of these tests has the same dates, and the one with fewer certificates would count as newer.
    fs::write(node.at("pki/ca.crt"), own.pem.repeat(2)).unwrap();
    let other = Authority::new();
    fs::write(node.at("data/certificates/ca.pem"), &other.pem).unwrap();
    let said = node.start().done().text();
    let wanted = "etcd-node: ignoring the CA certificates beside the data: they are those of another cluster\n";
    assert_eq!(said, wanted);
    fs::write(node.at("data/certificates/ca.pem"), &own.pem).unwrap();
    let said = node.start().done().text();
    assert_eq!(
        said,
        "etcd-node: using the CA certificates that this node has received\n"
    );
}

/// The CA of the image was made an hour ago, and the change to the next one is complete.
#[test]
fn the_authority_that_begins_a_second_later_wins() {
    let made = OffsetDateTime::now_utc() - Duration::hours(1);
    let [own, next] = [0, 1].map(|second| {
        let mut params = CertificateParams::default();
        params.not_before = made + Duration::seconds(second);
        Authority::of(params)
    });
    let image = own.issue("etcd1", 0, (-1, 300));
    let renewed = next.issue("etcd1", 0, (-1, 400));
    let node = Node::new(&own, &image);
    node.write("data/certificates/ca.pem", &next.pem, 0o600);
    for kind in ["server", "peer"] {
        let kept = format!("data/certificates/{kind}.pem");
        node.write(&kept, &section(kind, &renewed), 0o600);
    }
    node.start().done();
    let authority = fs::read_to_string(node.at("pki/ca.crt")).unwrap();
    assert!(same(&authority, &next.pem));
    assert!(same(&node.placed("server").0, &renewed.0));
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

/// etcd may put anything beside its data, and root writes here.
#[test]
fn certificates_are_kept_without_following_links() {
    let own = Authority::new();
    let [image, newer] = [IMAGE, NEWER].map(|(name, key, days)| own.issue(name, key, days));
    let text = [section("server", &newer), section("peer", &newer)].concat();
    let node = Node::new(&own, &image);
    let kept = node.at("data/certificates");
    fs::remove_dir(&kept).unwrap();
    fs::create_dir(node.at("elsewhere")).unwrap();
    symlink(node.at("elsewhere"), &kept).unwrap();
    let said = node.renew(&text);
    assert_ne!(said.code, Some(0));
    let wanted = format!(
        "this node refuses the certificates: {} is not a directory that it can give to root\n",
        kept.display()
    );
    assert!(said.words().ends_with(&wanted), "{}", said.words());
    assert_eq!(fs::read_dir(node.at("elsewhere")).unwrap().count(), 0);
    let wanted = format!(
        "etcd-node: ignoring the certificates beside the data: {} is not a directory that it can give to root\n",
        kept.display()
    );
    assert_eq!(node.start().done().text(), wanted);
    assert!(same(&node.placed("server").0, &image.0));
    // A directory of its own, with links in it.
    fs::remove_file(&kept).unwrap();
    fs::create_dir(&kept).unwrap();
    fs::write(node.at("precious"), "precious").unwrap();
    for name in ["server.new", "server.pem", "peer.new", "ca.new", "restart"] {
        symlink(node.at("precious"), kept.join(name)).unwrap();
    }
    node.renew(&text).done();
    assert_eq!(fs::read_to_string(node.at("precious")).unwrap(), "precious");
    assert!(same(&node.placed("server").0, &newer.0));
    let names = fs::read_dir(&kept)
        .unwrap()
        .map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.collect();
    names.sort();
    assert_eq!(names, ["peer.pem", "server.pem"]);
}
