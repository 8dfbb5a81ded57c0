//! Checks that `verify` finds what keeps an image from booting: partition names, boot files, kernel arguments, foreign data.

use crate::support::broken::{Copy, Sound};
use crate::support::checker::Disk;

/// The settings of a node that writes to its root.
const WRITABLE: &str = "[appliance]\nread-only = false\n";

#[test]
fn a_sound_image_has_no_faults() {
    for base in [
        "raspios-trixie",
        "raspios-bookworm",
        "debian-trixie",
        "ubuntu-server-24.04",
    ] {
        Sound::of(base).shows(|_| (), &[]);
    }
}

#[test]
fn partitions_that_are_not_on_the_image() {
    let sound = Sound::of("raspios-trixie");
    let id = Disk::open(&sound.scene.image_path("etcd1")).id;
    let id = id.trim_start_matches("0x");
    sound.shows(
        |it| { it.boot_edit("cmdline.txt", id, "0badcafe"); },
        &["cmdline.txt says `root=PARTUUID=0badcafe-02`, which is not partition 2 of the image, its root"],
    );
    sound.shows(
        |it| { it.write("/etc/fstab", &format!("UUID=x / ext4\nPARTUUID='{id}-02' /boot/firmware vfat\nLABEL=d /d ext4\n")); },
        &[
            "/etc/fstab mounts `UUID=x` at /, which is not partition 2 of the image",
            &format!("/etc/fstab mounts `PARTUUID='{id}-02'` at /boot/firmware, which is not partition 1 of the image"),
            "/etc/fstab mounts `LABEL=d` at /d, which is not on the image: the boot would stop there (`nofail` allows it)",
        ],
    );
    sound.shows(
        |it| {
            it.write("/etc/fstab", "/dev/disk/by-partuuid/0badcafe-02 / ext4\nPARTUUID=\"0badcafe-01\" /boot vfat\n");
        },
        &[
            "/etc/fstab mounts `/dev/disk/by-partuuid/0badcafe-02` at /, which is not partition 2 of the image",
            "/etc/fstab mounts `PARTUUID=\"0badcafe-01\"` at /boot, which is not partition 1 of the image",
        ],
    );
    // udev makes links with the id in lower case only.
    let uuid = "UUID=15F4C6BE-1102-4331-9904-F78E78AFD1FD";
    sound.shows(
        |it| {
            let root = format!(
                "PARTUUID={}-02",
                Disk::open(&it.path).id.trim_start_matches("0x")
            );
            it.edit("/etc/fstab", &root, uuid);
        },
        &[&format!(
            "/etc/fstab mounts `{uuid}` at /, which is not partition 2 of the image"
        )],
    );
}

#[test]
fn boot_files_that_are_missing() {
    let sound = Sound::of("raspios-trixie");
    let boards = "(Pi 3, Pi 4, CM4)";
    sound.shows(
        |it| {
            it.boot_remove("kernel8.img").boot_remove("overlays/README");
        },
        &[&format!(
            "the boot partition has no kernel /kernel8.img {boards}"
        )],
    );
    sound.shows(
        |it| {
            it.boot_remove("kernel8.img").boot_remove("kernel_2712.img");
        },
        &["the boot partition has no kernel /kernel8.img (Pi 3, Pi 4, CM4, Pi 5)"],
    );
    // The firmware does without the initramfs that it looks for by itself.
    sound.shows(
        |it| {
            it.boot_remove("initramfs8");
        },
        &[],
    );
}

#[test]
fn boot_files_that_settings_name() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(
        |it| {
            it.boot_edit(
                "config.txt",
                "arm_64bit=1",
                "arm_64bit=0\n[pi5]\nkernel=gone\n[pi4]\ninitramfs a,b followkernel\n[all]\n",
            );
        },
        &[
            "config.txt starts a 32-bit kernel (`arm_64bit=0`) (Pi 3, Pi 4, CM4)",
            "the boot partition has no initramfs /a (Pi 4, CM4)",
            "the boot partition has no initramfs /b (Pi 4, CM4)",
            "the boot partition has no kernel /gone (Pi 5)",
        ],
    );
    sound.shows(
        |it| {
            let id = Disk::open(&it.path).id.trim_start_matches("0x").to_owned();
            it.boot_edit("cmdline.txt", &format!("PARTUUID={id}-02"), "LABEL=rootfs");
            it.boot_edit("config.txt", "auto_initramfs=1", "");
        },
        &["`root=LABEL=rootfs` needs an initramfs, and the firmware loads none (Pi 3, Pi 4, CM4, Pi 5)"],
    );
    sound.shows(
        |it| {
            it.boot_remove("*.dtb");
        },
        &["the boot partition has no device tree of a 64-bit Raspberry Pi: no board would start"],
    );
    sound.shows(
        |it| {
            it.boot_edit(
                "config.txt",
                "arm_64bit=1",
                "cmdline=other.txt\ninclude more.txt",
            )
            .boot_write("more.txt", "kernel=x\n");
        },
        &[
            "the boot partition has no command line /other.txt (Pi 3, Pi 4, CM4, Pi 5)",
            "the boot partition has no kernel /x (Pi 3, Pi 4, CM4, Pi 5)",
            "cmdline.txt has no `root=`: the kernel would not find its root file system",
        ],
    );
}

