//! Checks how a node notices that the members that run have forgotten what it has, as after an old copy of a card was put back.

use super::join::Node;
use super::requests::ALONE;

/// What etcd says when it starts with data.
const LOG: &str = "{\"level\":\"info\",\"msg\":\"opened backend db\"}
{\"level\":\"info\",\"msg\":\"restarting local member\",\"cluster-id\":\"2a\",\"local-member-id\":\"1a\",\"commit-index\":500}\n";
const ASK: &str = "know id; know vow; number=-; looks=0 own='' own_cluster=''; ask_all() { :; }; members_in_certificate() { :; }; \
                   members_of() { :; }";
const ALL: &str = "1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
1b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
1c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false
";

/// Creates a node whose etcd has started. `b` and `c` answer for a majority with this list, and report the ID of their cluster and
/// their raft index.
fn node(list: &str, states: &[(u32, u32)]) -> Node {
    let node = Node::with_data();
    node.write("run/log", LOG);
    node.write("pki/peer.crt", "");
    for (name, at) in [("b", 51), ("c", 52)] {
        let own = format!(
            "[{{\"id\":1,\"peerURLs\":[\"https://192.168.0.{at}:2380\"],\"name\":\"{name}\"}}]"
        );
        node.write(
            &format!("run/answer.{name}"),
            &format!("HTTP/1.1 200 OK\r\n\r\n{own}\n"),
        );
    }
    let state = |(at, (cluster, index)): (usize, &(u32, u32))| {
        format!(
            "\"ClusterID\" : {cluster}\n\"MemberID\" : 7\n\"RaftIndex\" : {index}\n\"Endpoint\" : \"https://192.168.0.{}:2379\"\n\n",
            51 + at
        )
    };
    let states: String = states.iter().enumerate().map(state).collect();
    node.etcdctl(&format!(
        "case $* in *health) for at in 51 52; do echo \"https://192.168.0.$at:2379 is healthy: took = 2ms\"; done ;;\n\
         *'member list') cat <<'LIST'\n{list}LIST\n;;\n*'endpoint status'*) cat <<'STATE'\n{states}STATE\n;;\n*) exit 1 ;; esac"
    ));
    node
}

/// Returns whether this node's data is ahead of them.
fn lead(node: &Node, find: &str) -> String {
    let said = node.call(&format!("{ASK}; {find}; facts_of_peers"));
    let facts = said.lines().filter(|fact| fact.starts_with("ahead "));
    facts.collect::<Vec<_>>().join("\n")
}

/// What the members report, and the fact that follows.
const STATES: [(&[(u32, u32)], &str); 8] = [
    (&[(42, 300), (42, 301)], "ahead 500 301"),
    (&[(42, 300), (42, 499)], "ahead 500 499"),
    (&[(42, 300), (42, 500)], ""),
    (&[(42, 900), (42, 901)], ""),
    // Another cluster, as after a restore, counts from the beginning.
    (&[(7, 300), (7, 301)], ""),
    (&[(42, 300), (7, 301)], ""),
    // One of them does not report its index.
    (&[(42, 300)], ""),
    (&[], ""),
];

#[test]
fn members_that_know_of_less_than_this_node_did_at_its_start_have_forgotten_it() {
    for (states, fact) in STATES {
        let node = node(ALL, states);
        assert_eq!(lead(&node, "find_own"), fact, "{states:?}");
        // Nothing is known before etcd has started.
        assert_eq!(lead(&node, ":"), "", "{states:?}");
        // The other members have stopped etcd, and its log is gone.
        assert_eq!(lead(&node, "count_failures"), fact, "{states:?}");
    }
}

/// A forced member hears of the other cluster, whatever that has.
#[test]
fn another_cluster_has_forgotten_nothing() {
    let node = node(ALL, &[(42, 300), (42, 301)]);
    node.call("keep forced yes");
    assert_eq!(lead(&node, "find_own"), "");
}

#[test]
fn what_the_others_have_forgotten_is_kept_until_somebody_decides() {
    for list in [ALL, &ALL.replacen("1a", "9a", 1)] {
        let node = node(list, &[(42, 300), (42, 301)]);
        let said = node.call(&format!("{ASK}; report"));
        assert!(said.starts_with("kill "), "{said}");
        assert_eq!(node.read("data/node/ahead"), "500 301\n");
        // The node was switched off meanwhile, and the others have more of something else.
        node.call("rm -r $RUN/*");
        let said = node.call(&format!("{ASK}; look"));
        let wanted = "etcd-node: refused to start: the members that run lack writes that this node has: it has agreed to raft index 500, \
                      and they had only 301";
        assert!(said.starts_with(wanted), "{said}");
        assert!(node.has("data/member/wal/0.wal"));
        // Another member that is asked to force a new cluster hears of this data.
        assert_eq!(node.read("run/said"), "etcd-node a holds 500\n");
    }
    let node = Node::with_data();
    let etcd = "become_etcd() { printf 'became leader\\nsaved snapshot\\n' >$1; }";
    node.call(&format!("{etcd}; {ALONE}; keep ahead '500 301'; force"));
    assert!(!node.has("data/node/ahead"));
    node.call("keep ahead '500 301'; set_aside asked");
    assert!(!node.has("data/node/ahead"));
}

/// The others would advise to force it, which etcd cannot.
#[test]
fn a_member_without_a_vote_answers_without_its_index() {
    let node = node(ALL, &[(42, 300), (42, 301)]);
    node.call("keep ahead '500 301'; keep learner yes");
    node.call(&format!("{ASK}; look"));
    assert_eq!(node.read("run/said"), "etcd-node a holds -\n");
}

/// The other members have removed this one, and stop its etcd as soon as it has started.
#[test]
fn a_removed_member_keeps_what_the_others_have_forgotten() {
    let node = node(
        &ALL.replacen("1a, started, a", "1d, started, d", 1),
        &[(42, 300), (42, 301)],
    );
    node.write("run/resumed", "");
    let said = node.call(&format!("{ASK}; count_failures; look"));
    assert!(said.starts_with("etcd-node: refused to "), "{said}");
    assert!(node.has("data/node/ahead") && node.has("data/member/wal/0.wal"));
}

#[test]
fn a_member_that_never_catches_up_hints_at_the_copy() {
    let node = node(ALL, &[(42, 600), (42, 601)]);
    let said = node.call(&format!("{ASK}; report; looks=39; report"));
    let wanted = "etcd-node: waiting for etcd to catch up with the cluster\netcd-node: waiting for etcd to catch up with the cluster. If \
                  this does not end, the others may lack what this node has, because an old copy of a card was put back. To keep the data \
                  in ";
    assert!(said.starts_with(wanted), "{said}");
}

#[test]
fn data_that_differs_may_hold_what_the_others_lack() {
    for (error, text) in [
        (
            "discovery failed: 1a found data inconsistency with peers",
            ". The others agree with each other; if an old copy of a card was put back, they lack some of it. The data is kept in ",
        ),
        (
            "walpb: crc mismatch",
            "; the majority has everything. The data is kept in ",
        ),
    ] {
        let node = Node::with_data();
        node.write("run/error", error);
        let said = node.call("aside unreadable");
        let wanted = format!("etcd-node: etcd cannot use this node's data: {error}{text}");
        assert!(said.starts_with(&wanted), "{said}");
    }
}
