# Takes away what belongs to the making or differs from run to run, and dates every file.

settle() {
  leave
  rm -rf "$ROOT$HERE"
  ( cd "$ROOT"
    rm -f etc/apt/apt.conf.d/99mmdebstrap etc/ssh/ssh_host_* var/lib/dbus/machine-id etc/*- var/lib/systemd/random-seed
    rm -rf var/lib/apt/lists/* var/cache/apt/*.bin var/cache/apt/archives/* var/cache/ldconfig/* var/cache/debconf/*-old \
      var/lib/dpkg/*-old var/lib/apt/extended_states run/* tmp/* var/tmp/* root/.[a-z]*_history
    find var/log -type f ! -name lastlog ! -name '?tmp' -delete
    find . -xdev -name __pycache__ -prune -exec rm -r {} +
    find dev -mindepth 1 -delete # the kernel fills it
    touch dev
    echo uninitialized >etc/machine-id )
  date_everything
}

# Unmounts what was shown inside the tree.
leave() {
  for place in proc dev ${HERE#/}/debs ${HERE#/}/tools; do umount -l "$ROOT/$place"; done
  for place in $FOREIGN; do
    [ -L "$ROOT/$place" ] || umount "$ROOT/$place"
    rm -r "${ROOT:?}/$place"
  done
}

date_everything() {
  find "$ROOT" -newermt "@$SOURCE_DATE_EPOCH" -exec touch -h -m -d "@$SOURCE_DATE_EPOCH" {} +
  find "$ROOT" -exec touch -h -a -d "@$SOURCE_DATE_EPOCH" {} +
}
