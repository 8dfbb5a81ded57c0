//! Presses Ctrl-C while a card is written from a store.

use std::fs::{self, File};
use std::io::Write as _;

use super::server::Server;
use super::{FLASH, IDENTITY, RECIPIENT, SENT, build, run, variables};
use crate::support::ctrl_c;
use crate::support::scene::Scene;

/// How often a card is written until the signal comes in time.
const ATTEMPTS: u32 = 20;

#[test]
fn ctrl_c_leaves_no_decrypted_image() {
    let (scene, server) = (Scene::with("raspios-trixie"), Server::start());
    build(
        &scene,
        &server,
        &[&SENT[..], &[RECIPIENT, "--format", "img.zst"]].concat(),
    )
    .done();
    scene.file("key", &format!("{IDENTITY}\n"));
    let is_interrupted = |_| {
        let mut card = File::create(scene.at("card")).unwrap();
        card.write_all(&[0xA5; 4096]).unwrap();
        card.set_len(9 << 30).unwrap();
        let told = ctrl_c::while_writing(&scene, "card", &variables(&server), &FLASH);
        let incoming = fs::read_dir(scene.at("home/.cache/etcd-image/incoming")).unwrap();
        assert_eq!(incoming.count(), 0, "{}", told.stderr);
        let is_interrupted = told.code == Some(130);
        assert!(is_interrupted || told.code == Some(0), "{told:?}");
        let said = "error: interrupted\nhint: run the same command again: ";
        assert!(
            !is_interrupted || told.stderr.contains(said),
            "{}",
            told.stderr
        );
        is_interrupted
    };
    assert!((0..ATTEMPTS).any(is_interrupted));
    run(&scene, &server, &FLASH).done();
}
