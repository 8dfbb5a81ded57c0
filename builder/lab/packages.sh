# Unpacks Debian packages without installing them: sh packages.sh SUITE ARCHITECTURE FOLDER PACKAGE... apt, with a configuration of
# its own, checks the signatures.
set -eu

suite=$1 architecture=$2 out=$3
shift 3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export work
become_root=
[ "$(id -u)" = 0 ] || become_root='unshare --user --map-root-user --mount'

# mmdebstrap knows Debian's addresses and sets apt up, and its first hook downloads the packages.
download="cd \"\$work\" && export APT_CONFIG=\$MMDEBSTRAP_APT_CONFIG && apt-get -q update &&
    apt-get -q -o APT::Sandbox::User=root download $*"
# shellcheck disable=SC2086 # several words, or none
$become_root mmdebstrap --mode=root --variant=custom --format=directory --architectures="$architecture" --skip=check/qemu,update,cleanup,output/dev \
    --keyring=/usr/share/keyrings/debian-archive-keyring.gpg --setup-hook="$download" "$suite" "$work/tree" >"$work/log" 2>&1 || {
    cat "$work/log" >&2
    exit 1
}

mkdir -p "$out"
for package in "$work"/*.deb; do
    dpkg-deb -x "$package" "$out"
done
