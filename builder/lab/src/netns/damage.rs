//! Scenarios in which a card has changed what was written to it.

use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::lab::Lab;
use super::model::Wanted;
use super::reported::wipe_all;
use super::scenarios::form;

/// The advice on the consoles.
const FORCE: &str = "sudo touch /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd";

/// A file of one member is damaged.
pub(super) fn corrupt(lab: &mut Lab, file: &str) -> Result<()> {
    form(lab)?;
    lab.corrupt(1, file)?;
    lab.settle(&Wanted::everyone())
}

/// Damages the log of a member whose power was cut before it noted that etcd was ready once: it still has its vow.
pub(super) fn corrupt_unmarked(lab: &mut Lab) -> Result<()> {
    let node = lab.nodes[1].data().join("node");
    let noted = loop {
        lab.start_all()?;
        while !lab.nodes[1].data().join("member/wal").exists() {
            lab.pass(Duration::from_millis(1))?;
        }
        let content = ["vow", "number"].map(|name| fs_err::read(node.join(name)));
        if let [Ok(vow), Ok(number)] = content {
            break [("vow", vow), ("number", number)];
        }
        // Too late: etcd is ready.
        wipe_all(lab)?;
    };
    form(lab)?;
    lab.cut(1)?;
    for (name, content) in noted {
        fs_err::write(node.join(name), content)?;
    }
    fs_err::remove_file(node.join("started"))?;
    lab.corrupt(1, "member/wal/*")?;
    lab.settle(&Wanted::everyone())
}

/// Changes values in the database of a member so that etcd cannot notice it by itself: the file stays valid.
///
/// etcd 3.5 compares its data with the others' only if a snapshot of its log tells it who they are.
pub(super) fn changed_values(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let snapshots = lab.nodes[1].data().join("member/snap");
    let is_snapshot = |name: &Path| name.extension().is_some_and(|ending| ending == "snap");
    let path = snapshots.join("db");
    while !fs_err::read_dir(&snapshots)?.any(|it| it.is_ok_and(|it| is_snapshot(&it.path())))
        || values(&fs_err::read(&path)?).is_empty()
    {
        lab.pass(Duration::from_millis(50))?;
    }
    lab.cut(1)?;
    lab.fault("change values in the database of etcd2");
    let mut database = fs_err::read(&path)?;
    let places = values(&database);
    ensure!(!places.is_empty(), "no value is in the database any more");
    for at in places {
        database[at] = b'V';
    }
    fs_err::write(&path, database)?;
    lab.settle(&Wanted::everyone())
}

/// How the values of the clients begin.
const VALUE: &[u8] = b"value-";

/// Returns where the values of the clients are in a database.
fn values(database: &[u8]) -> Vec<usize> {
    let windows = database.windows(VALUE.len()).enumerate();
    windows
        .filter_map(|(at, bytes)| (bytes == VALUE).then_some(at))
        .collect()
}

/// All boards have power again. etcd on two of them still reads its data and answers nobody when an operator forces the third.
/// What is written before the third one starts, it does not have.
pub(super) fn force_while_others_load(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut(0)?;
    lab.pass(Duration::from_secs(2))?;
    for node in [1, 2] {
        lab.type_at(node, "kill -STOP $(pidof etcd)")?;
        lab.says(node, "operator: done, exit status: 0")?;
    }
    lab.start(0)?;
    lab.says(0, "waiting for a majority: etcd2 etcd3 does not answer")?;
    lab.type_at(0, FORCE)?;
    lab.says(
        0,
        "waiting for etcd2 etcd3: it accepts connections and does not",
    )?;
    lab.pass(Duration::from_secs(8))?;
    for node in [1, 2] {
        lab.type_at(node, "kill -CONT $(pidof etcd)")?;
    }
    lab.settle(&Wanted::everyone())
}

/// etcd of one member cannot read its data. An operator forces another one, which lacks later writes and is refused. The third member
/// returns with these writes.
pub(super) fn beside_a_failure(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.cut(2)?;
    lab.write_and_pause(80)?;
    lab.cut_all()?;
    lab.corrupt(1, "member/wal/*")?;
    lab.start(1)?;
    lab.says(1, "etcd has failed 4 times")?;
    lab.start(2)?;
    lab.says(2, "then run on etcd3: ")?;
    lab.type_at(2, FORCE)?;
    lab.says(
        2,
        "refused to force a new cluster: etcd2 also has the cluster's data",
    )?;
    lab.settle(&Wanted::everyone())
}

/// The cards of two members with later writes are swapped. Neither serves, and the third one, which lacks the writes, is not forced
/// beside them.
pub(super) fn beside_swaps(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.cut(2)?;
    lab.write_and_pause(80)?;
    lab.swap(0, 1)?;
    lab.start_all()?;
    lab.says(2, "then run on etcd3: ")?;
    lab.type_at(2, FORCE)?;
    lab.says(2, "refused to force a new cluster: etcd")?;
    lab.swap(0, 1)?;
    lab.settle(&Wanted::everyone())
}

/// An operator asks a serving member to force a new cluster, and never restarts etcd. Later, that member is the first to have
/// power again.
pub(super) fn force_asked_while_serving(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.type_at(0, "touch /var/lib/etcd/force-new-cluster")?;
    lab.pass(Duration::from_secs(5))?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.cut(0)?;
    lab.pass(Duration::from_secs(1))?;
    lab.cut_all()?;
    lab.start(0)?;
    lab.pass(Duration::from_secs(12))?;
    lab.settle(&Wanted::everyone())
}

/// The image of one of three members lists itself only, and an operator forces it while the others serve.
pub(super) fn force_with_a_smaller_image(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.pass(Duration::from_secs(4))?;
    lab.reflash(0, "shrunk", "etcd1")?;
    lab.start(0)?;
    lab.says(0, "init: etcd is ready")?;
    lab.type_at(0, FORCE)?;
    lab.says(0, "refused to force a new cluster: ")?;
    lab.settle(&Wanted::everyone())
}

/// The other members lose power while one serves: it says what it lacks, and that it has it again.
pub(super) fn loss_is_said(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut(1)?;
    lab.cut(2)?;
    lab.says(0, "waiting for a majority: etcd2 etcd3 does not answer")?;
    lab.start(1)?;
    lab.says(0, "a majority answers again")?;
    lab.settle(&Wanted::everyone())
}

/// An operator asks a member without data to force a new cluster. Much later, that member is the first to have power again.
pub(super) fn force_asked_without_data(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(0)?;
    fs_err::write(lab.nodes[0].data().join("force-new-cluster"), "")?;
    lab.settle(&Wanted::everyone())?;
    lab.cut_all()?;
    lab.start(0)?;
    lab.pass(Duration::from_secs(12))?;
    lab.settle(&Wanted::everyone())
}
