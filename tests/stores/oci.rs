//! Checks that a registry of container images has a whole build or none, that skopeo reads it, and that cards are written from it.

use std::fs::{self, File};

use serde_json::Value;

use super::registry::{Fault, Registry};
use super::{IDENTITY, RECIPIENT};
use crate::support::fixture::digest;
use crate::support::scene::{Outcome, Scene};

pub(super) fn scene() -> Scene {
    Scene::with("raspios-trixie").at_time(1_790_000_000)
}

/// Builds one node into the repository `lab/kv`. A compressed image is so small that it is one part, a raw one has several.
pub(super) fn build(scene: &Scene, registry: &Registry, format: &str) -> Outcome {
    let out = registry.place("lab/kv");
    let options = ["--nodes", "1", "--format", format, "--out", &out];
    scene.run(
        "build",
        &[&options[..], &["--encrypt-to", RECIPIENT]].concat(),
    )
}

/// Creates a scene whose build of one node has gone to a registry. Returns the address that the build printed as well.
fn stored() -> (Scene, Registry, String) {
    let (scene, registry) = (scene(), Registry::start());
    let told = build(&scene, &registry, "img.zst").done().stdout;
    let (_, pinned) = told.split_once("etcd-image verify ").unwrap();
    let pinned = pinned.lines().next().unwrap().to_owned();
    (scene, registry, pinned)
}

#[track_caller]
fn refused(told: &Outcome, code: i32, error: &str, hint: &str) {
    assert_eq!(told.code, Some(code), "{}", told.stderr);
    let mut lines = told.stderr.lines().rev();
    let (last, before) = (lines.next().unwrap(), lines.next().unwrap());
    assert_eq!(
        (before, last),
        (&*format!("error: {error}"), &*format!("hint: {hint}"))
    );
}

#[test]
fn skopeo_pulls_a_build_by_its_tag_and_its_digest() {
    let (scene, registry, pinned) = stored();
    let raw = registry.skopeo(&[
        "inspect",
        "--tls-verify=false",
        "--raw",
        "PLACE/lab/kv:latest",
    ]);
    scene.file("raw.json", &raw);
    let manifest_digest = digest(&scene.at("raw.json"));
    assert_eq!(
        pinned,
        registry.place(&format!("lab/kv@sha256:{manifest_digest}"))
    );

    let manifest: Value = serde_json::from_str(&raw).unwrap();
    assert_eq!(
        manifest["mediaType"],
        "application/vnd.oci.image.manifest.v1+json"
    );
    assert_eq!(
        manifest["artifactType"],
        "application/vnd.etcd-image.build.v1+json"
    );
    assert_eq!(
        manifest["config"]["mediaType"],
        "application/vnd.etcd-image.index.v1+json"
    );
    let copy = format!("dir:{}", scene.at("pulled").display());
    let from = format!("PLACE/lab/kv@sha256:{manifest_digest}");
    registry.skopeo(&["copy", "-q", "--src-tls-verify=false", &from, &copy]);
    let layers = manifest["layers"].as_array().unwrap();
    for layer in layers {
        assert_eq!(layer["mediaType"], "application/vnd.etcd-image.file.v1+age");
        let name = layer["digest"]
            .as_str()
            .unwrap()
            .trim_start_matches("sha256:");
        let pulled = scene.at(&format!("pulled/{name}"));
        assert_eq!(digest(&pulled), name);
        assert!(
            fs::read(&pulled)
                .unwrap()
                .starts_with(b"age-encryption.org/v1\n")
        );
    }
    let titles = layers
        .iter()
        .map(|it| it["annotations"]["org.opencontainers.image.title"].as_str());
    let titles: Vec<&str> = titles.map(Option::unwrap).collect();
    assert!(titles.contains(&"etcd1.img.zst.age"), "{titles:?}");
    assert!(titles.contains(&"manifest.json.age"), "{titles:?}");
    assert!(
        !titles.iter().any(|title| title.contains("admin")),
        "{titles:?}"
    );

    // Another build takes the tag; the digest still names the first one, and nothing was deleted.
    scene.file("cluster.toml", "[hosts]\n\"192.168.0.9\" = [\"printer\"]\n");
    build(&scene, &registry, "img.zst").done();
    let raw = registry.skopeo(&["inspect", "--tls-verify=false", "--raw", &from]);
    assert_eq!(raw, scene.text("raw.json"));
    assert_eq!(registry.count(|it| it.is("DELETE", "/blobs/sha256:")), 0);
}

