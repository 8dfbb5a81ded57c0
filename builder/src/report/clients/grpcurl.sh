#!/bin/sh
# Calls etcd's gRPC API with grpcurl. In a shell, from the directory above `client`:
#   sh client/grpcurl.sh
# etcd answers no reflection. Its .proto files are in the sources of its release, with those that they import in
# the modules github.com/gogo/protobuf, github.com/googleapis/googleapis and github.com/grpc-ecosystem/grpc-gateway:
#   git clone --depth 1 --branch v@VERSION@ https://github.com/etcd-io/etcd proto/go.etcd.io/etcd
# Postman: import rpc.proto with the same import paths, add the CA certificate, and the client certificate for this host.
set -eu

grpcurl -cacert client/ca.crt -cert client/admin.crt -key client/admin.key \
    -import-path proto -import-path proto/go.etcd.io -import-path proto/github.com/gogo/protobuf \
    -import-path proto/github.com/googleapis/googleapis -import-path proto/github.com/grpc-ecosystem/grpc-gateway \
    -proto @RPC_PROTO@ \
    -d '{"key": "AA==", "range_end": "AA=="}' @FIRST_HOST@ etcdserverpb.KV/Range
