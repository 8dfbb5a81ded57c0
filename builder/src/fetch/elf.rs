//! Just enough of ELF to tell what machine a program is for and what it needs to start.
//! Format: System V ABI, chapter 4 and 5; `Elf64_Ehdr`, `Elf64_Phdr`, `Elf64_Shdr`, `Elf64_Verneed`.

use anyhow::Result;

use crate::failure::{Failure, Kind};

const ELFCLASS64: u8 = 2;
const ELFDATA2LSB: u8 = 1;
const EM_AARCH64: u16 = 183;
const PT_LOAD: u32 = 1;
const PT_INTERP: u32 = 3;
const SHT_GNU_VERNEED: u32 = 0x6fff_fffe;

/// What a dynamically linked program needs to start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Libc {
    /// Path of the dynamic loader, e.g. `/lib/ld-linux-aarch64.so.1`.
    pub interpreter: String,
    /// The newest version of glibc's symbols it uses, e.g. `(2, 34)`, where it tells.
    pub glibc: Option<(u32, u32)>,
}

impl Libc {
    /// Refuses a base whose glibc is older than the program needs; says so where that cannot be told.
    pub fn check(&self, base: Option<(u32, u32)>) -> Result<Option<String>> {
        match (self.glibc, base) {
            (Some(needed), Some(has)) if needed > has => Err(Failure::new(
                Kind::Unsupported,
                format!(
                    "etcd needs glibc {}.{} or newer, the base has {}.{}",
                    needed.0, needed.1, has.0, has.1
                ),
                "take a release of etcd, which needs no C library (`--etcd 3.6.14`), or a newer base",
            )),
            (Some(_), Some(_)) => Ok(None),
            _ => Ok(Some(format!(
                "note: etcd is dynamically linked ({}), and whether the base's C library is new enough is not known",
                self.interpreter
            ))),
        }
    }
}

/// That the program is a little-endian 64-bit Arm one; what it needs, if it is dynamically linked.
pub(super) fn check(bytes: &[u8], name: &str) -> Result<Option<Libc>> {
    let hint = "get the arm64 build: `etcd-vX.Y.Z-linux-arm64.tar.gz`, or Debian's `_arm64.deb`";
    match machine(bytes) {
        Some(machine) if machine == "AArch64" => Ok(libc(bytes)),
        Some(machine) => {
            let what = format!("{name} is a program for {machine}, not for AArch64");
            Err(Failure::new(Kind::Unsupported, what, hint))
        }
        None => Err(Failure::new(
            Kind::Unsupported,
            format!("{name} is not an ELF program"),
            hint,
        )),
    }
}

/// The machine a program is for, as people call it; nothing for what is no ELF file.
fn machine(bytes: &[u8]) -> Option<String> {
    let class = *bytes.strip_prefix(b"\x7fELF")?.first()?;
    let little = *bytes.get(5)? == ELFDATA2LSB;
    let number = bytes.get(0x12..0x14)?.first_chunk()?;
    let number = if little {
        u16::from_le_bytes(*number)
    } else {
        u16::from_be_bytes(*number)
    };
    let name = match number {
        EM_AARCH64 if class == ELFCLASS64 && little => "AArch64",
        EM_AARCH64 => "AArch64 in an unusual form (32-bit or big-endian)",
        62 => "x86-64 (amd64)",
        3 => "x86 (386)",
        40 => "32-bit Arm",
        21 => "64-bit PowerPC",
        22 => "s390x",
        243 => "RISC-V",
        _ => return Some(format!("machine number {number}")),
    };
    Some(name.to_owned())
}

fn libc(bytes: &[u8]) -> Option<Libc> {
    let interpreter = segments(bytes).find(|segment| segment.kind == PT_INTERP)?;
    let text = slice(bytes, interpreter.offset, interpreter.size)?;
    let interpreter = String::from_utf8_lossy(text.split(|byte| *byte == 0).next()?).into_owned();
    Some(Libc {
        interpreter,
        glibc: glibc(bytes),
    })
}

/// The newest `GLIBC_x.y` in the table of needed symbol versions.
fn glibc(bytes: &[u8]) -> Option<(u32, u32)> {
    let needs = sections(bytes).find(|section| section.kind == SHT_GNU_VERNEED)?;
    let names = sections(bytes).nth(usize::try_from(needs.link).ok()?)?;
    let (table, names) = (
        slice(bytes, needs.offset, needs.size)?,
        slice(bytes, names.offset, names.size)?,
    );
    needed_names(table)
        .filter_map(|offset| parse_glibc(names.get(usize::try_from(offset).ok()?..)?))
        .max()
}

