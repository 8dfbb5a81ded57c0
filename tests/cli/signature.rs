//! Checks signatures of the digest list with ssh-keygen, in both directions.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::fixture::{digest, poke};
use crate::support::scene::{Outcome, Scene};
use crate::support::signer::{key, sign_with_ssh_keygen};
use crate::support::tool::tool_in;

fn sign(scene: &Scene, key: &str) -> Outcome {
    scene.run("build", &["--nodes", "1", "--sign", key])
}

fn verify(scene: &Scene) -> Outcome {
    scene.bare(&["verify", "images", "--allowed-signers", "allowed"])
}

/// Returns whether ssh-keygen accepts the signature.
fn is_accepted(scene: &Scene) -> bool {
    let check = "ssh-keygen -Y verify -f allowed -I ada@example -n file -s images/SHA256SUMS.sig < images/SHA256SUMS";
    tool_in(&scene.at(""), "sh", &["-c", check]).code == Some(0)
}

#[test]
fn ssh_keygen_and_the_program_accept_each_others_signatures() {
    let scene = Scene::with("raspios-trixie");
    for kind in ["ed25519", "ecdsa"] {
        key(&scene, kind, kind, "");
        sign(&scene, kind).done();
        assert!(is_accepted(&scene), "{kind}");
        let verified = verify(&scene).done().stdout;
        let line = "\nimages/SHA256SUMS agrees with manifest.json; signed by ada@example (SHA256:";
        assert!(verified.contains(line), "{verified}");
    }
    scene.file("home/.ssh/signer", &scene.text("ecdsa"));
    scene.file("signed.toml", "[publish]\nsign = \"~/.ssh/signer\"\n");
    scene.build(&["--nodes", "1", "--config", "signed.toml"]);
    assert!(is_accepted(&scene), "the key of the configuration");
    key(&scene, "rsa", "rsa", "");
    fs::remove_file(scene.at("images/SHA256SUMS.sig")).unwrap();
    sign_with_ssh_keygen(&scene, "rsa");
    verify(&scene).done();
}

/// Replaces a file of the output directory, and makes manifest and list fit it, as whoever can write there may do.
fn replace(scene: &Scene, name: &str) {
    let path = scene.at(&format!("images/{name}"));
    let built = digest(&path);
    poke(&path, 0, b"other");
    let other = digest(&path);
    for list in ["images/manifest.json", "images/SHA256SUMS"] {
        let text = scene.text(list);
        assert!(text.contains(&built), "{list}");
        scene.file(list, &text.replace(&built, &other));
    }
}

#[test]
fn a_build_signs_no_image_of_an_earlier_one_that_the_key_has_not_signed() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    let run = |command: &str, more: &[&str]| {
        let signed = ["--nodes", "2", "--sign", "ada"];
        scene.run(command, &[&signed[..], more].concat())
    };
    let build = |more: &[&str]| run("build", more);
    build(&["--format", "img,img.gz"]).done();
    // Signed before: images of the other node, and in the other format.
    build(&["--only", "etcd1"]).done();
    verify(&scene).done();
    let list = scene.text("images/SHA256SUMS");
    for name in ["etcd1.img.gz", "etcd2.img", "etcd2.img.gz"] {
        assert!(list.contains(&format!("  {name}\n")), "{list}");
    }

    replace(&scene, "etcd2.img.gz");
    let list = scene.text("images/SHA256SUMS");
    let error = "error: images has images of etcd2, which SHA256SUMS would list, and this key has not signed them\n\
                 hint: run `etcd-image build` for all nodes, without `--only`, or name another directory with `--out`\n";
    for command in ["plan", "build"] {
        let told = run(command, &["--only", "etcd1"]);
        assert_eq!(told.code, Some(2), "{command}: {}", told.stderr);
        assert!(told.stderr.ends_with(error), "{command}: {}", told.stderr);
    }
    assert_eq!(scene.text("images/SHA256SUMS"), list);
    build(&[]).done();
    verify(&scene).done();
    let list = scene.text("images/SHA256SUMS");
    assert!(list.contains("  etcd2.img\n"), "{list}");
    assert!(!list.contains("img.gz"), "{list}");
}

