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
    node.write("run/members", &format!("{OTHERS}{other}{OWN}"));
    node.call(JOIN);
    let configured = node.read("run/etcd.conf.yml");
    let list = "\ninitial-cluster: \"a=https://192.168.0.50:2380,b=https://192.168.0.51:2380,c=https://192.168.0.52:2380,\
                4d=https://[fd00::53]:2380\"\n";
    assert!(configured.contains(list), "{configured}");
}
