//! Checks that builds refuse an etcd release that is for another machine, incomplete, too new for the base or malicious.

use std::path::Path;

use crate::support::fixture::{release, write};
use crate::support::refusal::refused;
use crate::support::scene::Scene;

#[test]
fn etcd_for_another_machine_or_incomplete() {
    for (kind, code, thing) in [
        ("amd64", 4, "etcd"),
        ("deb-amd64", 4, "etcd"),
        ("not-elf", 4, "etcd"),
        ("without-etcdctl", 2, "etcdctl"),
        ("truncated", 4, "etcd"),
    ] {
        let etcd = release(kind);
        let scene = Scene::with("raspios-trixie").etcd(&etcd);
        let name = etcd.file_name().unwrap().to_str().unwrap().to_owned();
        refused(&scene, &[], code, &[&name, thing]);
    }
}

#[test]
fn etcd_that_needs_a_newer_c_library() {
    let mut scene = Scene::with("raspios-bookworm");
    for program in ["etcd", "etcdctl"] {
        write(&scene.at("programs").join(program), &dynamic("GLIBC_2.38"));
    }
    let programs = scene.at("programs");
    scene = scene.etcd(&programs);
    refused(&scene, &[], 4, &["glibc 2.38", "2.36"]);
    assert!(!scene.at("etcd-cluster").exists());
    write(&programs.join("etcd"), &dynamic("GLIBC_2.36"));
    scene.build(&["--nodes", "1"]);
}

/// Returns the tables of an arm64 program that is linked against only that version of the C library.
fn dynamic(glibc: &str) -> Vec<u8> {
    let (loader, names) = (b"/lib/ld-linux-aarch64.so.1\0", format!("{glibc}\0"));
    let loader_at = 64 + 56; // after the header and one program header
    let names_at = loader_at + loader.len() as u64;
    let needs_at = names_at + names.len() as u64;
    // Section 0 is empty by definition; section 2 finds its names in section 1.
    let (needs, mut sections) = (32, vec![0; 64]);
    for (kind, at, size, link) in [
        (3, names_at, names.len() as u64, 0),
        (0x6fff_fffe, needs_at, needs, 1),
    ] {
        let head = [0, kind, 0, 0].map(u32::to_le_bytes).concat();
        let body = [0, at, size, link, 0, 0].map(u64::to_le_bytes).concat();
        sections.extend([head, body].concat());
    }
    let mut program = b"\x7fELF\x02\x01\x01".to_vec();
    program.resize(64 + 56, 0);
    let mut set = |at: usize, value: u64, size: usize| {
        program[at..at + size].copy_from_slice(&value.to_le_bytes()[..size]);
    };
    set(0x12, 183, 2); // AArch64
    set(0x20, 64, 8); // one program header: the loader
    set(0x28, needs_at + needs, 8); // three section headers: none, names, and what is needed
    set(0x36, 56, 2);
    set(0x38, 1, 2);
    set(0x3a, 64, 2);
    set(0x3c, 3, 2);
    set(0x3e, 1, 2);
    set(64, 3, 4);
    set(64 + 8, loader_at, 8);
    set(64 + 32, loader.len() as u64, 8);
    program.extend(loader);
    program.extend(names.as_bytes());
    // The table lists one library and, 16 bytes later, one version of it, whose name is the first.
    let needed: [u32; 8] = [0x0001_0001, 0, 16, 0, 0, 0, 0, 0];
    program.extend(needed.map(u32::to_le_bytes).concat());
    program.extend(sections);
    program
}

#[test]
fn path_tricks_in_an_etcd_archive() {
    for kind in ["dotdot", "absolute", "symlink"] {
        let scene = Scene::with("raspios-trixie").etcd(&release(kind));
        refused(&scene, &[], 4, &["etcdctl"]);
        assert!(!Path::new("/escaped").exists() && !scene.at("escaped").exists());
    }
}
