//! Tests of `fetch::etcd`: releases from a server, and every kind of local source.

use std::path::PathBuf;

use super::EtcdBinaries;
use super::deb::tests::package;
use crate::failure::Kind;
use crate::fetch::Options;
use crate::fetch::elf::tests::elf;
use crate::fetch::tests::scene::http::{Reply, Server};
use crate::fetch::tests::scene::{Scene, failure, sha256};
use crate::spec::EtcdSource;

/// Builds a release tarball whose programs are for that machine.
fn tarball(version: &str, machine: u16) -> Vec<u8> {
    tarball_of(version, machine, "")
}

/// Builds a release tarball; the programs' content ends with `tail`.
fn tarball_of(version: &str, machine: u16, tail: &str) -> Vec<u8> {
    let mut builder = tar::Builder::new(flate2::write::GzEncoder::new(
        Vec::new(),
        flate2::Compression::fast(),
    ));
    for program in ["etcd", "etcdctl", "etcdutl", "README.md"] {
        let content = elf(machine, None, format!("{program}{tail}").as_bytes());
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        builder
            .append_data(
                &mut header,
                format!("etcd-v{version}-linux-arm64/{program}"),
                &content[..],
            )
            .unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}

fn local(scene: &Scene, path: impl Into<PathBuf>) -> anyhow::Result<EtcdBinaries> {
    locals(scene, vec![path.into()])
}

fn locals(scene: &Scene, paths: Vec<PathBuf>) -> anyhow::Result<EtcdBinaries> {
    crate::fetch::etcd(
        &EtcdSource::Paths(paths),
        None,
        &scene.options(),
        &scene.dir.path().join("state"),
    )
}

/// A scene whose recipes know one version, and a server of the directories they name.
struct Releases {
    scene: Scene,
    recipes: PathBuf,
    server: Server,
}

impl Releases {
    /// Pins version 3.6.1 with `pinned`; the server has `content` for any version, and a list of its digests.
    fn new(pinned: &str, content: Vec<u8>) -> Self {
        let sums = ["3.6.1", "3.6.2"]
            .map(|it| format!("{}  etcd-v{it}-linux-arm64.tar.gz\n", sha256(&content)))
            .concat();
        let server = Server::start(move |request, _| match request.path.as_str() {
            path if path.starts_with("/broken") => Reply::status("404 Not FoundPrograms"),
            path if path.ends_with("/SHA256SUMS") => Reply::whole(sums.as_bytes()),
            path if path.starts_with("/v9") => Reply::status("404 Not FoundPrograms"),
            _ => Reply::file(request, &content, "\"1\""),
        });
        let scene = Scene::new();
        let recipes = scene.dir.path().join("recipes");
        fs_err::create_dir(&recipes).unwrap();
        let text = format!(
            "mirrors = [\"{}\", \"{}\"]\ntarball = \"etcd-v{{version}}-linux-arm64.tar.gz\"\n\
             [sha256]\n\"3.6.1\" = \"{pinned}\"\n",
            server.url("/broken/v{version}"),
            server.url("/v{version}"),
        );
        fs_err::write(recipes.join("etcd.toml"), text).unwrap();
        Self {
            scene,
            recipes,
            server,
        }
    }

    fn get(&self, version: &str) -> anyhow::Result<EtcdBinaries> {
        let options = Options {
            recipes: Some(&self.recipes),
            ..self.scene.options()
        };
        crate::fetch::etcd(
            &EtcdSource::Version(version.into()),
            None,
            &options,
            &self.scene.dir.path().join("state"),
        )
    }

    fn pins(&self) -> PathBuf {
        self.scene.dir.path().join("state/etcd-pins.toml")
    }
}

#[test]
fn pinned_version_comes_from_the_first_mirror_that_has_it() {
    let tarball = tarball("3.6.1", 183);
    let releases = Releases::new(&sha256(&tarball), tarball.clone());
    let etcd = releases.get("v3.6.1").unwrap();
    assert_eq!(
        (etcd.version.as_str(), etcd.sha256),
        ("3.6.1", sha256(&tarball))
    );
    assert!(etcd.etcd.ends_with(b"etcd") && etcd.etcdctl.ends_with(b"etcdctl"));
    assert!(etcd.etcdutl.unwrap().ends_with(b"etcdutl"));
    assert_eq!(etcd.libc, None);
    assert_eq!(etcd.learned, None);
    let requests = releases.server.requests().len();
    releases.get("3.6.1").unwrap();
    assert_eq!(
        releases.server.requests().len(),
        requests,
        "the second time it is in the cache"
    );
}

#[test]
fn pinned_version_with_another_digest_is_refused() {
    let releases = Releases::new(&"0".repeat(64), tarball("3.6.1", 183));
    let (kind, text) = failure(releases.get("3.6.1"));
    // A wrong digest is more serious than the first mirror's 404.
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.contains(&format!("expected {}, got", "0".repeat(64))),
        "{text}"
    );
    assert!(releases.scene.cached(".tar.gz").is_empty());
}

