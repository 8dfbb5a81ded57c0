//! Lists signed by `GnuPG` with keys made here: those that are accepted, and every reason for a refusal.

mod gpg;
mod lists;

use self::gpg::{Person, packets};
use super::super::tests::scene::http::{Reply, Server};
use super::super::tests::scene::{self, CLOCK, Scene, failure, image, sha256, xz};
use super::signature::{DO_NOT_USE, NEW_KEY, OWN_KEY};
use super::*;
use crate::failure::explain;
use crate::recipe::{BaseSource, DigestSource, Download, Recipe, TrustedKey};

#[cfg(target_os = "linux")]
const LIST: &str = "0 *a.img.xz\n";

/// Returns a list signed with a new key, and the signature.
#[cfg(target_os = "linux")]
fn signed_list() -> (SignedList, String) {
    let person = person();
    let signed = SignedList {
        list: "SHA256SUMS".to_owned(),
        signature: "SHA256SUMS.gpg".to_owned(),
        signer: person.signer(),
    };
    (signed, person.sign(LIST, &[]))
}

#[cfg(target_os = "linux")]
#[test]
fn damaged_signatures() {
    let (signed, signature) = signed_list();
    crate::mutated::survives_texts("signatures", &[&signature], |text| {
        let _ = signature::check(&signed, text, LIST, CLOCK);
    });
}

#[cfg(target_os = "linux")]
#[test]
fn damaged_signing_keys() {
    let (signed, signature) = signed_list();
    crate::mutated::survives_texts("signing-keys", &[&signed.signer.key], |key| {
        let mut signed = signed.clone();
        key.clone_into(&mut signed.signer.key);
        let _ = signature::check(&signed, &signature, LIST, CLOCK);
    });
}

const DAY: i64 = 86_400;

fn person() -> Person {
    Person::new("ed25519", CLOCK - DAY, "0")
}

/// The files on the server: a list, its signature and the image.
#[derive(Clone)]
struct Shelf {
    list: String,
    signature: String,
    packed: Vec<u8>,
}

impl Shelf {
    fn signed_by(person: &Person) -> Self {
        let packed = xz(&image());
        let list = format!(
            "{} *other.img.xz\n{} *a+raspi.img.xz\n",
            "0".repeat(64),
            sha256(&packed)
        );
        let signature = person.sign(&list, &[]);
        Self {
            list,
            signature,
            packed,
        }
    }

    fn serve(self) -> Server {
        Server::start(move |request, _| match request.path.as_str() {
            "/a+raspi.img.xz" => Reply::file(request, &self.packed, "\"1\""),
            "/SHA256SUMS" => Reply::whole(self.list.as_bytes()),
            "/SHA256SUMS.gpg" => Reply::whole(self.signature.as_bytes()),
            _ => Reply::status("404 Not Found"),
        })
    }
}

fn recipe(server: &Server, signer: TrustedKey, name: &str) -> Recipe {
    let list = SignedList {
        list: server.url("/SHA256SUMS"),
        signature: server.url("/SHA256SUMS.gpg"),
        signer,
    };
    let mut recipe = scene::recipe(server.url(name), &[], &[]);
    recipe.source = BaseSource::Download(Download {
        url: server.url(name),
        digest_source: DigestSource::Signed(list),
        size: None,
        raw_sha256: None,
        raw_size: None,
    });
    recipe
}

/// Returns the message of a refusal without the server's address, and its hint.
#[track_caller]
fn refusal(shelf: Shelf, signer: TrustedKey) -> (String, &'static str) {
    let server = shelf.serve();
    let scene = Scene::new();
    let result = scene.base(&recipe(&server, signer, "/a+raspi.img.xz"));
    let hint = explain(result.as_ref().unwrap_err()).1;
    let (kind, text) = failure(result);
    assert_eq!((kind, kind.exit_code()), (Kind::Verification, 3), "{text}");
    assert_eq!(scene.cached(".img").len() + scene.cached(".sums").len(), 0);
    let asked = server.requests().len();
    assert_eq!(asked, 2, "the image is not even asked for");
    let known = [DO_NOT_USE, NEW_KEY, OWN_KEY]
        .into_iter()
        .find(|it| *it == hint);
    let text = text.replace(&server.url(""), "");
    let text = text.strip_prefix("fetching the base test: ").unwrap();
    (text.to_owned(), known.expect("a hint of this room"))
}

