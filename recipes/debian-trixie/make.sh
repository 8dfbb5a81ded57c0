#!/bin/sh
# Makes the raw image: the order of work. Started inside namespaces of its own, so that nothing survives it.
#
# RECIPE    folder of this file                   WORK    folder for the result, on disk
# EMULATOR  a static qemu-aarch64, empty on arm64  MIRROR  URL of a Debian mirror, or a whole "deb ..." line
# DISK_ID, FAT_SERIAL: 8 hex digits each. ROOT_UUID, HASH_SEED: UUIDs.
# Standard output: a line for each step. Standard error: everything else.
# Standard input: the caller keeps it open for as long as the work is wanted.
set -eu
export LC_ALL=C TZ=UTC
umask 022
exec 3>&1 1>&2 4<&0 </dev/null

# Process 1 of this process namespace is this shell: when it ends, the kernel ends the others and drops the mounts.
trap 'exit 143' TERM
{
  cat <&4 >/dev/null
  kill -TERM 1
  kill -KILL -1
} &

say() { echo "$*" >&3; }

. "$RECIPE/fetch.sh"
. "$RECIPE/standins.sh"
. "$RECIPE/configure.sh"
. "$RECIPE/boot.sh"
. "$RECIPE/settle.sh"
. "$RECIPE/image.sh"

SPACE=$WORK/space # all work is in memory, and only this process and its children see it
ROOT=$SPACE/root  # the image's tree
TOOLS=$SPACE/tools
DEBS=$SPACE/debs
mkdir -p "$SPACE"
mount -t tmpfs -o mode=755,noatime tmpfs "$SPACE"

say "downloading packages"
fetch_both
SOURCE_DATE_EPOCH=$(newest_package)
export SOURCE_DATE_EPOCH

say "configuring the system"
standins_up
configure_all
standins_down

say "making the initramfs"
boot_files

say "writing the image"
settle
write_image
