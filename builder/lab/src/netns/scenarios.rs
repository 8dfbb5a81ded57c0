//! Named scenarios: typical actions with cards, power and commands.

use std::time::Duration;

use anyhow::{Result, bail};

use super::damage::{
    loss_is_said, row_1_forgotten, row_1_loading, row_1_shrunk, row_1_unanswered, row_6,
    row_6_unmarked, row_6_unnoticed,
};
use super::history::say;
use super::lab::Lab;
use super::model::Wanted;
use super::moves::{row_4_all, row_4_each, row_4_ipv6, row_4_unprepared, row_4_wiped};
use super::random::Losses;
use super::rows::{
    row_1, row_2, row_3_foreign, row_3_foreign_lone, row_3_rotated, row_3_swapped,
    row_3_swapped_of_five, row_5, row_5_three, row_7, row_8, row_9, row_10, row_10_added,
    row_10_removed, row_10_unlisted, row_11_full, row_11_old, row_12, row_13, row_14_database,
    row_14_log, row_16,
};
use super::sabotage;
use super::{
    authentication, copies, links, loss, received, restarts, restored, stale, twice, wrong,
};

/// The actions of a scenario, which end with a check of all promises.
pub(super) type Play = fn(&mut Lab) -> Result<()>;

/// A scenario with a name.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    pub(super) set: &'static str,
    pub(super) play: Play,
}

const fn passes(name: &'static str, set: &'static str, play: Play) -> Scenario {
    Scenario { name, set, play }
}

