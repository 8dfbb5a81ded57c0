//! The signed list itself: which image it names, how old it is, and what the cache and a server may hand over.

use super::*;

#[test]
fn the_newest_point_release_of_the_signed_list_is_taken() {
    let person = person();
    let mut shelf = Shelf::signed_by(&person);
    let digest = sha256(&shelf.packed);
    let line = |name: &str| format!("{} *{name}\n", "0".repeat(64));
    shelf.list = [
        line("a-24.04+raspi.img.xz"),
        line("a-24.04.9+raspi.img.xz"),
        format!("{digest} *a-24.04.10+raspi.img.xz\n"),
        line("a-24.04.4+raspi.img.xz"),
        line("a-24.04.11-desktop+raspi.img.xz"),
        line("a-24.04.x+raspi.img.xz"),
        line("b-24.04.12+raspi.img.xz"),
    ]
    .concat();
    shelf.signature = person.sign(&shelf.list, &[]);
    let newer = shelf.list.replace("24.04.4+", "24.04.13+");
    let (list, signature, packed) = (shelf.list, shelf.signature, shelf.packed);
    let forged = std::sync::atomic::AtomicBool::new(false);
    let forged = std::sync::Arc::new(forged);
    let serves_forged = forged.clone();
    let server = Server::start(move |request, _| match request.path.as_str() {
        "/a-24.04.10+raspi.img.xz" => Reply::file(request, &packed, "\"1\""),
        "/SHA256SUMS" if serves_forged.load(std::sync::atomic::Ordering::SeqCst) => {
            Reply::whole(newer.as_bytes())
        }
        "/SHA256SUMS" => Reply::whole(list.as_bytes()),
        "/SHA256SUMS.gpg" => Reply::whole(signature.as_bytes()),
        _ => Reply::status("404 Not Found"),
    });
    let recipe = recipe(&server, person.signer(), "/a-24.04*+raspi.img.xz");
    let mut scene = Scene::new();
    for offline in [false, true] {
        scene.offline = offline;
        let verified = scene.base(&recipe).unwrap();
        let newest = server.url("/a-24.04.10+raspi.img.xz");
        assert_eq!(verified.source(), newest);
        assert_eq!(verified.raw_sha256(), sha256(&image()));
    }
    // A still newer release that nobody signed.
    forged.store(true, std::sync::atomic::Ordering::SeqCst);
    let (kind, text) = failure(Scene::new().base(&recipe));
    assert_eq!(kind, Kind::Verification);
    let expected = format!(
        "fetching the base test: {} is not a signature of {} by the key test-key ({})",
        server.url("/SHA256SUMS.gpg"),
        server.url("/SHA256SUMS"),
        person.fingerprint()
    );
    assert_eq!(text, expected);
}

#[test]
fn a_list_in_the_cache_is_not_believed_unseen() {
    let owner = person();
    let server = Shelf::signed_by(&owner).serve();
    let mut scene = Scene::new();
    let recipe = recipe(&server, owner.signer(), "/a+raspi.img.xz");
    scene.base(&recipe).unwrap();
    let [kept] = &scene.cached(".sums")[..] else {
        panic!("one list")
    };
    let text = fs_err::read_to_string(kept).unwrap();
    fs_err::write(kept, text.replace("0 *other", "1 *other")).unwrap();
    scene.offline = true;
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.starts_with("fetching the base test: using the cached list, as --offline asks: "),
        "{text}"
    );
    scene.offline = false;
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 5, "list and signature once more");
}

#[test]
fn offline_without_a_list_says_so() {
    let owner = person();
    let server = Shelf::signed_by(&owner).serve();
    let mut scene = Scene::new();
    scene.offline = true;
    let (kind, text) = failure(scene.base(&recipe(&server, owner.signer(), "/a+raspi.img.xz")));
    assert_eq!(kind, Kind::Storage);
    assert!(
        text.ends_with("/SHA256SUMS is not in the cache, and `--offline` prevents a download"),
        "{text}"
    );
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn a_list_that_is_too_long_or_no_text_is_refused_whole() {
    let limit = usize::try_from(LIMIT).unwrap();
    for (body, why) in [
        (vec![b'a'; limit + 1], "it is longer than 1.00 MiB"),
        (vec![0xff; 3], "it is not text"),
    ] {
        let server = Server::start(move |_, _| Reply::whole(&body));
        let signer = person().signer();
        let recipe = recipe(&server, signer, "/a.img.xz");
        let expected = format!(
            "fetching the base test: downloading {}: {why}",
            server.url("/SHA256SUMS")
        );
        let refused = failure(Scene::new().base(&recipe));
        assert_eq!(refused, (Kind::Verification, expected));
        assert_eq!(server.requests().len(), 1, "{why}: asking again is no use");
    }
}

#[test]
fn a_list_older_than_a_month_is_reported() {
    let shelf_owner = person();
    let server = Shelf::signed_by(&shelf_owner).serve();
    let recipe = recipe(&server, shelf_owner.signer(), "/a+raspi.img.xz");
    let scene = Scene::new();
    let (_, locked) = crate::fetch::base(&recipe, None, &scene.options()).unwrap();
    let list = scene.cached(".sums").remove(0);
    let then = std::time::Duration::from_secs(u64::try_from(CLOCK - 45 * DAY).unwrap());
    let file = fs_err::OpenOptions::new().write(true).open(&list).unwrap();
    file.set_modified(std::time::UNIX_EPOCH + then).unwrap();
    let expected = format!(
        "note: the list {} is 45 days old; `etcd-image update` looks for a newer one, and so does `--refresh`",
        server.url("/SHA256SUMS"),
    );
    // A base that is locked is not looked up in the list any more, and stays as old.
    for lock in [None, Some(&locked)] {
        let notes = scene::Notes::default();
        let options = Options {
            progress: &notes,
            ..scene.options()
        };
        crate::fetch::base(&recipe, lock, &options).unwrap();
        assert_eq!(notes.lines(), [expected.as_str()], "{lock:?}");
    }
}
