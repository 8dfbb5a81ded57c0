//! Downloads from servers that answer, but not with the file.

use std::time::Duration;

use reqwest::Url;

use super::super::http::is_downgrade;
use super::download::{answer, serving, serving_image};
use super::scene::http::Reply;
use super::scene::{but, failure, image, sha256, xz};
use crate::failure::{Kind, explain};

const PAGE: &[u8] = b"<html><title>Welcome to the hotel</title></html>";

#[test]
fn a_server_that_drips_is_given_up() {
    let (mut scene, server, recipe) = serving_image(|body, request, number| {
        answer(body, request, number).drip(1, Duration::from_millis(5))
    });
    scene.headway_interval = Duration::from_millis(50);
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!((kind, server.requests().len()), (Kind::Storage, 3));
    assert!(text.contains(": gave up after 3 attempts: "), "{text}");
    assert!(text.contains(" arrived in 50ms"), "{text}");
}

#[test]
fn the_page_of_a_portal_is_no_image() {
    let packed = xz(&image());
    let (scene, server, recipe) = serving(&packed, |request, _| match request.path.as_str() {
        "/login" => Reply::whole(PAGE).header("Content-Type", "text/html"),
        _ => Reply::status("302 Found").header("Location", "/login"),
    });
    let url = server.url("/a.img.xz");
    let error = scene.base(&recipe).unwrap_err();
    let expected = format!(
        "fetching the base test: wrong size of {url}: expected {} bytes, the server has {}",
        packed.len(),
        PAGE.len()
    );
    assert_eq!(format!("{error:#}"), expected);
    let hint =
        "the file was replaced, or a portal answers in its place; open the address in a browser";
    assert_eq!(explain(&error), (Kind::Verification, hint.to_owned()));

    let (kind, text) = failure(scene.base(&but(recipe, |it| it.size = None)));
    assert_eq!(kind, Kind::Verification);
    let digests = format!("expected {}, got {}", sha256(&packed), sha256(PAGE));
    assert!(text.ends_with(&digests), "{text}");
    let left = [".img", ".tmp", ".part"].map(|ending| scene.cached(ending).len());
    assert_eq!(left, [0, 0, 0]);
}

#[test]
fn a_file_that_changes_its_length_between_ranges_is_final() {
    let packed = xz(&image());
    let (scene, server, recipe) = serving_image(|body, request, number| match number {
        0 => answer(body, request, number).drop_after(3000),
        _ => answer(&[body, b"more"].concat(), request, number),
    });
    let (kind, text) = failure(scene.base(&recipe));
    assert_eq!((kind, server.requests().len()), (Kind::Verification, 2));
    let expected = format!(
        "expected {} bytes, the server has {}",
        packed.len(),
        packed.len() + 4
    );
    assert!(text.ends_with(&expected), "{text}");
}

#[test]
fn another_range_than_requested_is_read_from_the_start() {
    let (scene, server, recipe) = serving_image(|body, request, number| {
        let reply = answer(body, request, number);
        match number {
            0 => reply.drop_after(3000),
            1 => reply.header("Content-Range", &format!("bytes 5-9/{}", body.len())),
            _ => reply,
        }
    });
    scene.base(&recipe).unwrap();
    let asked = server.requests().into_iter().map(|request| request.from);
    assert_eq!(asked.collect::<Vec<_>>(), [None, Some(3000), None]);
}

#[test]
fn redirects_never_leave_https() {
    let url = |text: &str| Url::parse(text).unwrap();
    let (secure, plain) = (url("https://a.example/x"), url("http://a.example/x"));
    for (previous, next, is_refused) in [
        (vec![&secure], &plain, true),
        (vec![&secure, &secure], &plain, true),
        (vec![&plain, &secure], &plain, true),
        (vec![&secure], &secure, false),
        (vec![&plain], &plain, false),
        (vec![&plain], &secure, false),
    ] {
        let previous: Vec<Url> = previous.into_iter().cloned().collect();
        assert_eq!(is_downgrade(&previous, next), is_refused, "{previous:?}");
    }
}
