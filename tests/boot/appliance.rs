//! Checks that a node's system never changes, that its data survives flashing, and that it rejoins its cluster.
//!
//! Each test starts machines, like those in `cluster.rs`, and `cargo xtask test` runs them together.

use std::time::Instant;

use etcd_image::boot::until_healthy;
use etcd_image::progress;

use crate::support::card::{DATA, flash, io, replace};
use crate::support::cluster::{Images, NODES, address, answered, healthy, inside, silence, voter};

const KEY: &str = "appliance";

#[test]
#[ignore = "boots one machine: about two minutes"]
fn unknown_data_is_kept_and_reported() {
    inside(|| {
        let mut lab = Images::build("unknown", 1).lab();
        let unknown = DATA + (1 << 20);
        io(&lab, "etcd1", &format!("write -P 0x42 {unknown} 1M"));
        lab.machines.start("etcd1").unwrap();
        let error = until_healthy(&mut lab, &["etcd1".to_owned()], &*progress::stderr(true));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("holds data of no known kind"), "{error}");
        lab.machines.kill("etcd1").unwrap();
        io(&lab, "etcd1", &format!("read -P 0x42 {unknown} 1M"));
        io(&lab, "etcd1", &format!("read -P 0 {DATA} 1M"));
    });
}

#[test]
#[ignore = "boots five machines: about ten minutes"]
fn a_flashed_member_rejoins_with_its_data_or_without() {
    inside(|| {
        let mut lab = Images::build("flashed", 3).lab();
        let client = lab.client().clone();
        let [one, two, three] = NODES.map(|name| address(&lab, name));
        for name in NODES {
            lab.machines.start(name).unwrap();
        }
        healthy(&mut lab, &NODES);
        let before = ["etcd2", "etcd3"].map(|name| voter(&lab, "etcd1", name).id);

        // Flashing the system while keeping the data yields the same member. The other members continue meanwhile.
        let gone = Instant::now();
        let silence = silence(&client, one, || {
            lab.machines.kill("etcd2").unwrap();
            answered(|| client.put(one, KEY, "without etcd2"));
            flash(&lab, "etcd2");
            lab.machines.start("etcd2").unwrap();
            healthy(&mut lab, &["etcd2"]);
        });
        // An election is short compared to a boot, even on a slow machine; a lost quorum would last until the node returns.
        let told = format!("no write for {silence:.1?} of {:.1?}", gone.elapsed());
        progress::stderr(false).note(&told);
        assert!(silence * 2 < gone.elapsed(), "{told}");
        assert_eq!(voter(&lab, "etcd1", "etcd2").id, before[0]);
        let read = |at| answered(|| client.get(at, KEY));
        assert_eq!(read(two).as_deref(), Some("without etcd2"));

        // An empty card yields a new member of the same name, with all data.
        lab.machines.kill("etcd3").unwrap();
        answered(|| client.put(one, KEY, "without etcd3"));
        replace(&lab, "etcd3");
        lab.machines.start("etcd3").unwrap();
        healthy(&mut lab, &["etcd3"]);
        assert_ne!(voter(&lab, "etcd1", "etcd3").id, before[1]);
        assert_eq!(read(three).as_deref(), Some("without etcd3"));
    });
}
