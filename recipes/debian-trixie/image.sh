# Writes the two file systems into one sparse file, with Debian trixie's own tools; the partition table is the caller's.

MIB=1048576
BOOT_START=8   # MiB
BOOT_SIZE=512  # MiB
ROOT_START=520 # MiB

write_image() {
  mkdir -p "$TOOLS/in" "$TOOLS/out" "$TOOLS/recipe" "$SPACE/firmware"
  find "$ROOT/boot/firmware" -mindepth 1 -maxdepth 1 -exec mv -t "$SPACE/firmware" {} +
  touch -d "@$SOURCE_DATE_EPOCH" "$ROOT/boot/firmware"
  root_size=$(root_mib)
  mount --rbind /dev "$TOOLS/dev"
  truncate -s $(((ROOT_START + root_size) * MIB)) "$WORK/image.raw"
  boot_partition
  root_partition
  list_packages >"$WORK/debian-trixie.packages"
  for package in etcd-server etcd-client; do
    mv "$WORK/$package"_*.deb "$WORK/$package.deb"
  done
}

# pi-gen's rule: what is there, a fifth more, 200 MiB more, rounded up to 8 MiB
root_mib() {
  used=$(du -s --apparent-size -B1 "$ROOT" | cut -f1)
  echo $(((used + used / 5 + 200 * MIB + 8 * MIB - 1) / (8 * MIB) * 8))
}

with_tools() { chroot "$TOOLS" /usr/bin/env -i PATH=/usr/sbin:/usr/bin LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" "$@"; }

boot_partition() {
  mount --bind "$SPACE/firmware" "$TOOLS/in"
  mount --bind "$WORK" "$TOOLS/out"
  with_tools mkfs.vfat --invariant -n bootfs -F 32 -s 1 -i "$FAT_SERIAL" \
    --offset $((BOOT_START * MIB / 512)) /out/image.raw $((BOOT_SIZE * 1024))
  ( cd "$SPACE/firmware" && find . -mindepth 1 -maxdepth 1 | sort ) | sed 's|^\.|/in|' |
    with_tools sh -c 'xargs -I{} mcopy -s -m -i "$1" {} ::' sh "/out/image.raw@@$((BOOT_START * MIB))"
  umount "$TOOLS/in"
}

root_partition() {
  mount --bind "$ROOT" "$TOOLS/in"
  mount --bind "$RECIPE" "$TOOLS/recipe"
  with_tools env MKE2FS_CONFIG=/recipe/mke2fs.conf mke2fs -q -t ext4 -L rootfs -U "$ROOT_UUID" \
    -E "hash_seed=$HASH_SEED,offset=$((ROOT_START * MIB)),assume_storage_prezeroed=1" \
    -d /in /out/image.raw $((root_size * 1024))k
}

# name version architecture sha256, of every package in the image, then of etcd's
list_packages() {
  ( cd "$DEBS" && sha256sum -- *.deb; cd "$WORK" && sha256sum -- etcd-*.deb ) | while read -r sum deb; do
    plain=$(echo "${deb%.deb}" | sed 's/%3a/:/')
    echo "$plain" | tr _ ' ' | sed "s/\$/ $sum/"
  done
}
