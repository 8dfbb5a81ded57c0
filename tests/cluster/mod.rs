//! Looks after running clusters: real members with the certificates of a build, in namespaces.

mod access;
mod backup;
mod bucket;
mod client;
mod databases;
mod examples;
mod extra;
mod failures;
mod insecure;
mod lead;
mod lock;
mod membership;
mod nodes;
mod one_down;
mod password;
mod prometheus;
mod renew;
mod restore;
mod rotate;
mod scheduled;
mod status;
mod table;
mod upgrade;
