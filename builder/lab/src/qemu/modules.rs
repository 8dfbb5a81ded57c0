//! The modules of a Debian kernel that boots a root without kernel modules.
//!
//! The initramfs contains the modules for a disk, an ext4 root and a network. The other modules that the running system needs
//! are appended to it and loaded before the root is entered.

use anyhow::Result;
use diskimg::ReadFs;

use super::cpio::CpioArchive;
use super::fault::{Fault, FaultKind};

/// The additional modules: the boot partition's file system with its character sets, the overlay over a read-only root, and those
/// of systemd's mounts on demand.
const MODULES: [&str; 6] = [
    "vfat",
    "nls_cp437",
    "nls_ascii",
    "overlay",
    "autofs4",
    "binfmt_misc",
];

/// The directory in which kernels keep their modules.
const FOLDER: &str = "usr/lib/modules";

/// Returns an archive with the modules of `MODULES`, their dependencies, and the list of modules to load (see initramfs-tools(7)).
pub fn modules(root: &mut dyn ReadFs, kernel: &str) -> Result<Vec<u8>> {
    let releases = root.read_dir(&format!("/{FOLDER}"))?;
    let release = releases.iter().find(|release| kernel.ends_with(*release));
    let folder = format!(
        "{FOLDER}/{}",
        release.ok_or_else(|| lacks("modules of its kernel"))?
    );
    let mut archive = CpioArchive::default();
    let needs = root.read(&format!("/{folder}/modules.dep"))?;
    let needs = String::from_utf8_lossy(&needs);
    for file in closure(&needs).ok_or_else(|| lacks("module for FAT"))? {
        let path = format!("{folder}/{file}");
        archive.file(&path, &root.read(&format!("/{path}"))?);
    }
    for index in ["modules.dep", "modules.dep.bin"] {
        let path = format!("{folder}/{index}");
        archive.file(&path, &root.read(&format!("/{path}"))?);
    }
    archive.file("conf/modules", (MODULES.join("\n") + "\n").as_bytes());
    Ok(archive.finish())
}

/// Returns the files of [`MODULES`] and their dependencies by `modules.dep`, which has a line `FILE: DEPENDENCIES` per module.
fn closure(needs: &str) -> Option<Vec<&str>> {
    let mut files = Vec::new();
    for module in MODULES {
        let is_it = |file: &str| {
            let name = file.rsplit('/').next().unwrap_or(file);
            name.strip_prefix(module)
                .is_some_and(|rest| rest.starts_with(".ko"))
        };
        let mut lines = needs.lines().filter_map(|line| line.split_once(':'));
        let (file, others) = lines.find(|(file, _)| is_it(file))?;
        files.push(file);
        files.extend(others.split_whitespace());
    }
    files.sort_unstable();
    files.dedup();
    Some(files)
}

fn lacks(what: &str) -> anyhow::Error {
    Fault::new(
        FaultKind::Unsupported,
        format!("the Debian base has no {what}"),
        "name a Debian arm64 kernel and its initramfs with `--kernel` and `--initrd`",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NEEDS: &str = "kernel/fs/fat/fat.ko.xz:\nkernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\n\
        kernel/fs/nls/nls_cp437.ko.xz:\nkernel/fs/nls/nls_ascii.ko.xz:\nkernel/fs/autofs/autofs4.ko.xz:\n\
        kernel/fs/binfmt_misc.ko.xz:\nkernel/fs/overlayfs/overlay.ko.xz:\nkernel/fs/xfs/xfs.ko.xz: kernel/lib/crc.ko.xz\n";

    #[test]
    fn modules_come_with_those_they_need_and_no_others() {
        let wanted = [
            "kernel/fs/autofs/autofs4.ko.xz",
            "kernel/fs/binfmt_misc.ko.xz",
            "kernel/fs/fat/fat.ko.xz",
            "kernel/fs/fat/vfat.ko.xz",
            "kernel/fs/nls/nls_ascii.ko.xz",
            "kernel/fs/nls/nls_cp437.ko.xz",
            "kernel/fs/overlayfs/overlay.ko.xz",
        ];
        assert_eq!(closure(NEEDS).unwrap(), wanted);
    }

    #[test]
    fn a_module_that_is_missing_is_not_overlooked() {
        assert_eq!(closure(&NEEDS.replace("autofs4.ko", "autofs5.ko")), None);
    }
}
