//! Tests of an intermediate CA with the certificates above it, and of a CA that `[pki]` names by its path.

use super::own_ca::{OwnCa, P256, ROOT, overwrite};
use super::*;
use checker::says;

const DAYS: &str = "3000";

impl OwnCa {
    /// Makes an intermediate CA below this one. Its own `ca.crt` holds its certificate alone.
    fn below(&self, subject: &str, extensions: &str, days: &str) -> Self {
        let below = Self::new(P256, subject, "");
        let folder = tempfile::tempdir().unwrap();
        let (request, file) = (
            folder.path().join("request"),
            folder.path().join("extensions"),
        );
        overwrite(&file, format!("{ROOT}{extensions}\n").as_bytes());
        let paths = [
            below.scene.path("ca.key"),
            request,
            self.scene.path("ca.crt"),
            self.scene.path("ca.key"),
            file,
            below.scene.path("ca.crt"),
        ];
        let [key, request, ca, ca_key, file, out] =
            paths.map(|path| path.to_str().unwrap().to_owned());
        says(&[
            "req", "-new", "-key", &key, "-subj", subject, "-out", &request,
        ]);
        says(&[
            "x509",
            "-req",
            "-in",
            &request,
            "-CA",
            &ca,
            "-CAkey",
            &ca_key,
            "-set_serial",
            "7",
            "-extfile",
            &file,
            "-days",
            days,
            "-out",
            &out,
        ]);
        below
    }

    fn pem(&self) -> String {
        fs::read_to_string(self.scene.path("ca.crt")).unwrap()
    }

    /// Writes these certificates as `ca.crt`.
    fn holds(&self, pem: &[&str]) -> &Self {
        overwrite(&self.scene.path("ca.crt"), pem.concat().as_bytes());
        self
    }
}

/// Returns a root CA with these extensions and an intermediate below it.
fn root_and_below(root: &str, below: &str) -> (OwnCa, OwnCa) {
    let root = OwnCa::new(P256, "/O=Example/CN=root", root);
    let below = root.below("/O=Example/CN=below", below, DAYS);
    (root, below)
}

#[test]
fn an_intermediate_serves_with_the_certificates_above_it_in_any_order() {
    let (root, middle) = root_and_below("", "");
    let below = middle.below(
        "/CN=lowest",
        "basicConstraints=critical,CA:TRUE,pathlen:0",
        DAYS,
    );
    let (first, second, third) = (below.pem(), middle.pem(), root.pem());
    for order in [[&first, &second, &third], [&third, &first, &second]] {
        below.holds(&order.map(String::as_str));
        let certs = below.open().unwrap();
        assert_eq!(certs.ca.pem, [first.as_str(), &second, &third].concat());
        below.serves();
        let server = &certs.nodes["etcd1"].server.certificate.pem;
        assert!(is_signed_by(server, &certs.ca.pem).unwrap());
        assert!(!is_signed_by(server, &third).unwrap());
    }
}

#[test]
fn a_chain_that_clients_would_not_accept_is_refused() {
    let (root, below) = root_and_below("", "");
    below.refuses(
        "/ca.crt ends with `O=Example, CN=below`, an intermediate CA: the certificates above it are missing, up to the root",
    );
    let other = OwnCa::new(P256, "/CN=other", "");
    below.holds(&[&below.pem(), &root.pem(), &other.pem()]);
    below.refuses("/ca.crt holds the certificate `CN=other`, which is not above the CA");

    let (root, below) = root_and_below("basicConstraints=critical,CA:TRUE,pathlen:0", "");
    below.holds(&[&below.pem(), &root.pem()]);
    below.refuses(
        "/ca.crt holds the certificate `O=Example, CN=root`, which allows fewer CAs below it (path length 0) than there are (1)",
    );

    let (root, below) = root_and_below("", "extendedKeyUsage=serverAuth");
    below.holds(&[&below.pem(), &root.pem()]);
    below
        .refuses("/ca.crt does not allow both server and client certificates (extended key usage)");
}