#[test]
fn oras_pulls_the_files_that_a_build_writes_to_a_directory() {
    let (scene, registry) = (scene(), Registry::start());
    let out = registry.place("lab/kv");
    let options = ["--nodes", "1", "--format", "img.zst"];
    let sent = ["--out", &out, "--allow-plain-secrets"];
    let told = scene.build(&[&options[..], &sent].concat()).stdout;
    let (_, pinned) = told.split_once("lab/kv@").unwrap();
    let pinned = pinned.lines().next().unwrap();
    registry.oras_pull(&format!("lab/kv@{pinned}"), &scene.at("pulled"));

    scene.build(&options);
    let built = scene.snapshot("images").into_iter();
    let built = built.map(|(name, digest)| (name.replace("images/", "pulled/"), digest));
    // A store does not get the operator's files.
    let public: Vec<_> = built
        .filter(|(name, _)| !name.starts_with("pulled/client/") && !name.contains("/."))
        .collect();
    assert!(public.len() > 2, "{public:?}");
    assert_eq!(scene.snapshot("pulled"), public);
    scene.bare(&["verify", "pulled"]).done();
}

#[test]
fn a_card_is_written_from_a_digest_and_other_bytes_are_refused() {
    let (scene, registry, pinned) = stored();
    scene.file("key", &format!("{IDENTITY}\n"));
    File::create(scene.at("card"))
        .unwrap()
        .set_len(9 << 30)
        .unwrap();
    let flash = |from: &str, more: &[&str]| {
        scene.bare(&[&["flash", "--yes-really", from, "card"], more].concat())
    };
    flash(&pinned, &[]).refused_naming(
        2,
        &[&format!("error: the images in {pinned} are encrypted")],
    );
    flash(&pinned, &["--identity", "key"]).done();
    let inspected = scene.bare(&["inspect", "card"]).done();
    assert!(inspected.stdout.contains("etcd1"), "{}", inspected.stdout);
    let verify = || scene.bare(&["verify", &pinned]);
    assert!(
        verify()
            .done()
            .stdout
            .starts_with(&format!("{pinned}: ok, "))
    );

    registry.fail(|it| it.is("GET", "/blobs/").then_some(Fault::Spoil));
    verify().refused_naming(
        3,
        &[
            "the index of ",
            " has another SHA-256 than its manifest says",
        ],
    );
    let mut before = 0;
    registry.fail(move |it| {
        before += usize::from(it.is("GET", "/blobs/"));
        (it.is("GET", "/blobs/") && before > 1).then_some(Fault::Spoil)
    });
    let told = verify();
    assert_eq!(told.code, Some(3), "{}", told.stderr);
    assert!(
        told.stdout.contains(": its blob has another SHA-256\n"),
        "{}",
        told.stdout
    );
    registry.fail(|it| it.is("GET", "/manifests/").then_some(Fault::Spoil));
    verify().refused_naming(3, &[": the registry returns a manifest with the SHA-256 "]);
    registry.fail(|it| it.is("GET", "/blobs/").then_some(Fault::Cut(700)));
    flash(&pinned, &["--identity", "key"]).refused_naming(5, &["the connection broke after "]);
}

