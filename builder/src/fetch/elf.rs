//! Finds out which machine an ELF program is for and what it needs to start.

use anyhow::Result;
use object::elf::{EM_386, EM_AARCH64, EM_ARM, EM_PPC64, EM_RISCV, EM_S390, EM_X86_64};
use object::elf::{FileHeader32, FileHeader64, PT_LOAD};
use object::read::elf::{FileHeader, ProgramHeader as _};
use object::{Endianness, FileKind};

use crate::failure::Kind;

/// The header of a 64-bit program.
type ElfHeader = FileHeader64<Endianness>;

/// The requirements of a dynamically linked program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libc {
    /// The path of the dynamic loader, e.g. `/lib/ld-linux-aarch64.so.1`.
    pub interpreter: String,
    /// The newest version of glibc's symbols it uses, e.g. `(2, 34)`, if it records any.
    pub glibc: Option<(u32, u32)>,
}

impl Libc {
    /// Refuses a base whose glibc is older than the program needs. Returns a note if either version is unknown.
    pub fn check(&self, base: Option<(u32, u32)>) -> Result<Option<String>> {
        match (self.glibc, base) {
            (Some(needed), Some(has)) if needed > has => Err(Kind::Unsupported.error(format!(
                    "etcd needs glibc {}.{} or newer, the base has {}.{}",
                    needed.0, needed.1, has.0, has.1
                ),
                "use a release of etcd, which needs no C library (`--etcd 3.6.14`), or a newer base",
            )),
            (Some(_), Some(_)) => Ok(None),
            _ => Ok(Some(format!(
                "note: etcd is dynamically linked ({}); this program could not determine whether the base's C library is new enough",
                self.interpreter
            ))),
        }
    }
}

/// Checks that the program is a little-endian 64-bit Arm one, and returns what it needs if it is dynamically linked.
pub(super) fn check(bytes: &[u8], name: &str) -> Result<Option<Libc>> {
    let hint = "get the arm64 build: `etcd-vX.Y.Z-linux-arm64.tar.gz`, or Debian's `_arm64.deb`";
    match machine_name(bytes) {
        Some(machine) if machine == "AArch64" => Ok(libc(bytes)),
        Some(machine) => {
            let what = format!("{name} is a program for {machine}, not for AArch64");
            Err(Kind::Unsupported.error(what, hint))
        }
        None => Err(Kind::Unsupported.error(format!("{name} is not an ELF program"), hint)),
    }
}

/// Returns the name of the machine a program is for, or `None` if it is not an ELF file.
fn machine_name(bytes: &[u8]) -> Option<String> {
    let (class, (number, endian)) = match FileKind::parse(bytes).ok()? {
        FileKind::Elf64 => (64, machine_number::<ElfHeader>(bytes)?),
        FileKind::Elf32 => (32, machine_number::<FileHeader32<Endianness>>(bytes)?),
        _ => return None,
    };
    let name = match number {
        EM_AARCH64 if (class, endian) == (64, Endianness::Little) => "AArch64",
        EM_AARCH64 => "an unsupported variant of AArch64 (32-bit or big-endian)",
        EM_X86_64 => "x86-64 (amd64)",
        EM_386 => "x86 (386)",
        EM_ARM => "32-bit Arm",
        EM_PPC64 => "64-bit PowerPC",
        EM_S390 => "s390x",
        EM_RISCV => "RISC-V",
        _ => return Some(format!("machine number {number}")),
    };
    Some(name.to_owned())
}

fn machine_number<H: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<(u16, Endianness)> {
    let header = H::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    Some((header.e_machine(endian), endian))
}

/// Returns whether the bytes are a 64-bit program that needs no dynamic loader.
pub(super) fn is_static(bytes: &[u8]) -> bool {
    ElfHeader::parse(bytes).is_ok() && interpreter(bytes).is_none()
}

fn libc(bytes: &[u8]) -> Option<Libc> {
    Some(Libc {
        interpreter: interpreter(bytes)?,
        glibc: glibc(bytes),
    })
}

/// Returns the path of the dynamic loader.
fn interpreter(bytes: &[u8]) -> Option<String> {
    let header = ElfHeader::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let mut segments = header.program_headers(endian, bytes).ok()?.iter();
    let path = segments.find_map(|segment| segment.interpreter(endian, bytes).ok()?)?;
    Some(String::from_utf8_lossy(path).into_owned())
}

/// Returns the newest `GLIBC_x.y` among the symbol versions that the program needs.
fn glibc(bytes: &[u8]) -> Option<(u32, u32)> {
    let header = ElfHeader::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let sections = header.sections(endian, bytes).ok()?;
    let (mut libraries, names) = sections.gnu_verneed(endian, bytes).ok()??;
    let names = sections.strings(endian, bytes, names).ok()?;
    let mut newest = None;
    while let Ok(Some((_, mut versions))) = libraries.next() {
        while let Ok(Some(version)) = versions.next() {
            let name = version.name(endian, names).ok();
            newest = newest.max(name.and_then(parse_glibc));
        }
    }
    newest
}

