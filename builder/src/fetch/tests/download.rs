//! Downloads over unreliable connections and from faulty servers.

use std::time::Duration;

use super::scene::http::{Reply, Request, Server};
use super::scene::{Scene, but, failure, image, recipe, sha256, xz};
use crate::failure::Kind;
use crate::recipe::Recipe;

/// Returns a scene, a server, and the recipe of the image it serves.
pub(super) fn serving(
    packed: &[u8],
    handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
) -> (Scene, Server, Recipe) {
    let server = Server::start(handler);
    let recipe = recipe(server.url("/a.img.xz"), packed, &image());
    (Scene::new(), server, recipe)
}

/// Returns a scene, a server whose handler gets the packed image, and the recipe of the image.
pub(super) fn serving_image(
    handler: impl Fn(&[u8], &Request, usize) -> Reply + Send + Sync + 'static,
) -> (Scene, Server, Recipe) {
    let packed = xz(&image());
    let body = packed.clone();
    serving(&packed, move |request, number| {
        handler(&body, request, number)
    })
}

/// Answers with what is requested of the packed image.
pub(super) fn answer(body: &[u8], request: &Request, _: usize) -> Reply {
    Reply::file(request, body, "\"1\"")
}

#[test]
fn brings_verifies_unpacks_and_remembers() {
    let (scene, server, recipe) = serving_image(answer);
    for _ in 0..2 {
        let verified = scene.base(&recipe).unwrap();
        assert_eq!(verified.raw_sha256(), sha256(&image()));
        assert_eq!(verified.size(), image().len() as u64);
        assert_eq!(verified.source(), server.url("/a.img.xz"));
        assert!(fs_err::read(verified.path()).unwrap() == image());
    }
    assert_eq!(
        server.requests().len(),
        1,
        "the second time it is in the cache"
    );
    assert_eq!(
        scene.cached(".part").len(),
        0,
        "the packed form is of no more use"
    );
}

#[test]
fn goes_on_after_each_drop() {
    // There are far more drops than attempts: each brings enough bytes not to count as failed.
    let (scene, server, recipe) =
        serving_image(|body, request, number| answer(body, request, number).drop_after(2000));
    scene.base(&recipe).unwrap();
    let requests = server.requests();
    assert_eq!(requests.len(), xz(&image()).len().div_ceil(2000));
    assert_eq!(requests[1].from, Some(2000));
    assert_eq!(requests[1].if_range.as_deref(), Some("\"1\""));
}

#[test]
fn stalled_connection_counts_as_dropped() {
    let (scene, server, recipe) = serving_image(|body, request, number| {
        let reply = answer(body, request, number);
        match number {
            0 => reply.stall_after(3000, Duration::from_mins(1)),
            _ => reply,
        }
    });
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests()[1].from, Some(3000));
}

#[test]
fn slow_but_steady_is_no_stall() {
    let (scene, server, recipe) = serving_image(|body, request, number| {
        answer(body, request, number).drip(body.len() / 30, Duration::from_millis(100))
    });
    // The download takes longer in all than the limit for one silence.
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 1);
}

#[test]
fn redirect_loop_is_final() {
    let (scene, server, recipe) = serving(b"x", |_, _| {
        Reply::status("302 Found").header("Location", "/a")
    });
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Storage);
    assert!(text.ends_with("too many redirects"), "{text}");
    assert_eq!(server.requests().len(), 11, "ten are followed, once");
}

#[test]
fn server_without_ranges_is_read_from_the_start() {
    let (scene, server, recipe) = serving_image(|body, _, number| match number {
        0 => Reply::whole(body).drop_after(3000),
        _ => Reply::whole(body),
    });
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 2);
}

#[test]
fn file_replaced_midway_is_read_from_the_start() {
    let (scene, server, recipe) = serving_image(|body, request, number| match number {
        0 => Reply::file(request, &vec![7; body.len()], "\"old\"").drop_after(3000),
        _ => Reply::file(request, body, "\"new\""),
    });
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests()[1].if_range.as_deref(), Some("\"old\""));
}