#[test]
fn unknown_version_is_learned_once_and_binding_then() {
    let first = Releases::new(&"0".repeat(64), tarball("3.6.2", 183));
    let (name, learned) = first.get("3.6.2").unwrap().learned.unwrap();
    assert_eq!(name, "etcd-pins.toml");
    assert!(
        learned.contains(&format!(
            "\"3.6.2\" = \"{}\"",
            sha256(&tarball("3.6.2", 183))
        )),
        "{learned}"
    );
    assert!(!first.pins().exists(), "the state directory is for builds");
    let asked = first.server.requests().len();
    let again = first.get("3.6.2").unwrap().learned;
    assert_eq!(again, Some((name, learned.clone())), "from the cache");
    fs_err::create_dir(first.pins().parent().unwrap()).unwrap();
    fs_err::write(first.pins(), &learned).unwrap();
    assert_eq!(first.get("3.6.2").unwrap().learned, None, "kept");
    assert_eq!(first.server.requests().len(), asked);

    // The same version has other bytes, and a SHA256SUMS that agrees with them.
    for folder in ["state", "cache"] {
        let second = Releases::new(&"0".repeat(64), tarball("3.6.2 again", 183));
        let folder = second.scene.dir.path().join(folder);
        fs_err::create_dir_all(&folder).unwrap();
        fs_err::write(folder.join("etcd-pins.toml"), &learned).unwrap();
        let (kind, text) = failure(second.get("3.6.2"));
        assert_eq!(kind, Kind::Verification, "{text}");
        let place = format!("recorded in {}", folder.display());
        assert!(text.contains(&place), "{text}");
    }
}

#[test]
fn a_flipped_bit_in_the_digests_of_the_cache_is_reported() {
    let releases = Releases::new(&"0".repeat(64), tarball("3.6.2", 183));
    releases.get("3.6.2").unwrap();
    let cache = &releases.scene.cache;
    let path = cache.join("etcd-pins.toml");
    let text = fs_err::read_to_string(&path).unwrap();
    let last = text.rfind(|digit: char| digit.is_ascii_digit()).unwrap();
    let mut bytes = text.into_bytes();
    bytes[last] ^= 1;
    fs_err::write(&path, bytes).unwrap();
    let (kind, text) = failure(releases.get("3.6.2"));
    assert_eq!(kind, Kind::Verification, "{text}");
    let place = format!("recorded in {}", cache.display());
    assert!(text.contains(&place), "{text}");
}

#[test]
fn version_nobody_has_is_said_so() {
    let releases = Releases::new(&"0".repeat(64), Vec::new());
    let (kind, text) = failure(releases.get("9.9.9"));
    assert_eq!(kind, Kind::Verification, "{text}");
    assert!(
        text.contains("has no SHA-256 for etcd-v9.9.9-linux-arm64.tar.gz"),
        "{text}"
    );
    assert_eq!(failure(releases.get("../../etc")).0, Kind::Usage);
    assert_eq!(failure(releases.get("latest")).0, Kind::Usage);
}

