//! Checks that a node neither starts etcd nor grows its root while etcd's data lies where its image does not keep it.

use std::fs::{self, File};
use std::os::unix::fs::{FileExt as _, symlink};

use etcd_image::spec::DATA_START;

use crate::support::board::{Board, DISK, END, Outcome};
use crate::support::fixture::write;
use crate::support::rendered::{rendered, rendered_on};

const CLASSIC: &str = "[appliance]\nread-only = false\n";
const ON_A_DISK: &str = "[appliance]\ndata = \"/dev/disk/by-id/usb-new\"\n";
/// What `grow-root` does if nothing keeps it from growing.
const GROWTH: &str =
    "sfdisk --no-reread --force --partno 2 CARD\npartx --update --nr 2 CARD\nresize2fs CARDp2\n";

fn refused(place: &str, which: &str) -> Outcome {
    let said = format!(
        "etcd-node: refused: {place} holds etcd's data of etcd2, which this image does not use: etcd would start without it. Flash an \
         image {which}. Or leave that data behind, if nobody needs it or a majority of the other members runs: \
         sudo touch /run/etcd-node/leave-data-behind && sudo systemctl restart etcd\n"
    );
    (said, Some(1), String::new())
}

fn refused_for_the_card() -> Outcome {
    refused(
        "the card from 8192 MiB on",
        "with [appliance] data = \"card\" and read-only = true",
    )
}

fn left(place: &str) -> String {
    format!(
        "etcd-node: leaving etcd's data of etcd2 behind: {place} now has the label etcd-data-left\n"
    )
}

#[test]
fn a_root_fills_a_card_without_data() {
    let board = Board::flashed(CLASSIC);
    assert_eq!(board.grow(), (String::new(), Some(0), GROWTH.to_owned()));
}

#[test]
fn a_root_does_not_grow_over_the_data_of_a_former_image() {
    let board = Board::flashed(CLASSIC);
    board.leave_on_the_card("etcd2");
    let before = fs::read(board.at("part")).unwrap();
    for _ in 0..2 {
        assert_eq!(board.grow(), refused_for_the_card());
    }
    let mut after = vec![0; before.len()];
    let card = File::open(board.at("dev/mmcblk0")).unwrap();
    card.read_exact_at(&mut after, DATA_START).unwrap();
    assert!(before == after, "the data is as it was");
}

#[test]
fn a_root_grows_over_data_that_somebody_leaves_behind() {
    let board = Board::flashed(CLASSIC);
    board.leave_on_the_card("etcd2");
    board.leave_behind(&board.grow().0);
    let left = left("the card from 8192 MiB on");
    assert_eq!(board.grow(), (left, Some(0), GROWTH.to_owned()));
    assert_eq!(board.grow(), (String::new(), Some(0), GROWTH.to_owned()));
}

#[test]
fn a_root_that_has_grown_is_not_searched() {
    let board = Board::flashed(CLASSIC);
    board.leave_on_the_card("etcd2");
    board.partition(END / 512);
    let wanted = (String::new(), Some(0), "resize2fs CARDp2\n".to_owned());
    assert_eq!(board.grow(), wanted);
}

#[test]
fn a_root_that_holds_the_data_does_not_replace_a_disk() {
    let board = Board::flashed(CLASSIC);
    board.plug_in("sda", "etcd2");
    assert_eq!(
        board.grow(),
        refused("/dev/sda", "whose [appliance] data names that disk")
    );
}

#[test]
fn etcd_starts_in_a_root_that_cannot_grow() {
    let board = Board::flashed(CLASSIC);
    write(&board.at("bin/sfdisk"), b"#!/bin/sh\nexit 1\n");
    let said = "etcd-node: the root file system does not fill the card, see journalctl -u etcd-node-grow. etcd starts anyway\n";
    assert_eq!(board.grow(), (said.to_owned(), Some(0), String::new()));
}

#[test]
fn a_disk_does_not_replace_the_data_on_the_card() {
    let board = Board::flashed(ON_A_DISK);
    board.plug_in_empty();
    board.leave_on_the_card("etcd2");
    assert_eq!(board.prepare("on_its_own_disk"), refused_for_the_card());
    board.leave_behind(&board.prepare("on_its_own_disk").0);
    let (said, code, log) = board.prepare("on_its_own_disk");
    assert!(
        said.starts_with(&left("the card from 8192 MiB on")),
        "{said}"
    );
    let disk = format!("/dev/{DISK}");
    assert_eq!(
        (code, log),
        (Some(0), format!("format {disk}\nuse {disk} fresh\n"))
    );
}

#[test]
fn a_card_does_not_replace_the_data_on_a_disk() {
    let board = Board::flashed("");
    board.plug_in("sda", "etcd2");
    assert_eq!(
        board.prepare("on_the_card"),
        refused("/dev/sda", "whose [appliance] data names that disk")
    );
    board.leave_behind(&board.prepare("on_the_card").0);
    let (said, code, log) = board.prepare("on_the_card");
    assert!(said.starts_with(&left("/dev/sda")), "{said}");
    assert_eq!(code, Some(0), "{said}");
    assert!(log.ends_with("format CARDp3\nuse CARDp3 fresh\n"), "{log}");
}

