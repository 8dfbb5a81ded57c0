//! Certificates that the owner of the CA signs: requests for them, and the answers.
//!
//! A request stands for a key of the state directory, and so does its answer, whatever its file is called.

use std::path::{Path, PathBuf};

use super::authority::Authority;
use super::identity::{self, FoundState};
use super::leaf::{self, KeptKey, Profile};
use super::sans::MEMBERS;
use super::store::{StateReader, StateStore};
use super::x509::{self, CertificateFacts};
use super::{keys, subject};
use crate::date::date;
use crate::failure::Kind;
use crate::spec::Cluster;

/// A request for a certificate (PKCS #10).
#[derive(Debug)]
pub struct Request {
    /// The path of its certificate in the state directory, without the ending.
    pub file: String,
    /// The request as PEM.
    pub pem: String,
}

/// Certificates that were taken from answers.
#[derive(Debug)]
pub struct Imported {
    /// The paths of the certificates in the state directory.
    pub taken: Vec<String>,
    /// What a build still needs, each with the reason.
    pub lacking: Vec<String>,
}

/// Returns a request for every certificate that is missing, does not fit, or has less than a third of its life left; with
/// `all`, for every certificate. Keys that do not exist yet are made.
pub fn requests(
    state: &Path,
    cluster: &Cluster,
    now: i64,
    all: bool,
) -> anyhow::Result<Vec<Request>> {
    let mut store = StateStore::open(state, |reader| FoundState::read(reader, cluster, now))?;
    let reader = store.reader();
    let mut authority = ca_of_owner(&reader, cluster, now)?;
    identity::begin(&mut store)?;
    let mut made = Vec::new();
    for profile in identity::profiles(cluster) {
        let found = leaf::read(&reader, &profile, Some(&authority), now)?;
        let is_good = |pair: &super::KeyPair| !all && !pair.certificate.is_due(now);
        if matches!(&found, leaf::FoundPair::Good(pair) if is_good(pair)) {
            continue;
        }
        let file = profile.file.clone();
        let key = if let Some(key) = key_of(&reader, &profile)? {
            key
        } else {
            let key = keys::generate(profile.key)?;
            store.stage(format!("{file}.key"), key.serialize_pem());
            key
        };
        let pem = profile.request(&key)?;
        made.push(Request { file, pem });
    }
    authority.save(&mut store);
    store.commit()?;
    Ok(made)
}

/// Takes certificates from files with answers. None is taken if one of them cannot be used.
pub fn import(
    state: &Path,
    cluster: &Cluster,
    now: i64,
    answers: &[(PathBuf, String)],
) -> anyhow::Result<Imported> {
    let mut store = StateStore::open(state, |reader| FoundState::read(reader, cluster, now))?;
    let reader = store.reader();
    let mut authority = ca_of_owner(&reader, cluster, now)?;
    let mut wanted = Vec::new();
    for profile in identity::profiles(cluster) {
        let key = key_of(&reader, &profile)?;
        wanted.push((profile, key));
    }
    let mut so_far = Answers {
        authority: &authority,
        wanted: &wanted,
        now,
        taken: Vec::new(),
        complaints: Vec::new(),
        keys: Vec::new(),
    };
    for (path, pem) in answers {
        so_far.take_all(path, pem);
    }
    so_far.refuse_unusable()?;
    let taken = so_far.taken;
    let mut lacking = Vec::new();
    for (profile, _) in &wanted {
        let crt = format!("{}.crt", profile.file);
        let is_taken = taken.iter().any(|(file, _)| *file == profile.file);
        if let (false, Some(reason)) = (
            is_taken,
            identity::why_unusable(&reader, profile, &authority, now)?,
        ) {
            lacking.push(format!("{crt}: {reason}"));
        }
    }
    if taken.is_empty() {
        let none = "the files contain no certificate that was requested; nothing was imported";
        let lines = std::iter::once(none.to_owned()).chain(lacking);
        let message = lines.collect::<Vec<_>>().join("\n  ");
        let hint = "name the files that the owner of the CA returned for the requests of `etcd-image pki csr`";
        return Err(Kind::Usage.error(message, hint));
    }
    authority.save(&mut store);
    for (file, facts) in &taken {
        store.stage(format!("{file}.crt"), facts.certificate.pem.as_str());
    }
    store.commit()?;
    let taken = taken.into_iter();
    Ok(Imported {
        taken: taken.map(|(file, _)| format!("{file}.crt")).collect(),
        lacking,
    })
}

/// Returns the CA of the cluster, whose key must not be in the state directory.
fn ca_of_owner(reader: &StateReader, cluster: &Cluster, now: i64) -> anyhow::Result<Authority> {
    let own = cluster.pki.own_ca.as_ref();
    let authority = Authority::read(reader, own, false, now)?;
    authority.filter(Authority::owner_signs).ok_or_else(|| {
        Kind::Usage.error(
            "this cluster's certificates need no requests: the build signs them itself",
            "for a CA whose key is elsewhere, set `ca-certificate` without `ca-key` in [pki], and name a new state directory",
        )
    })
}

/// Returns the key of a certificate in the state directory, if there is one.
fn key_of(reader: &StateReader, profile: &Profile) -> anyhow::Result<Option<rcgen::KeyPair>> {
    let key = reader.secret(&format!("{}.key", profile.file))?;
    key.map(|bytes| Ok(KeptKey::parse(reader, &profile.file, &bytes)?.key))
        .transpose()
}

