//! Tests of a CA that the user brings, made by openssl in every form that people have.

use super::*;
use crate::failure::Failure;
use checker::says;

pub(super) const P256: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
pub(super) const ROOT: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n";

/// A state directory with a CA of openssl. Its time is a day after the CA was made.
pub(super) struct OwnCa {
    pub(super) scene: Scene,
    pub(super) now: i64,
}

impl OwnCa {
    /// Makes a root CA with a key of this kind, this subject, and extensions besides [`ROOT`].
    pub(super) fn new(key: &[&str], subject: &str, extensions: &str) -> Self {
        Self::with(key, subject, &format!("{ROOT}{extensions}\n"))
    }

    pub(super) fn with(key: &[&str], subject: &str, extensions: &str) -> Self {
        let scene = Scene::new();
        crate::file::make_private_folder(&scene.state).unwrap();
        let (path, certificate) = (scene.path("ca.key"), scene.path("ca.crt"));
        let [path, certificate] = [&path, &certificate].map(|path| path.to_str().unwrap());
        says(&[&["genpkey", "-out", path, "-algorithm"], key].concat());
        set_mode(&scene.path("ca.key"), 0o600);
        let config = tempfile::NamedTempFile::new().unwrap();
        let text =
            format!("[req]\ndistinguished_name=dn\nx509_extensions=v3\n[dn]\n[v3]\n{extensions}");
        overwrite(config.path(), text.as_bytes());
        let config = config.path().to_str().unwrap();
        says(&[
            "req",
            "-x509",
            "-new",
            "-utf8",
            "-multivalue-rdn",
            "-days",
            "3650",
            "-key",
            path,
            "-subj",
            subject,
            "-config",
            config,
            "-out",
            certificate,
        ]);
        let mut made = Self { scene, now: 0 };
        made.now = made.facts().not_before + DAY;
        made
    }

    fn facts(&self) -> Certificate {
        certificate(&fs::read_to_string(self.scene.path("ca.crt")).unwrap()).unwrap()
    }

    pub(super) fn open(&self) -> anyhow::Result<Certs> {
        open(&self.scene.state, &cluster(""), self.now)
    }

    /// Asserts that openssl accepts every certificate for its purposes, and that a second build keeps all of them.
    #[track_caller]
    pub(super) fn serves(&self) {
        self.open().unwrap();
        self.is_found_by_its_subject();
        for (file, purposes) in [
            ("nodes/etcd1/server.crt", &["sslserver", "sslclient"][..]),
            ("nodes/etcd3/peer.crt", &["sslserver", "sslclient"]),
            ("admin.crt", &["sslclient"]),
        ] {
            let (ca, leaf) = (self.scene.path("ca.crt"), self.scene.path(file));
            let [ca, leaf] = [&ca, &leaf].map(|path| path.to_str().unwrap());
            for purpose in purposes {
                let arguments = [
                    "verify",
                    "-no_check_time",
                    "-CAfile",
                    ca,
                    "-purpose",
                    purpose,
                    leaf,
                ];
                says(&arguments);
            }
        }
        let before = self.scene.files();
        self.open().unwrap();
        assert_eq!(self.scene.changed_since(&before), Vec::<String>::new());
    }

