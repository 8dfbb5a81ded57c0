# Unpacks Debian's etcd: sh etcd.sh SUITE FOLDER [ARCHITECTURE]. apt, with a configuration of its own, checks the signatures. The
# default architecture is that of this machine.
set -eu

suite=$1 out=$2 architecture=${3:-$(dpkg --print-architecture)}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work
become_root=
[ "$(id -u)" = 0 ] || become_root='unshare --user --map-root-user --mount'

# Nothing is installed: mmdebstrap knows Debian's addresses and sets apt up, and its first hook downloads the packages.
download='cd "$work" && export APT_CONFIG=$MMDEBSTRAP_APT_CONFIG && apt-get -q update &&
    apt-get -q -o APT::Sandbox::User=root download etcd-server etcd-client'
# shellcheck disable=SC2086 # several words, or none
$become_root mmdebstrap --mode=root --variant=custom --format=directory --architectures="$architecture" --skip=check/qemu,update,cleanup,output/dev \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --setup-hook="$download" "$suite" "$work/tree" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}

rm -rf "$out.new"
mkdir -p "$out.new"
for package in "$work"/*.deb; do
    dpkg-deb --fsys-tarfile "$package" | tar -x -C "$out.new" --strip-components=3 ./usr/bin
done
mv "$out.new" "$out"
