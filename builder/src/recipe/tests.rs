//! Tests of the shipped recipes and of damaged ones.

use std::collections::BTreeMap;

use super::*;
use crate::failure::Failure;
use crate::spec::Board;

const VALID: &str = r#"
title = "A base"
release = "1"
provisioned-by = "files in the root"
systemd = 257
overlays = ["identity", "appliance"]
firmware = []
boards = ["pi4"]
[recognize]
id = "debian"
version = "13"
[download]
url = "https://example.net/a.img.xz"
sha256 = "483db18a48da399b5b7022ffae9a07bc6d99daab30e593aedac09b69ff422843"
"#;

/// Returns the error message for the valid recipe with one text replaced.
#[track_caller]
fn complaint(from: &str, to: &str) -> String {
    assert!(VALID.contains(from), "otherwise this changes nothing");
    let error =
        file::parse("broken", &VALID.replace(from, to), &BTreeMap::new()).expect_err("broken");
    let failure = error.downcast_ref::<Failure>().expect("a failure");
    assert_eq!(failure.kind, Kind::Usage);
    assert!(failure.message.contains("broken.toml"), "{failure}");
    failure.message.clone()
}

#[cfg(target_os = "linux")]
#[test]
fn damaged_recipes() {
    crate::mutated::survives_texts("recipes", &[VALID], |text| {
        let _ = file::parse("damaged", text, &BTreeMap::new());
        let _ = etcd::EtcdReleases::parse(text);
    });
}

#[test]
fn embedded_recipes_are_the_files_of_the_tree() {
    let tree = Path::new(env!("CARGO_MANIFEST_DIR")).join("recipes");
    assert_eq!(
        folder::all(None).unwrap(),
        folder::all(Some(&tree)).unwrap()
    );
}

#[test]
fn knows_every_base() {
    let names: Vec<String> = load(None)
        .unwrap()
        .into_iter()
        .map(|recipe| recipe.name)
        .collect();
    assert_eq!(
        names,
        [
            "debian-trixie",
            "raspios-bookworm",
            "raspios-trixie",
            "ubuntu-core-18",
            "ubuntu-core-20",
            "ubuntu-core-22",
            "ubuntu-core-24",
            "ubuntu-server-24.04",
            "ubuntu-server-26.04"
        ]
    );
}

#[test]
fn trixie_pins_both_digests_and_bookworm_the_packed_one() {
    let recipes = load(None).unwrap();
    let pins = |name| match &find(&recipes, name).unwrap().source {
        BaseSource::Download(it) => (it.size, it.raw_sha256.is_some(), it.raw_size),
        BaseSource::Debian => panic!("{name} is downloaded"),
    };
    assert_eq!(
        pins("raspios-trixie"),
        (Some(550_466_056), true, Some(3_078_619_136))
    );
    assert_eq!(pins("raspios-bookworm"), (Some(442_245_740), false, None));
}

#[test]
fn debian_boots_on_nothing_newer_than_a_pi_4() {
    let recipes = load(None).unwrap();
    let debian = find(&recipes, "debian-trixie").unwrap();
    assert_eq!(debian.source, BaseSource::Debian);
    assert_eq!(
        debian.boards,
        [Board::Pi3, Board::Zero2W, Board::Pi4, Board::Cm4]
    );
}

#[test]
fn unknown_name_suggests_the_nearest() {
    let recipes = load(None).unwrap();
    let hint = |name| {
        find(&recipes, name)
            .unwrap_err()
            .downcast::<Failure>()
            .unwrap()
            .hint
    };
    assert_eq!(hint("raspios-trixi"), "did you mean `raspios-trixie`?");
    assert_eq!(
        hint("raspbios-bookwurm"),
        "did you mean `raspios-bookworm`?"
    );
    assert_eq!(hint("ubuntu-24.04"), "did you mean `ubuntu-server-24.04`?");
    assert_eq!(hint("debian"), "did you mean `debian-trixie`?");
    for several in ["x", "ubuntu"] {
        assert!(hint(several).starts_with("known bases: debian-trixie, "));
    }
}

#[test]
fn valid_recipe_parses() {
    assert_eq!(
        file::parse("valid", VALID, &BTreeMap::new())
            .unwrap()
            .boards,
        [Board::Pi4]
    );
}

#[test]
fn refuses_what_is_misspelt_or_missing() {
    assert!(complaint("sha256 =", "sha265 =").contains("unknown field `sha265`"));
    assert!(complaint("release =", "relaese =").contains("unknown field `relaese`"));
    assert!(complaint("[\"pi4\"]", "[\"pi6\"]").contains("unknown variant `pi6`"));
    assert!(complaint("[\"pi4\"]", "[]").contains("`boards` is empty"));
    assert!(complaint("483d", "483D").contains("is not a SHA-256"));
    assert!(complaint("https:", "ftp:").contains("`url` must start"));
    assert!(complaint("\"A base\"", "\"\\u001b[2J\"").contains("it contains a control character"));
    assert!(complaint(", \"appliance\"", "").contains("exactly one of the overlay `appliance`"));
    assert!(
        complaint("systemd =", "glibc = \"2\"\nsystemd =")
            .contains("`glibc` is `2`, not a version")
    );
    assert!(complaint("boards", "made-by = \"mmdebstrap\"\nboards").contains("exactly one of"));
}

