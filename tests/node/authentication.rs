//! Checks how a node switches etcd's authentication on.

use crate::support::rendered::rendered;
use crate::support::tool::tool;

/// A common name may contain blanks, as in `etcd node 1`.
#[test]
fn every_node_gets_its_user_whatever_its_common_name() {
    let configuration = "[auth]\nenabled = true\n[pki.common-name]\nserver = \"etcd of {name}\"
[[node]]\nname = \"a\"\naddress = \"192.168.0.50\"
[[node]]\nname = \"b\"\naddress = \"192.168.0.51\"\n";
    let functions = rendered(configuration, "/usr/local/lib/etcd-node/authentication");
    let script = format!(
        "{functions}\nRUN=/nowhere\nstep() {{ for word; do printf '<%s>' \"$word\"; done; echo; }}\nadd_nodes\n"
    );
    let wanted = "\
<role><add><root>
<user><add><etcd of a><--no-password>
<user><grant-role><etcd of a><root>
<user><add><etcd of b><--no-password>
<user><grant-role><etcd of b><root>
";
    assert_eq!(tool("dash", &["-euc", &script]).done().text(), wanted);
}
