//! The table of the commands for running clusters: the tests of each on a good day and on two bad ones.

use std::fs;
use std::path::Path;

use crate::support::scene::PROGRAM;
use crate::support::tool::tool;

/// Every command, and below it the tests in this directory that run it: while all members work; while one is down, which either
/// does no harm or is refused with a reason; and interrupted and repeated.
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
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
defrag
    databases::history_is_removed_and_its_space_freed_followers_first
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
compact
    databases::history_is_removed_and_its_space_freed_followers_first
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
alarm
    databases::an_alarm_is_disarmed_once_its_database_has_room
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
move-leader
    lead::another_member_leads_when_it_can
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
logs
    nodes::the_messages_of_a_node_are_shown_without_control_characters
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
reboot
    nodes::all_nodes_restart_one_by_one_while_a_client_writes
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_restore_or_restart_continues
password
    password::users_log_in_with_the_password_that_the_state_directory_keeps
    password::users_log_in_with_the_password_that_the_state_directory_keeps
    password::users_log_in_with_the_password_that_the_state_directory_keeps
renew
    renew::members_present_renewed_certificates_while_clients_write
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_renewal_or_rotation_continues
rotate-ca
    rotate::the_ca_is_replaced_in_three_phases_while_a_client_writes
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_renewal_or_rotation_continues
upgrade
    upgrade::members_are_upgraded_one_at_a_time_while_a_client_writes
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_upgrade_continues
replace
    membership::a_dead_member_is_replaced_by_a_new_node
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_change_of_the_members_continues
add
    membership::three_members_become_five_and_three_again_while_a_client_writes
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_change_of_the_members_continues
remove
    membership::three_members_become_five_and_three_again_while_a_client_writes
    bad_days::cut::a_command_without_one_member_does_what_it_can
    bad_days::killed::a_killed_change_of_the_members_continues
";

/// Returns the commands of a table, and its tests.
fn read(table: &str) -> (Vec<&str>, Vec<&str>) {
    let lines = table.lines().filter(|line| !line.is_empty());
    let (tests, commands): (Vec<&str>, Vec<&str>) = lines.partition(|it| it.starts_with(' '));
    (commands, tests.into_iter().map(str::trim).collect())
}

/// Returns the tests that do not exist.
fn missing<'t>(tests: &[&'t str]) -> Vec<&'t str> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cluster");
    let exists = |test: &str| {
        let (module, name) = test.rsplit_once("::").unwrap();
        let file = folder.join(module.replace("::", "/")).with_extension("rs");
        let text = fs::read_to_string(file).unwrap_or_default();
        text.contains(&format!("#[test]\nfn {name}()"))
            || text.contains(&format!("runs it\"]\nfn {name}()"))
    };
    let tests = tests.iter().copied();
    tests.filter(|test| !exists(test)).collect()
}

#[test]
fn every_command_is_tested_on_a_good_day_and_on_bad_ones() {
    let (mut commands, tests) = read(TABLE);
    assert_eq!(missing(&tests), [""; 0]);
    assert_eq!(tests.len(), 3 * commands.len());
    let help = tool(PROGRAM, &["cluster", "--help"]).done().text();
    let (_, listed) = help.split_once("Commands:\n").unwrap();
    let listed = listed.lines().take_while(|line| !line.is_empty());
    let own = listed.filter(|line| !line.starts_with("   "));
    let names = own.map(|line| line.split_whitespace().next().unwrap());
    let mut names: Vec<&str> = names.filter(|name| *name != "help").collect();
    commands.sort_unstable();
    names.sort_unstable();
    assert_eq!(commands, names);
}

#[test]
fn a_test_that_does_not_exist_is_seen() {
    let (commands, tests) = read("status\n    status::no_such_test\n    nothing::at_all\n");
    assert_eq!(commands, ["status"]);
    assert_eq!(missing(&tests), ["status::no_such_test", "nothing::at_all"]);
}
