//! What an operator asks of a node with a file is answered once, and at the right moment.

use std::fs;

use super::join::Node;

/// etcd that is being forced ends by itself.
const ENDS: &str = "kill() { [ -z \"${forcing-}\" ] || [ \"${2-}\" != \"$forcing\" ] || { wait \"$2\"; return 1; }; }";

/// Nobody has come while etcd was forced.
pub(super) const ALONE: &str = "stays_alone() { :; }";

#[test]
fn a_request_that_has_no_meaning_is_forgotten() {
    let node = Node::with_data();
    node.write("data/use-this-data", "");
    let said = "etcd-node: refused use-this-data: this node uses its data anyway\n";
    assert_eq!(node.call("know id; forget_requests"), said);
    assert!(!node.has("data/use-this-data"));
    // Data of another node has to be answered.
    node.write("data/use-this-data", "");
    node.call("NAME=b identify");
    assert_eq!(node.call("forget_requests"), "");
    assert!(node.has("data/use-this-data"));
}

#[test]
fn a_request_restarts_etcd_so_that_it_is_answered_now() {
    for request in ["force-new-cluster", "set-data-aside", "use-this-data"] {
        let node = Node::with_data();
        node.write("run/log", "");
        node.write("run/ready", "");
        node.write(&format!("data/{request}"), "");
        let said = node.call("slept=0; sleep() { slept=$((slept + 1)); [ $slept -le 1 ]; }; watch");
        let restarts = said.starts_with(&format!(
            "etcd-node: restarting etcd: {request} was asked for\nkill "
        ));
        assert!(restarts, "{said}");
    }
}

#[test]
fn a_request_to_set_data_aside_waits_for_room() {
    let node = Node::with_data();
    node.write("data/set-data-aside", "");
    for generation in 1..=3 {
        node.write(&format!("data/aside/{generation}/member/x"), "");
    }
    node.call("aside asked");
    assert!(node.has("data/set-data-aside") && node.has("data/member/wal/0.wal"));
    fs::remove_dir_all(node.at("data/aside/1")).unwrap();
    node.call("aside asked");
    assert!(!node.has("data/set-data-aside") && !node.has("data/member"));
}

/// The cluster would have one member less until somebody deletes a set.
#[test]
fn etcd_runs_on_until_there_is_room_for_its_data() {
    let node = Node::with_data();
    node.write("run/log", "");
    node.write("run/ready", "");
    node.write("data/set-data-aside", "");
    for generation in 1..=3 {
        node.write(&format!("data/aside/{generation}/member/x"), "");
    }
    let once = "slept=0; sleep() { slept=$((slept + 1)); [ $slept -le 1 ]; }; watch";
    let said = node.call(once);
    let waits = "etcd-node: waiting for somebody to look at ";
    assert!(said.starts_with(waits), "{said}");
    assert!(!said.contains("restarting etcd"), "{said}");
    // It is said once for a request.
    let said = node.call("is_asked; say reports; is_asked; say again");
    assert!(said.starts_with(waits), "{said}");
    assert!(
        said.ends_with("\netcd-node: reports\netcd-node: again\n"),
        "{said}"
    );
    fs::remove_dir_all(node.at("data/aside/1")).unwrap();
    let restarts = "etcd-node: restarting etcd: set-data-aside was asked for";
    assert!(node.call(once).starts_with(restarts));
}

#[test]
fn data_of_another_node_is_used_only_when_those_that_listen_have_answered() {
    let node = Node::with_data();
    let ask = "know id; know vow; number=-; listens() { :; }; facts_of_peers";
    assert_eq!(node.call(ask), "peer b silent\npeer c silent\n");
    node.write("data/use-this-data", "");
    assert_eq!(node.call(ask), "peer b busy\npeer c busy\n");
}

#[test]
fn data_that_is_used_on_request_is_not_given_up_by_a_failed_start() {
    let node = Node::with_data();
    node.call("rm -r $STATE; mkdir $STATE; use");
    assert!(node.has("data/node/started"));
}

