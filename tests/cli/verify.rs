//! Checks that `etcd-image verify` finds current and upcoming problems of an image.

use std::fs;

use crate::support::checker::Disk;
use crate::support::fixture::copy_sparse;
use crate::support::scene::Scene;
use crate::support::tool::tool;

/// Creates a scene with the images of two nodes, and those of another cluster in `other`.
fn two_clusters() -> Scene {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    scene.build(&["--nodes", "1", "--state", "foreign", "--out", "other"]);
    scene
}

/// Returns the problems of a separate copy of the first image after files of its `/etc/etcd/pki` were replaced.
fn problems(scene: &Scene, replaced: &[(&str, &str)]) -> Vec<String> {
    let image = scene.at("alone/etcd1.img");
    fs::create_dir_all(scene.at("alone")).unwrap();
    copy_sparse(&scene.image_path("etcd1"), &image);
    let start = Disk::open(&image).partitions[1].start;
    let partition = format!("{}?offset={start}", image.display());
    for (name, source) in replaced {
        let (target, source) = (format!("/etc/etcd/pki/{name}"), scene.at(source));
        let mut requests = vec![format!("rm {target}")];
        if source.is_file() {
            requests.push(format!("write {} {target}", source.display()));
        }
        for request in requests {
            tool("debugfs", &["-w", "-R", &request, &partition]).done();
        }
    }
    let outcome = scene.bare(&["verify", "alone/etcd1.img"]);
    let wrong = outcome
        .stdout
        .lines()
        .skip(1)
        .map(|line| line.trim().to_owned())
        .collect::<Vec<_>>();
    assert_eq!(
        outcome.code,
        Some(if wrong.is_empty() { 0 } else { 3 }),
        "{}",
        outcome.stderr
    );
    wrong
}

#[test]
fn a_key_of_another_certificate_is_found() {
    let scene = two_clusters();
    let misfit = "certificate server is not that of the private key beside it";
    for key in ["nodes/etcd1/peer.key", "nodes/etcd2/server.key", "README"] {
        let key = format!("etcd-cluster/{key}");
        assert_eq!(problems(&scene, &[("server.key", &key)]), [misfit], "{key}");
    }
    assert!(problems(&scene, &[]).is_empty());
}

#[test]
fn a_certificate_of_another_authority_is_found() {
    let scene = two_clusters();
    let foreign = "foreign/nodes/etcd1";
    let pair = [
        ("peer.crt", format!("{foreign}/peer.crt")),
        ("peer.key", format!("{foreign}/peer.key")),
    ];
    let pair = pair.each_ref().map(|(name, path)| (*name, path.as_str()));
    assert_eq!(
        problems(&scene, &pair),
        [
            "/etc/etcd/pki/peer.crt is not what the node's description says",
            "certificate peer is not signed by the node's CA"
        ]
    );
    assert_eq!(
        problems(&scene, &[("ca.crt", "foreign/ca.crt")]),
        [
            "/etc/etcd/pki/ca.crt is not what the node's description says",
            "certificate server is not signed by the node's CA",
            "certificate peer is not signed by the node's CA",
            "certificate client is not signed by the node's CA"
        ]
    );
    // The CA certificate is replaced by one that the CA signed and that may not sign others.
    assert_eq!(
        problems(&scene, &[("ca.crt", "etcd-cluster/admin.crt")]),
        [
            "/etc/etcd/pki/ca.crt is not what the node's description says",
            "certificate ca is not signed by the node's CA",
            "certificate server is not signed by the node's CA",
            "certificate peer is not signed by the node's CA",
            "certificate client is not signed by the node's CA",
            "the node's CA does not allow both server and client certificates (extended key usage)",
            "the node's CA has no root: the certificates above it are missing",
        ]
    );
    assert_eq!(
        problems(&scene, &[("peer.crt", "none")]),
        [
            "/etc/etcd/pki/peer.crt is missing or not a file",
            "certificate peer is missing",
            "/etc/etcd/etcd.conf.yml: `cert-file` of `peer-transport-security` names no file of the image"
        ]
    );
}

#[test]
fn an_image_of_another_cluster_is_found() {
    let scene = two_clusters();
    copy_sparse(&scene.at("other/etcd1.img"), &scene.image_path("etcd1"));
    let outcome = scene.bare(&["verify", "images"]);
    assert_eq!(outcome.code, Some(3));
    for place in ["manifest.json", "client/ca.crt"] {
        let problem = format!("\n  the node's CA is not that of {place}\n");
        assert!(outcome.stdout.contains(&problem), "{}", outcome.stdout);
    }
    let list = "images/SHA256SUMS agrees with manifest.json; not signed\n";
    assert!(outcome.stdout.contains(list), "{}", outcome.stdout);
    assert!(
        outcome.stdout.contains("images/etcd2.img: good"),
        "{}",
        outcome.stdout
    );
}

