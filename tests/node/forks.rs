//! Checks how a node notices that other members run two clusters, or another one than its own.

use super::join::Node;

const ASK: &str = "know id; know vow; number=-; ask_all() { :; }; members_in_certificate() { :; }; members_of() { :; }";
/// The members that the node `a` knows.
const BOTH: &str = "b=https://192.168.0.51:2380=https://192.168.0.51:2379 c=https://192.168.0.52:2380=https://192.168.0.52:2379\n";

/// The answer of `a` with the data of another member.
const OTHER: &str = "etcd-node a holds other\n";

/// Returns the address of a node with this name, which is one letter.
fn address(name: char) -> String {
    format!("192.168.0.{}", 50 + u32::from(name) - u32::from('a'))
}

/// Lets `b` and `c` answer for a majority, each with the names of the members in its list, and etcdctl read a list.
fn answer(node: &Node, lists: [&str; 2], read: &str) {
    for (name, known) in ["b", "c"].into_iter().zip(lists) {
        let member = |name| {
            let at = address(name);
            format!(
                "{{\"id\":1,\"peerURLs\":[\"https://{at}:2380\"],\"name\":\"{name}\",\"clientURLs\":[\"https://{at}:2379\"]}}"
            )
        };
        let members: Vec<_> = known.chars().map(member).collect();
        let text = format!("HTTP/1.1 200 OK\r\n\r\n[{}]\n", members.join(","));
        node.write(&format!("run/answer.{name}"), &text);
    }
    let row = |name| {
        let at = address(name);
        format!("1{name}, started, {name}, https://{at}:2380, https://{at}:2379, false\n")
    };
    let rows: Vec<_> = read.chars().map(row).collect();
    let list = if read.is_empty() {
        "echo 'Error: etcdserver: permission denied' >&2; exit 1".to_owned()
    } else {
        format!("cat <<'LIST'\n{}LIST\n", rows.concat())
    };
    node.etcdctl(&format!(
        "case $* in *health) for at in 51 52; do echo \"https://192.168.0.$at:2379 is healthy: took = 2ms\"; done ;;\n\
         *'member list') {list} ;; *) exit 1 ;; esac"
    ));
    node.write("pki/peer.crt", "");
}

/// Returns the facts about clusters.
fn forks(node: &Node) -> String {
    let said = node.call(&format!("{ASK}; facts_of_peers"));
    let about = ["apart ", "rivals ", "split "];
    let facts = said.lines();
    let facts = facts.filter(|fact| about.iter().any(|word| fact.starts_with(word)));
    facts.collect::<Vec<_>>().join("\n")
}

/// They still list this node, which has kept its id.
#[test]
fn a_forced_member_notices_the_former_majority() {
    let node = Node::with_data();
    answer(&node, ["abc", "abc"], "abc");
    node.write("data/node/members", BOTH);
    assert_eq!(forks(&node), "");
    node.call("keep forced yes");
    assert_eq!(forks(&node), "apart b c");
    node.call("rm $STATE/forced");
    node.write("data/node/members", "\n");
    assert_eq!(forks(&node), "apart b c");
    let said = node.call(&format!("{ASK}; report_another"));
    let wanted = "etcd-node: warning: this node's cluster was forced or has removed members, and b c runs another one. Decide";
    assert!(said.starts_with(wanted), "{said}");
    // The list is for users only.
    answer(&node, ["abc", "abc"], "");
    assert_eq!(forks(&node), "apart b c");
    // Without data there is nothing to lose.
    node.call("rm -r $DATA/member");
    assert_eq!(forks(&node), "");
}

/// `c` has lost its data and joined the cluster of this node, which was forced. The others still list its former self.
#[test]
fn a_member_that_the_others_list_under_its_former_id_belongs_to_no_cluster_of_theirs() {
    let node = Node::with_data();
    node.write(
        "data/node/members",
        "c=https://192.168.0.52:2380=https://192.168.0.52:2379\n",
    );
    let with_id = |id: &str| {
        answer(&node, ["abc", "abc"], "abc");
        node.call(&format!(
            "sed -i 's/\"id\":1,/\"id\":{id},/g' $RUN/answer.*"
        ));
        forks(&node)
    };
    // Without ids, as an earlier image has kept it, the name tells.
    assert_eq!(with_id("17"), "");
    node.write("data/node/ids", "2b\n");
    assert_eq!(with_id("17"), "apart b c");
    assert_eq!(with_id("43"), "");
    // A member whose cluster lacks nobody is an ordinary one, whoever has joined while it was off.
    node.write("data/node/members", BOTH);
    assert_eq!(forks(&node), "");
    assert_eq!(with_id("17"), "");
}