#[test]
fn a_signed_list_vouches_for_the_image_online_and_off() {
    for kind in ["ed25519", "rsa2048", "nistp256"] {
        let person = Person::new(kind, CLOCK - DAY, "0");
        let server = Shelf::signed_by(&person).serve();
        let mut scene = Scene::new();
        let recipe = recipe(&server, person.signer(), "/a+raspi.img.xz");
        for offline in [false, false, true] {
            scene.offline = offline;
            let verified = scene.base(&recipe).unwrap();
            assert_eq!(verified.raw_sha256(), sha256(&image()), "{kind}");
        }
        let asked: Vec<String> = server.requests().into_iter().map(|it| it.path).collect();
        let once = ["/SHA256SUMS", "/SHA256SUMS.gpg", "/a+raspi.img.xz"];
        assert_eq!(asked, once, "{kind}: once each");
    }
}

#[test]
fn a_list_that_was_changed_is_refused() {
    let person = person();
    let mut shelf = Shelf::signed_by(&person);
    shelf.list = shelf.list.replace("0 *other", "1 *other");
    let key = person.fingerprint();
    let expected =
        format!("/SHA256SUMS.gpg is not a signature of /SHA256SUMS by the key test-key ({key})");
    assert_eq!(refusal(shelf, person.signer()), (expected, DO_NOT_USE));
}

#[test]
fn a_stranger_s_signature_is_refused() {
    let (owner, stranger) = (person(), person());
    let (key, other) = (owner.fingerprint(), stranger.fingerprint());
    let expected = format!(
        "/SHA256SUMS.gpg is by {}, not by the key test-key ({key})",
        &other[24..]
    );
    let shelf = Shelf::signed_by(&stranger);
    assert_eq!(refusal(shelf, owner.signer()), (expected, DO_NOT_USE));
}

#[test]
fn one_good_signature_beside_a_stranger_s_is_enough() {
    let (owner, stranger) = (person(), person());
    let mut shelf = Shelf::signed_by(&owner);
    let both =
        [stranger.sign(&shelf.list, &[]), shelf.signature].map(|armor| packets(&owner, &armor));
    shelf.signature = owner.armor(&both.concat());
    let server = shelf.serve();
    let recipe = recipe(&server, owner.signer(), "/a+raspi.img.xz");
    Scene::new().base(&recipe).unwrap();
}

#[test]
fn another_key_under_the_pinned_name_is_refused() {
    let (owner, stranger) = (person(), person());
    let (key, other) = (owner.fingerprint(), stranger.fingerprint());
    let signer = TrustedKey {
        key: stranger.signer().key,
        ..owner.signer()
    };
    let expected = format!("test-key.asc contains the key {other}, but the recipe names {key}");
    let shelf = Shelf::signed_by(&stranger);
    assert_eq!(refusal(shelf, signer), (expected, OWN_KEY));
    let no_key = TrustedKey {
        key: "nonsense".to_owned(),
        ..owner.signer()
    };
    let expected = "test-key.asc contains no OpenPGP public key".to_owned();
    assert_eq!(
        refusal(Shelf::signed_by(&owner), no_key),
        (expected, OWN_KEY)
    );
}

#[test]
fn a_list_without_the_image_is_refused() {
    let person = person();
    let mut shelf = Shelf::signed_by(&person);
    shelf.list = shelf.list.replace("a+raspi", "a");
    shelf.signature = person.sign(&shelf.list, &[]);
    let server = shelf.serve();
    let scene = Scene::new();
    let result = scene.base(&recipe(&server, person.signer(), "/a+raspi.img.xz"));
    let hint = explain(result.as_ref().unwrap_err()).1;
    let (kind, text) = failure(result);
    assert_eq!(kind.exit_code(), 3);
    let list = server.url("/SHA256SUMS");
    assert_eq!(
        text,
        format!("fetching the base test: {list} has no SHA-256 for a+raspi.img.xz")
    );
    assert!(
        hint.starts_with("a newer release has replaced it"),
        "{hint}"
    );
}

