//! The programs of a node that stand in for those of the system, and the image's own that run beside them.

/// Starts sshd for the user `pi` in a node's network namespace, without privileges: with one user, it needs none. The
/// system's programs that a node has and this machine may lack are those of the node's directory.
pub(super) const SSHD: &str = r#"
folder=$1 sshd=$2
echo 'pi:x:1000:1000::/tmp:/bin/sh' >"$folder/passwd"
{
    printf 'ListenAddress %s\nHostKey %s\nAuthorizedKeysFile %s\n' "$3" "$4" "$5"
    printf 'StrictModes no\nUsePAM no\nPidFile none\nSetEnv PATH=%s/bin:/usr/bin:/bin NODE=%s\n' "$folder" "$folder"
    for program in session auth; do
        ! [ -e "${sshd%/sbin/sshd}/lib/openssh/sshd-$program" ] ||
            echo "Sshd${program}Path ${sshd%/sbin/sshd}/lib/openssh/sshd-$program"
    done
} >"$folder/sshd_config"
LD_LIBRARY_PATH=$(echo "${sshd%/sbin/sshd}"/lib/*-linux-gnu | tr ' ' :)
export LD_LIBRARY_PATH
echo 0 >/proc/sys/net/ipv4/ip_unprivileged_port_start
mount --bind "$folder/passwd" /etc/passwd
mount --bind "$folder/boot_id" /proc/sys/kernel/random/boot_id
mkdir -p "$folder/run-node" /run/etcd-node
mount --bind "$folder/run-node" /run/etcd-node
mount -t tmpfs tmpfs /usr/local/lib
mkdir /usr/local/lib/etcd-node
cp "$folder"/lib/* /usr/local/lib/etcd-node
exec unshare --user --map-user=1000 --map-group=1000 "$sshd" -D -e -f "$folder/sshd_config"
"#;

/// The programs of a node: sudo without a check, and those that need systemd.
pub(super) const PROGRAMS: [(&str, &str); 3] = [
    (
        "sudo",
        "#!/bin/sh\n[ \"$1\" != -n ] || shift\nexec \"$@\"\n",
    ),
    (
        "systemctl",
        r#"#!/bin/sh
case $* in
    reboot) : >"$NODE/restart" ;;
    'restart --no-block etcd') : >"$NODE/restart-etcd" ;;
    'stop etcd') : >"$NODE/stop"; while [ -e "$NODE/stop" ]; do sleep 0.05; done ;;
    'start --no-block etcd') : >"$NODE/start" ;;
    *) exit 1 ;;
esac
"#,
    ),
    (
        "journalctl",
        "#!/bin/sh\nprintf 'asked: %s\\n\\033[2Jlast\\n' \"$*\"\n",
    ),
];

/// The programs of the image that run on the nodes.
pub(super) const PARTS: [&str; 12] = [
    "certificates",
    "programs",
    "restore",
    "join",
    "decide",
    "own_data",
    "snapshot",
    "peers",
    "cluster",
    "actions",
    "membership",
    "watch",
];
