#!/bin/sh
# libguestfs: copies the base, and starts an appliance in QEMU for each node.
set -eu
base=$1 files=$3 out=$4 count=$5
for n in $(seq "$count"); do
  cp --sparse=always "$base" "$out/etcd$n.img"
  virt-customize -q -a "$out/etcd$n.img" --hostname "etcd$n" --copy-in "$files/usr:/" --copy-in "$files/etc:/"
done
sync -f "$out"
