//! Tests of subjects, common names and client certificates, as openssl shows them.

use super::*;
use checker::says;

const SUBJECT: &str = "[pki.subject]\ncountry = \"BR\"\nstate = \"São Paulo\"\nlocality = \"Campinas\"\n\
                       organization = \"Kubernetes, Labs\"\nunit = \"Labs\"\n\
                       [pki.common-name]\nca = \"etcd-ca\"\nserver = \"{name}.{domain}\"\npeer = \"{name}-peer\"\n";

/// Returns the subject as openssl shows it.
fn subject(scene: &Scene, file: &str) -> String {
    let path = scene.path(file);
    let path = path.to_str().unwrap();
    let shown = says(&[
        "x509",
        "-noout",
        "-subject",
        "-nameopt",
        "utf8,sep_comma_plus,sname",
        "-in",
        path,
    ]);
    shown.trim().to_owned()
}

#[test]
fn subjects_are_the_configured_ones() {
    let scene = Scene::new();
    scene.open(SUBJECT).unwrap();
    let fields = "C=BR,ST=São Paulo,L=Campinas,O=Kubernetes, Labs,OU=Labs";
    for (file, common_name) in [
        ("ca.crt", "etcd-ca"),
        ("admin.crt", "root"),
        ("nodes/etcd1/server.crt", "etcd1.local"),
        ("nodes/etcd2/peer.crt", "etcd2-peer"),
    ] {
        let wanted = format!("subject={fields},CN={common_name}");
        assert_eq!(subject(&scene, file), wanted, "{file}");
    }
    let before = scene.files();
    scene.open(SUBJECT).unwrap();
    assert_eq!(scene.changed_since(&before), Vec::<String>::new());
}

#[test]
fn a_changed_subject_is_issued_anew_and_the_ca_keeps_its_own() {
    let scene = Scene::made();
    let certs = scene.open(SUBJECT).unwrap();
    assert_eq!(subject(&scene, "ca.crt"), "subject=CN=main etcd CA");
    assert_eq!(certs.notes[0], "reissued admin.crt: its subject changed");
    assert_eq!(certs.notes.len(), 10);
    let changed = scene.open("").unwrap();
    assert_eq!(changed.notes.len(), 10);
}

#[test]
fn a_client_certificate_has_the_common_name_that_its_table_gives() {
    let scene = Scene::new();
    let config = "[[certificate]]\nrole = \"client\"\npath = \"/a\"\nkey = \"/b\"\ncommon-name = \"patroni\"\n\
                  [[certificate]]\nrole = \"client\"\npath = \"/c\"\nkey = \"/d\"\ncommon-name = \"\"\nnodes = [\"etcd2\"]\n";
    let certs = scene.open(&config.replace("\"/", "\"/etc/")).unwrap();
    let names = |node: &str| {
        certs.nodes[node]
            .clients
            .keys()
            .cloned()
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (names("etcd1"), names("etcd2")),
        (
            vec!["patroni".into(), "root".into()],
            vec![String::new(), "patroni".into(), "root".into()]
        )
    );
    assert_eq!(
        subject(&scene, "nodes/etcd1/client.patroni.crt"),
        "subject=CN=patroni"
    );
    assert_eq!(subject(&scene, "nodes/etcd2/client.crt"), "subject=O=main");
}

#[test]
fn one_certificate_serves_both_directions() {
    let scene = Scene::new();
    let certs = scene.open("[pki]\nlayout = \"dcs\"\n").unwrap();
    let node = &certs.nodes["etcd1"];
    assert_eq!(node.peer.certificate, node.server.certificate);
    assert!(!scene.path("nodes/etcd1/peer.crt").exists());
}

#[test]
fn two_certificates_of_one_second_have_different_serial_numbers() {
    let scene = Scene::new();
    let serial = || {
        let path = scene.path("nodes/etcd1/server.crt");
        let pem = fs::read_to_string(path).unwrap();
        let (_, pem) = x509_parser::pem::parse_x509_pem(pem.as_bytes()).unwrap();
        pem.parse_x509().unwrap().raw_serial_as_string()
    };
    scene.open("").unwrap();
    let first = serial();
    scene.open(SUBJECT).unwrap();
    assert_ne!(serial(), first);
}