#[test]
fn offline_uses_the_cache_or_says_so() {
    let tarball = tarball("3.6.1", 183);
    let mut releases = Releases::new(&sha256(&tarball), tarball);
    releases.get("3.6.1").unwrap();
    releases.scene.offline = true;
    releases.get("3.6.1").unwrap();
    let (kind, text) = failure(releases.get("3.6.2"));
    assert_eq!(kind, Kind::Storage);
    assert!(
        text.ends_with("the digest of etcd 3.6.2 is unknown, and `--offline` prevents a download"),
        "{text}"
    );
    let cached = releases.scene.cached(".tar.gz").remove(0);
    fs_err::write(cached, "damaged").unwrap();
    assert_eq!(failure(releases.get("3.6.1")).0, Kind::Verification);
    releases.scene.offline = false;
    releases.get("3.6.1").unwrap();
}

#[test]
fn local_tarball_tells_its_version_by_its_folder() {
    let scene = Scene::new();
    let bytes = tarball("3.4.36", 183);
    let etcd = local(&scene, scene.file("any-name", &bytes)).unwrap();
    assert_eq!(
        (etcd.version.as_str(), etcd.sha256.clone()),
        ("3.4.36", sha256(&bytes))
    );
    assert!(etcd.needs_unsupported_arch());
}