#[test]
fn a_boot_that_leads_elsewhere() {
    let sound = Sound::of("raspios-trixie");
    let elsewhere = " systemd.run=/boot/firstrun.sh systemd.unit=kernel-command-line.target single";
    sound.shows(
        |it| { it.boot_edit("cmdline.txt", " rootwait", &format!(" rootwait{elsewhere}")); },
        &[
            "cmdline.txt says `systemd.run=/boot/firstrun.sh`: the boot would run that instead of the node's programs",
            "cmdline.txt says `systemd.unit=kernel-command-line.target`: the boot would start that instead of the node's programs",
            "cmdline.txt says `single`: the boot would end in a rescue shell",
        ],
    );
    let without = " break=premount overlayroot=tmpfs module_blacklist=ext4 systemd.volatile=yes net.ifnames=0 net.ifnames=1";
    sound.shows(
        |it| { it.boot_edit("cmdline.txt", " rootwait", &format!(" rootwait{without}")); },
        &[
            "cmdline.txt says `break=premount`: the boot would stop in the initramfs",
            "cmdline.txt says `overlayroot=tmpfs`: what the node writes would be lost at every boot",
            "cmdline.txt says `module_blacklist=ext4`: the kernel would not load ext4, which the node needs",
            "cmdline.txt says `systemd.volatile=yes`: the boot would not use the node's own system",
            "cmdline.txt says `net.ifnames=1` after `net.ifnames=0`: the network interface would have another name",
        ],
    );
    sound.shows(
        |it| {
            it.remove("/usr/lib/systemd/systemd").inode(
                "/usr/local/lib/etcd-node/init",
                "mode",
                "0100644",
            );
        },
        &[
            "/usr/local/lib/etcd-node/init, which the boot starts, is not a program",
            "/sbin/init, which the boot starts, is not a program",
        ],
    );
    sound.shows(
        |it| {
            it.link(
                "/etc/systemd/system/default.target",
                "/usr/lib/systemd/system/rescue.target",
            )
            .write("/usr/lib/systemd/system/rescue.target", "[Unit]\n");
        },
        &["the system starts rescue.target, which does not start the node's programs"],
    );
    sound.shows(
        |it| {
            it.write("/etc/machine-id", "0f1e2d3c4b5a69788796a5b4c3d2e1f0\n")
                .write("/var/lib/systemd/random-seed", "x")
                .write("/var/lib/etcd/member/snap/db", "x");
        },
        &[
            "/etc/machine-id is not that of node etcd1",
            "/var/lib/systemd/random-seed is another machine's",
            "/var/lib/etcd/member is another machine's",
        ],
    );
}

#[test]
fn modules_that_are_kept_from_loading() {
    let sound = Sound::of("raspios-trixie");
    let path = "/etc/modprobe.d/own.conf";
    let text = "blacklist genet\nblacklist brcmfmac\ninstall vfat /bin/false\nblacklist overlay\n";
    let modules = "kernel/drivers/net/ethernet/broadcom/genet/genet.ko.xz:\nkernel/fs/fat/vfat.ko.xz: kernel/fs/fat/fat.ko.xz\n";
    sound.shows(
        |it| {
            it.write(path, text)
                .write("/usr/lib/modules/6.12.0/modules.dep", modules);
        },
        &[
            "/etc/modprobe.d/own.conf says `blacklist genet`: the kernel would not load genet, which the node needs",
            "/etc/modprobe.d/own.conf says `install vfat /bin/false`: the kernel would not load vfat, which the node needs",
        ],
    );
    // Nothing keeps a kernel from using drivers that are built into it.
    sound.shows(
        |it| {
            it.write(path, text);
        },
        &[],
    );
}

/// Does what guides to hardening advise.
fn ban_overlay(it: &Copy<'_>) {
    it.write("/etc/modprobe.d/own.conf", "install overlay /bin/false\n")
        .write(
            "/usr/lib/modules/6.12.0/modules.dep",
            "kernel/fs/overlayfs/overlay.ko.xz:\n",
        );
}

#[test]
fn a_module_that_only_an_appliance_needs() {
    Sound::of("raspios-trixie").shows(
        ban_overlay,
        &[
            "/etc/modprobe.d/own.conf says `install overlay /bin/false`: the kernel would not load overlay, which the node needs",
        ],
    );
    Sound::configured("raspios-trixie", WRITABLE).shows(ban_overlay, &[]);
}

#[test]
fn arguments_that_take_the_network_from_the_node() {
    let configuration =
        "[network]\ngateway = \"none\"\n[[node]]\nname = \"etcd1\"\naddress = \"fd00::50\"\n";
    Sound::configured("raspios-trixie", configuration).shows(
        |it| { it.boot_edit("cmdline.txt", " rootwait", " rootwait ip=dhcp ipv6.disable=1 ipv6.x=1"); },
        &[
            "cmdline.txt says `ip=dhcp`: the kernel would set an address, and NetworkManager would leave it unchanged",
            "cmdline.txt says `ipv6.disable=1`: the node would not have its IPv6 address",
        ],
    );
    Sound::of("raspios-trixie").shows(
        |it| {
            it.boot_edit(
                "cmdline.txt",
                " rootwait",
                " rootwait ip=off ipv6.disable=1",
            );
        },
        &[],
    );
}