/// All named scenarios. The number in `row-N…` is that of a reported fault.
pub(super) const SCENARIOS: &[Scenario] = &[
    passes("a-new-cluster", "three", |lab| {
        form(lab).and_then(|()| lab.settle(&Wanted::everyone()))
    }),
    passes("a-lone-node", "lone", |lab| {
        form(lab).and_then(|()| lab.settle(&Wanted::everyone()))
    }),
    passes("ipv6", "ipv6", a_wiped_member_rejoins),
    passes("etcd-3.4", "old", a_wiped_member_rejoins),
    passes("two-of-three-wait", "three", two_of_three_wait),
    passes("a-wiped-member-rejoins", "three", a_wiped_member_rejoins),
    passes("two-of-five-wiped", "five", two_of_five_wiped),
    passes("one-learner-after-the-other", "five", one_after_the_other),
    passes("cuts-while-rejoining", "three", cuts_while_rejoining),
    passes("ipv6-cuts-while-rejoining", "ipv6", cuts_while_rejoining),
    passes("cuts-while-forming", "three", cuts_while_forming),
    passes("all-rebooted", "three", all_rebooted),
    passes("all-on-at-once", "three", copies::all_on_at_once),
    passes("a-parted-leader", "three", a_parted_leader),
    passes("loss-and-delay", "three", loss_and_delay),
    passes("an-upgrade-from-3.4", "old", an_upgrade),
    passes("received-3.5-one-by-one", "old", received::one_by_one),
    passes("received-3.5-cuts", "old", received::cuts),
    passes("received-a-broken-etcd", "old", received::broken),
    passes("received-3.5-restarts", "old", restarts::of_a_received_etcd),
    passes("restarts-before-ready", "three", restarts::of_a_member),
    passes("a-lost-majority", "five", |lab| {
        form(lab)?;
        loss::lose_the_majority(lab, &mut Losses::default())?;
        lab.settle(&Wanted::everyone())
    }),
    passes("a-loss-of-the-majority-is-said", "three", loss_is_said),
    passes("restore-all-wiped", "three", restored::all_wiped),
    passes("restore-cuts", "three", restored::cuts),
    passes("restore-without-one", "three", restored::without_one),
    passes("row-1-force-as-advised", "five", row_1),
    passes("row-1-a-forgotten-request", "three", row_1_forgotten),
    passes("row-1-an-unanswered-request", "three", row_1_unanswered),
    passes("row-1-force-with-a-smaller-image", "three", row_1_shrunk),
    passes("row-1-force-while-others-load", "three", row_1_loading),
    passes("row-1-forced-twice", "three", twice::one_after_the_other),
    passes("row-1-forced-twice-at-once", "three", twice::at_once),
    passes(
        "row-1-forced-twice-side-by-side",
        "three",
        twice::side_by_side,
    ),
    passes(
        "row-1-forced-and-the-others-return",
        "three",
        twice::and_the_others_return,
    ),
    passes("row-1-forced-two-pairs", "five", twice::two_pairs),
    passes(
        "row-1-forced-and-serves-first",
        "three",
        twice::and_serves_first,
    ),
    passes(
        "row-1-forced-beside-a-former-self",
        "five",
        twice::beside_a_former_self,
    ),
    passes("row-1-forced-and-interrupted", "three", twice::interrupted),
    passes(
        "row-1-forced-and-interrupted-beside-the-others",
        "three",
        twice::interrupted_beside_the_others,
    ),
    passes("row-2-force-while-others-serve", "three", row_2),
    passes("row-3-foreign-lone-data", "three", row_3_foreign_lone),
    passes(
        "row-3-foreign-lone-data-in-a-new-cluster",
        "three",
        wrong::foreign_card_in_a_new_cluster,
    ),
    passes("row-3-swapped-cards", "three", row_3_swapped),
    passes("row-3-two-of-five-swapped", "five", row_3_swapped_of_five),
    passes("row-3-all-cards-rotated", "three", row_3_rotated),
    passes("row-3-foreign-data-everywhere", "three", row_3_foreign),
    passes("row-4-moved-all-at-once", "three", row_4_all),
    passes("row-4-moved-one-by-one", "three", row_4_each),
    passes("row-4-ipv4-to-ipv6", "three", row_4_ipv6),
    passes("row-4-moved-unprepared", "three", row_4_unprepared),
    passes("row-4-wiped-while-moving", "three", row_4_wiped),
    passes("row-5-a-cut-at-the-first-start", "lone", row_5),
    passes("row-5-a-cut-before-the-first-logs", "three", row_5_three),
    passes("row-6-corrupt-wal", "three", |lab| {
        row_6(lab, "member/wal/*")
    }),
    passes("row-6-corrupt-db", "three", |lab| {
        row_6(lab, "member/snap/db")
    }),
    passes("row-6-corrupt-wal-unmarked", "three", row_6_unmarked),
    passes("row-6-changed-values", "snapshots", row_6_unnoticed),
    passes("row-7-authentication", "three", row_7),
    passes("row-7-a-password-changes", "users", authentication::wiped),
    passes(
        "row-7-cuts-while-switching-on",
        "users",
        authentication::cuts,
    ),
    passes("row-7-switched-off", "users", authentication::switched_off),
    passes("row-7-a-lost-majority", "users", authentication::majority),
    passes("row-8-one-down-one-wiped", "five", row_8),
    passes("row-9-twins", "three", row_9),
    passes("row-9-twins-of-ipv6", "ipv6", wrong::ipv6_twins),
    passes("row-10-a-replaced-member-returns", "three", row_10),
    passes("row-10-an-unlisted-node", "three", row_10_unlisted),
    passes("row-10-a-removed-member-returns", "four", row_10_removed),
    passes("row-10-a-member-is-added", "three", row_10_added),
    passes(
        "row-10-a-replaced-member-is-again-one",
        "three",
        stale::replaces_a_member_again,
    ),
    passes("row-11-a-full-disk", "three", row_11_full),
    passes("row-11-an-old-binary", "three", row_11_old),
    passes(
        "row-11-wrong-data",
        "three",
        wrong::foreign_card_in_a_cluster,
    ),
    passes("row-11-an-old-binary-with-data", "three", stale::old_binary),
    passes("row-12-a-lone-3.4-member", "old", row_12),
    passes("row-13-a-broken-promise", "three", row_13),
    passes("row-14-a-database-without-a-log", "three", row_14_database),
    passes("row-14-an-unborn-log", "three", row_14_log),
    passes("row-15-a-wrong-clock", "three", wrong::clock),
    passes("row-15-no-clock-anywhere", "three", wrong::all_clocks),
    passes("row-16-an-idle-host", "three", row_16),
    passes(
        "row-18-a-copy-among-the-others",
        "three",
        copies::among_the_others,
    ),
    passes(
        "row-18-a-copy-and-a-restart",
        "three",
        copies::with_a_restart,
    ),
    passes(
        "row-18-a-copy-without-the-others",
        "three",
        copies::given_up,
    ),
    passes(
        "row-18-a-copy-whose-later-writes-are-kept",
        "three",
        copies::kept,
    ),
];

