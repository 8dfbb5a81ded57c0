# Makes the image and keeps the packages that it was made from, or makes it again from kept ones. Without a locale, this changes no
# byte of the image; so the locale is among the inputs that name the image, and this file is not.
#
# REPOSITORY  folder of kept packages with their index, empty to ask the mirror
# LOCALE      a locale that the package `locales` compiles when it is configured, or empty

[ -z "$REPOSITORY" ] || MIRROR="deb [trusted=yes] copy:$REPOSITORY ./"

# An image made again asks for updates where the first one did.
mmdebstrap() {
  command mmdebstrap "$@" || return
  [ -z "$LOCALE" ] || echo "$LOCALE UTF-8" >"$tree/etc/locale.gen"
  [ -n "$REPOSITORY" ] || return 0
  rm -rf "$tree/etc/apt/sources.list" "$tree/etc/apt/sources.list.d"
  cp -R "$REPOSITORY/sources/." "$tree/etc/apt/"
}

. "$RECIPE/make.sh"

say "keeping the packages"
mkdir "$SPACE/kept" "$SPACE/kept/sources"
for each in "$ROOT"/etc/apt/sources.list*; do
  [ ! -e "$each" ] || cp -R "$each" "$SPACE/kept/sources/"
done
tar -cf "$WORK/debian-trixie.tar" --exclude=./lock --exclude=./partial \
  -C "$DEBS" . -C "$TOOLS/var/cache/apt/archives" . -C "$SPACE/kept" . -C "$WORK" ./etcd-server.deb ./etcd-client.deb
