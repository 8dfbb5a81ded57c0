# Downloads and unpacks both trees: mmdebstrap and apt choose the packages and check Debian's signatures.

KEYS=/usr/share/keyrings/debian-archive-keyring.gpg

# Where the packages come from, a line each for mmdebstrap; none makes it take Debian's own addresses. It is also what the
# image will ask for updates. Only Debian's own keys count.
sources() {
  case $MIRROR in
  '') ;;
  'deb '*) echo "$MIRROR" ;;
  *)
    for suite in trixie trixie-updates; do
      echo "deb [signed-by=$KEYS] $MIRROR $suite main non-free-firmware"
    done
    echo "deb [signed-by=$KEYS] $MIRROR-security trixie-security main non-free-firmware"
    ;;
  esac
}

# fetch_tree ARCHITECTURE LIST DIRECTORY OPTIONS...
fetch_tree() {
  names=$(grep -v '^[#?]' "$RECIPE/$2" | paste -sd,)
  architecture=$1
  tree=$3
  shift 3
  sources >"$tree.sources"
  [ ! -s "$tree.sources" ] || set -- "$@" "$tree.sources"
  mmdebstrap --mode=root --variant=extract --architectures="$architecture" \
    --components=main,non-free-firmware --keyring="$KEYS" \
    --include='?essential' --include="$names" \
    --aptopt='APT::Install-Recommends "false"' \
    --skip=cleanup/apt/cache --skip=output/dev --format=directory \
    trixie "$tree" "$@" >"$tree.log" 2>&1 || {
    cat "$tree.log" >&2
    return 1
  }
}

# etcd for the nodes: brought beside the image, checked by apt like everything else
ETCD='cd "$WORK" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get -q -o APT::Sandbox::User=root download etcd-server etcd-client'

fetch_both() {
  fetch_tree arm64 packages "$ROOT" --extract-hook="$ETCD" &
  other=$!
  fetch_tree "$(dpkg --print-architecture)" tools "$TOOLS"
  wait "$other"
  mkdir "$DEBS"
  mv "$ROOT"/var/cache/apt/archives/*.deb "$DEBS/"
}

# The date of the newest package is the date of the image (a .deb names its date at byte 24).
newest_package() {
  for deb in "$DEBS"/*.deb; do
    head -c 36 "$deb" | tail -c 12
    echo
  done | sort -n | tail -n 1 | tr -d ' '
}