/// An operator has removed an earlier request. The next one is announced as often as the first.
#[test]
fn announcements_end_with_their_request() {
    let node = Node::with_data();
    node.write("run/announced", "4\n");
    node.write("data/force-new-cluster", "");
    node.call("know id; forget_requests");
    assert_eq!(node.read("run/announced"), "4\n");
    node.call("know id; rm $DATA/force-new-cluster; forget_requests");
    assert!(!node.has("run/announced"));
}

/// The next look at the requests answers it.
#[test]
fn a_request_made_while_etcd_becomes_ready_is_kept() {
    let node = Node::with_data();
    node.write("data/force-new-cluster", "");
    node.run_of_etcd(true, "");
    assert!(node.has("data/force-new-cluster"));
}

/// The board was switched on again between two steps of the command, and etcd was starting with the data that it had.
#[test]
fn a_restore_that_is_asked_for_while_etcd_starts_stays_wanted() {
    let node = Node::with_data();
    node.write("data/restore/snapshot.db", "whole");
    node.write("data/restore/wanted", "00ff ab\n");
    node.run_of_etcd(true, "");
    assert_eq!(node.read("data/restore/snapshot.db"), "whole");
    assert!(!node.has("data/node/restored"));
}

#[test]
fn forcing_is_asked_for_after_the_last_boot() {
    let node = Node::with_data();
    let begin = "SYNCHRONIZED=/dev/null; kill() { :; }; await_address() { :; }; may_read_keys() { :; }; start_over() { :; }; look() { :; }; before_etcd";
    node.write("data/force-new-cluster", "");
    let said = "etcd-node: refused force-new-cluster: it was asked for before this node was switched on. Ask again if it is still \
                needed\n";
    assert_eq!(node.call(begin), said);
    assert!(!node.has("data/force-new-cluster"));
    // Somebody asks, and restarts etcd.
    node.write("data/force-new-cluster", "");
    assert_eq!(node.call(begin), "");
    assert!(node.has("data/force-new-cluster"));
}

/// Others would join it by its log, from which etcd has dropped what was not marked as agreed on.
#[test]
fn a_forced_member_serves_once_it_has_saved_a_snapshot() {
    let node = Node::with_data();
    let address = "listen-peer-urls: \"https://192.168.0.50:2380\"";
    let built = format!("name: a\n{address}\n\"snapshot-count\": 5\nlog-level: error\n");
    node.write("run/built", &built);
    let force = |log: &str| {
        node.write("data/force-new-cluster", "");
        let etcd = format!("cp $CONFIGURED $RUN/told; printf '{log}' >$1");
        node.call(&format!(
            "{ENDS}; CONFIG=$RUN/built; become_etcd() {{ {etcd}; }}; {ALONE}; force"
        ))
    };
    // The snapshot lists the other members.
    let said = force("saved snapshot\\nbecame leader\\n");
    let waits = "etcd-node: waiting to force a new cluster: etcd has saved no snapshot of this node's data: became leader. It is tried again.";
    assert!(said.contains(waits), "{said}");
    assert_eq!(node.read("data/node/forced"), "unfinished\n");
    let said = force("panic: failed to open database\\n\\nmain()\\n\\tbackend.go:75 +0x15a\\n");
    let why = "saved no snapshot of this node's data: panic: failed to open database. It is tried";
    assert!(said.contains(why), "{said}");

    force("became leader\\nsaved snapshot\\n");
    let told = node.read("run/told");
    assert!(
        told.starts_with("name: a\ninitial-cluster-state: new\n"),
        "{told}"
    );
    let alone = "force-new-cluster: true\nsnapshot-count: 1\nlisten-client-urls: https://127.0.0.2:2379\n\
                 listen-peer-urls: https://127.0.0.2:2380\n";
    assert!(told.ends_with(alone), "{told}");
    let configured = node.read("run/etcd.conf.yml");
    assert!(
        configured.starts_with(&built) && !configured.contains("force"),
        "{configured}"
    );
    assert!(!node.has("data/force-new-cluster"));
    assert_eq!(node.read("data/node/forced"), "yes\n");
}

