//! Tests what the commands accept and print.

mod cache;
mod diff;
mod fetch;
#[cfg(target_os = "linux")]
mod flash;
#[cfg(target_os = "linux")]
mod flash_data;
#[cfg(target_os = "linux")]
mod flash_devices;
#[cfg(target_os = "linux")]
mod flash_interrupted;
#[cfg(target_os = "linux")]
mod flash_refusals;
#[cfg(target_os = "linux")]
mod flash_several;
#[cfg(target_os = "linux")]
mod flash_signed;
mod init;
#[cfg(target_os = "linux")]
mod passphrase;
mod pki;
mod plan;
mod rebuild;
mod signature;
mod signature_sha1;
mod update;
mod verify;
