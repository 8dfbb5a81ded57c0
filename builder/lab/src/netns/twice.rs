//! A member is forced to begin anew, and while it is off, others serve without it: as before, or because one of them is forced.

use std::time::Duration;

use anyhow::Result;

use super::copies::FORGOTTEN;
use super::lab::Lab;
use super::model::Wanted;
use super::scenarios::form;
use super::violation::{Invariant, violated};
use super::wrong::LONG_AGO;

/// The advice on the consoles.
pub(super) const FORCE: &str =
    "sudo touch /var/lib/etcd/force-new-cluster && sudo systemctl restart etcd";
/// The answer to its refusal.
pub(super) const GIVE_UP: &str = "sudo touch /var/lib/etcd/set-data-aside";
/// How a member whose forcing was interrupted refuses to start beside the others.
const INTERRUPTED: &str = "refused to start: forcing a new cluster was interrupted here, and ";
/// How a member with a cluster of its own notices the other one.
const BESIDE: &str = "this node's cluster was forced or has removed members, and ";
/// The time for a member to note who belongs to its cluster.
const A_WHILE: Duration = Duration::from_secs(5);

/// The one that was forced first has power again while the second one serves.
pub(super) fn one_after_the_other(lab: &mut Lab) -> Result<()> {
    force_both(lab, A_WHILE)?;
    refuses(lab, 0, "etcd2 ")?;
    gives_up(lab, &[0])
}

/// The first one loses power as soon as it has begun anew.
pub(super) fn at_once(lab: &mut Lab) -> Result<()> {
    force_both(lab, Duration::ZERO)?;
    refuses(lab, 0, "etcd2 ")?;
    gives_up(lab, &[0])
}

/// The others have power again while the forced one is off. They have never heard of it, still list it, and acknowledge writes.
pub(super) fn and_the_others_return(lab: &mut Lab) -> Result<()> {
    others_serve(lab)?;
    refuses(lab, 0, "etcd2 etcd3 ")?;
    gives_up(lab, &[0])
}

/// The same, and the clock of the forced one is wrong: it rejects the certificates of the others, and cannot know whether they have a
/// majority.
pub(super) fn wrong_clock(lab: &mut Lab) -> Result<()> {
    others_serve(lab)?;
    lab.set_clock(0, Some(LONG_AGO))?;
    lab.start(0)?;
    lab.says(0, "waiting for etcd2 etcd3: it listens and does not")?;
    lab.set_clock(0, None)?;
    refuses(lab, 0, "etcd2 etcd3 ")?;
    gives_up(lab, &[0])
}

/// The clock is right, and the forced one is the first to have power again. It ends etcd on the others, and lacks what they have
/// acknowledged, which they do not give up unasked.
pub(super) fn and_serves_first(lab: &mut Lab) -> Result<()> {
    forced_is_first(lab)?;
    for node in [1, 2] {
        lab.start(node)?;
    }
    for node in [1, 2] {
        lab.says(node, FORGOTTEN)?;
        if lab.nodes[node].data().join("aside").exists() {
            let text = format!("{} has given its data up", lab.nodes[node].name());
            return violated(Invariant::NoLostWrite, text);
        }
    }
    // An operator keeps their data. Each of the two answers the other one that it has data.
    lab.stop_etcd(&[0])?;
    lab.type_at(1, FORCE)?;
    lab.says(
        1,
        "refused to force a new cluster: etcd3 also has the cluster's data",
    )?;
    lab.stop_etcd(&[2])?;
    lab.type_at(1, FORCE)?;
    lab.says(1, "beginning anew with this node's data")?;
    lab.type_at(0, GIVE_UP)?;
    for node in [0, 2] {
        lab.type_at(node, "sudo systemctl start etcd")?;
    }
    gives_up(lab, &[2])
}

/// A forced member is off while the others acknowledge writes. Now they are off, and it serves alone; clients are quiet.
pub(super) fn forced_is_first(lab: &mut Lab) -> Result<()> {
    others_serve(lab)?;
    lab.cut(1)?;
    lab.cut(2)?;
    lab.start(0)?;
    lab.says(0, "init: etcd is ready").map(drop)
}

/// Forces etcd1 and cuts its power. The others acknowledge writes without it.
fn others_serve(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.cut_all()?;
    force(lab, 0)?;
    lab.pass(A_WHILE)?;
    lab.cut(0)?;
    serve(lab, &[1, 2])?;
    // More than the forced one adds to its log.
    lab.write_and_pause(80)
}

