//! The table of the commands for running clusters: the tests of each while all works, and in two kinds of failure.

use std::fs;
use std::path::Path;

use crate::support::scene::PROGRAM;
use crate::support::tool::tool;

/// Every command, and below it the tests in this directory that run it: while all members work; while one is down, which either
/// does no harm or is refused with a reason; and interrupted and repeated. `tests/boot/commands.rs` and `tests/boot/growth.rs`
/// run them on booted nodes.
const TABLE: &str = "
status
    status::a_healthy_cluster_is_shown_with_everything_that_etcd_knows
    status::missing_members_and_a_missing_quorum_are_named
    status::watching_repeats_the_report_until_it_is_stopped
backup
    backup::etcdutl_accepts_and_restores_what_a_follower_sent
    backup::one_member_may_be_down_but_not_two
    backup::a_full_disk_and_a_killed_command_leave_no_snapshot
restore
    restore::all_members_begin_again_with_a_snapshot
    one_down::the_other_nodes_are_looked_after_while_a_board_is_off, failures::cut::a_command_without_one_member_does_what_it_can
    restore::all_members_begin_again_with_a_snapshot, failures::killed::a_killed_restore_or_restart_continues
defrag
    databases::history_is_removed_and_its_space_freed_followers_first
    databases::history_is_removed_and_its_space_freed_followers_first, failures::cut::a_command_without_one_member_does_what_it_can
    failures::killed::a_killed_request_does_no_harm_and_is_sent_again
compact
    databases::history_is_removed_and_its_space_freed_followers_first
    databases::history_is_removed_and_its_space_freed_followers_first, failures::cut::a_command_without_one_member_does_what_it_can
    failures::killed::a_killed_request_does_no_harm_and_is_sent_again
alarm
    databases::an_alarm_is_disarmed_once_its_database_has_room
    databases::a_corrupt_member_is_named_until_its_data_are_those_of_the_others, failures::cut::a_command_without_one_member_does_what_it_can
    failures::killed::a_killed_request_does_no_harm_and_is_sent_again
move-leader
    lead::another_member_leads_when_it_can
    one_down::the_other_nodes_are_looked_after_while_a_board_is_off, failures::cut::a_command_without_one_member_does_what_it_can
    failures::killed::a_killed_request_does_no_harm_and_is_sent_again
logs
    nodes::the_messages_of_a_node_are_shown_without_control_characters
    one_down::the_other_nodes_are_looked_after_while_a_board_is_off, failures::cut::a_command_without_one_member_does_what_it_can
    failures::killed::a_killed_request_does_no_harm_and_is_sent_again
reboot
    nodes::all_nodes_restart_one_by_one_while_a_client_writes
    nodes::all_nodes_restart_one_by_one_while_a_client_writes, failures::cut::a_command_without_one_member_does_what_it_can
    nodes::a_node_that_stays_off_ends_the_command_before_the_next_node, failures::killed::a_killed_restore_or_restart_continues
password
    password::users_log_in_with_the_password_that_the_state_directory_keeps
    password::users_log_in_with_the_password_that_the_state_directory_keeps
    failures::killed::a_killed_request_does_no_harm_and_is_sent_again
renew
    renew::members_present_renewed_certificates_while_clients_write
    one_down::the_other_nodes_are_looked_after_while_a_board_is_off, failures::cut::a_command_without_one_member_does_what_it_can
    renew::a_node_that_is_missed_gets_its_certificates_later, failures::killed::a_killed_renewal_or_rotation_continues
rotate-ca
    rotate::the_ca_is_replaced_in_three_phases_while_a_client_writes
    one_down::the_other_nodes_are_looked_after_while_a_board_is_off, failures::cut::a_command_without_one_member_does_what_it_can
    rotate::the_ca_is_replaced_in_three_phases_while_a_client_writes, failures::killed::a_killed_renewal_or_rotation_continues
upgrade
    upgrade::members_are_upgraded_one_at_a_time_while_a_client_writes
    upgrade::members_are_upgraded_one_at_a_time_while_a_client_writes, failures::cut::a_command_without_one_member_does_what_it_can
    upgrade::members_are_upgraded_one_at_a_time_while_a_client_writes, failures::killed::a_killed_upgrade_continues
