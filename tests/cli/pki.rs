//! Certificates that another program signs: requests, answers, the build with them, and their dates.

use std::fs;

use crate::support::scene::Scene;
use crate::support::tool::tool;

const CONFIGURATION: &str = "[pki]\nca-certificate = \"ca.crt\"\n\
    [[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n";

/// Makes a scene with the CA of openssl, which is valid for 365 days.
fn scene() -> Scene {
    let scene = Scene::with("raspios-trixie");
    scene.file("cluster.toml", CONFIGURATION);
    let (key, certificate) = (at(&scene, "ca.key"), at(&scene, "ca.crt"));
    let request =
        "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 365 -subj /CN=company";
    let mut words: Vec<&str> = request.split(' ').collect();
    words.extend(["-keyout", &key, "-out", &certificate]);
    tool("openssl", &words).done();
    scene
}

fn at(scene: &Scene, path: &str) -> String {
    scene.at(path).display().to_string()
}

/// Signs a request as the owner of the CA would.
fn sign(scene: &Scene, request: &str, answer: &str) {
    let (key, certificate) = (at(scene, "ca.key"), at(scene, "ca.crt"));
    let command = "x509 -req -days 200 -CAcreateserial -copy_extensions copy";
    let mut words: Vec<&str> = command.split(' ').collect();
    words.extend(["-CA", &certificate, "-CAkey", &key]);
    words.extend(["-in", request, "-out", answer]);
    tool("openssl", &words).done();
}

/// Checks that an import without an answer is an error.
fn nothing_is_imported(scene: &Scene) {
    let refused = |file: &str, message: &str, hint: &str| {
        let told = scene.bare(&["pki", "import", file]);
        let expected = format!("error: {message}\nhint: {hint}\n");
        assert_eq!((told.code, told.stderr), (Some(2), expected));
        assert_eq!(told.stdout, "");
    };
    refused(
        "ca.crt",
        "the files contain no certificate that was requested; nothing was imported\n  \
         admin.crt: no answer to its request was imported\n  \
         nodes/etcd1/server.crt: no answer to its request was imported\n  \
         nodes/etcd1/peer.crt: no answer to its request was imported\n  \
         nodes/etcd1/client.root.crt: no answer to its request was imported",
        "name the files that the owner of the CA returned for the requests of `etcd-image pki csr`",
    );
    fs::copy(scene.at("ca.key"), scene.at("answers/oops.pem")).unwrap();
    refused(
        "answers",
        "1 of the answers cannot be used\n  answers/oops.pem contains a private key",
        "remove answers/oops.pem: private keys stay where they are; nothing was imported",
    );
    fs::remove_file(scene.at("answers/oops.pem")).unwrap();
    refused("nope", "nope does not exist", "check the path");
}

#[test]
fn nodes_are_built_with_certificates_that_another_program_signs() {
    let scene = scene();
    let refused = scene.run("build", &[]);
    let wanted = "error: completing the state directory etcd-cluster: the owner of the CA has to sign certificates first\n  admin.crt: it has not been requested yet\n  \
        nodes/etcd1/server.crt: it has not been requested yet\n  nodes/etcd1/peer.crt: it has not been requested yet\n  \
        nodes/etcd1/client.root.crt: it has not been requested yet\nhint: write requests for the CA's owner with `etcd-image pki csr`, and import the answers with `etcd-image pki import`\n";
    assert_eq!(refused.code, Some(2));
    assert!(refused.stderr.ends_with(wanted), "{}", refused.stderr);
    let asked = scene.bare(&["pki", "csr"]);
    assert_eq!(asked.code, Some(0), "{}", asked.stderr);
    let written: Vec<&str> = asked.stdout.lines().collect();
    assert_eq!(
        written,
        [
            "requests/admin.csr",
            "requests/etcd1-server.csr",
            "requests/etcd1-peer.csr",
            "requests/etcd1-client.root.csr",
            "have them signed, then: etcd-image pki import FILE..."
        ]
    );
    let status = scene.bare(&["pki", "status"]).done().stdout;
    let (authority, requested) = status.split_once('\n').unwrap();
    assert!(authority.starts_with("ca.crt "), "{status}");
    assert_eq!(
        requested,
        "admin.crt: requested and not imported yet\nnodes/etcd1/client.root.crt: requested and not imported yet\n\
         nodes/etcd1/peer.crt: requested and not imported yet\nnodes/etcd1/server.crt: requested and not imported yet\n"
    );
    fs::create_dir(scene.at("answers")).unwrap();
    nothing_is_imported(&scene);
    for (number, request) in written[..4].iter().enumerate() {
        // The owner of a CA names files as they like.
        let answer = at(&scene, &format!("answers/{number}.pem"));
        sign(&scene, &at(&scene, request), &answer);
    }
    let imported = scene.bare(&["pki", "import", "answers"]);
    assert_eq!(imported.code, Some(0), "{}", imported.stderr);
    assert_eq!(
        imported.stdout,
        "imported admin.crt\nimported nodes/etcd1/server.crt\nimported nodes/etcd1/peer.crt\n\
         imported nodes/etcd1/client.root.crt\n"
    );
    scene.build(&[]).done();
    let (image, authority) = (at(&scene, "images/etcd1.img"), scene.text("ca.crt"));
    assert_eq!(scene.text("images/client/ca.crt"), authority);
    let verified = scene.bare(&["verify", &image]);
    assert_eq!(verified.code, Some(0), "{}", verified.stderr);

    let status = scene.bare(&["pki", "status"]);
    assert_eq!(status.code, Some(0), "{}", status.stderr);
    let first = status.stdout.lines().next().unwrap();
    assert!(first.starts_with("ca.crt "), "{}", status.stdout);
    assert!(first.contains("  CN=company "), "{}", status.stdout);
    assert_eq!(status.stdout.lines().count(), 5, "{}", status.stdout);
    let ending = scene.bare(&["pki", "status", "--within", "300"]);
    assert_eq!(ending.code, Some(3));
    assert_eq!(ending.stdout, status.stdout);
    let named = "error: admin.crt ends on ";
    assert!(ending.stderr.starts_with(named), "{}", ending.stderr);
}
