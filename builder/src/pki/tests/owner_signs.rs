//! Tests of a CA whose owner signs requests, played by openssl.

use super::own_ca::{P256, ROOT};
use super::*;
use checker::says;

/// The extensions of an intermediate CA.
const INTERMEDIATE: &str =
    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\n";

/// A root and an intermediate CA of openssl, and a state directory without their keys.
struct Elsewhere {
    folder: TempDir,
    state: PathBuf,
    config: String,
    now: i64,
}

impl Elsewhere {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let state = folder.path().join("state");
        let mut made = Self {
            state,
            config: format!(
                "[pki]\nca-certificate = \"{}\"\n",
                folder.path().join("ca.pem").display()
            ),
            folder,
            now: 0,
        };
        made.authority("root", "root", ROOT);
        made.authority("issuing", "root", INTERMEDIATE);
        let pem = ["issuing.crt", "root.crt"]
            .map(|name| made.text(name))
            .concat();
        fs::write(made.folder.path().join("ca.pem"), pem).unwrap();
        made.now = certificate(&made.text("root.crt")).unwrap().not_before + DAY;
        made
    }

    fn at(&self, name: &str) -> String {
        self.folder.path().join(name).to_str().unwrap().to_owned()
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.at(name)).unwrap()
    }

    /// Makes a CA that another one, or the same, signs.
    fn authority(&self, name: &str, signer: &str, extensions: &str) {
        let [key, csr] = ["key", "csr"].map(|ending| self.at(&format!("{name}.{ending}")));
        says(&[&["genpkey", "-out", &key, "-algorithm"], P256].concat());
        let subject = format!("/O=Example/CN={name} CA");
        says(&["req", "-new", "-key", &key, "-subj", &subject, "-out", &csr]);
        self.sign(name, signer, extensions);
    }

    /// Signs the request NAME.csr with these extensions instead of its own, or with its own if there are none.
    fn sign(&self, name: &str, signer: &str, extensions: &str) {
        let file = |ending: &str| self.at(&format!("{name}.{ending}"));
        let (csr, crt, extra) = (file("csr"), file("crt"), file("ext"));
        let [key, authority] = ["key", "crt"].map(|ending| self.at(&format!("{signer}.{ending}")));
        let mut command = vec!["x509", "-req", "-days", "365", "-in", &csr, "-out", &crt];
        match name == signer {
            true => command.extend(["-signkey", &key]),
            false => command.extend(["-CA", &authority, "-CAkey", &key, "-CAcreateserial"]),
        }
        fs::write(&extra, extensions).unwrap();
        match extensions.is_empty() {
            true => command.extend(["-copy_extensions", "copy"]),
            false => command.extend(["-extfile", &extra]),
        }
        says(&command);
    }

    fn cluster(&self, more: &str) -> Cluster {
        cluster(&format!("{}{more}", self.config))
    }

    /// Writes all requests and returns their names.
    fn request(&self, more: &str) -> Vec<String> {
        let requests = requests(&self.state, &self.cluster(more), self.now, false).unwrap();
        let write = |request: &Request| {
            let name = request.file.replace('/', "-");
            fs::write(self.at(&format!("{name}.csr")), &request.pem).unwrap();
            name
        };
        requests.iter().map(write).collect()
    }

    fn import(&self, names: &[String]) -> anyhow::Result<Imported> {
        let answers: Vec<_> = names
            .iter()
            .map(|name| (PathBuf::from(name), self.text(&format!("{name}.crt"))))
            .collect();
        import(&self.state, &self.cluster(""), self.now, &answers)
    }

    fn open(&self, more: &str) -> anyhow::Result<Certs> {
        open(&self.state, &self.cluster(more), self.now)
    }

    /// Signs every request as it is and imports the answers.
    fn serve(&self) {
        let names = self.request("");
        for name in &names {
            self.sign(name, "issuing", "");
        }
        let imported = self.import(&names).unwrap();
        assert_eq!(imported.lacking, Vec::<String>::new());
    }
}

#[test]
fn another_program_signs_every_certificate() {
    let it = Elsewhere::new();
    let names = it.request("");
    let expected = [
        "admin",
        "nodes-etcd1-server",
        "nodes-etcd1-peer",
        "nodes-etcd1-client.root",
        "nodes-etcd2-server",
        "nodes-etcd2-peer",
        "nodes-etcd2-client.root",
        "nodes-etcd3-server",
        "nodes-etcd3-peer",
        "nodes-etcd3-client.root",
    ];
    assert_eq!(names, expected);
    let shown = says(&[
        "req",
        "-verify",
        "-noout",
        "-text",
        "-in",
        &it.at("nodes-etcd1-peer.csr"),
    ]);
    for part in [
        "DNS:etcd1, DNS:etcd1.local, DNS:localhost, IP Address:192.168.0.50, IP Address:127.0.0.1",
        "TLS Web Server Authentication, TLS Web Client Authentication",
    ] {
        assert!(shown.contains(part), "{shown}");
    }
    let refused = format!("{:#}", it.open("").unwrap_err());
    assert_eq!(
        refused.lines().nth(1),
        Some("  admin.crt: no answer to its request was imported")
    );
    assert_eq!(refused.lines().count(), 11, "{refused}");

    it.serve();
    let certs = it.open("").unwrap();
    assert!(!it.state.join("ca.key").exists());
    assert_eq!(certs.ca.pem, it.text("ca.pem"));
    for file in [
        "admin.crt",
        "nodes/etcd1/server.crt",
        "nodes/etcd3/peer.crt",
    ] {
        let path = it.state.join(file);
        let chain = it.state.join("ca.crt");
        let [path, chain] = [&path, &chain].map(|path| path.to_str().unwrap());
        says(&["verify", "-no_check_time", "-CAfile", chain, path]);
    }
    assert_eq!(certs.notes, Vec::<String>::new());
    assert_eq!(it.request(""), Vec::<String>::new());
}

