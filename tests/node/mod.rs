//! Tests what a node's image contains, and how the programs in it decide.

#[cfg(unix)]
mod advice;
#[cfg(target_os = "linux")]
mod answer;
mod archives;
#[cfg(target_os = "linux")]
mod aside;
#[cfg(unix)]
mod authentication;
#[cfg(unix)]
mod backup;
mod certificates;
mod console;
mod contents;
#[cfg(unix)]
mod data;
#[cfg(unix)]
mod decide;
#[cfg(target_os = "linux")]
mod decide_random;
mod description;
#[cfg(target_os = "linux")]
mod empty;
#[cfg(unix)]
mod etcdctl;
mod first_boot;
#[cfg(target_os = "linux")]
mod forgotten;
#[cfg(target_os = "linux")]
mod forks;
#[cfg(target_os = "linux")]
mod join;
#[cfg(target_os = "linux")]
mod joining;
#[cfg(target_os = "linux")]
mod members;
mod metrics;
mod network;
#[cfg(target_os = "linux")]
mod other_data;
#[cfg(unix)]
mod programs;
mod python;
#[cfg(target_os = "linux")]
mod rejected;
#[cfg(unix)]
mod renewed;
#[cfg(unix)]
mod requests;
#[cfg(target_os = "linux")]
mod restore;
#[cfg(target_os = "linux")]
mod restored_in_place;
mod s3;
mod settings;
#[cfg(target_os = "linux")]
mod trust_store;
mod ubuntu_server;
