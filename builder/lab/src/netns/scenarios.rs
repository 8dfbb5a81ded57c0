//! Named scenarios: typical actions with cards, power and commands.

use std::time::Duration;

use anyhow::{Result, bail};

use super::history::say;
use super::lab::Lab;
use super::model::Wanted;
use super::random::Losses;
use super::sabotage;
use super::{
    aside, authentication, copies, damage, loss, memory, moves, random, received, reported,
    restarts, restored, stale, twice, wrong,
};

/// The actions of a scenario, which end with a check of all invariants.
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

/// All named scenarios.
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
    passes("cuts-while-setting-data-aside", "three", aside::cuts),
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
    passes(
        "a-loss-of-the-majority-is-said",
        "three",
        damage::loss_is_said,
    ),
    passes("restore-all-wiped", "three", restored::all_wiped),
    passes("restore-cuts", "three", restored::cuts),
    passes("restore-without-one", "three", restored::without_one),
    passes("force-as-advised", "five", reported::force_as_advised),
    passes(
        "force-asked-without-data",
        "three",
        damage::force_asked_without_data,
    ),
    passes(
        "force-asked-while-serving",
        "three",
        damage::force_asked_while_serving,
    ),
    passes(
        "force-with-a-smaller-image",
        "three",
        damage::force_with_a_smaller_image,
    ),
    passes(
        "force-while-others-load",
        "three",
        damage::force_while_others_load,
    ),
    passes("forced-twice", "three", twice::one_after_the_other),
    passes("forced-twice-at-once", "three", twice::at_once),
    passes("force-beside-a-failure", "three", damage::beside_a_failure),
    passes("force-beside-a-refusal", "three", twice::beside_a_refusal),
    passes("force-beside-swaps", "three", damage::beside_swaps),
    passes("forced-twice-side-by-side", "three", twice::side_by_side),
    passes(
        "forced-and-the-others-return",
        "three",
        twice::and_the_others_return,
    ),
    passes("forced-with-a-wrong-clock", "three", twice::wrong_clock),
    passes("forced-two-pairs", "five", twice::two_pairs),
    passes("forced-and-serves-first", "three", twice::and_serves_first),
    passes(
        "forced-beside-a-former-self",
        "five",
        twice::beside_a_former_self,
    ),
    passes("forced-and-interrupted", "three", twice::interrupted),
    passes(
        "forced-and-interrupted-beside-the-others",
        "three",
        twice::interrupted_beside_the_others,
    ),
    passes(
        "force-while-others-serve",
        "three",
        reported::force_while_others_serve,
    ),
    passes("foreign-lone-data", "three", reported::foreign_lone_data),
    passes(
        "foreign-lone-data-in-a-new-cluster",
        "three",
        wrong::foreign_card_in_a_new_cluster,
    ),
    passes("swapped-cards", "three", reported::swapped_cards),
    passes(
        "swapped-cards-of-five",
        "five",
        reported::swapped_cards_of_five,
    ),
    passes("rotated-cards", "three", reported::rotated_cards),
    passes("rotated-cards-in-use", "three", wrong::rotated_cards_in_use),
    passes(
        "foreign-data-everywhere",
        "three",
        reported::foreign_data_everywhere,
    ),
    passes("moved-all-at-once", "three", moves::all_at_once),
    passes("moved-one-by-one", "three", moves::one_by_one),
    passes("moved-from-ipv4-to-ipv6", "three", moves::from_ipv4_to_ipv6),
    passes("moved-unprepared", "three", moves::unprepared),
    passes(
        "moved-and-wiped-on-the-way",
        "three",
        moves::wiped_on_the_way,
    ),
    passes(
        "a-cut-at-the-first-start",
        "lone",
        reported::cut_at_the_first_start,
    ),
    passes(
        "a-cut-before-the-first-logs",
        "three",
        reported::cut_before_the_first_logs,
    ),
    passes("corrupt-wal", "three", |lab| {
        damage::corrupt(lab, "member/wal/*")
    }),
    passes("corrupt-db", "three", |lab| {
        damage::corrupt(lab, "member/snap/db")
    }),
    passes("corrupt-wal-unmarked", "three", damage::corrupt_unmarked),
    passes("changed-values", "snapshots", damage::changed_values),
    passes(
        "authentication-by-hand",
        "three",
        reported::authentication_by_hand,
    ),
    passes(
        "authentication-password-changes",
        "users",
        authentication::wiped,
    ),
    passes("authentication-cuts", "users", authentication::cuts),
    passes(
        "authentication-switched-off",
        "users",
        authentication::switched_off,
    ),
    passes(
        "authentication-a-lost-majority",
        "users",
        authentication::majority,
    ),
    passes("one-down-one-wiped", "five", reported::one_down_one_wiped),
    passes("twins", "three", reported::twins),
    passes("ipv6-twins", "ipv6", wrong::ipv6_twins),
    passes(
        "a-replaced-member-returns",
        "three",
        reported::replaced_member_returns,
    ),
    passes("an-unlisted-node", "three", reported::unlisted_node),
    passes(
        "a-removed-member-returns",
        "four",
        reported::removed_member_returns,
    ),
    passes("a-member-is-added", "three", reported::member_is_added),
    passes(
        "a-replaced-member-is-again-one",
        "three",
        stale::replaces_a_member_again,
    ),
    passes("a-full-disk", "three", reported::full_disk),
    passes("a-full-memory", "three", memory::full),
    passes("an-old-binary", "three", reported::old_binary),
    passes(
        "foreign-lone-data-in-a-cluster",
        "three",
        wrong::foreign_card_in_a_cluster,
    ),
    passes("an-old-binary-with-data", "three", stale::old_binary),
    passes("a-lone-3.4-member", "old", reported::lone_old_member),
    passes("a-broken-promise", "three", reported::broken_promise),
    passes(
        "a-database-without-a-log",
        "three",
        reported::database_without_a_log,
    ),
    passes("an-unfinished-log", "three", reported::unfinished_log),
    passes("a-wrong-clock", "three", wrong::clock),
    passes("all-clocks-wrong", "three", wrong::all_clocks),
    passes("an-idle-host", "three", reported::idle_host),
    passes("a-copy-among-the-others", "three", copies::among_the_others),
    passes("a-copy-and-a-restart", "three", copies::with_a_restart),
    passes("a-copy-without-the-others", "three", copies::given_up),
    passes("a-copy-whose-later-writes-are-kept", "three", copies::kept),
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
        if random::find(name).is_some() {
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
    say("brief-SEED");
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
    lab.links.delay(1)?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{gate, sabotage};

    #[test]
    fn a_name_stands_for_one_scenario() {
        let names: Vec<String> = gate().chain(sabotage::names()).collect();
        let different: BTreeSet<&String> = names.iter().collect();
        assert_eq!(different.len(), names.len());
    }
}