#[test]
fn an_expired_certificate_above_the_ca_is_named() {
    let (root, mut below) = root_and_below("", "");
    below.holds(&[&below.pem(), &root.pem()]);
    let end = certificate(&root.pem()).unwrap().not_after;
    let own = certificate(&below.pem()).unwrap().not_after;
    below.now = own + 1;
    below.refuses(&format!("/ca.crt expired on {}", crate::date::date(own)));
    below.now = end + 1;
    below.refuses(&format!("/ca.crt expired on {}", crate::date::date(own)));
    below.now = own - DAY;
    let certs = below.open().unwrap();
    assert_eq!(certs.nodes["etcd1"].server.certificate.not_after, own);
}

/// Returns `[pki]` with the paths of a CA.
pub(super) fn named(ca: &OwnCa) -> String {
    let paths = ["ca.crt", "ca.key"].map(|name| ca.scene.path(name).display().to_string());
    format!(
        "[pki]\nca-certificate = \"{}\"\nca-key = \"{}\"\n",
        paths[0], paths[1]
    )
}

#[test]
fn a_ca_named_by_its_path_is_copied_once_and_kept() {
    let (root, below) = root_and_below("", "");
    below.holds(&[&below.pem(), &root.pem()]);
    let config = named(&below);
    let scene = Scene::new();
    let certs = open(&scene.state, &cluster(&config), below.now).unwrap();
    assert_eq!(certs.ca.pem, below.pem());
    let path = below.scene.path("ca.crt").display().to_string();
    assert_eq!(
        certs.notes,
        [format!(
            "copied the CA of {path} and issued everything below it; back up the state directory"
        )]
    );
    assert_eq!(
        fs::read(scene.path("ca.key")).unwrap(),
        fs::read(below.scene.path("ca.key")).unwrap()
    );
    let before = scene.files();
    // The key may be put away.
    overwrite(&below.scene.path("ca.key"), b"");
    open(&scene.state, &cluster(&config), below.now).unwrap();
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());

    let other = OwnCa::new(P256, "/CN=other", "");
    let error = open(&scene.state, &cluster(&named(&other)), below.now).unwrap_err();
    let wanted = format!(
        "{} is a different CA from {}",
        scene.path("ca.crt").display(),
        other.scene.path("ca.crt").display()
    );
    assert_eq!(error.to_string(), wanted);
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
}

#[test]
fn a_ca_named_by_its_path_is_checked_where_it_lies() {
    let refused = |ca: &OwnCa| {
        let scene = Scene::new();
        let error = open(&scene.state, &cluster(&named(ca)), ca.now).unwrap_err();
        assert!(!scene.state.exists());
        let folder = format!("{}/", ca.scene.state.display());
        error.root_cause().to_string().replace(&folder, "")
    };
    let ca = OwnCa::new(P256, "/CN=my CA", "");
    let key = ca.scene.path("ca.key");
    let encrypted = says(&[
        "pkey",
        "-in",
        key.to_str().unwrap(),
        "-aes256",
        "-passout",
        "pass:x",
    ]);
    overwrite(&key, encrypted.as_bytes());
    assert_eq!(
        refused(&ca),
        "ca.key is encrypted, and there is no terminal to ask for its passphrase"
    );
    let other = OwnCa::new(P256, "/CN=other", "");
    overwrite(&key, &fs::read(other.scene.path("ca.key")).unwrap());
    assert_eq!(refused(&ca), "ca.crt is not the certificate of ca.key");
    fs::remove_file(&key).unwrap();
    assert_eq!(
        refused(&ca),
        "reading ca.key: No such file or directory (os error 2)"
    );
}

#[test]
fn a_key_in_any_form_is_taken() {
    let rsa = &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
    for (kind, command) in [
        (P256, &["ec"][..]),
        (rsa, &["rsa", "-traditional"]),
        (P256, &["pkey"]),
    ] {
        let ca = OwnCa::new(kind, "/CN=my CA", "");
        let path = ca.scene.path("ca.key");
        let key = says(&[command, &["-in", path.to_str().unwrap()]].concat());
        overwrite(&path, key.as_bytes());
        let scene = Scene::new();
        open(&scene.state, &cluster(&named(&ca)), ca.now).unwrap();
        assert_eq!(fs::read_to_string(scene.path("ca.key")).unwrap(), key);
        open(&scene.state, &cluster(""), ca.now).unwrap();
    }
}
