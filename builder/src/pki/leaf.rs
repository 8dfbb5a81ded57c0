//! Certificates below the CA: their required content, the check of existing ones, and the issue of new ones.

use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SerialNumber};
use sha2::{Digest as _, Sha256};

use super::authority::Authority;
use super::certs::{Certificate, KeyPair};
use super::sans::{MEMBERS, alternative_names, members, san};
use super::store::StateReader;
use super::subject::{self, Fields};
use super::x509::{self, CertificateFacts, Usage};
use super::{keys, refused, shared};
use crate::client_view::{Purposes, View};
use crate::date::{DAY, after_days};
use crate::failure::Kind;
use crate::secret::Secret;
use crate::spec::{Cluster, KeyKind, Node};

/// The required content of a certificate.
pub(super) struct Profile {
    /// Its path in the state directory, without `.crt` and `.key`.
    pub(super) file: String,
    pub(super) subject: Fields,
    pub(super) sans: Vec<String>,
    pub(super) usage: Usage,
    pub(super) key: KeyKind,
    days: u32,
}

impl Profile {
    /// Returns the profile of the operator's certificate, whose common name etcd maps to the user `root`.
    pub(super) fn admin(cluster: &Cluster) -> Self {
        Self {
            file: "admin".to_owned(),
            subject: subject::fields(cluster, "root"),
            sans: Vec::new(),
            usage: Usage {
                client: true,
                ..Usage::default()
            },
            key: cluster.pki.key,
            days: cluster.pki.leaf_days,
        }
    }

    /// Returns the profile of the certificate of a program that reads metrics. etcd maps its common name to a user that does
    /// not exist unless somebody adds it, so that it may do nothing else once authentication is on.
    pub(super) fn metrics(cluster: &Cluster) -> Self {
        Self {
            file: "metrics".to_owned(),
            subject: subject::fields(cluster, "metrics"),
            ..Self::admin(cluster)
        }
    }

    /// Returns the profile of a node's certificate; `role` is `server` or `peer`. Both are used in both directions: members
    /// are each other's clients, and etcd's gateway is a client of its own server.
    pub(super) fn node(cluster: &Cluster, node: &Node, role: &str) -> Self {
        let names = &cluster.pki.common_names;
        let common_name = match role {
            "peer" => names.peer(&node.name, &cluster.domain),
            _ => names.server(&node.name, &cluster.domain),
        };
        let nodes = match cluster.pki.shared {
            true => cluster.nodes.as_slice(),
            false => std::slice::from_ref(node),
        };
        let mut sans: Vec<String> = Vec::new();
        for name in nodes.iter().flat_map(|it| alternative_names(cluster, it)) {
            if !sans.contains(&name) {
                sans.push(name);
            }
        }
        sans.push(members(cluster));
        Self {
            file: match cluster.pki.shared {
                true => shared::FILE.to_owned(),
                false => format!("nodes/{}/{role}", node.name),
            },
            subject: subject::fields(cluster, &common_name),
            sans,
            usage: Usage {
                server: true,
                client: true,
                other: false,
            },
            key: cluster.pki.key,
            days: cluster.pki.leaf_days,
        }
    }

    /// Returns the profile of a certificate with which programs on a node connect as clients. Its common name, which may be
    /// empty, is the name of etcd's user.
    pub(super) fn client(cluster: &Cluster, node: &Node, common_name: &str) -> Self {
        let separator = if common_name.is_empty() { "" } else { "." };
        Self {
            file: format!("nodes/{}/client{separator}{common_name}", node.name),
            subject: subject::fields(cluster, common_name),
            ..Self::admin(cluster)
        }
    }

    /// Returns the profile of a certificate like this one, or `None` if its key is of another kind than those issued here.
    pub(super) fn like(found: &CertificateFacts, file: &str) -> Option<Self> {
        let days = keys::life(&found.certificate) / DAY;
        Some(Self {
            file: file.to_owned(),
            subject: found.subject_fields.clone(),
            sans: found.certificate.sans.clone(),
            usage: found.usage,
            key: found.key_kind?,
            days: u32::try_from(days).ok()?,
        })
    }