fn parse_glibc(name: &[u8]) -> Option<(u32, u32)> {
    let name = std::str::from_utf8(name).ok()?;
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// Returns the address of the byte at `offset` of the file while the program runs.
pub(super) fn address_of(bytes: &[u8], offset: u64) -> Option<u64> {
    let header = ElfHeader::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let mut segments = header.program_headers(endian, bytes).ok()?.iter();
    segments.find_map(|segment| {
        let (start, size) = segment.file_range(endian);
        let into = offset.checked_sub(start).filter(|into| *into < size)?;
        let is_loaded = segment.p_type(endian) == PT_LOAD;
        is_loaded.then(|| segment.p_vaddr(endian).checked_add(into))?
    })
}

#[cfg(test)]
pub(super) mod tests {
    use object::elf::PT_INTERP;

    use super::*;
    use crate::failure::Failure;

    /// Builds the start of an ELF file for that machine, then `content` in a segment loaded at 0x10000 + its offset.
    pub(in crate::fetch) fn elf(
        machine: u16,
        interpreter: Option<&str>,
        content: &[u8],
    ) -> Vec<u8> {
        let mut bytes = b"\x7fELF\x02\x01\x01".to_vec();
        bytes.resize(64 + 2 * 56, 0);
        bytes[0x12..0x14].copy_from_slice(&machine.to_le_bytes());
        bytes[0x20] = 64;
        bytes[0x36] = 56;
        bytes[0x38] = 2;
        let interpreter = interpreter.map(|path| format!("{path}\0"));
        let text = interpreter.clone().unwrap_or_default();
        let mut segment = |at: usize, kind: u32, offset: usize, address: usize, size: usize| {
            bytes[at..at + 4].copy_from_slice(&kind.to_le_bytes());
            for (field, value) in [(8, offset), (16, address), (32, size)] {
                bytes[at + field..at + field + 8].copy_from_slice(&(value as u64).to_le_bytes());
            }
        };
        let start = 64 + 2 * 56;
        segment(
            64,
            if interpreter.is_some() { PT_INTERP } else { 0 },
            start,
            0,
            text.len(),
        );
        segment(120, PT_LOAD, 0, 0x10000, start + text.len() + content.len());
        bytes.extend(text.as_bytes());
        bytes.extend(content);
        bytes
    }

    #[track_caller]
    fn refusal(bytes: &[u8]) -> String {
        let failure = check(bytes, "etcd")
            .unwrap_err()
            .downcast::<Failure>()
            .unwrap();
        assert_eq!(failure.kind, Kind::Unsupported);
        failure.message
    }

    #[test]
    fn accepts_aarch64_static_and_dynamic() {
        assert_eq!(check(&elf(183, None, b""), "etcd").unwrap(), None);
        let libc = check(&elf(183, Some("/lib/ld.so"), b""), "etcd")
            .unwrap()
            .unwrap();
        assert_eq!(
            libc,
            Libc {
                interpreter: "/lib/ld.so".into(),
                glibc: None
            }
        );
    }

    #[test]
    fn an_older_base_is_refused_and_an_unknown_one_doubted() {
        let verdict = |needed, base| {
            let libc = Libc {
                interpreter: "/lib/ld.so".into(),
                glibc: needed,
            };
            match libc.check(base) {
                Ok(doubt) => {
                    if doubt.is_some() {
                        "doubt"
                    } else {
                        "fits"
                    }
                }
                Err(_) => "refused",
            }
        };
        let (old, new) = (Some((2, 9)), Some((2, 34)));
        assert_eq!(verdict(new, old), "refused");
        assert_eq!(verdict(Some((3, 0)), new), "refused");
        assert_eq!([verdict(new, new), verdict(old, new)], ["fits", "fits"]);
        assert_eq!([verdict(new, None), verdict(None, new)], ["doubt", "doubt"]);
    }

    #[test]
    fn names_the_machine_it_found() {
        assert_eq!(
            refusal(&elf(62, None, b"")),
            "etcd is a program for x86-64 (amd64), not for AArch64"
        );
        assert_eq!(
            refusal(&elf(40, None, b"")),
            "etcd is a program for 32-bit Arm, not for AArch64"
        );
        assert_eq!(
            refusal(&elf(999, None, b"")),
            "etcd is a program for machine number 999, not for AArch64"
        );
        for (at, value) in [(4, 1), (5, 2)] {
            let mut odd = elf(183, None, b"");
            odd[at] = value;
            refusal(&odd);
        }
    }

    #[test]
    fn refuses_what_is_no_program() {
        for bytes in [&b""[..], b"#!/bin/sh\n", b"\x7fELF", b"\x7fELF\x02\x01"] {
            assert_eq!(refusal(bytes), "etcd is not an ELF program");
        }
    }

    #[test]
    fn nonsense_in_the_tables_is_no_panic() {
        let mut bytes = elf(183, Some("/lib/ld.so"), b"");
        for at in 0x14..bytes.len() {
            bytes[at] = 0xff;
            let _ = check(&bytes, "etcd");
        }
    }

    #[test]
    fn versions_of_glibc_are_numbers() {
        assert_eq!(parse_glibc(b"GLIBC_2.17"), Some((2, 17)));
        assert_eq!(parse_glibc(b"GLIBC_2.2.5"), Some((2, 2)));
        assert_eq!(parse_glibc(b"GLIBC_PRIVATE"), None);
    }

    /// Uses this machine's own shell, whose requirements every program that uses glibc shares.
    #[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
    #[test]
    fn a_real_program_tells_its_loader_and_glibc() {
        let libc = libc(&fs_err::read("/bin/sh").unwrap()).unwrap();
        assert!(libc.interpreter.contains("/ld-linux"), "{libc:?}");
        assert!(((2, 2)..(3, 0)).contains(&libc.glibc.unwrap()), "{libc:?}");
    }

    #[test]
    fn a_program_is_static_without_a_loader() {
        assert!(is_static(&elf(62, None, b"")));
        assert!(!is_static(&elf(62, Some("/lib/ld.so"), b"")));
        assert!(!is_static(b"#!/bin/sh\n"));
    }
}
