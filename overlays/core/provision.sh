#!/bin/sh
# First boot of this node, started by cloud-init: installs what lies beside this file, where Ubuntu Core lets programs be.
# Each step may be repeated: a unit does so at the next boot if this one is interrupted, for cloud-init starts it once only.
set -eu
umask 077

FROM={{ paths.source }}
NODE={{ paths.node }}
UNITS=/etc/systemd/system
AGAIN=etcd-node-provision.service
HOSTS=/etc/hosts
SSH=/etc/ssh
CONSOLE=/var/lib/console-conf
CLOCK=/var/lib/systemd/timesync/clock
BUILT={{ time.unix }}
REFRESH={{ refresh_timer }}

stop() {
    echo "etcd-node: $*"
    exit 1
}

# Before anything else is read or written: whatever cuts this boot short, the next one goes on.
go_on_next_time() {
    mkdir -p "$UNITS"
    cat >"$UNITS/$AGAIN.new" <<'UNIT'
{{ file("core/etcd-node-provision.service") -}}
UNIT
    chmod 0644 "$UNITS/$AGAIN.new"
    sync "$UNITS/$AGAIN.new"
    mv "$UNITS/$AGAIN.new" "$UNITS/$AGAIN"
    systemctl daemon-reload
    systemctl enable "$AGAIN"
    sync
}

# check FOLDER: every file is what was built.
check() {
    (cd "$1" && sha256sum --status -c SHA256SUMS) || stop "$1 is spoilt: nothing was installed; write the image to the card again"
}

install_node() {
    check "$FROM"
    mkdir -p "$SSH" "$CONSOLE"
    if [ "$FROM" != "$NODE" ]; then
        mkdir -p "$NODE"
        cp -R "$FROM/." "$NODE"
        sync
        check "$NODE"
    fi
    mkdir -p "$NODE/data"
    chmod -R u=rwX,go=rX "$NODE/bin" "$NODE/lib" "$NODE/pki" "$NODE/etcd.conf.yml"
    chmod 0755 "$NODE" "$NODE"/bin/* "$NODE/lib/join" "$NODE/lib/promote"
    chmod 0600 "$NODE"/pki/*.key "$NODE/ssh/ssh_host_ed25519_key"
    chmod 0700 "$NODE/data" "$NODE/ssh"
    chown etcd:etcd "$NODE"/pki/*.key "$NODE/data"
    cp "$NODE"/ssh/ssh_host_ed25519_key* "$SSH"
    chmod 0600 "$SSH/ssh_host_ed25519_key"
    chmod 0644 "$SSH/ssh_host_ed25519_key.pub"
    # A mount of its own on Core: its content can be replaced, the file cannot.
    cat "$NODE/hosts" >"$HOSTS"
    : >"$CONSOLE/complete"
    cp "$NODE/etcd.service" "$UNITS"
    chmod 0644 "$UNITS/etcd.service"
    sync
    : >"$NODE/installed"
    sync
}

[ -e "$NODE/installed" ] || { go_on_next_time; install_node; }
[ "$FROM" = "$NODE" ] || rm -f "$FROM"/pki/*.key "$FROM"/ssh/ssh_host_ed25519_key
sync
# A board without a clock chip starts in the past, where certificates are not valid yet; timesyncd keeps the file's time.
[ "$(date +%s)" -ge $BUILT ] || date -s "@$BUILT" >/dev/null
[ ! -e "$CLOCK" ] || touch "$CLOCK"
systemctl daemon-reload
systemctl enable etcd.service
# It waits for the other members, which may take long.
systemctl start --no-block etcd.service
systemctl try-restart ssh.service || :
if command -v snap >/dev/null; then
    timeout 240 snap wait system seed.loaded && snap set system refresh.timer="$REFRESH" ||
        stop "snapd took no refresh.timer yet: trying again at the next boot"
fi
systemctl disable "$AGAIN"
rm -f "$UNITS/$AGAIN"
