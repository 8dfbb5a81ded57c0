//! Checks which other members a node remembers, and what it asks of them.

use super::join::Node;

/// An image with fewer members may be flashed seconds later.
#[test]
fn a_node_remembers_the_other_members_before_etcd_starts() {
    let peers = "b=https://192.168.0.51:2380=https://192.168.0.51:2379 c=https://192.168.0.52:2380=https://192.168.0.52:2379\n";
    let node = Node::new();
    node.call("start_over; keep vow 0123456789abcdef; know vow; welcome=yes; begin");
    assert_eq!(node.read("data/node/members"), peers);

    let node = Node::new();
    node.etcdctl(
        "case $* in *'member add'*) echo 'Member 9c added to cluster 1'; echo 'ETCD_INITIAL_CLUSTER=\"a=https://192.168.0.50:2380\"' ;;
*'member remove'*) ;; *) exit 1 ;; esac",
    );
    node.write(
        "run/members",
        "1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false
",
    );
    node.call("start_over; endpoints=https://192.168.0.51:2379; join");
    assert_eq!(node.read("data/node/members"), peers);
}

#[test]
fn members_that_a_later_image_does_not_list_are_asked_before_forcing() {
    let node = Node::with_data();
    node.etcdctl(
        "case $* in *'member list') cat <<'LIST'
1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
5e, started, e, https://[fd00::54]:2380, https://[fd00::54]:2379, false
6f, unstarted, , https://192.168.0.55:2380, , true
LIST
;; *) exit 1 ;; esac",
    );
    node.call("know id; remember_members");
    let members = "b=https://192.168.0.51:2380=https://192.168.0.51:2379 e=https://[fd00::54]:2380=https://[fd00::54]:2379\n";
    assert_eq!(node.read("data/node/members"), members);
    let peers = "b=https://192.168.0.51:2380=https://192.168.0.51:2379 c=https://192.168.0.52:2380=https://192.168.0.52:2379";
    let all = format!("{peers} e=https://[fd00::54]:2380=https://[fd00::54]:2379 \n");
    assert_eq!(
        node.call("ask_former_members; ask_former_members; echo \"$PEERS\""),
        all
    );
    // Data that was another member's lists this node, by its name or under an earlier one.
    node.write(
        "data/node/members",
        &format!("a=https://192.168.0.52:2380=x d=https://192.168.0.50:2380=x {members}"),
    );
    assert_eq!(node.call("ask_former_members; echo \"$PEERS\""), all);
    node.write("data/node/members", members);
    // A list that cannot be read changes nothing.
    node.etcdctl("exit 1");
    node.call("know id; remember_members");
    assert_eq!(node.read("data/node/members"), members);
}

/// A program that asks etcd takes an emulated board a second.
#[test]
fn a_node_reads_its_list_of_members_once_in_a_round() {
    let node = Node::with_data();
    node.etcdctl(
        "echo \"$*\" >>\"$0.log\"
echo '1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false'",
    );
    node.call("served=0 lost=0; serving");
    assert_eq!(node.read("data/node/ids"), "2b 3c\n");
    let log = node.read("lib/etcdctl.log");
    assert_eq!(log.matches("member list").count(), 1, "{log}");
}

/// A member without a log has lost it, or its card is a copy from before its first start. etcd would end again and again.
#[test]
fn a_member_that_has_started_in_a_cluster_does_not_begin_in_it_again() {
    let started = ",\"clientURLs\":[\"https://192.168.0.50:2379\"]";
    for (own, fact) in [("", "peer b cluster yes"), (started, "peer b cluster no")] {
        let node = Node::new();
        node.call("start_over; keep vow 0123456789abcdef");
        let id = node.call("know vow; printf '%u' \"0x$(vowed_id)\"");
        let list = format!(
            "[{{\"id\":7,\"peerURLs\":[\"https://192.168.0.51:2380\"],\"name\":\"b\",\"clientURLs\":[\"https://192.168.0.51:2379\"]}},\
             {{\"id\":{id},\"peerURLs\":[\"https://192.168.0.50:2380\"],\"name\":\"a\"{own}}},\
             {{\"id\":8,\"peerURLs\":[\"https://192.168.0.52:2380\"],\"name\":\"c\",\"clientURLs\":[\"https://192.168.0.52:2379\"]}}]"
        );
        node.write("run/answer.b", &format!("HTTP/1.1 200 OK\r\n\r\n{list}\n"));
        let said = node.call("know id; know vow; know number; facts_of_peers");
        assert!(said.lines().any(|line| line == fact), "{said}");
    }
}

