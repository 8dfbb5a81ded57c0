# Asks a real sshd about lines of authorized_keys: sh sshd.sh SSHD FOLDER < LINES > VERDICTS
#
# FOLDER has the private key `id`. Prints `yes` for a line whose key sshd accepts or would accept from another address, `no`
# for a line that it ignores. Needs no privileges: sshd serves one user,
# itself, over standard input, in a namespace whose /etc/passwd has this user only.
set -eu
sshd=$1 work=$2
# Libraries that were unpacked beside it.
LD_LIBRARY_PATH=$(echo "${sshd%/sbin/sshd}"/lib/*-linux-gnu | tr ' ' :)
export LD_LIBRARY_PATH
case ${3-outer} in
outer)
    ssh-keygen -q -t ed25519 -N '' -f "$work/host"
    echo "checker:x:1000:1000::/tmp:/bin/sh" >"$work/passwd"
    {
        printf 'HostKey %s\nAuthorizedKeysFile %s\n' "$work/host" "$work/authorized"
        printf 'StrictModes no\nUsePAM no\nLogLevel DEBUG1\nPidFile none\n'
        for program in session auth; do
            ! [ -e "${sshd%/sbin/sshd}/lib/openssh/sshd-$program" ] ||
                echo "Sshd${program}Path ${sshd%/sbin/sshd}/lib/openssh/sshd-$program"
        done
    } >"$work/config"
    exec unshare --user --map-root-user --mount sh -euc '
        mount --bind "$2/passwd" /etc/passwd
        exec unshare --user --map-user=1000 --map-group=1000 sh "$0" "$1" "$2" inner' "$0" "$sshd" "$work"
    ;;
inner)
    while IFS= read -r line; do
        printf '%s\n' "$line" >"$work/authorized"
        ssh -F none -v -o BatchMode=yes -o IdentitiesOnly=yes -o IdentityAgent=none -o StrictHostKeyChecking=no \
            -o UserKnownHostsFile=/dev/null -i "$work/id" -o "ProxyCommand=$sshd -i -e -f $work/config" \
            checker@host true </dev/null >"$work/log" 2>&1 || :
        if grep -aq -e 'Server accepts key' -e 'not from a permitted host' "$work/log"; then echo yes; else echo no; fi
    done
    ;;
esac
