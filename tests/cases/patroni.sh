# Runs two PostgreSQL servers under Patroni, kills the one that leads and waits until the other one does:
#   sh patroni.sh PACKAGES CONNECTION
# PACKAGES is the directory into which Debian's patroni is unpacked. CONNECTION holds etcd.yml, the connection to etcd, and the
# certificates that it names. Everything runs on this machine, and ends with this script.
set -eu

# Patroni looks processes up in /proc.
if [ -z "${WITH_OWN_PROCESSES-}" ]; then
    export WITH_OWN_PROCESSES=yes
    exec unshare --mount --pid --fork --kill-child --mount-proc sh "$0" "$@"
fi

packages=$1 connection=$2
work=$(mktemp -d)
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -n 1)
# PostgreSQL refuses to run as root.
chmod 755 "$work"
as_user="unshare --user --map-user=1000 --map-group=1000"
export PYTHONPATH="$packages/usr/lib/python3/dist-packages"
export PATH="$programs:$PATH"

stop() {
    for database in 1 2; do
        kill -9 "$(cat "$work/$database.pid")" 2>/dev/null || :
        kill -9 "$(head -n 1 "$work/$database/postmaster.pid")" 2>/dev/null || :
    done
    rm -rf "$work"
}
trap stop EXIT

start() {
    cat "$connection/etcd.yml" - >"$work/$1.yml" <<END
scope: postgres
name: db-0$1
restapi: {listen: "127.0.0.1:800$1", connect_address: "127.0.0.1:800$1"}
bootstrap:
  dcs: {ttl: 20, loop_wait: 5, retry_timeout: 5, maximum_lag_on_failover: 1048576}
  initdb: [{encoding: UTF8}, {locale: C}]
  pg_hba: ["local all all trust", "host all all 127.0.0.1/32 trust", "host replication all 127.0.0.1/32 trust"]
postgresql:
  listen: 127.0.0.1:550$1
  connect_address: 127.0.0.1:550$1
  data_dir: $work/$1
  bin_dir: $programs
  authentication: {superuser: {username: postgres, password: a}, replication: {username: replicator, password: b}}
  parameters: {unix_socket_directories: $work, fsync: "off"}
END
    $as_user /usr/bin/python3 "$packages/usr/bin/patroni" "$work/$1.yml" >"$work/$1.log" 2>&1 &
    echo $! >"$work/$1.pid"
}

# await DATABASE PATH: until Patroni's REST API answers 200, for ten minutes at most
await() {
    tries=0
    until curl -sf -o /dev/null "http://127.0.0.1:800$1/$2"; do
        tries=$((tries + 1))
        if [ $tries -ge 300 ]; then
            tail -n 20 "$work/$1.log"
            exit 1
        fi
        sleep 2
    done
}

start 1
await 1 leader
start 2
await 2 replica
echo "db-01 leads, db-02 follows"
kill -9 "$(cat "$work/1.pid")" "$(head -n 1 "$work/1/postmaster.pid")"
await 2 leader
echo "db-01 was killed, db-02 was promoted"