/// Status lines and codes with which a registry refuses an upload, the reasons that the program gives, and its hints.
const ANSWERS: [(&str, &str, &str, &str); 4] = [
    (
        "403 Forbidden",
        "DENIED",
        "the registry denies it",
        "allow this user to pull from and push to the repository, or log in as another one",
    ),
    (
        "404 Not Found",
        "NAME_UNKNOWN",
        "the registry has no such repository, and does not create it",
        "create the repository, or correct the address",
    ),
    (
        "405 Method Not Allowed",
        "UNSUPPORTED",
        "the registry does not support this; it may be read-only",
        "name a registry that accepts artifacts of the OCI image specification 1.0 or newer",
    ),
    (
        "418 I'm a teapot",
        "TEA\\u001b",
        "answer 418 I'm a teapot TEA\\u{1b}",
        "check the address, and what the registry's log says",
    ),
];

#[test]
fn a_registry_that_cannot_be_used_is_explained_before_anything_is_built() {
    let (scene, registry) = (scene(), Registry::start());
    let place = registry.place("lab/kv");
    let run = |options: &[&str]| {
        let told = scene.run("build", &[&["--nodes", "1"], options].concat());
        assert_eq!(scene.names("etcd-cluster"), [""; 0], "keys were made");
        told
    };
    refused(
        &run(&["--out", &place]),
        2,
        &format!("refusing to send images to {place}: they contain private keys"),
        "encrypt them with `--encrypt-to RECIPIENT` (`age-keygen` makes one), or add `--allow-plain-secrets`",
    );
    let pinned = format!("{place}@sha256:{}", "a".repeat(64));
    refused(
        &run(&["--out", &pinned, "--encrypt-to", RECIPIENT]),
        2,
        &format!("--out: {pinned}: the digest of a build is known only when it is done"),
        "name a tag in place of the digest, as in `oci://registry/repository:tag`",
    );
    let sent = ["--out", &place, "--encrypt-to", RECIPIENT];
    let body = |code: &str| format!("{{\"errors\":[{{\"code\":\"{code}\",\"message\":\"m\"}}]}}");
    for (status, code, why, hint) in ANSWERS {
        registry.fail(move |it| {
            let answer = Fault::Answer(status, String::new(), body(code));
            it.is("POST", "/blobs/uploads/").then_some(answer)
        });
        refused(&run(&sent), 5, &format!("writing {place}: {why}"), hint);
    }
    let foreign = "{\"schemaVersion\":2,\"config\":{\"mediaType\":\"a\",\"digest\":\"b\",\"size\":1},\"layers\":[]}";
    registry.fail(move |it| {
        let answer = Fault::Answer("200 OK", String::new(), foreign.to_owned());
        it.is("GET", "/manifests/").then_some(answer)
    });
    let told = run(&sent);
    told.refused_naming(
        3,
        &[&format!("reading {place}: it is not a build of etcd-image")],
    );
    let nobody = "oci://127.0.0.1:1/lab/kv";
    let told = run(&["--out", nobody, "--encrypt-to", RECIPIENT]);
    told.refused_naming(5, &[&format!("reading {nobody}: "), "refused"]);
    assert!(told.stderr.ends_with(
        "hint: check the network and the address, and run the command again: it continues where it stopped\n"
    ));
    let absent = format!(
        "error: there is no finished build in {}",
        registry.place("lab/none")
    );
    registry.fail(|_| None);
    scene
        .bare(&["verify", &registry.place("lab/none")])
        .refused_naming(2, &[&absent]);
}

