//! The promises of etcd-image, one file each.