#[test]
fn a_build_without_the_key_says_that_it_removes_the_signature() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    sign(&scene, "ada").done();
    let note = "note: images/SHA256SUMS.sig was removed, because this build has no key: build with `--sign KEY` to sign the images again\n";
    let told = scene.build(&["--nodes", "1"]).stderr;
    assert!(told.contains(note), "{told}");
    assert!(!scene.at("images/SHA256SUMS.sig").exists());
    let told = scene.build(&["--nodes", "1"]).stderr;
    assert!(!told.contains("SHA256SUMS.sig"), "{told}");
}

#[test]
fn what_was_not_signed_is_refused() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    scene.build(&["--nodes", "1"]);
    let unsigned = "images/SHA256SUMS has no signature";
    verify(&scene).refused_naming(3, &[unsigned]);
    sign(&scene, "ada").done();

    // An image and the manifest are replaced, the signed list is not.
    let (manifest, sums) = (
        scene.text("images/manifest.json"),
        scene.text("images/SHA256SUMS"),
    );
    let digest = &sums[..64];
    scene.file(
        "images/manifest.json",
        &manifest.replace(digest, &"0".repeat(64)),
    );
    let other = "images/SHA256SUMS is signed, but manifest.json has other digests";
    verify(&scene).refused_naming(3, &[other]);

    // The list is replaced as well.
    scene.file("images/SHA256SUMS", &sums.replace(digest, &"0".repeat(64)));
    let other = "images/SHA256SUMS.sig: SHA256SUMS is not what ada@example signed";
    verify(&scene).refused_naming(3, &[other]);
    assert!(!is_accepted(&scene));

    // Somebody else signs it.
    key(&scene, "eve", "ed25519", "");
    verify(&scene).refused_naming(3, &["is not among the allowed signers"]);
    scene
        .bare(&["verify", "images", "--allowed-signers", "none"])
        .refused_naming(2, &["reading the allowed signers none"]);

    // A build without a key leaves no signature of former images.
    scene.build(&["--nodes", "1"]);
    assert!(!scene.at("images/SHA256SUMS.sig").exists());
}

#[test]
fn only_what_the_signed_list_contains_is_good() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    sign(&scene, "ada").done();
    // Another image, and a manifest of an interrupted build that lists it: nobody has signed them.
    let image = scene.image_path("etcd1");
    let mut bytes = fs::read(&image).unwrap();
    bytes[512] ^= 1;
    fs::write(scene.at("images/other.img"), &bytes).unwrap();
    let name = ["verify", "images/other.img", "--allowed-signers", "allowed"];
    let unknown = "the signed SHA256SUMS does not contain this image";
    let outcome = scene.bare(&name);
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stdout.contains(unknown), "{}", outcome.stdout);
    fs::write(&image, &bytes).unwrap();
    let (manifest, sums) = (
        scene.text("images/manifest.json"),
        scene.text("images/SHA256SUMS"),
    );
    let digest = tool_in(&scene.at("images"), "sha256sum", &["etcd1.img"])
        .done()
        .text()[..64]
        .to_owned();
    scene.file(
        "images/manifest.json.new",
        &manifest.replace(&sums[..64], &digest),
    );
    let wrong = format!(
        "the image's SHA-256 is {digest}, the manifest has {}",
        &sums[..64]
    );
    let outcome = verify(&scene);
    assert_eq!(outcome.code, Some(3));
    assert!(outcome.stdout.contains(&wrong), "{}", outcome.stdout);
}

