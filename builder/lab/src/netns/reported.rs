//! Faults that were reported, each repeated as its reporter described it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use super::client::ListedMember;
use super::idle::IdleHost;
use super::lab::Lab;
use super::model::Wanted;
use super::moves::flash_all;
use super::node::LabNode;
use super::scenarios::form;
use super::violation::{Invariant, violated};

const A_WHILE: Duration = Duration::from_secs(3);

/// Three of five nodes are wiped, and the console's advice is followed exactly. The two remaining nodes are separated meanwhile;
/// otherwise it depends on timing whether advice that names both makes two clusters.
pub(super) fn force_as_advised(lab: &mut Lab) -> Result<()> {
    lab.allow_four_to_rejoin();
    form(lab)?;
    lab.pause_clients_in_sync()?;
    for node in 0..3 {
        lab.wipe(node)?;
    }
    lab.start_all()?;
    lab.says(0, "run on ")?;
    lab.disconnect(3, 4)?;
    lab.pass(A_WHILE)?;
    lab.follow_advice(0)?;
    lab.pass(A_WHILE)?;
    lab.settle(&Wanted::everyone())
}

/// A member that was off during an acknowledged write returns with the file that forces a new cluster.
pub(super) fn force_while_others_serve(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut(2)?;
    lab.pass(A_WHILE)?;
    lab.fault("leave the file force-new-cluster on etcd3's card");
    fs_err::write(lab.nodes[2].data().join("force-new-cluster"), "")?;
    lab.start(2)?;
    lab.pass(A_WHILE)?;
    lab.settle(&Wanted::everyone())
}

/// The card of another cluster's only node is flashed with an image of a three-node cluster.
pub(super) fn foreign_lone_data(lab: &mut Lab) -> Result<()> {
    let foreign = foreign(lab)?;
    form(lab)?;
    lab.put(&foreign, 2)?;
    lab.settle(&Wanted::all_but(&[2]))
}

/// Returns the data on the card of another cluster's only node.
pub(super) fn foreign(lab: &mut Lab) -> Result<PathBuf> {
    lab.reflash(2, "lone", "etcd1")?;
    lab.start(2)?;
    lab.says(2, "init: etcd is ready")?;
    lab.type_at(
        2,
        "for i in 1 2 3 4 5 6 7 8 9; do until etcdctl put foreign $i; do sleep 1; done; done",
    )?;
    lab.says(2, "operator: done, exit status: 0")?;
    lab.reflash(2, "three", "etcd3")?;
    let foreign = lab.set_aside(2)?;
    lab.wipe(2)?;
    Ok(foreign)
}

/// Two members exchange their data: neither may serve, and the third alone is no majority.
pub(super) fn swapped_cards(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.swap(0, 1)?;
    lab.settle(&Wanted::nobody())
}

/// Two of five members exchange their data: the cluster knows both member ids, and still neither may serve.
pub(super) fn swapped_cards_of_five(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.swap(0, 1)?;
    lab.start_all()?;
    for node in [0, 1] {
        lab.says(node, "refused the data on this node: it belongs to ")?;
    }
    lab.pass(A_WHILE)?;
    lab.settle(&Wanted::all_but(&[0, 1]))
}

/// Every node has another node's data.
pub(super) fn rotated_cards(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.swap(0, 1)?;
    lab.swap(1, 2)?;
    lab.settle(&Wanted::nobody())
}

/// All cards hold another cluster's data: nodes flashed with these images must not adopt it.
pub(super) fn foreign_data_everywhere(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.pause_clients_in_sync()?;
    flash_all(lab, "other")?;
    lab.use_set("other")?;
    lab.traffic.paused(|ledger| ledger.acknowledged.clear());
    lab.settle(&Wanted::nobody())
}

/// A lone node loses power just after its log appears.
pub(super) fn cut_at_the_first_start(lab: &mut Lab) -> Result<()> {
    for _ in 0..12 {
        lab.wipe(0)?;
        lab.traffic.paused(|ledger| ledger.acknowledged.clear());
        lab.start(0)?;
        let log = lab.nodes[0].data().join("member/wal");
        while !log.exists() {
            lab.pass(Duration::from_millis(1))?;
        }
        lab.pass_up_to(90)?;
        lab.cut(0)?;
        lab.start(0)?;
        lab.wait_for_members(&Wanted::everyone())?;
        lab.has_every_write()?;
    }
    lab.settle(&Wanted::everyone())
}

