//! Tests of fresh certificates and keys: openssl and ssh-keygen check them.

use super::*;
use checker::{accepts, says};

/// Returns openssl's description of a certificate, with names in the one form that all its versions share.
fn text(path: &Path, what: &[&str]) -> String {
    let path = path.to_str().unwrap();
    let arguments = ["x509", "-noout", "-nameopt", "RFC2253", "-in", path];
    says(&[&arguments[..], what].concat())
}

/// Returns the same description line by line, without surrounding spaces.
fn lines(path: &Path, what: &[&str]) -> Vec<String> {
    text(path, what)
        .lines()
        .map(|line| line.trim().to_owned())
        .collect()
}

#[test]
fn every_certificate_serves_its_purposes() {
    for key in ["ecdsa-p256", "rsa-2048"] {
        let scene = Scene::new();
        scene.open(&format!("[pki]\nkey = \"{key}\"\n")).unwrap();
        let ca = scene.path("ca.crt");
        for node in ["etcd1", "etcd2", "etcd3"] {
            for role in ["server", "peer"] {
                let certificate = scene.path(&format!("nodes/{node}/{role}.crt"));
                assert!(
                    accepts(&ca, "sslserver", &certificate),
                    "{key} {node} {role}"
                );
                assert!(
                    accepts(&ca, "sslclient", &certificate),
                    "{key} {node} {role}"
                );
            }
        }
        assert!(accepts(&ca, "sslclient", &scene.path("admin.crt")), "{key}");
        assert!(
            !accepts(&ca, "sslserver", &scene.path("admin.crt")),
            "{key}"
        );
        assert!(!accepts(&ca, "sslserver", &ca), "{key}");
    }
}

#[test]
fn openssl_rejects_certificates_of_another_ca() {
    let (ours, theirs) = (Scene::made(), Scene::made());
    let certificate = ours.path("nodes/etcd1/server.crt");
    assert!(accepts(&ours.path("ca.crt"), "sslserver", &certificate));
    assert!(!accepts(&theirs.path("ca.crt"), "sslserver", &certificate));
}

#[test]
fn names_and_usages_are_exactly_these() {
    let scene = Scene::new();
    scene.open("[cluster]\ndomain = \"kube.demo\"\n[pki]\nextra-sans = [\"*.kube.demo\", \"fd00:0::9\", \"localhost\"]\n").unwrap();
    for role in ["server", "peer"] {
        let path = scene.path(&format!("nodes/etcd2/{role}.crt"));
        let extensions = "subjectAltName,extendedKeyUsage,basicConstraints,keyUsage";
        assert_eq!(
            lines(&path, &["-subject", "-issuer", "-ext", extensions]),
            [
                "subject=CN=etcd2",
                "issuer=CN=main etcd CA",
                "X509v3 Subject Alternative Name:",
                "DNS:etcd2, DNS:etcd2.kube.demo, DNS:localhost, IP Address:192.168.0.51, \
                 IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:*.kube.demo, \
                 IP Address:FD00:0:0:0:0:0:0:9, URI:urn:etcd-image:members:etcd1+etcd2+etcd3",
                "X509v3 Key Usage: critical",
                "Digital Signature",
                "X509v3 Extended Key Usage:",
                "TLS Web Server Authentication, TLS Web Client Authentication",
                "X509v3 Basic Constraints: critical",
                "CA:FALSE",
            ]
        );
    }
    let admin = scene.path("admin.crt");
    assert_eq!(
        lines(
            &admin,
            &["-subject", "-ext", "subjectAltName,extendedKeyUsage"]
        ),
        [
            "subject=CN=root",
            "X509v3 Extended Key Usage:",
            "TLS Web Client Authentication"
        ]
    );
}

#[test]
fn the_ca_may_sign_nodes_and_nothing_below_them() {
    let scene = Scene::made();
    assert_eq!(
        lines(
            &scene.path("ca.crt"),
            &["-subject", "-ext", "basicConstraints,keyUsage"]
        ),
        [
            "subject=CN=main etcd CA",
            "X509v3 Key Usage: critical",
            "Certificate Sign, CRL Sign",
            "X509v3 Basic Constraints: critical",
            "CA:TRUE, pathlen:0",
        ]
    );
}

