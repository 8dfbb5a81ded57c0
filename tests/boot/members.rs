//! Boots what only `cargo xtask test --full` covers of appliances: disordered first starts, lost majorities, idle cards.

use std::thread;
use std::time::{Duration, Instant};

use etcd_image::boot::BootLab;
use etcd_image::progress;

use crate::support::card::{DATA, digests, io, replace, replace_by, was_cut_off, written};
use crate::support::cluster::{Images, NODES, address, answered, healthy, inside, on, voter};

/// Waits until a node prints these words on its console.
fn says(lab: &mut BootLab, name: &str, words: &str) -> String {
    let started = Instant::now();
    let mut seen = Vec::new();
    while started.elapsed() < Duration::from_mins(10) {
        seen.extend(lab.machines.console(name).unwrap().follow().unwrap());
        if let Some(line) = seen.iter().find(|line| line.contains(words)) {
            return line.clone();
        }
        thread::sleep(Duration::from_secs(1));
    }
    panic!("{name} does not say {words:?}:\n{}", seen.join("\n"));
}

#[test]
#[ignore = "boots five machines: about a quarter of an hour"]
fn a_first_start_may_take_its_time_and_lost_disks_do_not_begin_anew() {
    inside(|| {
        let mut lab = Images::build("order", 3).lab();
        let client = lab.client().clone();
        for name in ["etcd3", "etcd1", "etcd2"] {
            lab.machines.start(name).unwrap();
            thread::sleep(Duration::from_mins(1));
        }
        healthy(&mut lab, &NODES);
        for name in NODES {
            voter(&lab, "etcd2", name);
        }

        // Two empty cards are a majority, but must not start a second cluster.
        for name in ["etcd2", "etcd3"] {
            lab.machines.kill(name).unwrap();
        }
        for name in ["etcd2", "etcd3"] {
            replace(&lab, name);
            lab.machines.start(name).unwrap();
        }
        for name in ["etcd2", "etcd3"] {
            let said = says(&mut lab, name, "etcd-node: waiting for a majority");
            assert!(said.contains("etcd1 has the cluster's data"), "{said}");
            assert!(said.contains("force-new-cluster"), "{said}");
        }
        thread::sleep(Duration::from_secs(30));
        for name in NODES {
            client.health(address(&lab, name)).unwrap_err();
        }
    });
}

#[test]
#[ignore = "boots four machines: about five minutes"]
fn a_node_of_another_name_takes_the_place_of_one_that_is_gone() {
    inside(|| {
        let config = "[[node]]\nname = \"etcd1\"\naddress = \"192.168.0.50\"\n\n\
                      [[node]]\nname = \"etcd2\"\naddress = \"192.168.0.51\"\n\n\
                      [[node]]\nname = \"new\"\naddress = \"192.168.0.59\"\nreplaces = \"etcd3\"\n";
        let mut lab = Images::build("place", 3).lab_with("new", config);
        let client = lab.client().clone();
        for name in NODES {
            lab.machines.start(name).unwrap();
        }
        healthy(&mut lab, &NODES);
        lab.machines.kill("etcd3").unwrap();
        answered(|| client.put(address(&lab, "etcd1"), "place", "without etcd3"));

        lab.machines.start("new").unwrap();
        healthy(&mut lab, &["new"]);
        // The cluster has three members, all of them voters; the old etcd3 is no longer one of them.
        voter(&lab, "etcd1", "new");
        let read = answered(|| client.get(address(&lab, "new"), "place"));
        assert_eq!(read.as_deref(), Some("without etcd3"));
    });
}

#[test]
#[ignore = "boots one machine three times: about five minutes"]
fn a_node_that_is_rebooted_ends_in_order_and_comes_back() {
    inside(|| {
        let images = Images::build("rebooted", 1);
        let mut lab = images.lab();
        let (client, at) = (lab.client().clone(), address(&lab, "etcd1"));
        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);
        answered(|| client.put(at, "reboot", "first"));
        lab.machines.kill("etcd1").unwrap();
        assert!(was_cut_off(&lab, "etcd1"), "a cut is no end in order");

        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);
        answered(|| client.put(at, "reboot", "second"));

        // Somebody unmounts the data to repair it: etcd does not begin without it.
        let repair =
            "sudo systemctl stop etcd && sudo umount /var/lib/etcd && sudo systemctl start etcd";
        on(&images, "etcd1", repair).done();
        let second = answered(|| client.get(at, "reboot"));
        assert_eq!(second.as_deref(), Some("second"));

        // The machine exits instead of restarting; ssh may lose its connection before it gets the exit status.
        on(&images, "etcd1", "sudo systemctl reboot");
        let asked = Instant::now();
        let how = loop {
            if let Some(how) = lab.machines.stopped("etcd1").unwrap() {
                break how;
            }
            assert!(asked.elapsed() < Duration::from_mins(10), "it goes on");
            thread::sleep(Duration::from_secs(1));
        };
        assert_eq!(how.trim(), "exit status: 0");
        assert!(!was_cut_off(&lab, "etcd1"), "data was not unmounted");
        let [flashed, now] = digests(&lab, "etcd1");
        assert_eq!(now, flashed);

        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);
        assert_eq!(
            answered(|| client.get(at, "reboot")).as_deref(),
            Some("second")
        );
    });
}