/// All nodes lose power as a new cluster begins: one has written its first log, and two have created only their databases.
/// etcd does so before it creates a log; the logs are removed here as if the cut had come a moment earlier.
pub(super) fn cut_before_the_first_logs(lab: &mut Lab) -> Result<()> {
    let log = |lab: &Lab, node: usize| lab.nodes[node].data().join("member/wal");
    loop {
        lab.start_all()?;
        while !lab.all().into_iter().all(|node| log(lab, node).exists()) {
            lab.pass(Duration::from_millis(1))?;
        }
        lab.cut_all()?;
        let is_ready = |line: &String| line == "init: etcd is ready";
        let says_ready = |node: &LabNode| node.said().iter().any(is_ready);
        if !lab.nodes.iter().any(says_ready) && lab.traffic.ledger().acknowledged.is_empty() {
            break;
        }
        // The cut came too late: a member has had a part in the cluster.
        wipe_all(lab)?;
    }
    for node in [1, 2] {
        fs_err::remove_dir_all(log(lab, node))?;
    }
    lab.settle(&Wanted::everyone())
}

/// Adds the user root, who may have been added by an attempt whose answer was lost.
const ADD_ROOT: &str =
    "until etcdctl user add root:secret || etcdctl user get root; do sleep 1; done";

/// A member is wiped while authentication is on.
pub(super) fn authentication_by_hand(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.traffic.stop();
    // The last step cannot be repeated as it is: etcd that asks for users rejects whoever is none.
    let commands = format!(
        "{ADD_ROOT}; until etcdctl user grant-role root root; do sleep 1; done; \
         until etcdctl auth enable || etcdctl user list 2>&1 | grep -q 'user name'; do sleep 1; done"
    );
    lab.type_at(0, &commands)?;
    lab.says(0, "operator: done, exit status: 0")?;
    lab.wipe(1)?;
    lab.start_all()?;
    lab.says(
        1,
        "etcdctl user add 'etcd2' --no-password; etcdctl user grant-role 'etcd2' root",
    )?;
    // A password takes etcd long to check on a busy machine.
    let root = "etcdctl --dial-timeout=60s --command-timeout=60s --user root:secret";
    let commands = format!(
        "until {root} user add etcd2 --no-password || {root} user get etcd2; do sleep 1; done; \
         until {root} user grant-role etcd2 root; do sleep 1; done"
    );
    lab.type_at(0, &commands)?;
    lab.says(1, "init: etcd is ready")?;
    lab.type_at(0, &format!("until {root} auth disable; do sleep 1; done"))?;
    lab.settle(&Wanted::everyone())
}

/// One of five is down while another is wiped.
pub(super) fn one_down_one_wiped(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.cut(3)?;
    lab.wipe(4)?;
    lab.start(4)?;
    lab.pass(Duration::from_secs(10))?;
    // Its former member must still be listed as long as it cannot be added again.
    let members = members(lab)?;
    if members.len() < 5 {
        let text = format!("etcd5's former self was removed before it could be added: {members:?}");
        return violated(Invariant::Expectation, text);
    }
    lab.says(4, "etcd4")?;
    lab.settle(&Wanted::everyone())
}

/// Two boards run the same image, one of them with an empty card: the second one must not take the place of the first.
pub(super) fn twins(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let twin = lab.add_board("three", "etcd2", None)?;
    stays_out(lab, twin, "refused to start: another board (MAC ")
}

/// A board with the image of another one, which is a member, says this and changes nothing.
pub(super) fn stays_out(lab: &mut Lab, twin: usize, text: &str) -> Result<()> {
    let before = members(lab)?;
    lab.start(twin)?;
    lab.says(twin, text)?;
    lab.pass(Duration::from_secs(6))?;
    let later = members(lab)?;
    let begun = |line: &String| line.contains("etcd is ready");
    if later != before || lab.nodes[twin].said().iter().any(begun) {
        return violated(
            Invariant::Expectation,
            format!("the second board changed the cluster: {later:?}"),
        );
    }
    lab.cut(twin)?;
    lab.settle(&Wanted::everyone().without(&[twin]))
}

/// etcd3 is replaced by etcd4, and returns.
pub(super) fn replaced_member_returns(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let old = lab.set_aside(2)?;
    for (node, name) in [(0, "etcd1"), (1, "etcd2"), (2, "etcd4")] {
        lab.reflash(node, "replaced", name)?;
        if node == 2 {
            lab.wipe(2)?;
        }
        lab.start(node)?;
    }
    lab.wait_for_members(&Wanted::everyone())?;
    let returned = lab.add_board("three", "etcd3", Some(&old))?;
    lab.start(returned)?;
    lab.pass(Duration::from_secs(12))?;
    lab.settle(&Wanted::all_but(&[returned]))
}

/// A node that the members' images do not list asks to join.
pub(super) fn unlisted_node(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    let fourth = lab.add_board("four", "etcd4", None)?;
    lab.start(fourth)?;
    lab.says(
        fourth,
        "refused to join: the image of no running member lists this node",
    )?;
    lab.settle(&Wanted::all_but(&[fourth]))
}