#[test]
fn arguments_that_make_the_node_another_machine() {
    let id = "systemd.machine_id=0f1e2d3c4b5a69788796a5b4c3d2e1f0";
    let name = "systemd.hostname=raspberrypi";
    let others = format!(" rootwait {name} {id} cloud-init=disabled");
    Sound::of("raspios-trixie").shows(
        |it| {
            it.boot_edit("cmdline.txt", " rootwait", &others);
        },
        &[
            &format!("cmdline.txt says `{name}`, which node etcd1 would use instead of its own"),
            &format!("cmdline.txt says `{id}`, which node etcd1 would use instead of its own"),
        ],
    );
    Sound::of("ubuntu-server-24.04").shows(
        |it| {
            let off = " rootwait systemd.hostname=etcd1 cloud-init=disabled ip=dhcp";
            it.boot_edit("cmdline.txt", " rootwait", off);
        },
        &[
            "cmdline.txt says `cloud-init=disabled`: cloud-init would not set the node's address",
            "cmdline.txt says `ip=dhcp`: cloud-init would take the address from it, not from the node's own settings",
        ],
    );
}

fn mount_the_root_read_only(it: &Copy<'_>) {
    it.edit("/etc/fstab", "defaults,noatime", "defaults,noatime,ro");
}

#[test]
fn a_root_that_is_mounted_read_only() {
    Sound::configured("raspios-trixie", WRITABLE).shows(
        mount_the_root_read_only,
        &["/etc/fstab mounts / with `ro`, but the node writes to it"],
    );
    // An appliance lays memory over it.
    Sound::of("raspios-trixie").shows(mount_the_root_read_only, &[]);
}

fn mount_memory_over_the_data(it: &Copy<'_>) {
    let text = it.root_text("/etc/fstab");
    it.write(
        "/etc/fstab",
        &format!("{text}tmpfs /var/lib tmpfs defaults 0 0\n"),
    );
}

#[test]
fn data_that_would_be_lost_at_every_boot() {
    Sound::configured("raspios-trixie", WRITABLE).shows(
        mount_memory_over_the_data,
        &["/etc/fstab lays memory over /var/lib: etcd's data in /var/lib/etcd would be lost at every boot"],
    );
    let sound = Sound::of("raspios-trixie");
    // The data of an appliance is mounted over it.
    sound.shows(mount_memory_over_the_data, &[]);
    let settings = "overlayroot_cfgdisk=\"disabled\"\noverlayroot=\"tmpfs\"\n";
    sound.shows(
        |it| {
            it.write("/etc/overlayroot.conf", settings).write(
                "/usr/share/initramfs-tools/scripts/init-bottom/overlayroot",
                "#!/bin/sh\n",
            );
        },
        &["/etc/overlayroot.conf says `overlayroot=tmpfs`: what the node writes would be lost at every boot"],
    );
    // Without the package, nothing reads its settings.
    sound.shows(
        |it| {
            it.write("/etc/overlayroot.conf", settings);
        },
        &[],
    );
}

fn lay_memory_over_the_root(it: &Copy<'_>) {
    it.boot_edit("cmdline.txt", " rootwait", " rootwait boot=overlay");
}

#[test]
fn an_initramfs_that_lays_memory_over_the_root() {
    let sound = Sound::of("raspios-trixie");
    sound.shows(
        lay_memory_over_the_root,
        &["cmdline.txt says `boot=overlay`: what the node writes would be lost at every boot (Pi 3, Pi 4, CM4, Pi 5)"],
    );
    sound.shows(
        |it| {
            lay_memory_over_the_root(it);
            it.boot_edit("config.txt", "auto_initramfs=1", "");
        },
        &[],
    );
}

fn switch_the_radio_off(it: &Copy<'_>) {
    it.boot_edit("config.txt", "arm_64bit=1", "dtoverlay=disable-wifi");
    it.boot_edit("cmdline.txt", " rootwait", " modprobe.blacklist=brcmfmac");
}

#[test]
fn an_adapter_on_usb_may_replace_the_radio() {
    let wifi = "[network.wifi]\nssid = \"home\"\npassword = \"correct horse\"\ncountry = \"DE\"\n";
    Sound::configured("raspios-trixie", wifi).shows(switch_the_radio_off, &[]);
}

#[test]
fn a_kernel_that_ubuntu_core_names() {
    let sound = Sound::of("ubuntu-core-24");
    sound.shows(|_| (), &[]);
    sound.shows(
        |it| {
            it.boot_edit("config.txt", "kernel=kernel.img", "kernel=gone.img");
        },
        &["the boot partition has no kernel /systems/20240603/kernel/gone.img"],
    );
}
