#!/bin/sh
# The usual script: unpacks the base for each node, mounts its root through a loop device (as root), and copies the files.
set -eu
base=$1 packed=$2 files=$3 out=$4 count=$5
start=$(sfdisk -d "$base" | sed -n 's/.*start= *\([0-9]*\),.*type=83.*/\1/p' | head -n 1)
for n in $(seq "$count"); do
  xz -dc "$packed" > "$out/etcd$n.img"
  mkdir "$out/root"
  mount -o loop,offset=$((start * 512)) "$out/etcd$n.img" "$out/root"
  cp -r "$files/." "$out/root/"
  echo "etcd$n" > "$out/root/etc/hostname"
  umount "$out/root"
  rmdir "$out/root"
done
sync -f "$out"