#[test]
fn a_changed_name_needs_new_answers_for_the_same_keys() {
    let it = Elsewhere::new();
    it.serve();
    let key = |name: &str| fs::read(it.state.join(name)).unwrap();
    let before = key("nodes/etcd1/server.key");
    let more = "extra-sans = [\"db.example\", \"*.kube.demo\"]\n";
    let refused = format!("{:#}", it.open(more).unwrap_err());
    let server = "\n  nodes/etcd1/server.crt: it is not valid for `*.kube.demo`\n";
    assert!(refused.contains(server), "{refused}");
    let names = it.request(more);
    assert_eq!(names.len(), 6, "{names:?}");
    assert_eq!(key("nodes/etcd1/server.key"), before);
}

#[test]
fn answers_that_cannot_be_used_are_named_and_none_is_taken() {
    let it = Elsewhere::new();
    it.request("");
    let hosts = "DNS:etcd1,DNS:etcd1.local,DNS:localhost,IP:192.168.0.50,IP:127.0.0.1,IP:::1";
    let both = "extendedKeyUsage=serverAuth,clientAuth";
    it.sign("admin", "issuing", "");
    it.sign(
        "nodes-etcd1-server",
        "issuing",
        &format!("subjectAltName={hosts}\nextendedKeyUsage=serverAuth\n"),
    );
    it.sign(
        "nodes-etcd1-peer",
        "issuing",
        &format!("subjectAltName=DNS:etcd1\n{both}\n"),
    );
    it.sign("nodes-etcd2-server", "root", "");
    let members = "URI:urn:etcd-image:members:etcd1+etcd9";
    let hosts = hosts.replace("etcd1", "etcd2").replace(".50", ".51");
    it.sign(
        "nodes-etcd2-peer",
        "issuing",
        &format!("subjectAltName={hosts},{members}\n{both}\n"),
    );
    // The answer to a request for another key, and a CA.
    it.authority("other", "issuing", "basicConstraints=CA:FALSE\n");
    it.authority("lower", "issuing", INTERMEDIATE);
    fs::write(it.at("text.crt"), "nothing\n").unwrap();
    let answered = [
        "admin",
        "nodes-etcd1-server",
        "nodes-etcd1-peer",
        "nodes-etcd2-server",
        "nodes-etcd2-peer",
        "other",
        "lower",
        "text",
    ];
    let refused = it
        .import(&answered.map(str::to_owned))
        .unwrap_err()
        .to_string();
    assert_eq!(
        refused.lines().collect::<Vec<_>>(),
        [
            "7 of the answers cannot be used",
            "  nodes-etcd1-server: the answer for nodes/etcd1/server does not fit: its extended key usages lack clientAuth",
            "  nodes-etcd1-peer: the answer for nodes/etcd1/peer does not fit: it is not valid for `etcd1.local`",
            "  nodes-etcd2-server: the answer for nodes/etcd2/server is not signed by the CA `O=Example, CN=issuing CA`",
            "  nodes-etcd2-peer: the answer for nodes/etcd2/peer does not fit: it lists other members of the cluster",
            "  other: the certificate `O=Example, CN=other CA` belongs to no key of the state directory",
            "  lower: the CA `O=Example, CN=lower CA` is not in `ca-certificate` of [pki]",
            "  text is not a PEM file",
        ]
    );
    assert!(!it.state.join("admin.crt").exists());
    let imported = it.import(&["admin".to_owned()]).unwrap();
    assert_eq!(imported.taken, ["admin.crt"]);
    assert_eq!(
        imported.lacking[0],
        "nodes/etcd1/server.crt: no answer to its request was imported"
    );
}

#[test]
fn a_ca_may_leave_out_the_list_of_members_and_add_to_the_subject() {
    let it = Elsewhere::new();
    it.serve();
    let hosts =
        "DNS:etcd1,DNS:etcd1.local,DNS:localhost,DNS:more,IP:192.168.0.50,IP:127.0.0.1,IP:::1";
    let extensions = format!("subjectAltName={hosts}\nextendedKeyUsage=serverAuth,clientAuth\n");
    it.sign("nodes-etcd1-server", "issuing", &extensions);
    it.import(&["nodes-etcd1-server".to_owned()]).unwrap();
    it.open("").unwrap();
}

#[test]
fn a_build_that_signs_itself_needs_no_requests() {
    let scene = Scene::made();
    let error = requests(&scene.state, &cluster(""), NOW, false).unwrap_err();
    assert_eq!(
        error.to_string(),
        "this cluster's certificates need no requests: the build signs them itself"
    );
}