/// Lets node `a`, whose image says that it replaces `b`, join a cluster with this list of members in certificates: its own
/// newest one, and that of `c`. Returns the members that it removes.
fn removed_by_joining(own: &str, of_c: &str) -> String {
    let node = Node::new();
    node.etcdctl(
        "case $* in *'member add'*) echo 'Member 9c added to cluster 1'; echo 'ETCD_INITIAL_CLUSTER=\"a=https://192.168.0.50:2380\"' ;;
*'member remove'*) for last; do :; done; echo $last >>${0%/*}/removed ;; *) exit 1 ;; esac",
    );
    node.write("pki/peer.crt", "");
    node.write(
        "run/list",
        "1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false
",
    );
    node.call(&format!(
        "REPLACES=b CLUSTER=a=https://192.168.0.50:2380,c=https://192.168.0.52:2380 PEERS='c=https://192.168.0.52:2380=https://192.168.0.52:2379 '
members_in_certificate() {{ echo {own}; }}
members_of() {{ echo {of_c}; }}
start_over; echo '[]' >$RUN/answer.c; endpoints=https://192.168.0.52:2379; facts_of_list >/dev/null; join"
    ));
    node.read("lib/removed")
}

#[test]
fn a_member_that_was_replaced_and_is_one_again_is_not_removed() {
    let image = "a+c";
    assert_eq!(removed_by_joining(image, image), "1a\n2b\n");
    // Certificates of running members already list this node, or still the one that it replaces.
    assert_eq!(removed_by_joining(image, "b+c"), "1a\n2b\n");
    // This node has received a newer one, or has lost it with its card.
    assert_eq!(removed_by_joining("a+b+c", "a+b+c"), "1a\n");
    assert_eq!(removed_by_joining(image, "a+b+c"), "1a\n");
}

/// The image of a replaces b. It has removed its former place from the list, and the cluster has refused to admit it.
#[test]
fn a_member_that_was_replaced_and_is_one_again_is_no_stranger() {
    let node = Node::new();
    node.write("pki/peer.crt", "");
    node.write(
        "run/list",
        "2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false
4d, started, d, https://192.168.0.53:2380, https://192.168.0.53:2379, false
",
    );
    node.call(
        "REPLACES=b CLUSTER=a=https://192.168.0.50:2380,c=https://192.168.0.52:2380 PEERS='c=https://192.168.0.52:2380=https://192.168.0.52:2379 '
members_in_certificate() { echo a+c; }
members_of() { echo a+b+c; }
start_over; echo '[]' >$RUN/answer.c; endpoints=https://192.168.0.52:2379; facts_of_list >$RUN/first; facts_of_list >$RUN/next",
    );
    for look in ["run/first", "run/next"] {
        let facts = node.read(look);
        let strangers: Vec<_> = facts.lines().filter(|it| it.contains("stranger")).collect();
        assert_eq!(strangers, ["stranger d"], "{look}");
    }
}

/// etcd may be stopped, so that nobody else knows them.
#[test]
fn a_node_tells_the_operator_which_members_it_saw_last() {
    let node = Node::with_data();
    assert!(!node.program("restore", "facts").contains("others="));
    let peers = "b=https://192.168.0.51:2380=https://192.168.0.51:2379 e=https://[fd00::54]:2380=https://e.home.arpa:2379\n";
    node.write("data/node/members", peers);
    let facts = node.program("restore", "facts");
    let wanted = "\nothers=b=https://192.168.0.51:2380,e=https://[fd00::54]:2380\n";
    assert!(facts.contains(wanted), "{facts}");
}

/// etcd adds the learner, and the connection breaks before it says so.
#[test]
fn a_node_whose_admission_was_not_confirmed_is_not_added_twice() {
    let node = Node::new();
    node.etcdctl(
        "echo \"$*\" >>\"$0.log\"
case $* in *'member add'*) echo 'Error: context deadline exceeded' >&2; exit 1 ;; *'member remove'*) ;; *) exit 1 ;; esac",
    );
    let others = "1a, started, a, https://192.168.0.50:2380, https://192.168.0.50:2379, false
2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
";
    node.write("run/members", others);
    let join = "endpoints=https://192.168.0.51:2379; join";
    let said = node.call(&format!("start_over; {join}"));
    assert!(said.contains("Error: context deadline exceeded"), "{said}");
    let learner = "9c, unstarted, -, https://192.168.0.50:2380, -, true\n";
    node.write("run/members", &format!("{others}{learner}"));
    let said = node.call(join);
    assert!(said.contains("joining the cluster as member 9c"), "{said}");
    let log = node.read("lib/etcdctl.log");
    assert_eq!(log.matches("member add").count(), 1, "{log}");
    assert_eq!(log.matches("member remove 1a").count(), 1, "{log}");
}

/// etcd gives the vote, and the connection breaks before it says so.
#[test]
fn a_vote_that_was_not_confirmed_is_not_asked_for_again_and_again() {
    let node = Node::with_data();
    node.etcdctl(
        "if [ -e \"$0.asked\" ]; then echo 'Error: etcdserver: can only promote a learner member' >&2
else : >\"$0.asked\"; echo 'Error: context deadline exceeded' >&2
fi
exit 1",
    );
    node.write("data/node/learner", "yes\n");
    let said = node.call("know id; endpoints=; ask_for_the_vote");
    assert!(
        said.contains("waiting for this node's vote: Error: context deadline exceeded"),
        "{said}"
    );
    assert_eq!(node.read("data/node/learner"), "");
}

/// The power failed after etcd had given the vote, and the others never return: this one may have to be forced.
#[test]
fn a_member_without_a_majority_notices_that_it_has_a_vote() {
    let voter = "{\"id\":26,\"peerURLs\":[\"https://192.168.0.50:2380\"],\"name\":\"a\"}";
    let learner = voter.replace("],", "],\"isLearner\":true,");
    let other =
        "{\"id\":7,\"peerURLs\":[\"https://192.168.0.51:2380\"],\"isLearner\":true,\"name\":\"b\"}";
    for (own, was_ready, keeps) in [
        (voter, true, false),
        (&*learner, true, true),
        // Until it has the cluster's list.
        (voter, false, true),
        // Its etcd does not answer yet.
        ("", true, true),
    ] {
        let node = Node::with_data();
        node.call("keep learner yes");
        if !was_ready {
            node.call("rm $STATE/started");
        }
        let list = if own.is_empty() {
            String::new()
        } else {
            format!("HTTP/1.1 200 OK\r\n\r\n[{other},{own}]\n")
        };
        node.write("run/own", &list);
        let watched =
            "know id; know vow; number=-; looks=0 own='' own_cluster=''; ask_all() { :; }";
        node.call(&format!(
            "ask() {{ cp $RUN/own $RUN/answer.$1; }}; {watched}; report"
        ));
        assert_eq!(node.has("data/node/learner"), keeps, "{own} {was_ready}");
    }
}

/// It may have the highest index, but etcd cannot begin anew with its data.
#[test]
fn a_member_without_a_vote_is_not_named_for_forcing() {
    let node = Node::with_data();
    let entry = |at: &str, vote: &str| {
        format!("{{\"id\":7,\"peerURLs\":[\"https://192.168.0.{at}:2380\"]{vote},\"name\":\"x\"}}")
    };
    let list = [entry("51", ""), entry("52", ",\"isLearner\":true")].join(",");
    for name in ["b", "c"] {
        let answer = format!("HTTP/1.1 200 OK\r\n\r\n[{list}]\n");
        node.write(&format!("run/answer.{name}"), &answer);
    }
    let status = |at: &str, learner: &str, index: u32| {
        format!(
            "\"IsLearner\" : {learner}\n\"RaftIndex\" : {index}\n\"Endpoint\" : \"https://192.168.0.{at}:2379\"\n"
        )
    };
    let status = [status("52", "true", 9), status("51", "false", 8)].concat();
    node.etcdctl(&format!(
        "case $* in *'endpoint status'*) cat <<'STATUS'\n{status}STATUS\n;; *) exit 1 ;; esac"
    ));
    let ask =
        "know id; know vow; number=-; facts_of_peers; own=7; facts_of_own $own; own_index $own";
    let of_others = "peer b cluster no\npeer c cluster no\npeer c learner\npeer b index 8\n";
    assert_eq!(
        node.call(ask),
        format!("{of_others}peer a cluster no\npeer a index 7\n (this node's raft index is 7)\n")
    );
    node.call("keep learner yes");
    assert_eq!(
        node.call(ask),
        format!("{of_others}peer a cluster no\npeer a learner\n")
    );
}