#[test]
fn file_replaced_behind_the_same_validator_is_noticed() {
    let (scene, server, recipe) = serving_image(|body, request, number| match number {
        0 => Reply::file(request, &vec![7; body.len()], "\"1\"").drop_after(3000),
        _ => Reply::file(request, body, "\"1\""),
    });
    scene.base(&recipe).unwrap();
    let asked: Vec<_> = server
        .requests()
        .into_iter()
        .map(|request| request.from)
        .collect();
    assert_eq!(
        asked,
        [None, Some(3000), None],
        "the halves do not fit, so all of it again"
    );
}

#[test]
fn five_hundred_is_tried_again_and_given_up() {
    let (scene, server, recipe) = serving_image(|body, request, number| match number {
        0 | 1 => Reply::status("500 Internal Server Error"),
        _ => answer(body, request, number),
    });
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 3);

    let (scene, server, recipe) = serving_image(|_, _, _| Reply::status("503 Service Unavailable"));
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Storage);
    let expected = format!(
        "fetching the base test: downloading {}: gave up after 3 attempts: answer 503 Service Unavailable",
        server.url("/a.img.xz")
    );
    assert_eq!(text, expected);
}

#[test]
fn not_found_is_final() {
    for status in ["404 Not Found", "410 Gone", "403 Forbidden"] {
        let (scene, server, recipe) = serving(b"x", move |_, _| Reply::status(status));
        let (kind, text) = failure(scene.base(&recipe));
        assert_eq!(kind, Kind::Storage);
        assert!(
            text.ends_with(&format!("/a.img.xz: answer {status}")),
            "{text}"
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn a_server_that_does_not_listen_is_given_up() {
    // No other test gets this port.
    let scene = Scene::new();
    let recipe = recipe("http://127.0.0.1:1/a".to_owned(), b"x", b"x");
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Storage);
    assert!(
        text.contains("gave up after 3 attempts: ") && text.contains("refused"),
        "{text}"
    );
}

#[test]
fn redirects_are_followed() {
    let (scene, server, recipe) = serving_image(|body, request, _| match request.path.as_str() {
        "/a.img.xz" => Reply::status("302 Found").header("Location", "/b"),
        _ => answer(body, request, 0),
    });
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests()[1].path, "/b");
}

#[test]
fn wrong_length_announced_is_final() {
    let packed = xz(&image());
    for change in [-5_isize, 5] {
        let mut body = packed.clone();
        body.resize(packed.len().checked_add_signed(change).unwrap(), 0);
        let (scene, server, recipe) = serving(&packed, move |request, _| {
            Reply::file(request, &body, "\"1\"")
        });
        let (kind, text) = failure(scene.base(&recipe));
        assert_eq!(kind, Kind::Verification);
        assert!(
            text.contains(&format!("expected {} bytes, the server has", packed.len())),
            "{text}"
        );
        assert_eq!(server.requests().len(), 1);
    }
}

#[test]
fn length_announced_but_not_kept_is_a_drop() {
    let (scene, server, recipe) = serving_image(|body, request, _| match request.from {
        None => {
            Reply::whole(&body[..body.len() - 5]).header("Content-Length", &body.len().to_string())
        }
        Some(_) => Reply::status("500 Internal Server Error"),
    });
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(
        (kind, server.requests().len()),
        (Kind::Storage, 3),
        "{text}"
    );
}

#[test]
fn padded_download_without_a_length_is_refused() {
    let (scene, _server, recipe) = serving_image(|body, _, _| {
        Reply::whole(&[body, &[0; 100]].concat()).header("Content-Length", "")
    });
    // An empty Content-Length counts as absent: the body ends with the connection.
    let (kind, _) = failure(scene.base(&recipe));
    assert!(matches!(kind, Kind::Verification | Kind::Storage));
}

#[test]
fn another_digest_shows_both() {
    let packed = xz(&image());
    let other = xz(b"something else");
    let (expected, got) = (sha256(&packed), sha256(&other));
    let (scene, _server, recipe) = serving(&packed, move |request, _| {
        Reply::file(request, &other, "\"1\"")
    });
    let (kind, text) = failure(scene.base(&but(recipe, |it| it.size = None)));
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.ends_with(&format!("/a.img.xz: expected {expected}, got {got}")),
        "{text}"
    );
    assert_eq!(
        scene.cached(".img").len() + scene.cached(".part").len(),
        0,
        "nothing is left behind"
    );
}