/// Switches members on, and waits until they serve.
fn serve(lab: &mut Lab, nodes: &[usize]) -> Result<()> {
    for node in nodes {
        lab.start(*node)?;
    }
    for node in nodes {
        lab.says(*node, "init: etcd is ready")?;
    }
    Ok(())
}

/// A forced member of five and another one without data are a cluster. The others still list the former self of the second one.
pub(super) fn beside_a_former_self(lab: &mut Lab) -> Result<()> {
    lab.allow_four_to_rejoin();
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.traffic.stop();
    lab.cut_all()?;
    force(lab, 0)?;
    lab.wipe(3)?;
    lab.start(3)?;
    lab.wait_for_members(&Wanted::everyone().without(&[1, 2, 4]))?;
    lab.pass(A_WHILE)?;
    lab.cut(0)?;
    lab.cut(3)?;
    serve(lab, &[1, 2, 4])?;
    refuses(lab, 0, "etcd2 etcd3 etcd5 ")?;
    lab.start(3)?;
    lab.says(
        3,
        "refused to start: another board or card has taken this node's place",
    )?;
    gives_up(lab, &[0, 3])
}

/// Each of two forced members of five gets another one, and no member is the only one of its cluster.
pub(super) fn two_pairs(lab: &mut Lab) -> Result<()> {
    lab.allow_four_to_rejoin();
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.traffic.stop();
    lab.cut_all()?;
    for (forced, wiped, others) in [(0, 3, [1, 2, 4]), (1, 2, [0, 3, 4])] {
        force(lab, forced)?;
        lab.wipe(wiped)?;
        lab.start(wiped)?;
        lab.wait_for_members(&Wanted::everyone().without(&others))?;
        lab.pass(A_WHILE)?;
        if forced == 0 {
            lab.cut(forced)?;
            lab.cut(wiped)?;
        }
    }
    refuses(lab, 0, "etcd2 etcd3 ")?;
    refuses(lab, 3, "etcd2 etcd3 ")?;
    gives_up(lab, &[0, 3])
}

/// A member refuses to start beside a forced one. Another member, which hears only the first of them, must not begin a third cluster.
pub(super) fn beside_a_refusal(lab: &mut Lab) -> Result<()> {
    force_both(lab, A_WHILE)?;
    refuses(lab, 0, "etcd2 ")?;
    lab.disconnect(1, 2)?;
    ask_to_force(lab, 2)?;
    lab.says(
        2,
        "refused to force a new cluster: etcd1 also has the cluster's data",
    )?;
    lab.links.heal()?;
    gives_up(lab, &[0])
}

/// Neither hears the other when both have power again: each serves, and says so as soon as it hears the other. A member without
/// data joins neither of them.
pub(super) fn side_by_side(lab: &mut Lab) -> Result<()> {
    force_both(lab, A_WHILE)?;
    lab.cut(1)?;
    lab.disconnect(0, 1)?;
    serve(lab, &[0, 1])?;
    lab.links.heal()?;
    lab.says(0, &format!("warning: {BESIDE}etcd2 runs another one"))?;
    lab.says(1, &format!("warning: {BESIDE}etcd1 runs another one"))?;
    lab.wipe(2)?;
    lab.start(2)?;
    lab.says(2, "refused to join: etcd1 and etcd2 run two clusters")?;
    gives_up(lab, &[1])
}

/// The power fails twice while etcd forces a new cluster. The member goes on by itself, and the others join it.
pub(super) fn interrupted(lab: &mut Lab) -> Result<()> {
    force_and_interrupt(lab)?;
    lab.start(0)?;
    interrupt(lab, 0)?;
    lab.start(0)?;
    lab.says(0, "init: etcd is ready")?;
    lab.settle(&Wanted::everyone())
}

/// As in [`interrupted`], but all boards have power again at the same instant. The others have never heard of the forcing, and acknowledge
/// writes. The log of the forced one has other entries than theirs, and must not meet them.
pub(super) fn interrupted_beside_the_others(lab: &mut Lab) -> Result<()> {
    force_and_interrupt(lab)?;
    lab.start_all()?;
    lab.resume_clients();
    lab.says(0, INTERRUPTED)?;
    gives_up(lab, &[0])
}

