//! Checks that `etcd-image flash` writes several cards in one run, asks before it assigns them, and lists the disks.

use std::fs::{self, File};
use std::path::PathBuf;

use super::flash::{CARD, bytes_at, holds, put, two_nodes, used_card};
use crate::support::scene::Scene;
use crate::support::terminal::typed;

#[test]
fn two_cards_hold_their_images_even_if_one_of_them_fails_later() {
    let scene = two_nodes();
    let [a, b] = ["a", "b"].map(|card| used_card(&scene, card));
    let line = ["flash", "etcd1=a", "etcd2=b", "--yes-really"];
    let both = scene.bare(&line).done().stdout;
    let lines: Vec<&str> = both.lines().collect();
    assert_eq!(lines.len(), 2, "{both}");
    assert!(lines[0].starts_with("images/etcd1.img → a: "), "{both}");
    assert!(lines[1].starts_with("images/etcd2.img → b: "), "{both}");
    let done = " written and read back in ";
    assert_eq!(both.matches(done).count(), 2, "{both}");
    holds(&a, &scene.image_path("etcd1"));
    holds(&b, &scene.image_path("etcd2"));

    put(&scene.image_path("etcd2"), 300, b"flipped");
    used_card(&scene, "a");
    let one = scene.bare(&line);
    let failed = "images/etcd2.img: the image differs from its manifest; the card is not bootable";
    let last = format!("\nimages/etcd2.img → b: FAILED: {failed}\n");
    assert!(
        one.stdout.starts_with("images/etcd1.img → a: "),
        "{}",
        one.stdout
    );
    assert!(one.stdout.ends_with(&last), "{}", one.stdout);
    let error = format!(
        "error: 1 of 2 cards failed: {failed}\n\
         hint: fetch the image again, or build it again with the same state directory; then flash this card again\n"
    );
    assert!(one.stderr.ends_with(&error), "{}", one.stderr);
    assert_eq!(one.code, Some(3));
    holds(&a, &scene.image_path("etcd1"));
    assert!(bytes_at(&b, 0, 1 << 20) == vec![0; 1 << 20]);
}

#[test]
fn all_asks_at_the_terminal_which_card_gets_which_image() {
    let scene = two_nodes();
    for card in ["a", "b"] {
        let card = File::create(scene.at(card)).unwrap();
        card.set_len(CARD).unwrap();
    }
    let line = ["flash", "--all", "a", "b", "--yes-really", "--dry-run"];
    let answered = |answer: &str| typed(&scene, "[y/N] ", answer, &line);
    let question = "etcd1=a etcd2=b\nWrite these cards? [y/N] ";
    for answer in ["y", "Y", "yes"] {
        let shown = answered(answer).done().stdout;
        let rest = shown.strip_prefix(&format!("{question}{answer}\n"));
        let lines: Vec<&str> = rest.expect(&shown).lines().collect();
        assert_eq!(lines.len(), 2, "{shown}");
        assert!(lines[0].starts_with("images/etcd1.img → a: "), "{shown}");
        assert!(lines[1].starts_with("images/etcd2.img → b: "), "{shown}");
    }
    for answer in ["n", "", "yes, please"] {
        let outcome = answered(answer);
        let expected = format!(
            "{question}{answer}\n\
             error: not confirmed; nothing was written\n\
             hint: run `etcd-image flash --images images etcd1=a etcd2=b`\n"
        );
        assert_eq!((outcome.code, outcome.stdout), (Some(2), expected));
    }
}

/// Returns the devices of this machine's disks, as the kernel lists them.
fn disks() -> Vec<String> {
    let folders = fs::read_dir("/sys/block").unwrap();
    let folders = folders.map(|entry| fs::canonicalize(entry.unwrap().path()).unwrap());
    let is_virtual = |folder: &PathBuf| folder.iter().any(|part| part == "virtual");
    let real = folders.filter(|folder| !is_virtual(folder));
    let name = |folder: PathBuf| folder.file_name().unwrap().to_string_lossy().into_owned();
    let names = real.map(|folder| format!("/dev/{}", name(folder).replace('!', "/")));
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

#[test]
fn the_list_has_every_disk_of_this_machine_and_why_it_is_refused() {
    let scene = Scene::with("raspios-trixie");
    let told = scene.bare(&["--json", "flash", "--list"]).done().stdout;
    let list: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(list["format"], 1);
    let listed = list["disks"].as_array().unwrap();
    let device = |disk: &serde_json::Value| disk["device"].as_str().unwrap().to_owned();
    let devices: Vec<String> = listed.iter().map(device).collect();
    assert_eq!(devices, disks());
    for disk in listed {
        let begins = |why: &str| why.starts_with(&device(disk));
        assert!(disk["refused"].as_str().is_none_or(begins), "{disk}");
    }
    let text = scene.bare(&["flash", "--list"]).done().stdout;
    let shown: Vec<&str> = text.lines().collect();
    match devices.is_empty() {
        true => assert_eq!(text, "no disks\n"),
        false => assert_eq!(shown.len(), devices.len(), "{text}"),
    }
    for (line, device) in shown.iter().zip(&devices) {
        assert!(line.starts_with(device.as_str()), "{text}");
    }
}