/// A member that an operator removed for good is switched on again, with its data.
pub(super) fn removed_member_returns(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for node in 0..3 {
        let name = lab.nodes[node].name();
        lab.reflash(node, "three", &name)?;
        lab.start(node)?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    lab.cut(3)?;
    let remove = "until list=$(etcdctl member list) && ! echo \"$list\" | grep -q ', etcd4,'; do \
         etcdctl member remove $(echo \"$list\" | sed -n 's/, started, etcd4,.*//p'); sleep 1; done";
    lab.type_at(0, remove)?;
    lab.says(0, "operator: done, exit status: 0")?;
    lab.start(3)?;
    lab.says(
        3,
        "refused to join: the image of no running member lists this node",
    )?;
    lab.settle(&Wanted::all_but(&[3]))
}

/// A fourth member is added: first one of the others gets an image that lists it.
pub(super) fn member_is_added(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.reflash(1, "four", "etcd2")?;
    lab.start(1)?;
    lab.wait_for_members(&Wanted::everyone())?;
    let fourth = lab.add_board("four", "etcd4", None)?;
    lab.start(fourth)?;
    lab.settle(&Wanted::everyone())
}

/// A disk is full while its node tries to become a member.
pub(super) fn full_disk(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.fill(1, 20)?;
    lab.start(1)?;
    lab.count_changes(Duration::from_secs(20))?;
    lab.settle(&Wanted::everyone())
}

/// An image with etcd 3.4 is added to a cluster of 3.5.
pub(super) fn old_binary(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.reflash(1, "old", "etcd2")?;
    lab.start(1)?;
    lab.count_changes(Duration::from_secs(20))?;
    lab.settle(&Wanted::all_but(&[1]))
}

/// One 3.4 member answers `member list` by itself, which is no majority.
pub(super) fn lone_old_member(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.pause_clients_in_sync()?;
    lab.wipe(1)?;
    lab.wipe(2)?;
    lab.start_all()?;
    lab.says(1, "run on etcd1")?;
    lab.settle(&Wanted::nobody())
}

/// A member vows and loses power, and its card is erased before the others have begun.
pub(super) fn broken_promise(lab: &mut Lab) -> Result<()> {
    for round in 0..4 {
        wipe_all(lab)?;
        lab.start_all()?;
        // The vow lasts until etcd has started.
        let node = lab.nodes[round % 3].data().join("node");
        while !["vow", "started"]
            .iter()
            .any(|name| node.join(name).exists())
        {
            lab.pass(Duration::from_millis(2))?;
        }
        lab.pass_up_to(400)?;
        lab.wipe(round % 3)?;
        lab.pass_up_to(800)?;
        lab.start_all()?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    lab.settle(&Wanted::everyone())
}

/// A copy of a foreign card is incomplete: it ends before the log.
pub(super) fn database_without_a_log(lab: &mut Lab) -> Result<()> {
    let foreign = foreign(lab)?;
    form(lab)?;
    lab.put(&foreign, 1)?;
    lab.fault("remove the log of it");
    fs_err::remove_dir_all(lab.nodes[1].data().join("member/wal"))?;
    lab.settle(&Wanted::everyone())
}

/// Power is cut while etcd creates its first log.
pub(super) fn unfinished_log(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.fault("leave an unfinished log on etcd2's card");
    let log = lab.nodes[1].data().join("member/wal");
    fs_err::create_dir_all(&log)?;
    fs_err::write(log.join("0.tmp"), "")?;
    lab.settle(&Wanted::everyone())
}

/// A host of the network holds connections to every node while the cluster forms and a member joins.
pub(super) fn idle_host(lab: &mut Lab) -> Result<()> {
    lab.fault("a host holds idle connections to every node");
    let host = IdleHost::connect(lab.nodes.iter().map(LabNode::address));
    form(lab)?;
    lab.wipe(1)?;
    lab.start(1)?;
    lab.wait_for_members(&Wanted::everyone())?;
    if host.opened() < 100 {
        let text = format!("nodes accepted {} idle connections only", host.opened());
        return violated(Invariant::Expectation, text);
    }
    drop(host);
    lab.settle(&Wanted::everyone())
}

/// Erases all cards, and with them every write.
pub(super) fn wipe_all(lab: &mut Lab) -> Result<()> {
    lab.all().into_iter().try_for_each(|node| lab.wipe(node))?;
    lab.traffic.paused(|ledger| ledger.acknowledged.clear());
    Ok(())
}

/// Returns the member list according to etcd1.
fn members(lab: &Lab) -> Result<Vec<ListedMember>> {
    let (_, members) = lab.retry(|client| client.members(lab.nodes[0].address()))?;
    Ok(members)
}
