//! The certificate that all nodes of a cluster may share (`shared` in `[pki]`).

use super::refused;
use super::store::StateReader;
use crate::spec::Cluster;

/// Its path in the state directory, without the ending.
pub(super) const FILE: &str = "shared";

/// Refuses a state directory whose nodes share a certificate, or do not, other than the configuration says.
pub(super) fn check(reader: &StateReader, cluster: &Cluster) -> anyhow::Result<()> {
    let shared = format!("{FILE}.crt");
    if !cluster.pki.shared {
        return match reader.public(&shared)? {
            None => Ok(()),
            Some(_) => Err(refused(
                &reader.path(&shared),
                "is shared by all nodes, and `shared` is not set in [pki]",
                "set it, or remove `shared.crt` and `shared.key` to give each node a certificate of its own",
            )),
        };
    }
    for node in &cluster.nodes {
        let own = format!("nodes/{}/server.crt", node.name);
        if reader.public(&own)?.is_some() {
            return Err(refused(
                &reader.path(&own),
                "is the node's own, and `shared` is set in [pki]",
                "remove `shared`, or remove `server.*` and `peer.*` of all nodes to give them one certificate",
            ));
        }
    }
    Ok(())
}
