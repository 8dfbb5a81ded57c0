//! Logins, the system's own settings, certificates and etcd's users.

use super::super::issuing::{CertificateRole, KeyKind};
use super::super::layout::CertificateLayout;
use super::super::named::Named as _;
use super::super::section::{Given, Section, Setting, ValueKind};
use super::super::{auth, certificate, common_name, names, pki, placement, ssh, system};

use Given::{Default, Optional, Required};
use ValueKind::{Choice, Integer, List, Switch, Text};

sections! {
    "[ssh]" {
        /// The login user, who may use sudo.
        "user": Text(names::user), Default(r#""pi""#);
        /// Lines of the user's `authorized_keys`. By default, the public keys in `~/.ssh/*.pub`.
        "authorized-keys": List(&Text(ssh::key)), Optional(
            r#"["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti you@laptop"]"#);
        /// Public keys of certificate authorities that sign the keys of users.
        "trusted-user-ca": List(&Text(ssh::ca_key)), Optional(
            r#"["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILM+rvN+ot98qgEN796jTiQfZfG1KaT0PtFDJ/XFSqti user-ca"]"#);
        /// Groups of the base that the user joins, in addition to those for administrators.
        "groups": List(&Text(ssh::group)), Default("[]");
        /// What the user may do with etcdctl, through a client certificate of its own: `"admin"` for everything, or `"read"`
        /// for reading all keys, which needs `[auth]`. `"none"` leaves etcdctl to root.
        "etcdctl": Choice("access", ssh::access), Default(r#""admin""#);
        /// The hash of a password for the console, made with `openssl passwd -6`. SSH never accepts a password.
        "password-hash": Text(ssh::password_hash), Optional(
            r#""$6$saltsaltsaltsalt$00of8Y8ZpAGaxosd4pu0Ff19hH8rucpwfCxof/ELn604.90zo6K8TACeDQP6Ttrc5F/ngjq/a4JzEcD.BmaGf1""#);
    }

    /// Clock, language and keyboard of the nodes.
    "[system]" {
        /// The time zone, as in `"Europe/Berlin"`. By default, that of the base.
        "timezone": Text(system::timezone), Optional(r#""Europe/Berlin""#);
        /// The locale of programs: `C.UTF-8`, or one that the base has compiled, because nothing is compiled on a node.
        /// `debian-trixie` is made with the one that is set. By default, that of the base.
        "locale": Text(system::locale), Optional(r#""en_GB.UTF-8""#);
        /// The keyboard layout of the console, as XKB names it. `debian-trixie` is made with what a layout needs. By default,
        /// that of the base.
        "keyboard": Text(system::keyboard), Optional(r#""de""#);
        /// Time servers, by name or address. By default, those of the base.
        "ntp": List(&Text(system::time_server)), Optional(r#"["192.168.0.1", "pool.ntp.org"]"#);
    }

    "[pki]" {
        /// The key type of all certificates.
        "key": Choice("key kind", KeyKind::names), Default(r#""ecdsa-p256""#);
        /// Days that the CA certificate is valid, from the first build on.
        "ca-days": Integer(1..=pki::MOST_DAYS, " days"), Default("3650");
        /// Days that all other certificates are valid, at most `ca-days`.
        "leaf-days": Integer(1..=pki::MOST_DAYS, " days"), Default("1825");
        /// DNS names (also `*.domain`) and addresses added to the certificates of every node.
        "extra-sans": List(&Text(pki::subject_name)), Default("[]");
        /// The certificate of your own CA as a path relative to this file (PEM). For an intermediate, the certificates above
        /// it follow, up to the root. The first build copies it into the state directory, which keeps it.
        "ca-certificate": Text(|_| Ok(())), Optional(r#""ca.pem""#);
        /// Its private key as a path relative to this file: PEM (PKCS #1, PKCS #8 or SEC 1). The file is not needed after the
        /// first build. Without this setting, the CA's owner signs the requests of `etcd-image pki csr`.
        "ca-key": Text(|_| Ok(())), Optional(r#""ca-key.pem""#);
        /// A file, relative to this one, whose first line is the passphrase of `ca-key`. Without it, commands that sign ask
        /// for the passphrase of an encrypted key on the terminal.
        "ca-passphrase-file": Text(|_| Ok(())), Optional(r#""ca-passphrase""#);
        /// Whether all programs on a node trust the CA: it is added to the system's store of trusted certificates.
        "trust-ca": Switch, Default("false");
        /// Whether all nodes share one certificate and its key, which needs a `layout` with one certificate. Anyone who
        /// reads the card of one node can then impersonate every other node. Its common name is `etcd` by default.
        "shared": Switch, Default("false");
        /// Where etcd finds its certificates: `etcd` (`/etc/etcd/pki/{ca,server,peer}.crt`), `etcd-pi`
        /// (`/etc/etcd/pki/{ca,etcd,etcd-key}.pem`), `dcs` (`/etc/dcs/cert/<name>.crt`, for the group etcd) or `flat`
        /// (`/etc/etcd/<name>-cert.pem` and `<name>-peer-cert.pem`). `etcd-pi` and `dcs` use one certificate in both
        /// directions.
        "layout": Choice("layout", CertificateLayout::names), Default(r#""etcd""#);
    }

    /// Fields in the subject of every certificate that is issued. A CA that exists keeps its subject.
    "[pki.subject]" {
        /// The country (C) as two capital letters.
        "country": Text(pki::country), Optional(r#""DE""#);
        /// The state or province (ST).
        "state": Text(pki::field), Optional(r#""Bayern""#);
        /// The locality (L).
        "locality": Text(pki::field), Optional(r#""München""#);
        /// The organization (O).
        "organization": Text(pki::field), Optional(r#""Example""#);
        /// The organizational unit (OU).
        "unit": Text(pki::field), Optional(r#""Labs""#);
    }

    /// Common names. In those of nodes, `{name}` stands for the node's name and `{domain}` for its domain.
    "[pki.common-name]" {
        /// That of a new CA. By default, the cluster's name and `etcd CA`.
        "ca": Text(pki::field), Optional(r#""etcd-ca""#);
        /// That of the certificates for clients. etcd takes it for the node's user when authentication is on.
        "server": Text(common_name::check_given), Default(r#""{name}""#);
        /// That of the certificates for members.
        "peer": Text(common_name::check_given), Default(r#""{name}""#);
    }

    /// A certificate of the cluster at a path of your choice, for programs on the nodes; repeat the table for each. Every
    /// build writes the current one.
    "[[certificate]]" {
        /// Which certificate: that of the CA, the node's own for clients (`server`), for members (`peer`) or for both
        /// (`node`), one that may only connect as a client (`client`), or the operator's, which may do everything (`admin`).
        "role": Choice("role", CertificateRole::names), Required(r#""client""#);
        /// The absolute path of the certificate on the node.
        "path": Text(certificate::path), Required(r#""/etc/app/client.crt""#);
        /// The absolute path of the private key. The same path puts both into one file. Required for `client` and `admin`.
        "key": Text(certificate::path), Optional(r#""/etc/app/client.key""#);
        /// The common name of a `client` certificate, which etcd takes for its user, with `{name}` and `{domain}`.
        /// Empty for a certificate without one, which the JSON gateway needs when authentication is on. A node's own name is
        /// refused then, because its user may do everything.
        "common-name": Text(common_name::check), Default(r#""{name}""#);
        /// The permissions of the certificate as octal digits.
        "mode": Text(certificate::mode), Default(r#""0644""#);
        /// The permissions of the key, or of the file with both.
        "key-mode": Text(certificate::key_mode), Default(r#""0600""#);
        /// The owner and group of both, by name or number.
        "owner": Text(placement::owner), Default(r#""root:root""#);
        /// The only nodes that receive it. By default, every node does.
        "nodes": List(&Text(|_| Ok(()))), Optional(r#"["etcd1"]"#);
    }

    /// etcd's authentication: every client needs a user. The administrator's certificate is the user `root`, and the nodes
    /// have users of their own.
    "[auth]" {
        /// Whether the cluster switches authentication on, by itself and only once, as soon as it serves. An operator may
        /// switch it off later.
        "enabled": Switch, Default("false");
    }

    /// A user of etcd. A certificate with this common name logs in as the user; `etcd-image cluster password` sets a password.
    "[[auth.user]]" {
        /// The name.
        "name": Text(auth::name), Required(r#""patroni""#);
        /// The user's roles: `root`, or names of `[[auth.role]]`.
        "roles": List(&Text(auth::name)), Default("[]");
    }

    /// A role of etcd's users.
    "[[auth.role]]" {
        /// The name.
        "name": Text(auth::name), Required(r#""patroni""#);
        /// Prefixes of the keys that the role may read.
        "read": List(&Text(auth::prefix)), Default("[]");
        /// Prefixes of the keys that the role may read and write.
        "write": List(&Text(auth::prefix)), Default("[]");
    }
}
