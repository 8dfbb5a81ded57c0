# Registers and configures the unpacked packages with the tree's own dpkg.

# inside COMMAND...: runs it in the tree with a clean environment
inside() {
  chroot "$ROOT" "$HERE/bin/env" -i PATH="${INSIDE_PATH:-/usr/sbin:/usr/bin}" HOME=/root LC_ALL=C TZ=UTC \
    DEBIAN_FRONTEND=noninteractive DEBCONF_NONINTERACTIVE_SEEN=true \
    SOURCE_DATE_EPOCH="$SOURCE_DATE_EPOCH" "$@"
}

configure_all() {
  mount -t proc proc "$ROOT/proc"
  mount --rbind /dev "$ROOT/dev"
  mkdir "$ROOT$HERE/debs"
  mount --bind "$DEBS" "$ROOT$HERE/debs"
  register
  # what every other package takes for granted: users, nsswitch.conf and the like
  inside dpkg --force-depends --configure base-passwd base-files libc6 libc-bin
  inside dpkg --force-confnew --force-unsafe-io --configure -a
}

# The files are there already: dpkg takes only its records and the configuration files, and runs the preinst scripts.
register() {
  rules=$ROOT/etc/dpkg/dpkg.cfg.d/maker
  printf '%s\n' 'path-exclude=/*' 'path-include=/etc/*' force-unsafe-io >"$rules"
  inside sh -c "cd $HERE/debs && dpkg --force-depends --unpack base-passwd_*.deb"
  inside sh -c "cd $HERE/debs && dpkg --force-depends --unpack \$(ls *.deb | grep -v ^base-passwd_)"
  rm "$rules"
}
