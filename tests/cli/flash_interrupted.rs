//! Presses Ctrl-C while `etcd-image flash` writes a card.

use super::flash::{bytes_at, holds, two_nodes, used_card};
use crate::support::ctrl_c;

/// How often a card is written until the signal comes in time.
const ATTEMPTS: u32 = 20;
const SAID: &str = "error: interrupted\nhint: run the same command again: a card that was begun and not finished does not boot\n";

#[test]
fn ctrl_c_says_that_the_card_does_not_boot() {
    let scene = two_nodes();
    let line = ["flash", "etcd1", "card", "--yes-really"];
    let is_interrupted = |_| {
        let card = used_card(&scene, "card");
        let outcome = ctrl_c::while_writing(&scene, "card", &[], &line);
        let words = &outcome.stderr;
        let is_done = outcome.code == Some(0);
        assert!(is_done || outcome.code == Some(130), "{outcome:?}");
        assert!(is_done || words.ends_with(SAID), "{words}");
        !is_done && bytes_at(&card, 0, 4096) == [0; 4096]
    };
    assert!((0..ATTEMPTS).any(is_interrupted));
    scene.bare(&line).done();
    holds(&scene.at("card"), &scene.image_path("etcd1"));
}