#[test]
fn raw_promises_are_checked_after_unpacking() {
    let (scene, _server, recipe) = serving_image(answer);
    let wrong_digest = but(recipe.clone(), |it| it.raw_sha256 = Some("0".repeat(64)));
    let (kind, text) = failure(scene.base(&wrong_digest));
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.contains("wrong SHA-256 of the image unpacked from"),
        "{text}"
    );
    let size = image().len() as u64 + 1;
    let (kind, text) = failure(scene.base(&but(recipe, |it| it.raw_size = Some(size))));
    assert_eq!(kind, Kind::Verification);
    assert!(
        text.ends_with(&format!("expected {size}, got {}", image().len())),
        "{text}"
    );
    assert_eq!(scene.cached(".img").len() + scene.cached(".part").len(), 0);
}

#[test]
fn pinned_but_damaged_xz_is_refused() {
    let whole = xz(&image());
    let garbage = [&whole[..], b"garbage"].concat();
    for packed in [&whole[..whole.len() - 20], &garbage] {
        let body = packed.to_vec();
        let (scene, _server, recipe) = serving(packed, move |request, _| {
            Reply::file(request, &body, "\"1\"")
        });
        let (kind, text) = failure(scene.base(&recipe));
        assert_eq!(kind, Kind::Corrupt, "{text}");
        let left = [".img", ".tmp", ".part"].map(|ending| scene.cached(ending).len());
        assert_eq!(left, [0, 0, 0]);
    }
}

#[test]
fn killed_run_is_continued_by_the_next() {
    let (scene, server, recipe) = serving_image(|body, request, number| match number {
        0 => answer(body, request, number).drop_after(3000),
        1 | 2 => Reply::status("500 Internal Server Error"),
        _ => answer(body, request, number),
    });
    failure(scene.base(&recipe));
    scene.base(&recipe).unwrap();
    let last = server.requests().pop().unwrap();
    assert_eq!(
        (last.from, last.if_range.as_deref()),
        (Some(3000), Some("\"1\""))
    );
}

#[test]
fn finished_download_of_a_killed_run_is_used() {
    let packed = xz(&image());
    let (scene, server, recipe) =
        serving(&packed, |_, _| Reply::status("500 Internal Server Error"));
    fs_err::create_dir_all(&scene.cache).unwrap();
    fs_err::write(
        scene.cache.join(format!("{}.part", sha256(&packed))),
        &packed,
    )
    .unwrap();
    scene.base(&recipe).unwrap();
    assert_eq!(server.requests().len(), 0);
}

#[test]
fn foreign_bytes_in_the_partial_file_cost_a_second_download() {
    let packed = xz(&image());
    for junk in [
        vec![7; 100],
        vec![7; packed.len()],
        vec![7; packed.len() + 100],
    ] {
        let (scene, _server, recipe) = serving_image(answer);
        fs_err::create_dir_all(&scene.cache).unwrap();
        fs_err::write(scene.cache.join(format!("{}.part", sha256(&packed))), &junk).unwrap();
        scene.base(&recipe).unwrap();
    }
}

#[test]
fn offline_with_an_empty_cache_says_so() {
    let (mut scene, server, recipe) = serving_image(answer);
    scene.offline = true;
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!(kind, Kind::Storage);
    assert!(
        text.ends_with("is not in the cache, and `--offline` prevents a download"),
        "{text}"
    );
    assert_eq!(server.requests().len(), 0);
}