/// The answers read so far.
struct Answers<'a> {
    authority: &'a Authority,
    /// Every certificate that the cluster needs, with its key if there is one.
    wanted: &'a [(Profile, Option<rcgen::KeyPair>)],
    now: i64,
    /// The certificates by their path in the state directory, without the ending.
    taken: Vec<(String, CertificateFacts)>,
    complaints: Vec<String>,
    /// The files with private keys, about each of which there is a complaint.
    keys: Vec<String>,
}

impl Answers<'_> {
    /// Returns an error with all complaints, if there are any.
    fn refuse_unusable(&self) -> anyhow::Result<()> {
        let (count, keys) = (self.complaints.len(), self.keys.join(", "));
        if count == 0 {
            return Ok(());
        }
        let hint = match (self.keys.len(), count) {
            (0, _) => "correct them with the owner of the CA; nothing was imported".to_owned(),
            (some, all) if some == all => {
                format!("remove {keys}: private keys stay where they are; nothing was imported")
            }
            _ => format!(
                "remove {keys}, and correct the other files with the owner of the CA; nothing was imported"
            ),
        };
        let message = format!(
            "{count} of the answers cannot be used\n  {}",
            self.complaints.join("\n  ")
        );
        Err(Kind::Usage.error(message, hint))
    }

    fn take_all(&mut self, path: &Path, pem: &str) {
        if super::without_keys(pem) != pem {
            let shown = path.display().to_string();
            self.complaints
                .push(format!("{shown} contains a private key"));
            return self.keys.push(shown);
        }
        let all = match x509::read_all(pem) {
            Ok(all) => all,
            Err(what) => return self.complaints.push(format!("{} {what}", path.display())),
        };
        for facts in all {
            if let Err(why) = self.take(facts) {
                self.complaints.push(format!("{}: {why}", path.display()));
            }
        }
    }

    /// Takes a certificate; one of the CA's own chain is left out.
    fn take(&mut self, facts: CertificateFacts) -> Result<(), String> {
        if self.authority.chain.all().any(|it| it.der == facts.der) {
            return Ok(());
        }
        let subject = &facts.subject_text;
        if facts.is_authority {
            return Err(format!(
                "the CA `{subject}` is not in `ca-certificate` of [pki]"
            ));
        }
        let belongs = |key: &rcgen::KeyPair| key.public_key_raw() == facts.public_key;
        let mut wanted = self.wanted.iter();
        let found = wanted.find_map(|(profile, key)| {
            let key = key.as_ref().filter(|key| belongs(key))?;
            Some((profile, key))
        });
        let Some((profile, key)) = found else {
            return Err(format!(
                "the certificate `{subject}` belongs to no key of the state directory"
            ));
        };
        let file = &profile.file;
        if !x509::is_signed_by(&facts, &self.authority.chain.first) {
            let authority = &self.authority.chain.first.subject_text;
            return Err(format!(
                "the answer for {file} is not signed by the CA `{authority}`"
            ));
        }
        if let Some(reason) = profile.unfit(&facts, key, self.authority, self.now) {
            return Err(format!("the answer for {file} does not fit: {reason}"));
        }
        let file = file.clone();
        match self.taken.iter_mut().find(|(taken, _)| *taken == file) {
            // A newer answer replaces an older one.
            Some((_, other)) if other.certificate.not_before >= facts.certificate.not_before => {}
            Some((_, other)) => *other = facts,
            None => self.taken.push((file, facts)),
        }
        Ok(())
    }
}

impl Profile {
    /// Returns why a certificate that the CA's owner has signed does not fit, if so. A CA may add names and fields of the
    /// subject, and may leave out the names of all members, which not every CA accepts.
    pub(super) fn unfit(
        &self,
        found: &CertificateFacts,
        key: &rcgen::KeyPair,
        authority: &Authority,
        now: i64,
    ) -> Option<String> {
        let common_name = subject::common_name(&self.subject);
        let lists = |name: &&String| name.starts_with(MEMBERS);
        let members = found.certificate.sans.iter().find(lists);
        if found.public_key != key.public_key_raw() {
            Some("it belongs to another key".to_owned())
        } else if found.certificate.not_after <= now {
            Some(format!("it ended on {}", date(found.certificate.not_after)))
        } else if found.common_name() != common_name {
            let other = found.common_name();
            Some(format!("its common name is `{other}`, not `{common_name}`"))
        } else if let Some(usage) = self.lacking_usage(found) {
            Some(format!("its extended key usages lack {usage}"))
        } else if let Some(name) = self.lacking_wildcard(found) {
            Some(format!("it is not valid for `{name}`"))
        } else if members.is_some() && members != self.sans.iter().find(lists) {
            Some("it lists other members of the cluster".to_owned())
        } else {
            self.trial(found, authority, now).err()
        }
    }

    /// Returns a request for a certificate of this key, as PEM.
    pub(super) fn request(&self, key: &rcgen::KeyPair) -> anyhow::Result<String> {
        Ok(self.params()?.serialize_request(key)?.pem()?)
    }

    fn lacking_usage(&self, found: &CertificateFacts) -> Option<&'static str> {
        let usages = [
            (self.usage.server && !found.usage.server, "serverAuth"),
            (self.usage.client && !found.usage.client, "clientAuth"),
        ];
        let mut lacking = usages.into_iter().filter(|(lacks, _)| *lacks);
        lacking.next().map(|(_, usage)| usage)
    }

    /// Returns a wanted name for a whole domain that the certificate does not have; other names are tried one by one.
    fn lacking_wildcard(&self, found: &CertificateFacts) -> Option<&String> {
        let mut wildcards = self.sans.iter().filter(|name| name.starts_with("*."));
        wildcards.find(|name| !found.certificate.sans.contains(name))
    }
}
