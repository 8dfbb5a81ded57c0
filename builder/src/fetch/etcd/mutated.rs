//! Feeds the readers of archives and packages with damaged ones.
#![cfg(target_os = "linux")]

use super::archive::{ArchiveLayout, unpack};
use super::deb::{self, tests::package};
use crate::fetch::elf::tests::elf;
use crate::mutated::survives;

fn release() -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for name in ["etcd", "etcdctl", "README.md"] {
        let content = elf(183, None, b"");
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        let path = format!("etcd-v3.6.14-linux-arm64/{name}");
        tar.append_data(&mut header, path, &content[..]).unwrap();
    }
    tar.into_inner().unwrap()
}

#[test]
fn damaged_archives() {
    survives("archives", &[release()], |bytes| {
        let _ = unpack(bytes, ArchiveLayout::Release, "etcd.tar");
        let _ = unpack(bytes, ArchiveLayout::Debian, "etcd.tar");
    });
}

#[test]
fn damaged_packages() {
    let program = elf(183, Some("/lib/ld.so"), b"");
    let sound = package("3.5.16-4", "etcd", &program);
    survives("packages", &[sound], |bytes| {
        let _ = deb::read(bytes, "etcd.deb");
    });
}
