# Compiles a Go program for the nodes: sh go.sh FILE.go PROGRAM. `cargo xtask test --cases` unpacks Go and the client of etcd's API.
# What was compiled before is kept.
set -eu

tree=$(cd "${0%/*}/../../target/cases/go-client" && pwd)
GOROOT=$(echo "$tree"/usr/lib/go-*)
export GOROOT GOPATH="$tree/usr/share/gocode" GOCACHE="$tree/cache" GO111MODULE=off GOENV=off GOTOOLCHAIN=local CGO_ENABLED=0 GOARCH=arm64
exec "$GOROOT/bin/go" build -ldflags='-s -w' -o "$2" "$1"