#[test]
#[ignore = "boots one machine twice: about four minutes"]
fn data_on_a_disk_of_its_own_outlives_the_card() {
    inside(|| {
        let config = "[appliance]\ndata = \"/dev/disk/by-id/virtio-second\"\n";
        let mut lab = Images::described("disk", 1, config).lab();
        lab.machines.attach("etcd1", 2 << 30).unwrap();
        let (client, at) = (lab.client().clone(), address(&lab, "etcd1"));
        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);
        answered(|| client.put(at, "disk", "kept"));
        lab.machines.kill("etcd1").unwrap();
        // The card holds no data, and a node with an empty card finds its data again.
        io(&lab, "etcd1", &format!("read -P 0 {DATA} 1M"));
        replace(&lab, "etcd1");
        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);
        assert_eq!(answered(|| client.get(at, "disk")).as_deref(), Some("kept"));
    });
}

#[test]
#[ignore = "boots two machines and lets them idle: about twenty minutes"]
fn an_idle_node_writes_a_fifth_of_what_a_classic_one_does() {
    inside(|| {
        // These are two single-node clusters that do not know each other.
        let config = "[appliance]\nread-only = false\n\n\
                      [[node]]\nname = \"classic\"\naddress = \"192.168.0.60\"\n";
        let mut lab = Images::build("idle", 1).lab_with("classic", config);
        let (classic, ours) = (per_hour(&mut lab, "classic"), per_hour(&mut lab, "etcd1"));
        let told = format!("bytes written per hour: classic {classic}, read-only {ours}");
        progress::stderr(false).note(&told);
        assert!(classic > 0 && ours * 5 <= classic, "{told}");
    });
}

/// Returns the bytes written to the card per hour, measured some time after the boot.
fn per_hour(lab: &mut BootLab, name: &str) -> u64 {
    const IDLE: u64 = 300;
    lab.machines.start(name).unwrap();
    healthy(lab, &[name]);
    // Writes that belong to booting are over by then.
    thread::sleep(Duration::from_mins(2));
    let before = written(lab, name);
    thread::sleep(Duration::from_secs(IDLE));
    let after = written(lab, name);
    lab.machines.kill(name).unwrap();
    (after - before) * 3600 / IDLE
}

/// Waits until a node's command prints this.
fn prints(images: &Images, node: &str, command: &str, wanted: &str) {
    let started = Instant::now();
    while on(images, node, command).done().text().trim() != wanted {
        let late = started.elapsed() > Duration::from_mins(10);
        assert!(!late, "`{command}` does not print {wanted} on {node}");
        thread::sleep(Duration::from_secs(3));
    }
}

#[test]
#[ignore = "boots one machine twice: about four minutes"]
fn a_disk_above_2_tib_and_a_clock_that_starts_in_the_past_do_no_harm() {
    inside(|| {
        let images = Images::build("large", 1);
        let mut lab = images.lab();
        let now = |images: &Images| -> u64 {
            let seconds = on(images, "etcd1", "date +%s").done().text();
            seconds.trim().parse().unwrap()
        };
        replace_by(&lab, "etcd1", "3T");
        // No certificate of the cluster was valid then.
        lab.machines
            .set_clock("etcd1", "2020-01-01T00:00:00")
            .unwrap();
        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);

        // The partition table describes no more than 2 TiB, of which the system occupies the beginning.
        let size = "lsblk --noheadings --bytes --output SIZE /dev/disk/by-label/etcd-data";
        let sectors = (1 << 32) - 1 - DATA / 512;
        prints(&images, "etcd1", size, &(sectors * 512).to_string());

        // A time that a server confirmed is kept, and the next boot does not go back behind it.
        let later = "sudo date --set '+20 days' && sudo mkdir -p /run/systemd/timesync && \
                     sudo touch /run/systemd/timesync/synchronized && date +%s";
        let confirmed = on(&images, "etcd1", later).done().text();
        let confirmed: u64 = confirmed.lines().last().unwrap().trim().parse().unwrap();
        let kept = format!(
            "[ $(sudo stat --format %Y /var/lib/etcd/node/clock) -ge {confirmed} ] && echo kept; true"
        );
        prints(&images, "etcd1", &kept, "kept");
        lab.machines.kill("etcd1").unwrap();
        lab.machines.start("etcd1").unwrap();
        healthy(&mut lab, &["etcd1"]);
        assert!(now(&images) >= confirmed);
    });
}
