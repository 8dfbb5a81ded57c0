//! How long a client waits for a member.

use std::time::Duration;

/// The time limits of a client.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// For the TCP connection.
    pub connect: Duration,
    /// For the TLS handshake.
    pub handshake: Duration,
    /// For the answer to a query.
    pub answer: Duration,
}

impl Timeouts {
    /// For emulated nodes. Their network is inside this machine, so that a running node accepts a connection immediately. A
    /// handshake may take seconds, and an aborted one still costs the node a signature. etcd begins no handshake until it has
    /// a quorum, then it serves the waiting connections in their order.
    pub const LABORATORY: Self = Self {
        connect: Duration::from_millis(500),
        handshake: Duration::from_secs(4),
        answer: Duration::from_secs(10),
    };
}
