//! How long a client waits for a member.

use std::time::Duration;

/// How long a client waits.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// For a TCP connection.
    pub connect: Duration,
    /// For TLS.
    pub greet: Duration,
    /// For the answer to a query.
    pub answer: Duration,
}

impl Patience {
    /// For emulated nodes. Their network is inside this machine, so that a running node accepts a connection immediately. A
    /// handshake may take seconds, and an aborted one still costs the node a signature; etcd starts none until it has a
    /// quorum, then it serves the waiting connections in their order.
    pub const LABORATORY: Self = Self {
        connect: Duration::from_millis(500),
        greet: Duration::from_secs(4),
        answer: Duration::from_secs(10),
    };
}