/// Of two places with data, the one that the image names may be the older one.
#[test]
fn a_node_with_data_in_two_places_does_not_choose() {
    let board = Board::flashed("");
    board.leave_on_the_card("etcd2");
    board.plug_in("sda", "etcd2");
    assert_eq!(
        board.prepare("on_the_card"),
        refused("/dev/sda", "whose [appliance] data names that disk")
    );
    let board = Board::flashed(ON_A_DISK);
    board.plug_in("sda", "etcd2");
    symlink(board.at("dev/sda"), board.at("dev").join(DISK)).unwrap();
    board.leave_on_the_card("etcd2");
    assert_eq!(board.prepare("on_its_own_disk"), refused_for_the_card());
}

#[test]
fn a_nodes_own_data_is_used() {
    let board = Board::flashed("");
    board.leave_on_the_card("etcd2");
    // The table has the partition already.
    let labeled = format!("{}p3\n", board.at("dev/mmcblk0").display());
    fs::write(board.at("labeled"), labeled).unwrap();
    let (said, code, log) = board.prepare("on_the_card");
    assert_eq!((said.as_str(), code), ("", Some(0)));
    assert!(log.ends_with("use CARDp3 kept\n"), "{log}");
    let board = Board::flashed(ON_A_DISK);
    board.plug_in("sda", "etcd2");
    symlink(board.at("dev/sda"), board.at("dev").join(DISK)).unwrap();
    let wanted = (String::new(), Some(0), format!("use /dev/{DISK} kept\n"));
    assert_eq!(board.prepare("on_its_own_disk"), wanted);
}

#[test]
fn a_disk_on_usb_may_appear_late() {
    let board = Board::flashed("");
    let interfaces = board.at("sys/bus/usb/devices");
    for (name, class) in [("1-1:1.0", "09\n"), ("1-2:1.0", "08\n")] {
        fs::create_dir(interfaces.join(name)).unwrap();
        fs::write(interfaces.join(name).join("bInterfaceClass"), class).unwrap();
    }
    let block = interfaces.join("1-2:1.0/host0/target0:0:0/0:0:0:0/block/sda");
    let appear = format!(
        "#!/bin/sh\nmkdir -p '{}'\necho sleep \"$@\" >>log\n",
        block.display()
    );
    write(&board.at("bin/sleep"), appear.as_bytes());
    board.plug_in("sda", "etcd2");
    let (said, code, _) = refused("/dev/sda", "whose [appliance] data names that disk");
    let wanted = (said, code, "sleep 1\n".to_owned());
    assert_eq!(board.prepare("on_the_card"), wanted);
}

#[test]
fn damaged_data_whose_label_cannot_be_changed_is_not_left_behind() {
    let board = Board::flashed("");
    board.plug_in("sda", "etcd2");
    let disk = File::options()
        .write(true)
        .open(board.at("dev/sda"))
        .unwrap();
    // The number of inodes: the superblock fits nothing any more.
    disk.write_all_at(&[0xff; 4], 1024).unwrap();
    board.leave_behind(&board.prepare("on_the_card").0);
    let said = "etcd-node: refused: /dev/sda holds etcd's data, whose label cannot be changed. Erase it if nobody needs it\n";
    assert_eq!(
        board.prepare("on_the_card"),
        (said.to_owned(), Some(1), String::new())
    );
}

#[test]
fn etcd_needs_whatever_looks_for_other_data() {
    let needed = |recipe: &str, configuration: &str| {
        let unit = rendered_on(recipe, configuration, "/etc/systemd/system/etcd.service");
        ["grow", "data"].map(|name| {
            let both =
                format!("Requires=etcd-node-{name}.service\nAfter=etcd-node-{name}.service\n");
            unit.contains(&both)
        })
    };
    assert_eq!(needed("raspios-trixie", ""), [false, true]);
    assert_eq!(needed("raspios-trixie", ON_A_DISK), [false, true]);
    assert_eq!(needed("raspios-trixie", CLASSIC), [true, false]);
    assert_eq!(needed("ubuntu-server-24.04", ""), [true, false]);
    let both = format!("{CLASSIC}data = \"/dev/disk/by-id/usb-new\"\n");
    assert_eq!(needed("raspios-trixie", &both), [true, true]);
    // Also when somebody has unmounted it since.
    let is_mounted = |configuration: &str| {
        let unit = rendered(configuration, "/etc/systemd/system/etcd-node-data.service");
        let is_mount = "\nConditionPathIsMountPoint=!/var/lib/etcd\n";
        unit.contains(is_mount) && !unit.contains("RemainAfterExit")
    };
    assert!(is_mounted("") && is_mounted(ON_A_DISK));
    let is_ordered = |configuration: &str| {
        let unit = rendered(configuration, "/etc/systemd/system/etcd.service");
        unit.contains("\nRequiresMountsFor=/var/lib/etcd\n")
    };
    assert_eq!(["", CLASSIC].map(is_ordered), [true, false]);
    let unit = |configuration: &str| {
        let unit = rendered(configuration, "/etc/systemd/system/etcd-node-data.service");
        unit.contains("\nRequires=etcd-node-grow.service\nAfter=etcd-node-grow.service\n")
    };
    assert_eq!([unit(&both), unit("")], [true, false]);
}