#[test]
fn the_ids_of_the_other_members_are_kept_beside_the_data() {
    let node = Node::with_data();
    node.etcdctl(
        "echo '1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, unstarted, , https://192.168.0.52:2380, , true
4d, started, d, https://192.168.0.53:2380, https://192.168.0.53:2379, true'",
    );
    node.call("know id; remember_members");
    assert_eq!(node.read("data/node/ids"), "2b 4d\n");
    node.call("set_aside removed");
    assert!(!node.has("data/node/ids"));
}

/// After a power cut, both clusters may start at once.
#[test]
fn members_that_run_and_have_no_leader_yet_are_rivals_if_they_can_elect_one() {
    let node = Node::with_data();
    node.write("data/node/members", "\n");
    for (lists, facts) in [
        (["abc", "abc"], "rivals b c"),
        // The others of their lists do not run.
        (["abcde", "abcde"], ""),
        (["ab", "ac"], ""),
        (["b", "abc"], "rivals b c"),
    ] {
        answer(&node, lists, "");
        node.etcdctl("exit 1");
        assert_eq!(forks(&node), facts, "{lists:?}");
    }
    node.write("data/node/members", BOTH);
    assert_eq!(forks(&node), "");
}

#[test]
fn a_cluster_that_counts_on_somebody_of_this_one_is_the_same() {
    let node = Node::with_data();
    // The former members have removed this one, or d.
    node.write(
        "data/node/members",
        "d=https://192.168.0.53:2380=https://192.168.0.53:2379\n",
    );
    answer(&node, ["bc", "bc"], "bc");
    assert_eq!(forks(&node), "apart b c");
    answer(&node, ["bcd", "bcd"], "bcd");
    assert_eq!(forks(&node), "");
    node.write("data/node/members", BOTH);
    answer(&node, ["bc", "bc"], "bc");
    assert_eq!(forks(&node), "");
}

#[test]
fn two_clusters_are_seen_by_their_lists() {
    let node = Node::new();
    for (lists, facts) in [
        (["bc", "bc"], ""),
        (["b", "c"], "split b c"),
        (["b", "abc"], "split b c"),
        (["abc", "c"], "split c b"),
    ] {
        answer(&node, lists, "bc");
        assert_eq!(forks(&node), facts, "{lists:?}");
    }
    // A member at a new address is known by its name, one with a new name by its address.
    answer(&node, ["bc", "bc"], "bc");
    let renamed = "sed -i 's/\"name\":\"c\"/\"name\":\"x\"/' $RUN/answer.b";
    let moved = "sed -i 's/192.168.0.51/192.168.0.61/g' $RUN/answer.c";
    node.call(&format!("{renamed}; {moved}"));
    assert_eq!(forks(&node), "");
}

/// Otherwise another member could be forced without what this one has served.
#[test]
fn a_member_that_waits_because_of_others_answers_that_it_has_data() {
    let listens = "listens() { :; }; looks=0";
    for (they_run, they_serve, why) in [
        (true, true, "refused to start: this node's cluster"),
        (true, false, "waiting for b c: they run etcd"),
        (false, false, "waiting for b c: it listens"),
    ] {
        let node = Node::with_data();
        node.write("data/node/members", "\n");
        if they_run {
            answer(&node, ["abc", "abc"], "abc");
        }
        if !they_serve {
            node.etcdctl("exit 1");
        }
        let said = node.call(&format!("{ASK}; {listens}; look; pause"));
        assert!(said.contains(why), "{said}");
        assert_eq!(node.read("run/said"), "etcd-node a holds -\n");
    }
}

/// A member without a majority may take ten seconds to answer, in which another one could be forced.
#[test]
fn a_member_answers_that_it_has_data_before_it_asks_others() {
    let node = Node::with_data();
    node.write("data/node/members", "\n");
    let said = "know id; know vow; number=-; ask_all() { cat $RUN/said >&2; }; facts_of_peers() { :; }; facts >/dev/null";
    assert_eq!(
        node.call(&format!("{{ {said}; }} 2>&1")),
        "etcd-node a holds -\n"
    );
}

#[test]
fn data_that_is_not_the_clusters_or_was_never_served_keeps_nobody_from_being_forced() {
    for (before, said) in [
        (":", "etcd-node a holds -\n"),
        ("rm $STATE/started", ""),
        ("TOKEN=other identify", ""),
        // Two cards were swapped. The data is not forced here.
        ("NAME=b identify", OTHER),
        ("NAME=b identify; : >$DATA/force-new-cluster", OTHER),
    ] {
        let node = Node::with_data();
        node.call(before);
        node.call("vow=- of_data=$(facts_of_data); pause");
        assert_eq!(node.read("run/said"), said, "{before}");
    }
    let node = Node::with_data();
    node.call("vow=- of_data=$(facts_of_data); answer holds 500; pause");
    assert_eq!(node.read("run/said"), "etcd-node a holds 500\n");
}
