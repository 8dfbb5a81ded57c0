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
REFRESH={{ refresh.timer }}
DAY={{ refresh.day }}

stop() {
    echo "etcd-node: $*"
    exit 1
}

# Runs before anything else is read or written: if this boot is interrupted, the next one continues.
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
    (cd "$1" && sha256sum --status -c SHA256SUMS) || stop "$1 is damaged: nothing was installed; write the image to the card again"
}

# Prints the time an hour before the first DAY (Monday is 0) that begins after tomorrow. 1970 began with a Thursday.
eve() {
    day=$(($(date +%s) / 86400 + 2))
    day=$((day + (DAY + 7 - (day + 3) % 7) % 7))
    date -ud "@$((day * 86400 - 3600))" +%Y-%m-%dT%H:%M:%SZ
}

# The very first refresh happens immediately, whatever the timer says, unless refreshes are held. After the hold, the timer applies.
refresh_on_own_day() {
    command -v snap >/dev/null || return 0
    timeout 240 snap wait system seed.loaded && snap set system refresh.timer="$REFRESH" refresh.hold="$(eve)"
}

install_node() {
    mkdir -p "$SSH" "$CONSOLE"
    if [ "$FROM" != "$NODE" ]; then
        mkdir -p "$NODE"
        cp -R "$FROM/." "$NODE"
        sync
        check "$NODE"
    fi
    mkdir -p "$NODE/data"
    chmod -R u=rwX,go=rX "$NODE/bin" "$NODE/lib" "$NODE"/pki/*.crt "$NODE/etcd.conf.yml"
    chmod 0755 "$NODE" "$NODE/pki" "$NODE"/bin/* "$NODE/lib/join" "$NODE/lib/certificates" "$NODE"/lib/etcd*tl
    chmod 0600 "$NODE"/pki/*.key "$NODE/ssh/ssh_host_ed25519_key"
    chmod 0700 "$NODE/data" "$NODE/ssh"
    chown etcd:etcd "$NODE"/pki/*.key "$NODE/data"
{%- if etcd.snapshot %}
    chmod 0600 "$NODE/snapshot.db"
    chown etcd:etcd "$NODE/snapshot.db"
{%- endif %}
{%- if ssh.etcdctl %}
    chmod 0755 "$NODE/client"
    chmod 0644 "$NODE"/client/*.crt
    chmod 0600 "$NODE/client/client.key"
    chown {{ ssh.user }} "$NODE/client/client.key"
{%- endif %}
    cp "$NODE"/ssh/ssh_host_ed25519_key* "$SSH"
    chmod 0600 "$SSH/ssh_host_ed25519_key"
    chmod 0644 "$SSH/ssh_host_ed25519_key.pub"
    # A mount of its own on Core: its content can be replaced, the file cannot.
    cat "$NODE/hosts" >"$HOSTS"
    : >"$CONSOLE/complete"
    cp "$NODE/etcd.service" "$UNITS"
    chmod 0644 "$UNITS/etcd.service"
{%- if backup %}
    cp "$NODE/etcd-backup.service" "$NODE/etcd-backup.timer" "$UNITS"
    chmod 0644 "$UNITS/etcd-backup.service" "$UNITS/etcd-backup.timer"
{%- endif %}
    sync
    : >"$NODE/installed"
    sync
}

[ -e "$NODE/installed" ] || { go_on_next_time; check "$FROM"; }
# A board without a clock chip starts in the past, where certificates are not valid yet; timesyncd keeps the file's time.
[ "$(date +%s)" -ge $BUILT ] || date -s "@$BUILT" >/dev/null
[ ! -e "$CLOCK" ] || touch "$CLOCK"
# snapd has what its first refresh needs within a minute, and copying takes that long.
early=yes
refresh_on_own_day || early=no
[ -e "$NODE/installed" ] || install_node
[ "$FROM" = "$NODE" ] || rm -f "$FROM/snapshot.db" "$FROM"/pki/*.key "$FROM"/client/*.key "$FROM"/ssh/ssh_host_ed25519_key
sync
systemctl daemon-reload
systemctl enable etcd.service
{%- if backup %}
systemctl enable --now etcd-backup.timer
{%- endif %}
# It waits for the other members, which may take long.
systemctl start --no-block etcd.service
systemctl try-restart ssh.service || :
[ $early = yes ] || refresh_on_own_day || stop "snapd does not accept refresh.timer yet: trying again at the next boot"
systemctl disable "$AGAIN"
rm -f "$UNITS/$AGAIN"