/// Returns the names of the scenarios that must pass.
pub(super) fn gate() -> impl Iterator<Item = String> {
    SCENARIOS.iter().map(|scenario| scenario.name.to_owned())
}

/// Returns the named scenarios; a name that ends in `*` stands for all names with that prefix.
pub(super) fn chosen(names: &[&str]) -> Result<Vec<String>> {
    let mut chosen = Vec::new();
    for name in names {
        let known = SCENARIOS
            .iter()
            .map(|scenario| scenario.name.to_owned())
            .chain(sabotage::names());
        let fits = |known: &String| match name.strip_suffix('*') {
            Some(start) => known.starts_with(start),
            None => known == name,
        };
        let mut found: Vec<String> = known.filter(fits).collect();
        if name
            .strip_prefix("random-")
            .is_some_and(|seed| seed.parse::<u64>().is_ok())
        {
            found.push((*name).to_owned());
        }
        if found.is_empty() {
            bail!("there is no scenario `{name}`: see `lab list`");
        }
        found.retain(|name| !chosen.contains(name));
        chosen.extend(found);
    }
    Ok(chosen)
}

pub(super) fn list() {
    gate().for_each(|name| say(&name));
    sabotage::names().for_each(|name| say(&name));
    say("random-SEED");
}

/// Switches every node on and waits for a healthy cluster.
pub(super) fn form(lab: &mut Lab) -> Result<()> {
    lab.start_all()?;
    lab.wait_for_members(&Wanted::everyone())?;
    lab.pass(Duration::from_millis(500))
}

fn two_of_three_wait(lab: &mut Lab) -> Result<()> {
    lab.start(0)?;
    lab.start(1)?;
    lab.settle(&Wanted::nobody().without(&[2]))
}

fn a_wiped_member_rejoins(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.settle(&Wanted::everyone())
}

fn two_of_five_wiped(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.wipe(3)?;
    lab.settle(&Wanted::everyone())
}

/// A learner loses its power before it has its vote, and another node, which has lost its data, waits for it.
fn one_after_the_other(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(1)?;
    lab.start(1)?;
    lab.says(1, "joining the cluster as member ")?;
    lab.cut(1)?;
    lab.wipe(3)?;
    lab.start(3)?;
    lab.says(3, " to get its vote: the cluster admits one member after")?;
    lab.settle(&Wanted::everyone())
}

fn cuts_while_rejoining(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.wipe(2)?;
    for _ in 0..6 {
        lab.start(2)?;
        lab.pass_up_to(2500)?;
        lab.cut(2)?;
    }
    lab.settle(&Wanted::everyone())
}

fn cuts_while_forming(lab: &mut Lab) -> Result<()> {
    for round in 0..6 {
        lab.start_all()?;
        lab.pass_up_to(1500)?;
        lab.cut(round % 3)?;
    }
    lab.settle(&Wanted::everyone())
}

fn all_rebooted(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for _ in 0..2 {
        lab.cut_all()?;
        lab.start_all()?;
        lab.pass_up_to(2000)?;
    }
    lab.settle(&Wanted::everyone())
}

fn a_parted_leader(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for node in 0..3 {
        lab.disconnect(node, (node + 1) % 3)?;
        lab.disconnect(node, (node + 2) % 3)?;
        lab.pass(Duration::from_millis(2500))?;
        lab.links.heal()?;
    }
    lab.settle(&Wanted::everyone())
}

fn loss_and_delay(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    lab.fault("lose every tenth packet to etcd1, delay what etcd2 sends");
    lab.links.lose(0, 10)?;
    links::delay(1)?;
    lab.pass(Duration::from_secs(2))?;
    lab.wipe(2)?;
    lab.start(2)?;
    lab.pass(Duration::from_secs(3))?;
    lab.settle(&Wanted::everyone())
}

fn an_upgrade(lab: &mut Lab) -> Result<()> {
    form(lab)?;
    for node in lab.all() {
        let name = lab.nodes[node].name();
        lab.reflash(node, "three", &name)?;
        lab.start(node)?;
        lab.wait_for_members(&Wanted::everyone())?;
    }
    lab.settle(&Wanted::everyone())
}