#[test]
fn a_text_is_not_an_image() {
    let scene = Scene::with("raspios-trixie");
    scene.file("manifest.json", "{\n}\n");
    for (command, hint) in [
        (
            "inspect",
            "name one image, as in `etcd-image inspect images/etcd1.img`",
        ),
        (
            "verify",
            "name an image, or the directory that `etcd-image build` wrote",
        ),
    ] {
        let told = scene.bare(&[command, "manifest.json"]);
        let expected = format!("error: manifest.json is not a disk image\nhint: {hint}\n");
        assert_eq!((told.code, told.stderr), (Some(2), expected));
    }
}

#[test]
fn certificates_out_of_their_time_are_found() {
    let far = |days: i64| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        i64::try_from(now.unwrap().as_secs()).unwrap() + days * 86_400
    };
    for (days, word) in [(10, "is not valid before"), (-2000, "ended on")] {
        let scene = Scene::with("raspios-trixie").at_time(far(days));
        scene.build(&["--nodes", "1"]);
        let outcome = scene.bare(&["verify", "images"]);
        assert_eq!(outcome.code, Some(3));
        let told = outcome.stdout.matches(&format!(" {word} 20")).count();
        assert_eq!(told, if days > 0 { 4 } else { 3 }, "{}", outcome.stdout);
    }
}

#[test]
fn certificates_that_expire_soon_are_reported() {
    let scene = Scene::with("raspios-trixie");
    scene.file("short.toml", "[pki]\nleaf-days = 30\n");
    let built = scene.build(&["--nodes", "1", "--config", "short.toml"]);
    let note = "note: these certificates expire soon: admin on 20";
    assert!(built.stderr.contains(note), "{}", built.stderr);
    assert!(!built.stderr.contains(" ca on "), "{}", built.stderr);
    for name in ["etcd1 server on 20", "etcd1 peer on 20"] {
        assert!(built.stderr.contains(name), "{}", built.stderr);
    }
    let verified = scene.bare(&["verify", "images"]).done().stdout;
    for name in ["server", "peer"] {
        let note = format!("\n  note: certificate {name} ends on 20");
        assert!(verified.contains(&note), "{verified}");
    }
    scene.build(&["--nodes", "1", "--state", "other-state", "--out", "other"]);
    let verified = scene.bare(&["verify", "other"]).done().stdout;
    assert!(!verified.contains("note: "), "{verified}");
}

#[test]
fn images_of_a_build_that_ended_before_its_manifest_are_good() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    // This build fails after renaming the images and before replacing the manifest.
    fs::rename(scene.at("images/client"), scene.at("client")).unwrap();
    scene.file("images/client", "");
    scene.file("changed.toml", "[network]\ngateway = \"192.168.0.2\"\n");
    let change = ["--nodes", "2", "--config", "changed.toml"];
    let interrupted = scene.run("build", &change);
    assert_eq!(interrupted.code, Some(5), "{}", interrupted.stderr);
    let good = "images/etcd1.img: good, ";
    let verified = scene.bare(&["verify", "images"]).done().stdout;
    assert!(verified.starts_with(good), "{verified}");

    // The next build of one node knows which images the other nodes have.
    fs::remove_file(scene.at("images/client")).unwrap();
    scene.build(&[&change[..], &["--only", "etcd1"]].concat());
    assert!(!scene.at("images/manifest.json.new").exists());
    let verified = scene.bare(&["verify", "images"]).done().stdout;
    assert_eq!(verified.matches(": good, ").count(), 2, "{verified}");

    // An image that fits neither manifest is still bad.
    fs::write(
        scene.at("images/manifest.json.new"),
        scene.text("images/manifest.json"),
    )
    .unwrap();
    let image = fs::OpenOptions::new()
        .append(true)
        .open(scene.image_path("etcd2"));
    std::io::Write::write_all(&mut image.unwrap(), &[0; 512]).unwrap();
    let verified = scene.bare(&["verify", "images"]);
    assert_eq!(verified.code, Some(3));
    let problem = "images/etcd2.img: BAD, ";
    assert!(verified.stdout.contains(problem), "{}", verified.stdout);
}

#[test]
fn plain_images_are_good_without_what_accompanies_them() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "1"]);
    let bill = scene.text("images/etcd1.spdx.json");
    let damaged = bill.replacen("SPDX-2.3", "SPDX-2.4", 1);
    scene.file("images/etcd1.spdx.json", &damaged);
    let verified = scene.bare(&["verify", "images"]);
    assert_eq!(verified.code, Some(3));
    let problem = "\nimages/etcd1.spdx.json: BAD\n  the file's SHA-256 is ";
    assert!(verified.stdout.contains(problem), "{}", verified.stdout);

    for name in [
        "etcd1.spdx.json",
        "provenance.json",
        "etcd-image.rpi-imager-manifest",
        "SHA256SUMS",
    ] {
        fs::remove_file(scene.at("images").join(name)).unwrap();
    }
    let verified = scene.bare(&["verify", "images"]).done().stdout;
    assert!(!verified.contains("BAD"), "{verified}");
    assert!(
        verified.starts_with("images/etcd1.img: good, "),
        "{verified}"
    );
}