replace
    membership::a_dead_member_is_replaced_by_a_new_node
    membership::a_dead_member_is_replaced_by_a_new_node, failures::cut::a_command_without_one_member_does_what_it_can
    membership::a_dead_member_is_replaced_by_a_new_node, failures::killed::a_killed_change_of_the_members_continues
add
    membership::three_members_become_five_and_three_again_while_a_client_writes
    membership::three_members_become_five_and_three_again_while_a_client_writes, failures::cut::a_command_without_one_member_does_what_it_can
    membership::three_members_become_five_and_three_again_while_a_client_writes, failures::killed::a_killed_change_of_the_members_continues
remove
    membership::three_members_become_five_and_three_again_while_a_client_writes
    membership::three_members_become_five_and_three_again_while_a_client_writes, failures::cut::a_command_without_one_member_does_what_it_can
    membership::three_members_become_five_and_three_again_while_a_client_writes, failures::killed::a_killed_change_of_the_members_continues
";

/// Returns the commands of a table, and the tests in its cells.
fn read(table: &str) -> (Vec<&str>, Vec<Vec<&str>>) {
    let lines = table.lines().filter(|line| !line.is_empty());
    let (cells, commands): (Vec<&str>, Vec<&str>) = lines.partition(|it| it.starts_with(' '));
    let cells = cells.into_iter();
    let cells = cells.map(|cell| cell.trim().split(", ").collect());
    (commands, cells.collect())
}

/// Returns whether a test exists, with this line before its name.
fn exists(test: &str, before: &str) -> bool {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster");
    let (module, name) = test.rsplit_once("::").unwrap();
    let file = folder.join(module.replace("::", "/")).with_extension("rs");
    let source = fs::read_to_string(file).unwrap_or_default();
    source.contains(&format!("{before}\nfn {name}()"))
}

fn runs_always(test: &str) -> bool {
    exists(test, "#[test]")
}

/// Returns the tests that do not exist, and those of cells that only `cargo xtask test --full` runs.
fn missing<'t>(cells: &[Vec<&'t str>]) -> Vec<&'t str> {
    let is_wrong = |cell: &&Vec<&str>| {
        let runs = |test: &&str| runs_always(test) || exists(test, "runs it\"]");
        !cell.iter().all(runs) || !cell.iter().any(|test| runs_always(test))
    };
    cells.iter().filter(is_wrong).flatten().copied().collect()
}

/// Returns the names of the commands, sorted.
fn names() -> Vec<String> {
    let help = tool(PROGRAM, &["cluster", "--help"]).done().text();
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let own = listed.filter(|line| !line.starts_with("   "));
    let names = own.map(|line| line.split_whitespace().next().unwrap());
    let names = names.filter(|name| *name != "help");
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[test]
fn every_command_is_tested_with_and_without_failures() {
    let (mut commands, cells) = read(TABLE);
    assert_eq!(missing(&cells), [""; 0]);
    assert_eq!(cells.len(), 3 * commands.len());
    commands.sort_unstable();
    assert_eq!(commands, names());
}

/// Returns the commands of README's table of failures, sorted.
fn described(readme: &str) -> Vec<String> {
    let (_, rows) = readme.split_once("\n| command | one of three").unwrap();
    let rows = rows.lines().take_while(|row| !row.is_empty());
    let commands = rows.filter_map(|row| row.strip_prefix("| `"));
    let names = commands.map(|row| row.split([' ', '`']).next().unwrap());
    let mut names: Vec<_> = names.map(str::to_owned).collect();
    names.sort_unstable();
    names
}

#[test]
fn the_readme_says_what_every_command_does_after_a_failure() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let readme = fs::read_to_string(path).unwrap();
    assert_eq!(described(&readme), names());
}

#[test]
fn a_test_that_does_not_exist_or_run_and_a_row_that_is_missing_are_seen() {
    let ignored = "failures::killed::a_killed_upgrade_continues";
    let table = format!("status\n    status::no_such_test\n    {ignored}\n");
    let (commands, cells) = read(&table);
    assert_eq!(commands, ["status"]);
    assert_eq!(missing(&cells), ["status::no_such_test", ignored]);
    let readme = "\n| command | one of three members is down |\n|---|---|\n| `b x` | – |\n| `a` | – |\n\n| `c` |";
    assert_eq!(described(readme), ["a", "b"]);
}