/// The power fails, or etcd ends. Its log may already have other entries in the place of those that the others have.
#[test]
fn forcing_that_was_interrupted_goes_on_at_the_next_start() {
    let node = Node::with_data();
    node.write("data/force-new-cluster", "");
    let etcd = format!(
        "{ENDS}; become_etcd() {{ cat $STATE/forced; [ ! -e $DATA/force-new-cluster ] || echo asked; }}"
    );
    let said = node.call(&format!("{etcd}; force"));
    let is_marked = said.contains("\nunfinished\n") && !said.contains("asked");
    assert!(is_marked, "{said}");
    // Somebody may ask again, or the request was not yet removed.
    node.call("rm -r $RUN/*");
    node.write("data/force-new-cluster", "");
    let look = "listens() { return 1; }; ask_all() { :; }; know id; know vow; number=-; looks=0; doubt_force; look";
    let said = node.call(look);
    let goes_on = "etcd-node: going on to force a new cluster, which was interrupted: asking the others first\n";
    assert_eq!(said, goes_on);
    node.call("rm $DATA/force-new-cluster");
    assert_eq!(node.call(look), goes_on);
    assert!(node.read("run/facts").contains("unfinished yes\n"));
    assert_eq!(node.read("run/said"), "etcd-node a forced -\n");
    node.write("run/announced", "10\n");
    let said = node.call(&format!("{etcd}; {look}"));
    assert!(said.contains("\nunfinished\n"), "{said}");
    node.call("set_aside asked");
    assert!(!node.has("data/node/forced"));
}

/// etcd ends with `removed all voters`, after it has written to the log.
#[test]
fn a_member_without_a_vote_is_not_forced() {
    let node = Node::with_data();
    node.write("data/force-new-cluster", "");
    node.call("keep learner yes");
    let said = node.call(
        "listens() { return 1; }; ask_all() { :; }; know id; know vow; number=-; looks=0; look",
    );
    let refused = "etcd-node: refused to force a new cluster: this node has no vote yet, and etcd cannot begin anew";
    assert!(said.starts_with(refused), "{said}");
    assert!(!node.has("data/force-new-cluster") && !node.has("data/node/forced"));
}

/// It may have to wait for another reason. Then others would take it for a second one that was asked.
#[test]
fn a_member_whose_forcing_was_refused_answers_that_it_has_data() {
    let node = Node::with_data();
    node.write("data/force-new-cluster", "");
    let said = node.call("answer forced -; unforce ' b also has the data'");
    let refused = "etcd-node: refused to force a new cluster: b also has the data\n";
    assert!(said.contains(refused), "{said}");
    assert_eq!(node.read("run/said"), "etcd-node a holds -\n");
    assert!(!node.has("data/force-new-cluster"));
}

/// The pauses between its starts are longer than another member waits before it begins anew.
#[test]
fn a_member_whose_etcd_fails_again_and_again_answers_that_it_has_data() {
    let back_off = "back_off() { cp $RUN/said $RUN/meanwhile; }; configure() { :; }";
    for (before, index) in [
        // etcd ended before it had read its log.
        ("own=", "-"),
        ("own=700", "700"),
        ("own=700; keep learner yes", "-"),
    ] {
        let node = Node::with_data();
        node.write("run/failed", "2\n");
        node.write("run/error", "runtime: out of memory\n");
        let of_data = "of_data=$(facts_of_data)";
        node.call(&format!("{before}; {of_data}; {back_off}; resume"));
        let said = format!("etcd-node a holds {index}\n");
        assert_eq!(node.read("run/meanwhile"), said);
    }
}

/// Another member may be asked to force a new cluster meanwhile.
#[test]
fn a_member_answers_while_it_is_forced() {
    let node = Node::with_data();
    let etcd = "become_etcd() { echo \"server $server\"; }";
    let said = node.call(&format!("server=1; {ENDS}; {etcd}; force"));
    assert!(said.contains("server 1\n"), "{said}");
}