#[test]
fn a_server_lacks_the_settings_that_its_types_do_not_have() {
    let server = |text: &[u8]| {
        let scene = Scene::new();
        scene.file("etcd", &elf(183, None, text));
        scene.file("etcdctl", &elf(183, None, b""));
        local(&scene, scene.dir.path()).unwrap()
    };
    let etcd =
        server(br#"json:"initial-cluster-token" json:"pre-vote,omitempty" json:"max-txn-ops-x""#);
    assert!(!etcd.lacks_setting("pre-vote"));
    assert!(etcd.lacks_setting("max-txn-ops"));
    assert!(!server(b"stripped").lacks_setting("max-txn-ops"));
}

#[test]
fn local_tarball_with_a_wrong_sidecar_is_refused() {
    let scene = Scene::new();
    let path = scene.file("etcd.tar.gz", &tarball("3.6.1", 183));
    scene.file(
        "etcd.tar.gz.sha256",
        format!("{}  etcd.tar.gz", "0".repeat(64)).as_bytes(),
    );
    assert_eq!(failure(local(&scene, path)).0, Kind::Verification);
}

#[test]
fn tarball_for_amd64_is_refused_by_name() {
    let scene = Scene::new();
    let (kind, text) = failure(local(&scene, scene.file("a.tar.gz", &tarball("3.6.1", 62))));
    assert_eq!(kind, Kind::Unsupported);
    assert!(
        text.ends_with("etcd is a program for x86-64 (amd64), not for AArch64"),
        "{text}"
    );
}

#[test]
fn damaged_tarballs_are_refused() {
    let scene = Scene::new();
    let whole = tarball("3.6.1", 183);
    for damaged in [
        whole[..whole.len() - 9].to_vec(),
        [&whole[..], b"garbage"].concat(),
    ] {
        let (kind, text) = failure(local(&scene, scene.file("a.tar.gz", &damaged)));
        assert_eq!(kind, Kind::Corrupt, "{text}");
    }
}

#[test]
fn packages_are_taken_by_list_or_folder() {
    let scene = Scene::new();
    let program = |name: &str| elf(183, Some("/lib/ld-linux-aarch64.so.1"), name.as_bytes());
    let server = scene.file("server.deb", &package("3.5.16-4", "etcd", &program("etcd")));
    let client = scene.file(
        "client.deb",
        &package("3.5.17-1", "etcdctl", &program("etcdctl")),
    );
    for paths in [
        vec![server.clone(), client],
        vec![scene.dir.path().to_owned()],
    ] {
        let etcd = locals(&scene, paths).unwrap();
        assert_eq!(etcd.version, "3.5.16", "the server's");
        assert!(
            etcd.etcd.ends_with(b"etcd")
                && etcd.etcdctl.ends_with(b"etcdctl")
                && etcd.etcdutl.is_none()
        );
        assert_eq!(etcd.libc.unwrap().interpreter, "/lib/ld-linux-aarch64.so.1");
    }
    let (kind, text) = failure(local(&scene, server.clone()));
    assert_eq!(kind, Kind::Usage);
    assert!(text.ends_with("server.deb has no etcdctl"), "{text}");
    let twice = vec![server.clone(), server];
    assert_eq!(failure(locals(&scene, twice)).0, Kind::Usage);
}

#[test]
fn folder_of_programs_is_taken() {
    let scene = Scene::new();
    scene.file(
        "etcd",
        &elf(183, None, b"dep\tgo.etcd.io/etcd/api/v3\tv3.5.1\t"),
    );
    scene.file("etcdctl", &elf(183, None, b""));
    scene.file("notes.txt", b"ignored");
    let etcd = local(&scene, scene.dir.path()).unwrap();
    assert_eq!(etcd.version, "3.5.1");
    assert!(!etcd.needs_unsupported_arch());
}

#[test]
fn what_is_no_source_is_named() {
    let scene = Scene::new();
    let (kind, text) = failure(local(&scene, scene.file("a.txt", b"words")));
    assert_eq!(kind, Kind::Unsupported);
    assert!(
        text.contains("a.txt is neither a compressed tarball"),
        "{text}"
    );
    assert_eq!(
        failure(local(&scene, "/nowhere/etcd.tar.gz")).0,
        Kind::Usage
    );
    let empty = scene.dir.path().join("empty");
    fs_err::create_dir(&empty).unwrap();
    assert_eq!(failure(local(&scene, empty)).0, Kind::Usage);
}

/// Other users can write to the cache: programs and digests that they put there are not used.
#[cfg(unix)]
#[test]
fn forged_programs_and_digests_count_for_nothing() {
    use std::os::unix::fs::PermissionsExt as _;
    let content = tarball("3.6.2", 183);
    let releases = Releases::new(&"0".repeat(64), content.clone());
    let sound = releases.get("3.6.2").unwrap();
    let cache = &releases.scene.cache;
    fs_err::set_permissions(cache, std::fs::Permissions::from_mode(0o777)).unwrap();

    let other = Releases::new(&"0".repeat(64), tarball_of("3.6.2", 183, "evil"));
    other.get("3.6.2").unwrap();
    let programs = |scene: &Scene| scene.cached(".programs").remove(0);
    fs_err::copy(programs(&other.scene), programs(&releases.scene)).unwrap();
    assert_eq!(releases.get("3.6.2").unwrap().etcd, sound.etcd);

    let digest = sha256(&tarball_of("3.6.2", 183, "evil"));
    let pins = format!("[sha256]\n\"3.6.2\" = \"{digest}\"\n");
    fs_err::write(cache.join("etcd-pins.toml"), pins).unwrap();
    assert_eq!(releases.get("3.6.2").unwrap().sha256, sha256(&content));
}

/// The file of another archive has this archive's name, in a directory that only this user can write to.
#[test]
fn programs_of_another_archive_count_for_nothing() {
    let releases = Releases::new(&"0".repeat(64), tarball("3.6.2", 183));
    let sound = releases.get("3.6.2").unwrap();
    let other = Releases::new(&"0".repeat(64), tarball_of("3.6.2", 183, "evil"));
    other.get("3.6.2").unwrap();
    let programs = |scene: &Scene| scene.cached(".programs").remove(0);
    fs_err::copy(programs(&other.scene), programs(&releases.scene)).unwrap();
    assert_eq!(releases.get("3.6.2").unwrap().etcd, sound.etcd);
}
