# Builds main.go with snapd's own code from this system's packages: sh build.sh FOLDER. Nothing is installed; a second run builds only what changed.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"

# snapd's code names no packages to go with it: these hold what the parts used here import.
if [ ! -d usr ]; then
    rm -rf new
    mkdir new
    cd new
    go=$(apt-cache depends golang-go | sed -n 's/^ *Depends: \(golang-1[.0-9]*\)-go$/\1/p')
    apt-get download -q "$go-go" "$go-src" golang-github-snapcore-snapd-dev golang-github-mvo5-goconfigparser-dev golang-dbus-dev \
        golang-golang-x-crypto-dev golang-golang-x-sys-dev golang-golang-x-xerrors-dev golang-gopkg-tomb.v2-dev golang-gopkg-yaml.v2-dev
    for package in *.deb; do dpkg-deb -x "$package" .; done
    mv usr ..
    cd ..
    rm -r new
fi

GOROOT=$(echo "$PWD"/usr/lib/go-*)
export GOROOT GOPATH="$PWD/usr/share/gocode" GOCACHE="$PWD/cache" GO111MODULE=off GOENV=off GOTOOLCHAIN=local CGO_ENABLED=0
exec "$GOROOT/bin/go" build -tags nosecboot -o checker "$here/main.go"