/// etcd has written the new list of members to its log before it reads the database.
#[test]
fn forcing_waits_until_etcd_has_read_a_large_database() {
    let node = Node::with_data();
    node.write("data/force-new-cluster", "");
    let etcd = "become_etcd() { :; }; kill() { :; }; sleep() { :; }";
    let said = node.call(&format!(
        "{etcd}; has_snapshot() {{ [ $rounds -ge 3000 ]; }}; {ALONE}; force"
    ));
    assert!(!said.contains("waiting"), "{said}");
    assert!(node.has("run/forces"));
}

/// The others get power back while etcd reads a large database, and may serve.
#[test]
fn a_forced_member_does_not_serve_beside_those_that_have_come_meanwhile() {
    let list = "[{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"},{\"id\":26,\"name\":\"a\"}]";
    for (of_b, of_c, serves) in [
        ("etcd-node b 0 -", "", true),
        (list, list, false),
        // It was asked to force a new cluster meanwhile, and does not refuse.
        ("etcd-node b forced 5", "", false),
        ("etcd-node b holds -", "", false),
        ("etcd-node b holds other", "", false),
        // It has no majority, and joins.
        (list, "", true),
    ] {
        let node = Node::with_data();
        node.write("data/force-new-cluster", "");
        node.write("run/announced", "5\n");
        for (name, answer) in [("b", of_b), ("c", of_c)] {
            let come = format!("HTTP/1.1 200 OK\r\n\r\n{answer}\n");
            node.write(&format!("run/come.{name}"), &come);
        }
        let others = "listens() { return 1; }; ask_all() { for name in b c; do cp $RUN/come.$name $RUN/answer.$name; done; }";
        let etcd = "become_etcd() { printf 'became leader\\nsaved snapshot\\n' >$1; }";
        node.call(&format!(
            "{others}; {etcd}; know id; know vow; number=-; looks=0; force"
        ));
        assert_eq!(node.has("run/forces"), serves, "{of_b} {of_c}");
        let mark = if serves { "yes\n" } else { "unfinished\n" };
        assert_eq!(node.read("data/node/forced"), mark, "{of_b} {of_c}");
    }
}

/// etcd of the others reads its data, or a clock is not set yet. What they answer afterwards decides.
#[test]
fn a_forced_member_waits_until_those_that_have_come_answer() {
    let list = "[{\"id\":1,\"name\":\"b\"},{\"id\":2,\"name\":\"c\"},{\"id\":26,\"name\":\"a\"}]";
    let busy = "listens() { [ ! -e $RUN/answer.b ]; }";
    let rejected = "listens() { return 1; }; echo 'verify error:num=9:certificate is not yet valid' >$RUN/refusal.b";
    // It refuses, runs etcd, and joins.
    let holds = "listens() { return 1; }; echo 'etcd-node b holds -' >$RUN/answer.b";
    let waits = "etcd-node: waiting for b c: it accepts connections and does not answer";
    for (before, says, of_b, of_c, serves) in [
        (busy, waits, "", "", true),
        (busy, waits, list, "", true),
        (busy, waits, list, list, false),
        (rejected, "", list, "", true),
        (rejected, "", list, list, false),
        (rejected, "", "", "", false),
        (holds, "", list, "", true),
    ] {
        let node = Node::with_data();
        for (name, answer) in [("b", of_b), ("c", of_c)] {
            let come = format!("HTTP/1.1 200 OK\r\n\r\n{answer}\n");
            node.write(&format!("run/come.{name}"), &come);
        }
        let come = "ask_all() { :; }; sleep() { for name in b c; do cp $RUN/come.$name $RUN/answer.$name; done; }";
        let said = node.call(&format!(
            "{before}; {come}; know id; know vow; number=-; looks=0; keep forced unfinished; stays_alone && echo serves"
        ));
        assert_eq!(said.ends_with("serves\n"), serves, "{before}: {said}");
        assert!(said.starts_with(says), "{before}: {said}");
    }
}

/// etcd may run for an hour without a snapshot.
#[test]
fn data_that_is_being_forced_can_be_given_up() {
    let node = Node::with_data();
    node.write("data/set-data-aside", "");
    node.call(
        "become_etcd() { :; }; keep forced unfinished; force_alone; echo $rounds >$RUN/rounds",
    );
    assert_eq!(node.read("run/rounds"), "0\n");
}
