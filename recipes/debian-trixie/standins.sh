# While packages are configured, the machine's own programs stand in for the arm64 ones: same Debian, same version, no emulation.
# A program without a counterpart becomes a two-line script that runs the original in the emulator.

HERE=/.maker # inside the tree; gone before the image is written

# programs DIRECTORY: its ELF executables outside the library folder
programs() {
  (
    cd "$1"
    elf=$(printf '^\177ELF')
    find usr/bin usr/sbin usr/lib usr/libexec -type f -perm /111 ! -name '*.so*' -exec grep -lam1 "$elf" {} +
  ) | sort
}

# script PATH COMMAND...: puts a one-command script at PATH of the tree
script() {
  path=$ROOT/$1
  shift
  printf '#!/bin/sh\n%s\n' "$*" >"$path"
  chmod 755 "$path"
}

# put_aside PATH: keeps the original, with everything that is known about it
put_aside() {
  mkdir -p "$ROOT$HERE/aside/${1%/*}"
  mv "$ROOT/$1" "$ROOT$HERE/aside/$1"
}

standins_up() {
  triplet=$(basename "$(ls -d "$TOOLS"/usr/lib/*-linux-gnu)")
  mkdir -p "$ROOT$HERE/bin"
  if [ -n "$EMULATOR" ]; then cp "$EMULATOR" "$ROOT$HERE/qemu"; else script "$HERE/qemu" 'exec "$@"'; fi
  cp "$TOOLS/usr/bin/env" "$ROOT$HERE/bin/env"
  programs "$ROOT" >"$SPACE/programs"
  while read -r program; do
    put_aside "$program"
    stand_in "$program"
  done <"$SPACE/programs"
  # dpkg has to go on believing in arm64; ldconfig reads only its own architecture
  for program in usr/bin/dpkg usr/bin/dpkg-query usr/bin/dpkg-trigger usr/sbin/ldconfig; do
    emulate "$program"
  done
  native_libraries
  quiet
}

# stand_in PATH: the machine's own program, or the emulated original
stand_in() {
  own=$(echo "$1" | sed "s|aarch64-linux-gnu|$triplet|")
  if [ -f "$TOOLS/$own" ]; then cp -p "$TOOLS/$own" "$ROOT/$1"; else emulate "$1"; fi
}

emulate() {
  rm -f "$ROOT/$1"
  script "$1" "exec $HERE/qemu $HERE/aside/$1 \"\$@\""
  touch -r "$ROOT$HERE/aside/$1" "$ROOT/$1" # alternatives take over the date
  same_access "$ROOT$HERE/aside/$1" "$ROOT/$1"
}

# same_access FROM TO: owner, group and mode
same_access() {
  [ "$(stat -c '%u %g %a' "$1")" = "$(stat -c '%u %g %a' "$2")" ] && return
  chown --reference="$1" "$2"
  chmod --reference="$1" "$2"
}

# The libraries of the machine's architecture, seen beside those of the tree; FOREIGN are the paths that has added.
native_libraries() {
  FOREIGN=
  [ "$triplet" = aarch64-linux-gnu ] && return
  show "usr/lib/$triplet"
  for link in "$TOOLS"/lib?*; do
    [ -L "$link" ] || continue
    show "usr/${link##*/}"
    ln -s "usr/${link##*/}" "$ROOT/${link##*/}"
    FOREIGN="$FOREIGN ${link##*/}"
  done
}

show() {
  mkdir "$ROOT/$1"
  mount --bind "$TOOLS/$1" "$ROOT/$1"
  FOREIGN="$FOREIGN $1"
}

# What must not run now: services, the initramfs (made once, later), Python's compiler (Python compiles when it needs to).
quiet() {
  script usr/sbin/policy-rc.d 'exit 101'
  for program in usr/sbin/update-initramfs usr/bin/py3compile usr/bin/py3clean; do
    put_aside "$program"
    script "$program" 'exit 0'
    same_access "$ROOT$HERE/aside/$program" "$ROOT/$program"
    echo "$program" >>"$SPACE/programs"
  done
  for program in "$ROOT"/usr/bin/python3.*[0-9]; do
    script "usr/bin/${program##*/}" 'exit 0'
  done
}

# The originals come back, with the access rights that the packages gave to their stand-ins.
standins_down() {
  rm "$ROOT/usr/sbin/policy-rc.d"
  while read -r program; do
    same_access "$ROOT/$program" "$ROOT$HERE/aside/$program"
    mv "$ROOT$HERE/aside/$program" "$ROOT/$program"
  done <"$SPACE/programs"
}