#[test]
fn a_manifest_that_leads_elsewhere_is_refused_and_removes_nothing() {
    let scene = Scene::with("raspios-trixie");
    scene.build(&["--nodes", "1", "--format", "img.gz"]);
    let manifest = scene.text("images/manifest.json");
    let foreign = manifest.replace("\"provenance.json\"", "\"notes.txt\"");
    scene
        .file("images/manifest.json", &foreign)
        .file("images/notes.txt", "mine");
    let refused = scene.bare(&["verify", "images"]);
    let error = "error: images/manifest.json is not a manifest: it lists `notes.txt`, which no build writes\n";
    assert!(refused.stderr.starts_with(error), "{}", refused.stderr);
    assert_eq!(refused.code, Some(3));
    scene.build(&["--nodes", "1"]);
    assert_eq!(scene.text("images/notes.txt"), "mine");
}

#[test]
fn contents_are_compared_without_a_manifest_too() {
    let scene = two_clusters();
    assert!(problems(&scene, &[]).is_empty());
    let verified = scene.bare(&["verify", "alone/etcd1.img"]).done().stdout;
    let (start, rest) = verified
        .split_once(" names read, the contents of ")
        .unwrap();
    let end =
        " files compared with the node's own description, since no manifest lists the image\n";
    assert!(start.starts_with("alone/etcd1.img: sound, "), "{verified}");
    let compared: u32 = rest.strip_suffix(end).unwrap().parse().unwrap();
    let manifest = scene.manifest()["nodes"][0]["files"].clone();
    let files = manifest.as_array().unwrap().iter();
    let written = files.filter(|file| file["kind"] == "file").count();
    assert!(
        compared > 20 && (compared as usize) < written,
        "{compared} of {written}"
    );

    // A different configuration, which is neither a certificate nor a key.
    let configuration = ("../etcd.conf.yml", "cluster.toml");
    scene.file("cluster.toml", "");
    assert_eq!(
        problems(&scene, &[configuration]),
        [
            "/etc/etcd/etcd.conf.yml is not what the node's description says",
            "etcd cannot read /etc/etcd/etcd.conf.yml: it is not a YAML mapping"
        ]
    );
}

#[test]
fn an_outdated_or_open_copy_of_a_certificate_is_found() {
    let copies = "[[certificate]]\nrole = \"server\"\npath = \"/etc/etcd/pki/copy.crt\"\nkey = \"/etc/etcd/pki/copy.key\"\n\
                  [[certificate]]\nrole = \"client\"\npath = \"/etc/etcd/pki/client.crt\"\nkey = \"/etc/etcd/pki/client.key\"\n";
    let scene = Scene::built("raspios-trixie", copies, &["--nodes", "2"]);
    let peer = "etcd-cluster/nodes/etcd1/peer";
    let (certificate, key) = (format!("{peer}.crt"), format!("{peer}.key"));
    assert_eq!(
        problems(&scene, &[("copy.crt", &certificate), ("copy.key", &key)]),
        [
            "/etc/etcd/pki/copy.crt is not what the node's description says",
            "certificate /etc/etcd/pki/copy.crt is not the node's current one, /etc/etcd/pki/server.crt"
        ]
    );
    assert_eq!(
        problems(&scene, &[("client.key", &key)]),
        ["certificate /etc/etcd/pki/client.crt is not that of the private key beside it"]
    );
    scene.file("open", &scene.text("etcd-cluster/nodes/etcd1/server.key"));
    assert_eq!(
        problems(&scene, &[("copy.key", "open")]),
        ["/etc/etcd/pki/copy.key has mode 0644, wanted 0600"]
    );
}

#[test]
fn a_directory_without_a_manifest_is_refused_with_what_can_be_verified() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    fs::remove_file(scene.at("images/manifest.json")).unwrap();
    fs::create_dir(scene.at("empty")).unwrap();
    for (folder, hint) in [
        (
            "images",
            "fetch manifest.json too, or verify one image, as in `etcd-image verify images/etcd1.img`",
        ),
        (
            "empty",
            "name the directory that `etcd-image build` wrote, or one image",
        ),
    ] {
        let refused = scene.bare(&["verify", folder]);
        let wanted = format!(
            "error: {folder} contains no manifest.json to compare its files with\nhint: {hint}\n"
        );
        assert_eq!((refused.code, refused.stderr), (Some(2), wanted));
    }
    let refused = scene.bare(&["verify", "nowhere"]);
    let wanted = "error: nowhere does not exist\n\
                  hint: check the path, or write the images with `etcd-image build` first\n";
    assert_eq!((refused.code, refused.stderr.as_str()), (Some(2), wanted));
}

#[test]
fn an_image_of_another_size_is_reported_as_such() {
    let scene = Scene::built("raspios-trixie", "", &["--nodes", "2"]);
    let image = scene.image_path("etcd1");
    let size = fs::metadata(&image).unwrap().len();
    let file = fs::File::options().write(true).open(&image).unwrap();
    file.set_len(size + 4096).unwrap();
    let verified = scene.bare(&["verify", "images/etcd1.img"]);
    assert_eq!(verified.code, Some(3));
    let wanted = format!(
        "\n  the image has {} bytes, the manifest has {size}\n",
        size + 4096
    );
    assert!(verified.stdout.contains(&wanted), "{}", verified.stdout);
}
