//! Which disks may be written.

use anyhow::Result;

use super::disks::{Disk, SECTOR};
use crate::failure::Kind;

/// Refuses a disk that is in use or write-protected, has no medium or other sectors than the image, or is not removable unless `allow_fixed`.
pub(super) fn check(disk: &Disk, allow_fixed: bool) -> Result<()> {
    let refuse = |why: String, hint: &str| {
        let message = format!("/dev/{} {why}", disk.name);
        Err(Kind::Usage.error(message, hint))
    };
    if disk.size == 0 {
        return refuse("has no medium".to_owned(), "insert a card");
    }
    if let [used, ..] = &*disk.uses {
        let hint = "if it is the right card, unmount its partitions and close what is made from them; if not, `etcd-image flash --list` shows the disks";
        return refuse(format!("is in use: {used}"), hint);
    }
    if disk.read_only {
        return refuse(
            "is write-protected".to_owned(),
            "move the switch on the side of the card",
        );
    }
    if disk.sector != SECTOR {
        let why = format!(
            "has sectors of {} bytes, but the image's partition table counts in sectors of {SECTOR} bytes: the node would not boot",
            disk.sector
        );
        let hint = "use a card, or a disk with sectors of 512 bytes";
        return refuse(why, hint);
    }
    if !disk.removable && !allow_fixed {
        let model = match &*disk.model {
            "" => String::new(),
            model => format!("({model}) "),
        };
        return refuse(
            format!("{model}is not a removable disk"),
            "if it is the disk to overwrite, add `--yes-really`",
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::explain;

    fn card() -> Disk {
        Disk {
            name: "sdb".to_owned(),
            size: 32 << 30,
            model: "Generic STORAGE DEVICE".to_owned(),
            removable: true,
            read_only: false,
            sector: SECTOR,
            uses: vec![],
        }
    }

    #[track_caller]
    fn refused(disk: &Disk, allow_fixed: bool, message: &str) {
        let error = check(disk, allow_fixed).unwrap_err();
        assert_eq!(
            (explain(&error).0, error.to_string()),
            (Kind::Usage, message.to_owned())
        );
    }

    #[test]
    fn a_card_that_nobody_uses_may_be_written() {
        check(&card(), false).unwrap();
        let fixed = Disk {
            removable: false,
            ..card()
        };
        check(&fixed, true).unwrap();
    }

    #[test]
    fn other_disks_are_refused_with_the_reason() {
        let fixed = Disk {
            removable: false,
            ..card()
        };
        refused(
            &fixed,
            false,
            "/dev/sdb (Generic STORAGE DEVICE) is not a removable disk",
        );
        let loop_device = Disk {
            model: String::new(),
            ..fixed
        };
        refused(&loop_device, false, "/dev/sdb is not a removable disk");
        let used = Disk {
            uses: vec!["/dev/sdb1 on /".to_owned()],
            ..card()
        };
        refused(&used, true, "/dev/sdb is in use: /dev/sdb1 on /");
        refused(&Disk { size: 0, ..card() }, true, "/dev/sdb has no medium");
        let large = Disk {
            sector: 4096,
            ..card()
        };
        let message = "/dev/sdb has sectors of 4096 bytes, but the image's partition table counts in sectors of 512 bytes: \
                       the node would not boot";
        refused(&large, true, message);
        refused(
            &Disk {
                read_only: true,
                ..card()
            },
            true,
            "/dev/sdb is write-protected",
        );
    }
}
