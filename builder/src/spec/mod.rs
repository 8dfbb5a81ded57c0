//! What the user means: `cluster.toml` and flags become a [`Cluster`] that is always valid.

mod cluster;

pub use cluster::{
    Base, Board, Cluster, Etcd, EtcdSource, ExtraFile, HostsLine, KeyKind, Network, Node, Pki, Ssh,
    Wifi,
};
