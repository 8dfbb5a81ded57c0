# Fills /boot and /boot/firmware the Debian way: update-initramfs, then raspi-firmware's hook copies what the firmware reads.

# Programs called by their path, never copied into the initramfs.
LENT="usr/bin/dash usr/bin/perl usr/lib/dracut/dracut-install usr/sbin/mkinitramfs"

boot_files() {
  etc_files
  borrow
  INSIDE_PATH=$HERE/bin:/usr/sbin:/usr/bin inside update-initramfs -c -k all
  give_back
  fill cmdline.txt boot/firmware/cmdline.txt # the hook's has the same meaning in another order
}

# fill FILE PATH: puts one of our files into the tree, with the disk id in it
fill() { sed "s/@DISK_ID@/$DISK_ID/g" "$RECIPE/files/$1" >"$ROOT/$2"; }

etc_files() {
  fill fstab etc/fstab
  fill hosts etc/hosts
  fill cmdline.txt boot/firmware/cmdline.txt
  fill raspi-firmware etc/default/raspi-firmware
  echo rootfstype=ext4 >"$ROOT/etc/default/raspi-extra-cmdline"
  fill initramfs etc/initramfs-tools/conf.d/root
  rm -f "$ROOT/etc/resolv.conf" "$ROOT/etc/hostname"
  echo debian >"$ROOT/etc/hostname"
  # eth0 is eth0, as on Raspberry Pi OS
  for link in 73-usb-net-by-mac.link 99-default.link; do
    ln -s /dev/null "$ROOT/etc/systemd/network/$link"
  done
}

# The initramfs holds the tree's arm64 programs, so only the ones that build it are lent.
borrow() {
  for package in coreutils debianutils diffutils findutils grep sed mawk cpio gzip zstd kmod util-linux; do
    sed -n "s|^/\(usr/\)\{0,1\}\(s\{0,1\}bin/[^/]*\)$|\2|p" "$(contents "$package")"
  done >"$SPACE/lent"
  mkdir -p "$ROOT$HERE/tools"
  mount --rbind "$TOOLS" "$ROOT$HERE/tools"
  while read -r program; do
    ln -sf "$HERE/tools/usr/$program" "$ROOT$HERE/bin/${program##*/}"
  done <"$SPACE/lent"
  ln -sf mawk "$ROOT$HERE/bin/awk"
  adapt_mkinitramfs
  for program in $LENT; do
    mount --bind "$TOOLS/$program" "$ROOT/$program"
  done
  script "${HERE#/}/bin/dpkg" "exec $HERE/qemu /usr/bin/dpkg \"\$@\""
  script "${HERE#/}/bin/ldconfig" "exec $HERE/qemu /usr/sbin/ldconfig \"\$@\""
  script "${HERE#/}/bin/ldd" "l='$HERE/qemu /lib/ld-linux-aarch64.so.1'; \$l --verify \"\$1\"; case \$? in 0|2) exec \$l --list \"\$1\" ;; *) exit 1 ;; esac"
}

# It sets a search path of its own, and its hooks take along what they find under /usr/lib/*.
adapt_mkinitramfs() {
  sed -e "s|^export PATH='|&$HERE/bin:|" -e "s|^# generate module deps|(cd \"\$DESTDIR\" \&\& rm -rf ./none $FOREIGN)|" \
    "$ROOT/usr/sbin/mkinitramfs" >"$TOOLS/usr/sbin/mkinitramfs"
  chmod 755 "$TOOLS/usr/sbin/mkinitramfs"
}

contents() { echo "$ROOT/var/lib/dpkg/info/$1.list"; }

give_back() {
  for program in $LENT; do umount "$ROOT/$program"; done
}