/// Anybody can put the record of a fleet beside signed images.
#[test]
fn the_record_of_a_fleet_hides_no_images() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    sign(&scene, "ada").done();
    let image = scene.image_path("etcd1");
    let byte = fs::read(&image).unwrap()[512];
    poke(&image, 512, &[byte ^ 1]);
    let (home, unlisted) = (
        r#""clusters": [{"name": "home", "nodes": ["home-1"]}]"#,
        "images: BAD\n  fleet.json lists none of the images here, so they were not verified: move them away\n",
    );
    let shard = |index| format!(r#""shard": {{"index": {index}, "count": 2}}, {home}"#);
    for (record, why) in [
        (r#""clusters": []"#.to_owned(), "it lists no cluster"),
        (
            home.replace("\"home-1\"", ""),
            "its cluster \"home\" has no nodes",
        ),
        (home.to_owned(), unlisted),
        // The node belongs to one of these shards.
        (shard(1), unlisted),
        (shard(2), unlisted),
    ] {
        let record = format!(r#"{{"format": 1, "version": "1", {record}}}"#);
        scene.file("images/fleet.json", &record);
        scene.file("empty/fleet.json", &record);
        let told = verify(&scene);
        assert_eq!(told.code, Some(3), "{record}: {}", told.stderr);
        let said = told.stdout + &told.stderr;
        assert!(said.contains(why), "{record}: {said}");
        // Nothing was signed there.
        let told = scene.bare(&["verify", "empty", "--allowed-signers", "allowed"]);
        assert_eq!(told.code, Some(3), "{record}: {}", told.stderr);
    }
}

#[test]
fn published_images_without_their_list_or_without_nodes_are_not_good() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "ada", "ed25519", "");
    sign(&scene, "ada").done();
    let verify = || scene.bare(&["verify", "images"]);
    for (file, signature) in [
        (
            "SHA256SUMS",
            "SHA256SUMS.sig was not checked: add `--allowed-signers FILE`",
        ),
        ("SHA256SUMS.sig", "not signed"),
    ] {
        fs::remove_file(scene.at(&format!("images/{file}"))).unwrap();
        let told = verify();
        assert_eq!(told.code, Some(3), "{file}: {}", told.stderr);
        let missing = format!("images/SHA256SUMS: BAD; {signature}\n  the file is missing\n");
        assert!(told.stdout.contains(&missing), "{file}: {}", told.stdout);
    }
    let mut manifest = scene.manifest();
    for list in ["nodes", "attachments", "client"] {
        manifest[list] = Value::Array(Vec::new());
    }
    scene.file("images/manifest.json", &manifest.to_string());
    verify().refused_naming(3, &["nothing was verified: the manifest lists no image"]);
}

#[test]
fn an_agent_signs_with_keys_whose_file_cannot() {
    let scene = Scene::with("raspios-trixie");
    key(&scene, "rsa", "rsa", "");
    key(&scene, "ada", "ed25519", "");
    let socket = scene.at("agent").to_str().unwrap().to_owned();
    let mut agent = Command::new("ssh-agent")
        .args(["-D", "-a", &socket])
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let add = format!(
        "export SSH_AUTH_SOCK={socket}; for try in 1 2 3 4 5 6 7 8 9; do ssh-add -q ada rsa && exit; sleep 1; done; exit 1"
    );
    tool_in(&scene.at(""), "sh", &["-c", &add]).done();
    let protect = ["-q", "-p", "-N", "a passphrase", "-f", "ada"];
    tool_in(&scene.at(""), "ssh-keygen", &protect).done();

    for (name, why) in [
        ("ada", "it has a passphrase"),
        ("rsa", "it is an RSA key"),
        ("ada.pub", "it is a public key"),
    ] {
        let private = name.trim_end_matches(".pub");
        let wanted = format!(
            "error: the key {name}: {why}, so only an SSH agent can sign with it, and none is running\n\
             hint: run `eval $(ssh-agent) && ssh-add {private}`, or name an ed25519 key without a passphrase\n"
        );
        let refused = sign(&scene, name);
        assert_eq!((refused.code, refused.stderr), (Some(2), wanted));
    }
    let pem = ["-q", "-t", "rsa", "-m", "PEM", "-N", "", "-f", "pem"];
    tool_in(&scene.at(""), "ssh-keygen", &pem).done();
    let refused = sign(&scene, "pem");
    refused.refused_naming(2, &["the key pem: it is not in OpenSSH's format: "]);
    let hint = "hint: convert a copy of it with `ssh-keygen -p -f pem`\n";
    assert!(refused.stderr.ends_with(hint), "{}", refused.stderr);
    let variable = format!("SSH_AUTH_SOCK={socket}");
    let with_agent = |key: &str| {
        let options = ["--nodes", "1", "--sign", key];
        scene.run_under(&["/usr/bin/env", &variable], "build", &options)
    };
    for name in ["ada", "ada.pub", "rsa"] {
        let public = scene.text(&format!("{}.pub", name.trim_end_matches(".pub")));
        scene.file("allowed", &format!("ada@example {public}"));
        with_agent(name).done();
        assert!(is_accepted(&scene), "{name}");
        verify(&scene).done();
    }
    key(&scene, "stranger", "ed25519", "");
    with_agent("stranger.pub").refused_naming(
        2,
        &[
            "the SSH agent does not sign with the key SHA256:",
            ": it does not have the key, or",
        ],
    );
    agent.kill().unwrap();
    agent.wait().unwrap();
}