    /// Returns why the pair found must be replaced, if it must.
    fn outdated(
        &self,
        found: &CertificateFacts,
        key: &rcgen::KeyPair,
        authority: &Authority,
        now: i64,
    ) -> Option<String> {
        if authority.owner_signs() {
            return self.unfit(found, key, authority, now);
        }
        let reasons = [
            (
                authority.replaces_signer_of(found),
                "the CA is being replaced",
            ),
            (
                found.public_key != key.public_key_raw(),
                "the key beside it belongs to another certificate",
            ),
            (found.certificate.not_after <= now, "it had expired"),
            (
                found.certificate.is_due(now)
                    && self.end(authority, now) > found.certificate.not_after,
                "less than a third of its life was left",
            ),
            (found.certificate.sans != self.sans, "its names changed"),
            (found.key_kind != Some(self.key), "`key` in [pki] changed"),
            (found.subject_fields != self.subject, "its subject changed"),
            (
                found.usage != self.usage,
                "its extended key usages were wrong",
            ),
        ];
        reasons
            .iter()
            .find(|(outdated, _)| *outdated)
            .map(|(_, reason)| (*reason).to_owned())
    }

    /// Checks that clients accept a certificate for every usage and name.
    pub(super) fn trial(
        &self,
        found: &CertificateFacts,
        authority: &Authority,
        now: i64,
    ) -> Result<(), String> {
        let is_host = |name: &&String| !name.starts_with(MEMBERS);
        let hosts: Vec<String> = self.sans.iter().filter(is_host).cloned().collect();
        let chain = authority.chain.all();
        let mut between: Vec<_> = chain.map(|it| it.der.as_slice().into()).collect();
        let roots = between.pop().into_iter().collect();
        let view = View {
            roots,
            between,
            now,
        };
        let purposes = Purposes {
            server: self.usage.server,
            client: self.usage.client,
        };
        let accepted = view.accepts(&found.der, purposes, &hosts);
        accepted.map_err(|rejection| rejection.to_string())
    }

    /// Returns what a certificate and a request for one have in common.
    pub(super) fn params(&self) -> anyhow::Result<CertificateParams> {
        let mut params = CertificateParams::default();
        params.distinguished_name = subject::encoded(&self.subject)?;
        let names = self.sans.iter();
        params.subject_alt_names = names.map(|name| san(name)).collect::<Result<_, _>>()?;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if self.key != KeyKind::EcdsaP256 {
            params.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        params.extended_key_usages = purposes(self.usage);
        Ok(params)
    }

    /// Returns when a certificate issued now expires, at the latest with the CA.
    pub(super) fn end(&self, authority: &Authority, now: i64) -> i64 {
        after_days(now, self.days).min(authority.chain.end())
    }

    /// Issues a new certificate and key.
    pub(super) fn issue(&self, authority: &Authority, now: i64) -> anyhow::Result<KeyPair> {
        self.issue_for(&keys::generate(self.key)?, authority, now)
    }

    /// Issues a new certificate for a key.
    pub(super) fn issue_for(
        &self,
        key: &rcgen::KeyPair,
        authority: &Authority,
        now: i64,
    ) -> anyhow::Result<KeyPair> {
        let mut params = self.params()?;
        let end = self.end(authority, now);
        params.serial_number = Some(self.serial(key, now, end));
        params.is_ca = IsCa::ExplicitNoCa;
        params.use_authority_key_identifier_extension = true;
        keys::set_lifetime(&mut params, keys::back_dated(now), end)?;
        let pem = authority.sign(&params, key)?;
        let facts =
            x509::read(&pem).map_err(|what| anyhow::anyhow!("the new certificate {what}"))?;
        self.trial(&facts, authority, now).map_err(|reason| {
            let message = format!("no client would accept {}.crt: {reason}", self.file);
            Kind::Usage.error(message, OWN_LIMITS)
        })?;
        Ok(KeyPair {
            certificate: facts.certificate,
            key: Secret::new(key.serialize_pem()),
        })
    }

    /// Returns the serial number of a certificate that is issued now for this key: 20 bytes of which the first is positive. A
    /// later certificate may keep the key, with other content at the same fixed time, and no two certificates of a CA may
    /// have the same number.
    fn serial(&self, key: &rcgen::KeyPair, now: i64, end: i64) -> SerialNumber {
        let mut hash = Sha256::new();
        hash.update(key.public_key_raw());
        hash.update(now.to_be_bytes());
        hash.update(end.to_be_bytes());
        for name in &self.sans {
            hash.update(name);
            hash.update([0]);
        }
        let Usage {
            server,
            client,
            other,
        } = self.usage;
        hash.update([server, client, other].map(u8::from));
        for text in self.subject.iter().flat_map(|(id, value)| [id, value]) {
            hash.update(text);
            hash.update([0]);
        }
        let mut bytes = hash.finalize()[..20].to_vec();
        bytes[0] = bytes[0] & 0x7f | 0x40;
        SerialNumber::from(bytes)
    }
}

/// The files in the state directory for a profile.
pub(super) enum FoundPair {
    /// No file exists.
    Nothing,
    /// The pair meets the profile.
    Good(KeyPair),
    /// The certificate must be replaced, for this reason.
    Outdated(String, Option<KeptKey>),
}

/// A private key for which another certificate is issued. A running member reads certificate and key one after the other,
/// so that a change of both could reach it halfway.
pub(super) struct KeptKey {
    pub(super) key: rcgen::KeyPair,
    /// Its file, which stays as it is.
    file: Secret,
}

impl KeptKey {
    /// Parses the key of a certificate in the state directory.
    pub(super) fn parse(reader: &StateReader, file: &str, bytes: &[u8]) -> anyhow::Result<Self> {
        let wrong = |what| refused(&reader.path(&format!("{file}.key")), what, REMOVE);
        Ok(Self {
            key: keys::parse(bytes).map_err(wrong)?,
            file: Secret::new(bytes),
        })
    }