#[test]
fn what_can_be_forged_is_refused() {
    let owner = person();
    let mut shelf = Shelf::signed_by(&owner);
    shelf.signature = owner.sign(&shelf.list, &["--digest-algo", "SHA1"]);
    let expected = "/SHA256SUMS.gpg relies on SHA1, which can be forged".to_owned();
    assert_eq!(refusal(shelf, owner.signer()), (expected, DO_NOT_USE));

    for (kind, described) in [
        ("rsa1024", "1024-bit RSA"),
        ("dsa2048", "of an outdated kind"),
    ] {
        let weak = Person::new(kind, CLOCK - DAY, "0");
        let key = weak.fingerprint();
        let expected = format!("the key test-key ({key}) is {described}, which can be forged");
        let shelf = Shelf::signed_by(&weak);
        assert_eq!(refusal(shelf, weak.signer()), (expected, NEW_KEY));
    }
}

#[test]
fn what_has_ended_is_refused() {
    let owner = Person::new("ed25519", CLOCK - 10 * DAY, "0");
    let mut shelf = Shelf::signed_by(&owner);
    shelf.signature = owner.sign(&shelf.list, &["--default-sig-expire", "9d"]);
    let expected = "/SHA256SUMS.gpg expired on 2026-11-19".to_owned();
    assert_eq!(refusal(shelf, owner.signer()), (expected, DO_NOT_USE));

    let short = Person::new("ed25519", CLOCK - 10 * DAY, "9d");
    let key = short.fingerprint();
    let expected = format!("the key test-key ({key}) expired on 2026-11-19");
    assert_eq!(
        refusal(Shelf::signed_by(&short), short.signer()),
        (expected, NEW_KEY)
    );
    let lasting = Person::new("ed25519", CLOCK - 10 * DAY, "11d");
    let server = Shelf::signed_by(&lasting).serve();
    let recipe = recipe(&server, lasting.signer(), "/a+raspi.img.xz");
    Scene::new().base(&recipe).unwrap();
}

#[test]
fn a_withdrawn_key_is_refused() {
    let owner = person();
    let shelf = Shelf::signed_by(&owner);
    let key = owner.fingerprint();
    let revocation = owner
        .home
        .path()
        .join(format!("openpgp-revocs.d/{key}.rev"));
    // GnuPG prepares the revocation in advance, with a colon that prevents accidental use.
    let text = fs_err::read_to_string(&revocation).unwrap();
    fs_err::write(&revocation, text.replace(":-----BEGIN", "-----BEGIN")).unwrap();
    owner.gpg(&["--import", revocation.to_str().unwrap()]);
    let expected = format!("the key test-key ({key}) was revoked by its owner");
    assert_eq!(refusal(shelf, owner.signer()), (expected, NEW_KEY));
}

#[test]
fn what_is_no_signature_is_refused() {
    let owner = person();
    let whole = Shelf::signed_by(&owner);
    for text in ["", "<html>", &whole.list, &owner.signer().key] {
        let shelf = Shelf {
            signature: text.to_owned(),
            ..whole.clone()
        };
        let expected = "/SHA256SUMS.gpg is not an OpenPGP signature".to_owned();
        assert_eq!(
            refusal(shelf, owner.signer()),
            (expected, DO_NOT_USE),
            "{text}"
        );
    }
}

#[test]
fn what_is_not_published_is_said_to_be() {
    let owner = person();
    let server = Server::start(|_, _| Reply::status("404 Not Found"));
    let scene = Scene::new();
    let (kind, text) = failure(scene.base(&recipe(&server, owner.signer(), "/a+raspi.img.xz")));
    assert_eq!(kind, Kind::Unsupported);
    let list = server.url("/SHA256SUMS");
    assert_eq!(
        text,
        format!(
            "fetching the base test: {list} does not exist: no such image is published for this series"
        )
    );
}

#[test]
fn the_shipped_key_is_the_one_its_makers_publish() {
    let signer = TrustedKey {
        name: "ubuntu-cdimage-2012".to_owned(),
        fingerprint: "843938DF228D22F7B3742BC0D94AA3F0EFE21092".to_owned(),
        key: include_str!("../../../../../recipes/keys/ubuntu-cdimage-2012.asc").to_owned(),
    };
    let of_ubuntu = SignedList {
        list: "SHA256SUMS".to_owned(),
        signature: "SHA256SUMS.gpg".to_owned(),
        signer,
    };
    let error = signature::check(&of_ubuntu, "", "", CLOCK).unwrap_err();
    // The key itself is good.
    assert_eq!(
        error.to_string(),
        "SHA256SUMS.gpg is not an OpenPGP signature"
    );
}
