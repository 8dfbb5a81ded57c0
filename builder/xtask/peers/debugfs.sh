#!/bin/sh
# Without root: copies the base, writes the files with debugfs, and marks the FAT partition with mtools.
set -eu
base=$1 files=$3 out=$4 count=$5
start_of() { sfdisk -d "$base" | sed -n "s/.*start= *\([0-9]*\),.*type=\($1\).*/\1/p" | head -n 1; }
root=$(($(start_of 83) * 512)) boot=$(($(start_of 'c\|b\|e\|ef') * 512))
for n in $(seq "$count"); do
  cp --sparse=always "$base" "$out/etcd$n.img"
  echo "etcd$n" > "$out/hostname"
  {
    (cd "$files" && find . -mindepth 1 -type d) | sed 's|^\.|mkdir |'
    (cd "$files" && find . -type f) | sed "s|^\.\(.*\)|rm \1\nwrite $files\1 \1|"
    echo "rm /etc/hostname"
    echo "write $out/hostname /etc/hostname"
  } > "$out/commands"
  debugfs -w -f "$out/commands" "$out/etcd$n.img?offset=$root" > /dev/null 2>&1
  mcopy -o -i "$out/etcd$n.img@@$boot" "$out/hostname" ::/node
  rm "$out/hostname" "$out/commands"
done
sync -f "$out"