/// The power fails once or twice while a member of a healthy cluster is forced. It goes on alone, or all boards have power again at the
/// same instant, and it is given up. All members have everything that was acknowledged before.
pub(super) fn interrupted_somewhere(lab: &mut Lab, node: usize) -> Result<()> {
    lab.pause_clients_in_sync()?;
    lab.cut_all()?;
    ask_to_force(lab, node)?;
    interrupt(lab, node)?;
    if lab.rng.percent(50) {
        lab.start(node)?;
        interrupt(lab, node)?;
    }
    if lab.rng.percent(50) {
        lab.start(node)?;
        return lab.says(node, "init: etcd is ready").map(drop);
    }
    lab.start_all()?;
    lab.says(node, INTERRUPTED)?;
    lab.type_at(node, GIVE_UP)
}

/// Forces etcd1 of a cluster whose members are all off, and cuts its power before etcd has saved a snapshot.
fn force_and_interrupt(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.write_and_pause(20)?;
    lab.cut_all()?;
    ask_to_force(lab, 0)?;
    interrupt(lab, 0)
}

/// Cuts the power of a member while etcd, which needs a second to elect itself, forces a new cluster.
fn interrupt(lab: &mut Lab, node: usize) -> Result<()> {
    let mark = lab.nodes[node].data().join("node/forced");
    let is_unfinished = || fs_err::read_to_string(&mark).is_ok_and(|text| text == "unfinished\n");
    lab.says(node, "beginning anew with this node's data")?;
    let start = lab.history.elapsed();
    while !is_unfinished() && !lab.is_over(start) {
        lab.pass(Duration::from_millis(1))?;
    }
    lab.pass_up_to(700)?;
    lab.cut(node)?;
    if !is_unfinished() {
        let text = format!("{} was not interrupted", lab.nodes[node].name());
        return violated(Invariant::Expectation, text);
    }
    Ok(())
}

/// A member of the first cluster does not serve beside these of the second one, each name of which is followed by a space.
fn refuses(lab: &mut Lab, node: usize, others: &str) -> Result<()> {
    lab.start(node)?;
    lab.says(node, &format!("refused to start: {BESIDE}{others}"))?;
    let begun = |line: &String| line.contains("etcd is ready");
    if lab.nodes[node].said().iter().any(begun) {
        let text = format!("{} served beside {others}", lab.nodes[node].name());
        return violated(Invariant::OneCluster, text);
    }
    Ok(())
}

/// All members of one cluster join the other one, as their consoles say.
fn gives_up(lab: &mut Lab, members: &[usize]) -> Result<()> {
    for node in members {
        lab.type_at(*node, GIVE_UP)?;
    }
    lab.settle(&Wanted::everyone())
}

/// Forces etcd1, cuts its power after some time, and forces etcd2. Clients have stopped: one of the two data is given up.
fn force_both(lab: &mut Lab, time: Duration) -> Result<()> {
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.traffic.stop();
    force_in_turn(lab, [0, 1], time)
}

fn force_in_turn(lab: &mut Lab, [first, second]: [usize; 2], time: Duration) -> Result<()> {
    lab.cut_all()?;
    force(lab, first)?;
    lab.pass(time)?;
    lab.cut(first)?;
    force(lab, second)
}

/// Forces two members of a healthy cluster in turn. The first one refuses to start beside the second one, and is given up. Both have
/// everything that was acknowledged before.
pub(super) fn give_up_one(lab: &mut Lab, [first, second]: [usize; 2]) -> Result<()> {
    lab.pause_clients_in_sync()?;
    force_in_turn(lab, [first, second], Duration::ZERO)?;
    let other = format!("{} ", lab.nodes[second].name());
    refuses(lab, first, &other)?;
    lab.type_at(first, GIVE_UP)
}

/// Switches on a member that hears nobody, and forces it to begin anew.
fn force(lab: &mut Lab, node: usize) -> Result<()> {
    ask_to_force(lab, node)?;
    lab.says(node, "init: etcd is ready").map(drop)
}

fn ask_to_force(lab: &mut Lab, node: usize) -> Result<()> {
    let name = lab.nodes[node].name();
    lab.start(node)?;
    lab.says(node, &format!("then run on {name}: "))?;
    lab.type_at(node, FORCE)
}
