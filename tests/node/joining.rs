//! Checks how a node without data takes its place in the list of a running cluster.

use super::join::Node;

const OTHERS: &str = "2b, started, b, https://192.168.0.51:2380, https://192.168.0.51:2379, false
3c, started, c, https://192.168.0.52:2380, https://192.168.0.52:2379, false
";
/// This node, after an attempt to join.
const OWN: &str = "9c, unstarted, -, https://192.168.0.50:2380, -, true\n";
const JOIN: &str = "start_over; endpoints=https://192.168.0.51:2379; join";

/// etcd ends if the addresses are not those of all members.
#[test]
fn a_node_joins_beside_a_member_that_has_never_started() {
    let node = Node::new();
    let other = "4d, unstarted, -, https://[fd00::53]:2380, -, true\n";
    // Its former self had another address, and is removed.
    let former = "1a, started, a, https://192.168.7.50:2380, https://192.168.7.50:2379, false\n";
    node.etcdctl("case $* in *'member remove 1a') ;; *) exit 1 ;; esac");
    node.write("run/members", &format!("{former}{OTHERS}{other}{OWN}"));
    node.call(JOIN);
    let configured = node.read("run/etcd.conf.yml");
    let list = "\ninitial-cluster: \"a=https://192.168.0.50:2380,b=https://192.168.0.51:2380,c=https://192.168.0.52:2380,\
                4d=https://[fd00::53]:2380\"\n";
    assert!(configured.contains(list), "{configured}");
}

/// An operator has copied it as root. The cluster would remove the member whose data it is.
#[test]
fn a_node_whose_data_cannot_be_read_does_not_join() {
    for hidden in ["$STATE", "$DATA/member", "$DATA/member/wal"] {
        let node = Node::with_data();
        let may_read = format!("may_read() {{ [ \"$1\" != \"{hidden}\" ]; }}");
        let said = node.call(&format!("{may_read}; start_over || echo waits"));
        let waits = "etcd-node: waiting for the permission to read ";
        assert!(said.starts_with(waits), "{hidden}: {said}");
        assert!(said.ends_with("/member\nwaits\n"), "{hidden}: {said}");
        assert!(node.has("data/member/wal/0.wal"));
    }
}

/// Its list or its etcd may not fit, and nobody would learn of it.
#[test]
fn a_node_that_fails_to_join_again_and_again_says_why() {
    let node = Node::new();
    node.write("run/members", &format!("{OTHERS}{OWN}"));
    node.write(
        "run/error",
        "discovery failed: incompatible with current running cluster",
    );
    let joins = "etcd-node: this node has no data: joining the cluster as member 9c\n";
    node.write("run/failed", "1\n");
    assert_eq!(node.call(JOIN), joins);
    node.write("run/failed", "2\n");
    let why = "etcd-node: etcd has failed 2 times, the last time with: discovery failed: incompatible with current running cluster. \
               It is started again and again. The cluster runs without this node\n";
    assert_eq!(node.call(JOIN), format!("{why}{joins}"));
}

/// A learner that never returns keeps the only place for one.
#[test]
fn a_node_that_waits_for_another_learner_names_it_and_spares_the_card() {
    let node = Node::new();
    node.etcdctl("echo 'Error: etcdserver: too many learner members in cluster' >&2; exit 1");
    let learner = "4d, started, d, https://[fd00::53]:2380, https://[fd00::53]:2379, true\n";
    node.write("run/members", &format!("{OTHERS}{learner}"));
    let said = node.call("keep() { echo kept $1; }; endpoints=https://192.168.0.51:2379; join || { join || echo waits; }");
    let wanted = "kept joining\n\
                  etcd-node: waiting for member 4d (https://[fd00::53]:2380) to get its vote: the cluster admits one member after the \
                  other. Switch it on, or, if it is gone for good, remove it: sudo etcdctl member remove 4d\nwaits\n";
    assert_eq!(said, wanted);
}

/// It would keep the only place for a learner, and never count in a majority. A new leader does not know at once what a learner has.
#[test]
fn a_learner_asks_for_its_vote_until_it_has_caught_up() {
    let node = Node::with_data();
    node.etcdctl(
        "if [ -e \"$0.asked\" ]; then echo 'Member 1a promoted in cluster 1'; exit; fi
: >\"$0.asked\"
echo 'Error: etcdserver: can only promote a learner member which is in sync with leader' >&2
exit 1",
    );
    node.write("data/node/learner", "yes\n");
    let said = node.call("know id; endpoints=; ask_for_the_vote || echo fails; cat $RUN/refused");
    assert_eq!(
        said,
        "etcd-node: waiting to catch up with the cluster before this node gets its vote\n"
    );
    assert!(!node.has("data/node/learner"));
}

#[test]
fn a_member_that_has_lost_the_mark_of_a_learner_asks_for_its_vote() {
    for (state, asks) in [("true", true), ("false", false)] {
        let node = Node::with_data();
        node.etcdctl(&format!(
            "echo \"$*\" >>\"$0.log\"
case $* in *'endpoint status'*) printf '\"MemberID\" : 171\\n\"IsLearner\" : {state}\\n' ;; esac"
        ));
        node.call("after_etcd");
        let log = node.read("lib/etcdctl.log");
        assert_eq!(log.contains("member promote ab"), asks, "{log}");
        assert_eq!(node.read("data/node/id"), "ab\n");
        assert!(!node.has("data/node/learner"));
    }
}

#[test]
fn a_former_self_that_never_got_its_vote_makes_room() {
    let node = Node::new();
    node.etcdctl(
        "case $* in *'member remove 1a') : >\"$0.removed\" ;;
*'member add'*) [ -e \"$0.removed\" ] || { echo 'Error: etcdserver: too many learner members in cluster' >&2; exit 1; }
echo 'Member 9c added to cluster 1' ;; esac",
    );
    let former = "1a, started, a, https://192.168.7.50:2380, https://192.168.7.50:2379, true\n";
    node.write("run/members", &format!("{former}{OTHERS}"));
    assert_eq!(
        node.call(JOIN),
        "etcd-node: this node has no data: joining the cluster as member 9c\n"
    );
}
