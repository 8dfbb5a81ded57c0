# Unpacks Debian's etcd: sh etcd.sh SUITE FOLDER [ARCHITECTURE]. The default architecture is that of this machine.
set -eu

suite=$1 out=$2 architecture=${3:-$(dpkg --print-architecture)}
rm -rf "$out.new"
sh "${0%/*}/packages.sh" "$suite" "$architecture" "$out.new/tree" etcd-server etcd-client
mv "$out.new/tree/usr/bin"/* "$out.new"
rm -r "$out.new/tree"
mv "$out.new" "$out"