#[test]
fn a_login_is_read_from_the_files_of_other_tools() {
    let (scene, registry) = (scene(), Registry::with_login());
    let place = registry.place("lab/kv");
    let hint = "log in with `podman login`, `skopeo login` or `docker login`; if a helper program keeps the password, \
                name a file with REGISTRY_AUTH_FILE and log in with `skopeo login`";
    let told = build(&scene, &registry, "img.zst");
    refused(
        &told,
        5,
        &format!("reading {place}: the registry asks for a login"),
        hint,
    );
    let login = |pair: &str| {
        let auth = format!(
            "{{\"auths\": {{\"{}\": {{\"auth\": \"{pair}\"}}}}}}",
            registry.host()
        );
        scene.file("home/.docker/config.json", &auth);
    };
    login("YWRhOndyb25n"); // printf ada:wrong | base64
    let told = build(&scene, &registry, "img.zst");
    refused(
        &told,
        5,
        &format!("reading {place}: the registry does not accept the login"),
        hint,
    );
    login("YWRhOmh1bnRlcjI="); // printf ada:hunter2 | base64
    let told = build(&scene, &registry, "img.zst").done();
    for text in [&told.stdout, &told.stderr] {
        assert!(!text.contains("hunter2"), "a secret was printed: {text}");
    }
}

#[test]
fn a_token_that_expires_is_renewed_and_goes_to_the_registry_only() {
    let (scene, registry) = (scene(), Registry::start());
    let host = registry.host();
    let (mut issued, mut used) = (0, 0);
    registry.fail(move |it| {
        if it.target.starts_with("/token") {
            let wanted = "/token?scope=repository%3Alab%2Fkv%3Apull%2Cpush&service=r";
            assert_eq!(it.target, wanted);
            (issued, used) = (issued + 1, 0);
            // Registries use either name, or both.
            let token = match issued % 3 {
                0 => format!("{{\"token\": \"t{issued}\"}}"),
                1 => format!("{{\"token\": \"t{issued}\", \"access_token\": \"t{issued}\"}}"),
                _ => format!("{{\"token\": \"\", \"access_token\": \"t{issued}\"}}"),
            };
            return Some(Fault::Answer("200 OK", String::new(), token));
        }
        used += 1;
        let is_valid = it.headers.contains(&format!("authorization: Bearer t{issued}\r\n"));
        let ask = format!(
            "WWW-Authenticate: Negotiate\r\nWWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"r\",scope=\"repository:lab/kv:pull,push\"\r\n"
        );
        (!is_valid || used > 7)
            .then(|| Fault::Answer("401 Unauthorized", ask, String::new()))
    });
    build(&scene, &registry, "img.zst").done();
    let tokens = registry.count(|it| it.target.starts_with("/token"));
    assert!(tokens > 2, "{tokens}");
}

#[test]
fn the_clusters_of_a_fleet_have_tags_and_the_fleet_names_their_digests() {
    let (scene, registry) = (scene(), Registry::start());
    scene.file("lab.toml", "[cluster]\ndomain = \"lab\"\n");
    scene.file(
        "fleet.toml",
        "template = \"lab.toml\"\ntable = \"clusters.csv\"\n",
    );
    scene.file(
        "clusters.csv",
        "name,addresses\nhome,192.168.0.11\nwest,192.168.0.21\n",
    );
    let out = registry.place("lab/kv:v1");
    let options = [
        "--fleet",
        "fleet.toml",
        "--format",
        "img.zst",
        "--out",
        &out,
    ];
    let told = scene
        .build(&[&options[..], &["--encrypt-to", RECIPIENT]].concat())
        .stdout;
    let tags = registry.skopeo(&["list-tags", "--tls-verify=false", "PLACE/lab/kv"]);
    let tags: Value = serde_json::from_str(&tags).unwrap();
    assert_eq!(
        tags["Tags"],
        serde_json::json!(["v1", "v1-home", "v1-west"])
    );
    let flash = format!("flash --images {out}-CLUSTER --identity KEYFILE NODE /dev/CARD\n");
    assert!(told.ends_with(&flash), "{told}");
    let (_, pinned) = told.split_once("etcd-image verify ").unwrap();
    let pinned = pinned.lines().next().unwrap();
    let whole = scene.bare(&["verify", pinned]).done().stdout;
    let home = scene
        .bare(&["verify", &format!("{out}-home")])
        .done()
        .stdout;
    let count = |text: &str| text.split(' ').nth(2).unwrap().parse::<usize>().unwrap();
    assert!(count(&whole) > 2 * count(&home), "{whole}{home}");
}