    /// Asserts that a directory of trusted certificates has the CA where openssl looks for it.
    fn is_found_by_its_subject(&self) {
        let path = self.scene.path("ca.crt");
        let hash = says(&[
            "x509",
            "-noout",
            "-subject_hash",
            "-in",
            path.to_str().unwrap(),
        ]);
        let trusted = trusted(&fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(trusted[0].subject_hash, hash.trim());
    }

    /// Asserts that nothing is issued, for this reason after the path of the state directory.
    #[track_caller]
    pub(super) fn refuses(&self, reason: &str) {
        let before = self.scene.files();
        let error = self.open().unwrap_err();
        let failure: &Failure = error.downcast_ref().unwrap();
        let state = self.scene.state.to_str().unwrap();
        let message = failure.message.strip_prefix(state);
        assert_eq!(message.unwrap_or(&failure.message), reason);
        assert_eq!(
            (failure.kind, failure.hint.is_empty()),
            (Kind::Usage, false)
        );
        let mut changed = self.scene.changed_since(&before);
        changed.retain(|name| name != ".lock");
        assert_eq!(changed, Vec::<String>::new());
    }
}

#[expect(clippy::disallowed_methods, reason = "tests damage files")]
pub(super) fn overwrite(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_build_with_a_ca_of_today_is_not_dated_in_the_future() {
    let mut own = OwnCa::new(P256, "/CN=own", "");
    own.now -= DAY - 3600;
    assert_eq!(own.open().unwrap().time, own.now);
}

#[test]
fn its_subject_is_copied_byte_for_byte() {
    for subject in [
        "/DC=lan/DC=example/OU=one/OU=two/CN=my CA",
        "/O=several/CN=my CA+OU=values+serialNumber=12",
        "/CN=Straße CA",
        "/O=  Two   Blanks  /OU=\tTab/CN=MIXED Case ÄÖ",
        "/C=DE/ST=B/L=C/O=D/emailAddress=a@b.c/CN=my CA/2.5.4.97=other",
    ] {
        OwnCa::new(P256, subject, "").serves();
    }
}

#[test]
fn any_key_that_clients_know_signs() {
    for key in [
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"][..],
        &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"],
        &["ED25519"],
        &["RSA", "-pkeyopt", "rsa_keygen_bits:3072"],
    ] {
        OwnCa::new(key, "/CN=my CA", "").serves();
    }
    for key in [
        &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"][..],
        &["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"],
        &["EC", "-pkeyopt", "ec_paramgen_curve:secp256k1"],
    ] {
        OwnCa::new(key, "/CN=my CA", "").refuses(
            "/ca.key contains no key of a supported type: ECDSA (P-256, P-384, P-521), Ed25519 or RSA from 2048 bits",
        );
    }
}

#[test]
fn extensions_may_not_exclude_its_own_certificates() {
    for extensions in [
        "extendedKeyUsage=serverAuth,clientAuth",
        "nameConstraints=critical,excluded;DNS:example.com",
    ] {
        OwnCa::new(P256, "/CN=my CA", extensions).serves();
    }
    OwnCa::with(P256, "/CN=my CA", "basicConstraints=CA:TRUE\n").serves();
    for (extensions, reason) in [
        (
            "extendedKeyUsage=clientAuth",
            "/ca.crt does not allow both server and client certificates (extended key usage)",
        ),
        (
            "extendedKeyUsage=codeSigning",
            "/ca.crt does not allow both server and client certificates (extended key usage)",
        ),
        (
            "1.2.3.4=critical,ASN1:NULL",
            "/ca.crt has a critical extension that no client knows (1.2.3.4)",
        ),
        (
            "nameConstraints=critical,permitted;DNS:example.com",
            "no client would accept nodes/etcd1/server.crt: the CA's name constraints do not allow one of its names",
        ),
    ] {
        OwnCa::new(P256, "/CN=my CA", extensions).refuses(reason);
    }
    for extensions in ["basicConstraints=CA:FALSE\n", "keyUsage=keyCertSign\n"] {
        OwnCa::with(P256, "/CN=my CA", extensions).refuses("/ca.crt may not sign certificates");
    }
    OwnCa::new(P256, "/", "").refuses("/ca.crt has an empty subject, which no client accepts");
}

#[test]
fn one_that_is_not_valid_yet_is_refused() {
    let mut ca = OwnCa::new(P256, "/CN=my CA", "");
    let begins = ca.facts().not_before;
    ca.now = begins - 1;
    ca.refuses(&format!(
        "/ca.crt is not valid before {}",
        crate::date::date(begins)
    ));
}

#[test]
fn the_key_may_have_any_unencrypted_form() {
    let ca = OwnCa::new(P256, "/CN=my CA", "");
    let path = ca.scene.path("ca.key");
    let key = path.to_str().unwrap();
    let parameters = says(&["ecparam", "-name", "prime256v1"]);
    let sec1 = says(&["ec", "-in", key]);
    let encrypted = says(&["pkey", "-in", key, "-aes256", "-passout", "pass:x"]);
    overwrite(&path, encrypted.as_bytes());
    ca.refuses("/ca.key is encrypted, and there is no terminal to ask for its passphrase");
    overwrite(&path, (parameters + &sec1).replace('\n', "\r\n").as_bytes());
    ca.serves();
}