    /// Returns the key with a certificate for it.
    pub(super) fn with(self, certificate: Certificate) -> KeyPair {
        KeyPair {
            certificate,
            key: self.file,
        }
    }

    /// Issues another certificate for the key.
    pub(super) fn issue(
        self,
        profile: &Profile,
        authority: &Authority,
        now: i64,
    ) -> anyhow::Result<KeyPair> {
        let issued = profile.issue_for(&self.key, authority, now)?;
        Ok(self.with(issued.certificate))
    }
}

/// Parses a certificate in the state directory.
pub(super) fn facts(
    reader: &StateReader,
    file: &str,
    pem: &str,
) -> anyhow::Result<CertificateFacts> {
    x509::read(pem).map_err(|what| refused(&reader.path(&format!("{file}.crt")), what, REMOVE))
}

/// Refuses a certificate that this CA has not signed, because replacing it would split a running cluster.
pub(super) fn refuse_foreign(
    reader: &StateReader,
    file: &str,
    facts: &CertificateFacts,
    authority: &Authority,
) -> anyhow::Result<()> {
    let is_own = x509::is_signed_by(facts, &authority.chain.first);
    match is_own || authority.replaces_signer_of(facts) {
        true => Ok(()),
        false => Err(refused(
            &reader.path(&format!("{file}.crt")),
            "was signed by a different CA from ca.crt",
            FOREIGN,
        )),
    }
}

/// Reads a pair; refuses one that this CA has not signed.
pub(super) fn read(
    reader: &StateReader,
    profile: &Profile,
    authority: Option<&Authority>,
    now: i64,
) -> anyhow::Result<FoundPair> {
    let file = &profile.file;
    let pem = reader.public(&format!("{file}.crt"))?;
    let secret = reader.secret(&format!("{file}.key"))?;
    let found = pem.map(|pem| facts(reader, file, &pem)).transpose()?;
    let kept = secret.map(|bytes| KeptKey::parse(reader, file, &bytes));
    let kept = kept.transpose()?;
    if let (Some(found), Some(authority)) = (&found, authority) {
        refuse_foreign(reader, file, found, authority)?;
    }
    let owner_signs = authority.is_some_and(Authority::owner_signs);
    Ok(match (found, kept) {
        (Some(found), Some(kept)) => {
            let reason = match authority {
                Some(authority) => profile.outdated(&found, &kept.key, authority, now),
                None => Some("its CA was removed".to_owned()),
            };
            let fits = authority.is_some()
                && found.public_key == kept.key.public_key_raw()
                && found.key_kind == Some(profile.key);
            match reason {
                None => FoundPair::Good(kept.with(found.certificate)),
                Some(reason) => FoundPair::Outdated(reason, (fits || owner_signs).then_some(kept)),
            }
        }
        (None, None) => FoundPair::Nothing,
        (None, Some(kept)) if owner_signs => FoundPair::Outdated(
            "no answer to its request was imported".to_owned(),
            Some(kept),
        ),
        (None, Some(_)) => FoundPair::Outdated("its certificate was missing".to_owned(), None),
        (Some(_), None) => FoundPair::Outdated("its key was missing".to_owned(), None),
    })
}

fn purposes(usage: Usage) -> Vec<ExtendedKeyUsagePurpose> {
    let server = usage.server.then_some(ExtendedKeyUsagePurpose::ServerAuth);
    let client = usage.client.then_some(ExtendedKeyUsagePurpose::ClientAuth);
    server.into_iter().chain(client).collect()
}

pub(super) const REMOVE: &str =
    "restore it from your backup, or remove the .crt and the .key to have them issued again";
const OWN_LIMITS: &str =
    "use a CA that allows the names of all nodes, `localhost` and their addresses";
const FOREIGN: &str = "put the CA of this cluster back; to change the CA on purpose, remove the \
                       certificates below it first";