#[test]
fn lifetimes_begin_a_day_early_and_end_with_the_ca() {
    let scene = Scene::new();
    let days = |ca, leaf| cluster(&format!("[pki]\nca-days = {ca}\nleaf-days = {leaf}\n"));
    open(&scene.state, &days(3650, 365), NOW).unwrap();
    let dates = |name: &str| text(&scene.path(name), &["-dates", "-dateopt", "iso_8601"]);
    assert_eq!(
        dates("ca.crt"),
        "notBefore=2025-12-31 00:00:00Z\nnotAfter=2035-12-30 00:00:00Z\n"
    );
    assert_eq!(
        dates("admin.crt"),
        "notBefore=2025-12-31 00:00:00Z\nnotAfter=2027-01-01 00:00:00Z\n"
    );
    // Ten days before the CA expires, a certificate cannot last a year.
    open(&scene.state, &days(3650, 365), NOW + 3640 * DAY).unwrap();
    assert_eq!(
        dates("admin.crt"),
        "notBefore=2035-12-19 00:00:00Z\nnotAfter=2035-12-30 00:00:00Z\n"
    );
}

#[test]
fn every_key_belongs_to_its_certificate() {
    let scene = Scene::made();
    for name in [
        "ca",
        "admin",
        "nodes/etcd1/server",
        "nodes/etcd1/peer",
        "nodes/etcd1/client.root",
    ] {
        let key = scene.path(&format!("{name}.key"));
        let of_key = says(&["pkey", "-pubout", "-in", key.to_str().unwrap()]);
        assert_eq!(
            text(&scene.path(&format!("{name}.crt")), &["-pubkey"]),
            of_key,
            "{name}"
        );
        assert!(
            fs::read_to_string(key)
                .unwrap()
                .starts_with("-----BEGIN PRIVATE KEY-----"),
            "{name}"
        );
    }
}

#[test]
fn fingerprints_and_facts_are_those_openssl_sees() {
    let scene = Scene::new();
    let certs = scene.open("").unwrap();
    let server = &certs.nodes["etcd1"].server.certificate;
    let seen = text(
        &scene.path("nodes/etcd1/server.crt"),
        &["-fingerprint", "-sha256"],
    );
    let seen = seen
        .trim()
        .rsplit('=')
        .next()
        .unwrap()
        .replace(':', "")
        .to_lowercase();
    assert_eq!(server.fingerprint, seen);
    assert_eq!(
        server.sans,
        [
            "etcd1",
            "etcd1.local",
            "localhost",
            "192.168.0.50",
            "127.0.0.1",
            "::1",
            "urn:etcd-image:members:etcd1+etcd2+etcd3"
        ]
    );
    assert_eq!(
        (server.not_before, server.not_after),
        (NOW - DAY, NOW + 1825 * DAY)
    );
}

#[test]
fn host_keys_are_as_ssh_wants_them() {
    let scene = Scene::new();
    let certs = scene.open("").unwrap();
    let seen = checker::ssh_public(&scene.path("nodes/etcd1/ssh_host_ed25519_key"));
    let public = &certs.nodes["etcd1"].ssh_host_public;
    assert!(public.starts_with("ssh-ed25519 AAAA"), "{public}");
    assert_eq!(seen.trim_end(), public);
}

/// Uses an organization's own CA, in the older key format that openssl still writes.
#[test]
fn a_ca_made_elsewhere_can_be_used() {
    let scene = Scene::new();
    crate::file::make_private_folder(&scene.state).unwrap();
    let (crt, key) = (scene.path("ca.crt"), scene.path("ca.key"));
    let (crt, key) = (crt.to_str().unwrap(), key.to_str().unwrap());
    says(&[
        "ecparam",
        "-name",
        "secp384r1",
        "-genkey",
        "-noout",
        "-out",
        key,
    ]);
    says(&[
        "req",
        "-x509",
        "-key",
        key,
        "-out",
        crt,
        "-days",
        "10000",
        "-subj",
        "/O=Org/CN=Org CA",
        "-addext",
        "keyUsage=critical,keyCertSign",
    ]);
    let now = crate::cli::Environment::read().unwrap().now;
    let certs = open(&scene.state, &cluster(""), now).unwrap();
    assert_eq!(certs.ca.pem, fs::read_to_string(crt).unwrap());
    let certificate = scene.path("nodes/etcd1/server.crt");
    says(&[
        "verify",
        "-x509_strict",
        "-CAfile",
        crt,
        "-purpose",
        "sslserver",
        certificate.to_str().unwrap(),
    ]);
    assert!(
        open(&scene.state, &cluster(""), now)
            .unwrap()
            .notes
            .is_empty()
    );
}
