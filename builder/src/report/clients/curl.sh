#!/bin/sh
# Uses etcd's JSON gateway with curl. In a shell, from the directory above `client`:
#   sh client/curl.sh
# Keys and values are base64: Zm9v is foo, YmFy is bar.
# With authentication on, the gateway refuses certificates with a common name: use one without (a [[certificate]] with
# common-name = ""), and a token from /v3/auth/authenticate in the header `Authorization`.
set -eu

url=@FIRST_HTTP@
etcd() {
    path=$1
    shift
    curl -sS --fail-with-body --cacert client/ca.crt --cert client/admin.crt --key client/admin.key "$@" "$url$path"
    echo
}

etcd /version
key=$(printf %s foo | base64)
value=$(printf %s bar | base64)
etcd /v3/kv/put -X POST -d "{\"key\": \"$key\", \"value\": \"$value\"}"
etcd /v3/kv/range -X POST -d "{\"key\": \"$key\"}"
# All keys: a zero byte is the first key, and as the end of a range it means all that follow.
etcd /v3/kv/range -X POST -d '{"key": "AA==", "range_end": "AA==", "keys_only": true, "limit": 10}'