/// Name offsets of all `Elf64_Vernaux` entries. The links between entries only go forward, so this ends.
fn needed_names(table: &[u8]) -> impl Iterator<Item = u32> + '_ {
    let next = |at: usize, field: usize| match u32_at(table, at.checked_add(field)?)? {
        0 => None,
        step => at.checked_add(usize::try_from(step).ok()?),
    };
    let libraries = std::iter::successors(Some(0), move |at| next(*at, 12)); // vn_next
    libraries.flat_map(move |library| {
        let first = next(library, 8); // vn_aux
        let versions = std::iter::successors(first, move |at| next(*at, 12)); // vna_next
        versions.filter_map(move |at| u32_at(table, at.checked_add(8)?)) // vna_name
    })
}

fn parse_glibc(name: &[u8]) -> Option<(u32, u32)> {
    let name = std::str::from_utf8(name.split(|byte| *byte == 0).next()?).ok()?;
    let mut numbers = name.strip_prefix("GLIBC_")?.split('.');
    Some((numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?))
}

/// The address at which the byte at `offset` of the file is when the program runs.
pub(super) fn address_of(bytes: &[u8], offset: u64) -> Option<u64> {
    let mut loaded = segments(bytes).filter(|segment| segment.kind == PT_LOAD);
    let segment = loaded.find(|segment| {
        offset
            .checked_sub(segment.offset)
            .is_some_and(|into| into < segment.size)
    })?;
    segment.address.checked_add(offset - segment.offset)
}

struct Segment {
    kind: u32,
    offset: u64,
    address: u64,
    size: u64,
}

fn segments(bytes: &[u8]) -> impl Iterator<Item = Segment> + '_ {
    table(bytes, 0x20, 0x36, 0x38).filter_map(move |at| {
        Some(Segment {
            kind: u32_at(bytes, at)?,
            offset: u64_at(bytes, at.checked_add(8)?)?,
            address: u64_at(bytes, at.checked_add(16)?)?,
            size: u64_at(bytes, at.checked_add(32)?)?,
        })
    })
}

struct Section {
    kind: u32,
    offset: u64,
    size: u64,
    link: u32,
}

fn sections(bytes: &[u8]) -> impl Iterator<Item = Section> + '_ {
    table(bytes, 0x28, 0x3a, 0x3c).filter_map(move |at| {
        Some(Section {
            kind: u32_at(bytes, at.checked_add(4)?)?,
            offset: u64_at(bytes, at.checked_add(24)?)?,
            size: u64_at(bytes, at.checked_add(32)?)?,
            link: u32_at(bytes, at.checked_add(40)?)?,
        })
    })
}

/// Offsets of the entries of a table, whose own offset, entry size and length are at those places of the file header.
fn table(
    bytes: &[u8],
    offset: usize,
    size: usize,
    count: usize,
) -> impl Iterator<Item = usize> + use<> {
    let start = u64_at(bytes, offset).and_then(|start| usize::try_from(start).ok());
    let (size, count) = (
        u16_at(bytes, size).unwrap_or(0),
        u16_at(bytes, count).unwrap_or(0),
    );
    let entries = 0..usize::from(count);
    entries.filter_map(move |index| start?.checked_add(index * usize::from(size)))
}

fn slice(bytes: &[u8], offset: u64, size: u64) -> Option<&[u8]> {
    let (start, size) = (usize::try_from(offset).ok()?, usize::try_from(size).ok()?);
    bytes.get(start..start.checked_add(size)?)
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u16::from_le_bytes(*field))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u32::from_le_bytes(*field))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes
        .get(at..)?
        .first_chunk()
        .map(|field| u64::from_le_bytes(*field))
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The start of an ELF file for that machine, then `content` in a segment loaded at 0x10000 + its offset.
    pub(in super::super) fn elf(
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
    fn reads_the_newest_glibc() {
        // One library with two versions: verneed at 0, vernaux at 16 and 32.
        let words: [u32; 12] = [0x0002_0001, 0, 16, 0, 0, 0, 0, 16, 0, 0, 11, 0];
        let mut table: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        // vna_name is the third word of an entry.
        table[24..28].copy_from_slice(&0_u32.to_le_bytes());
        table[40..44].copy_from_slice(&11_u32.to_le_bytes());
        assert_eq!(needed_names(&table).collect::<Vec<_>>(), [0, 11]);
        assert_eq!(parse_glibc(b"GLIBC_2.17\0"), Some((2, 17)));
        assert_eq!(parse_glibc(b"GLIBC_PRIVATE\0"), None);
    }
}
