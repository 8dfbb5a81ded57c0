//! A base is unpacked while it is downloaded.

use std::thread;
use std::time::Duration;

use super::scene::http::{Reply, Server};
use super::scene::{Scene, image, recipe, xz};

#[test]
fn unpacks_what_has_arrived_while_the_rest_is_downloaded() {
    let packed = xz(&image());
    let scene = Scene::new();
    let (cache, body) = (scene.cache.clone(), packed.clone());
    let server = Server::start(move |request, number| {
        let reply = Reply::file(request, &body, "\"1\"");
        if number == 0 {
            return reply.drop_after(2000);
        }
        let is_begun = || {
            let mut found = fs_err::read_dir(&cache).unwrap();
            found.any(|it| it.unwrap().path().to_string_lossy().ends_with(".img.tmp"))
        };
        let mut pauses = 0;
        while !is_begun() {
            pauses += 1;
            assert!(pauses < 6000, "nothing is unpacked");
            thread::sleep(Duration::from_millis(10));
        }
        reply
    });
    let recipe = recipe(server.url("/a.img.xz"), &packed, &image());
    let verified = scene.base(&recipe).unwrap();
    assert!(fs_err::read(verified.path()).unwrap() == image());
    assert_eq!(server.requests().len(), 2);
    assert_eq!(scene.cached(".tmp").len() + scene.cached(".part").len(), 0);
}