/// Returns the valid recipe with a signed list in place of its digest.
fn signed(fingerprint: &str) -> String {
    let pinned = VALID.lines().last().unwrap_or_default();
    let table = format!(
        "[download.signed]\nlist = \"SHA256SUMS\"\nsignature = \"SHA256SUMS.gpg\"\nkey = \"someone\"\nfingerprint = \"{fingerprint}\""
    );
    VALID.replace(pinned, &table)
}

#[test]
fn a_list_and_its_signature_lie_beside_the_image() {
    let fingerprint = "843938DF228D22F7B3742BC0D94AA3F0EFE21092";
    let keys = BTreeMap::from([("someone".to_owned(), "the key".to_owned())]);
    let recipe = file::parse("signed", &signed(fingerprint), &keys).unwrap();
    let listed = RecipeList(vec![recipe.clone()]).to_string();
    let lines: Vec<&str> = listed.lines().map(str::trim).collect();
    let signed_by = format!("signed by {fingerprint}");
    let url = "https://example.net/a.img.xz";
    let route = "provisioned by files in the root";
    assert_eq!(lines[1..], [url, route, &signed_by]);
    let BaseSource::Download(download) = recipe.source else {
        panic!("it is downloaded")
    };
    let wanted = DigestSource::Signed(SignedList {
        list: "https://example.net/SHA256SUMS".to_owned(),
        signature: "https://example.net/SHA256SUMS.gpg".to_owned(),
        signer: TrustedKey {
            name: "someone".to_owned(),
            fingerprint: fingerprint.to_owned(),
            key: "the key".to_owned(),
        },
    });
    assert_eq!(download.digest_source, wanted);
}

#[test]
fn refuses_a_signer_that_nobody_could_check() {
    let keys = BTreeMap::from([("someone".to_owned(), "the key".to_owned())]);
    let refusal = |text: &str, keys| file::parse("a", text, keys).unwrap_err().to_string();
    let whole = "8".repeat(40);
    assert!(
        refusal(&signed("843938df"), &keys).ends_with("40 or more upper-case hexadecimal digits")
    );
    let none = BTreeMap::new();
    assert!(
        refusal(&signed(&whole), &none).ends_with("no key keys/someone.asc beside the recipes")
    );
    let both = signed(&whole).replace(
        "[download.signed]",
        &format!("sha256 = \"{}\"\n[download.signed]", "0".repeat(64)),
    );
    assert!(refusal(&both, &keys).contains("exactly one of `sha256` and `[download.signed]`"));
}

#[test]
fn only_a_signed_list_may_choose_the_point_release() {
    let keys = BTreeMap::from([("someone".to_owned(), "the key".to_owned())]);
    let parse = |text: &str, url: &str| {
        let text = text.replace("https://example.net/a.img.xz", url);
        file::parse("a", &text, &keys)
    };
    let signed = signed(&"8".repeat(40));
    parse(&signed, "https://example.net/a-1*.img.xz").unwrap();
    for (text, url) in [
        (VALID, "https://example.net/a-1*.img.xz"),
        (&signed, "https://example.net/1*/a-1.img.xz"),
        (&signed, "https://example.net/a-*-1*.img.xz"),
    ] {
        let refusal = parse(text, url).unwrap_err().to_string();
        let expected =
            "recipe a.toml: `url` may contain one `*`, in its last part, with `[download.signed]`";
        assert_eq!(refusal, expected, "{url}");
    }
}

#[test]
fn a_folder_s_own_key_is_taken() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::create_dir(dir.path().join("keys")).unwrap();
    fs_err::write(dir.path().join("keys/mine.asc"), "armor").unwrap();
    let keys = folder::keys(Some(dir.path())).unwrap();
    let names: Vec<&str> = keys.keys().map(String::as_str).collect();
    assert_eq!(names, ["mine", "ubuntu-cdimage-2012"]);
}

#[test]
fn folder_adds_and_replaces() {
    let dir = tempfile::tempdir().unwrap();
    fs_err::write(dir.path().join("mine.toml"), VALID).unwrap();
    fs_err::write(dir.path().join("raspios-trixie.toml"), VALID).unwrap();
    let recipes = load(Some(dir.path())).unwrap();
    assert_eq!(recipes.len(), 10);
    assert_eq!(find(&recipes, "raspios-trixie").unwrap().title, "A base");
    assert_eq!(find(&recipes, "mine").unwrap().title, "A base");
}

#[test]
fn missing_folder_is_named() {
    let error = load(Some(Path::new("/nowhere/at/all"))).unwrap_err();
    assert!(
        format!("{error:#}").contains("/nowhere/at/all"),
        "{error:#}"
    );
}

#[test]
fn etcd_releases_fill_in_the_version() {
    let releases = etcd(None).unwrap();
    assert_eq!(releases.sha256.len(), 7);
    assert!(releases.sha256.contains_key("3.6.14"));
    let urls: Vec<String> = releases
        .urls("3.6.15", &releases.tarball("3.6.15"))
        .collect();
    assert_eq!(
        urls,
        [
            "https://github.com/etcd-io/etcd/releases/download/v3.6.15/etcd-v3.6.15-linux-arm64.tar.gz",
            "https://storage.googleapis.com/etcd/v3.6.15/etcd-v3.6.15-linux-arm64.tar.gz",
        ]
    );
}
