//! Sends finished images from the staging directory to a store.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, Result};

use super::backend::Store;
use super::blob::Blob;
use super::content::Content;
use super::encryption::Recipients;
use super::index::{Index, StoredFile};
use super::open::open_to_write;
use super::staging::Staging;
use super::{Address, Destination};
use crate::cli::StoreAccess;
use crate::failure::Kind;
use crate::progress::Progress;

/// The pauses before the index is read back again: a store with caches may return what it had before for a moment.
const PAUSES: [Duration; 2] = [Duration::from_secs(1), Duration::from_secs(2)];

/// The names of the files of a build that go to a store. Those of the operator, which contain the administrator's key, do not.
#[derive(Debug)]
pub(crate) struct Names {
    /// What the build consists of.
    pub(crate) content: Content,
    /// The fingerprint of the state directory of each cluster.
    pub(crate) keys: BTreeMap<String, String>,
    /// The files in the output directory itself.
    pub(crate) files: Vec<String>,
    /// The directories of the clusters of a fleet, and the files in each.
    pub(crate) parts: Vec<(String, Vec<String>)>,
}

/// A build whose images go to a store.
#[derive(Debug)]
pub(crate) struct Delivery {
    destination: Destination,
    access: StoreAccess,
    staging: Staging,
    /// What the store has from an earlier build.
    before: Option<Index>,
}

/// What a store has after a delivery.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Delivered {
    /// The number of files.
    pub(crate) files: usize,
    /// The number of files that the store had before.
    pub(crate) kept: usize,
    /// The number of bytes of all files in the store.
    pub(crate) bytes: u64,
}

impl Delivery {
    /// Checks, before anything is built, that the store lets this user read and write, and opens the staging directory.
    pub(crate) fn open(
        destination: Destination,
        access: &StoreAccess,
        cache: &Path,
    ) -> Result<Self> {
        let store = open_to_write(&destination.address, access)?;
        let before = store.index()?;
        store.must_accept()?;
        Ok(Self {
            before,
            staging: Staging::open(cache, &destination.address.to_string())?,
            access: access.clone(),
            destination,
        })
    }

    /// Returns the output directory for the build.
    pub(crate) fn folder(&self) -> PathBuf {
        self.staging.images()
    }

    /// Fails if the store has a build of something else, which this one would replace. A cluster has a state directory with this
    /// fingerprint, a fleet has these clusters.
    pub(crate) fn refuse_another(
        &self,
        content: &Content,
        keys: Option<&str>,
        clusters: &[&str],
    ) -> Result<()> {
        let address = &self.destination.address;
        refuse_another(address, self.before.as_ref(), (content, keys, clusters))
    }

    /// Sends these files of the output directory, reads them back, and writes the index last. Each cluster of a fleet has an index of
    /// its own, written before that of the fleet. Returns the address of the build.
    pub(crate) fn send(
        self,
        names: Names,
        progress: &dyn Progress,
    ) -> Result<(Address, Delivered)> {
        let folder = self.staging.images();
        let mut delivered = Delivered::default();
        let mut manifests = BTreeMap::new();
        let mut parts = Vec::new();
        let whole = self.shipment(&folder, None, names.content, &names.keys)?;
        for (part, files) in names.parts {
            let inner = folder.join(&part);
            let content = Content::Cluster(part.clone());
            let sending = self.shipment(&inner, Some(&part), content, &names.keys)?;
            let files = sending.send(&files, &mut delivered, progress)?;
            let place = sending.publish(files, Vec::new(), BTreeMap::new())?;
            let digest = place.digest().map(str::to_owned);
            manifests.extend(digest.map(|digest| (part.clone(), digest)));
            parts.push(part);
        }
        let files = whole.send(&names.files, &mut delivered, progress)?;
        let place = whole.publish(files, parts, manifests)?;
        self.staging.clear()?;
        Ok((place, delivered))
    }

    fn shipment<'a>(
        &'a self,
        folder: &'a Path,
        part: Option<&str>,
        content: Content,
        keys: &BTreeMap<String, String>,
    ) -> Result<Shipment<'a>> {
        let keys = content.cluster().and_then(|name| keys.get(name)).cloned();
        let address = match part {
            Some(part) => self.destination.address.part(part),
            None => self.destination.address.clone(),
        };
        let store = open_to_write(&address, &self.access)?;
        let before = store.index()?;
        // Another worker may have sent something since the build began.
        refuse_another(&address, before.as_ref(), (&content, keys.as_deref(), &[]))?;
        Ok(Shipment {
            address,
            folder,
            content,
            keys,
            before,
            store,
            staging: &self.staging,
            recipients: self.destination.recipients.as_ref(),
        })
    }
}

/// Fails if the build at an address is one of something else. Fleets are different if they have no cluster in common, clusters of the same
/// name if they have different state directories.
fn refuse_another(
    address: &Address,
    before: Option<&Index>,
    (content, keys, clusters): (&Content, Option<&str>, &[&str]),
) -> Result<()> {
    let Some(before) = before else {
        return Ok(());
    };
    let is_known = |part: &String| clusters.contains(&part.as_str());
    let is_fleet = !clusters.is_empty() && !before.parts.is_empty();
    let found = if before.content != *content {
        before.content.to_string()
    } else if is_fleet && !before.parts.iter().any(is_known) {
        "a fleet of other clusters".to_owned()
    } else if before.keys.is_some() && before.keys.as_deref() != keys {
        return Err(Kind::Usage.error(
            format!("{address} contains images of {content} with other keys"),
            "build with the state directory of these images (`--state`), or to another prefix or tag (`--out`); if it is lost, only a new \
             cluster on all cards can follow",
        ));
    } else {
        return Ok(());
    };
    Err(Kind::Usage.error(
        format!("{address} contains images of {found}, and this is {content}"),
        "name another prefix or tag with `--out`; if nobody needs those images, remove their `index.json` or tag first",
    ))
}

/// The files of one directory on their way to one prefix.
struct Shipment<'a> {
    address: Address,
    folder: &'a Path,
    content: Content,
    keys: Option<String>,
    store: Box<dyn Store>,
    /// What the store has from an earlier build.
    before: Option<Index>,
    staging: &'a Staging,
    recipients: Option<&'a Recipients>,
}

impl Shipment<'_> {
    /// Sends the files, and adds them to what was delivered.
    fn send(
        &self,
        names: &[String],
        delivered: &mut Delivered,
        progress: &dyn Progress,
    ) -> Result<Vec<StoredFile>> {
        let mut files = Vec::new();
        for name in names {
            let sent = self.send_file(name, progress);
            let (file, was_there) = sent.with_context(|| format!("sending {name}"))?;
            delivered.files += 1;
            delivered.kept += usize::from(was_there);
            delivered.bytes += file.stored.size;
            files.push(file);
        }
        Ok(files)
    }

    /// Writes the index, after which readers see the build, and reads it back. Returns its address.
    fn publish(
        &self,
        files: Vec<StoredFile>,
        parts: Vec<String>,
        manifests: BTreeMap<String, String>,
    ) -> Result<Address> {
        // Another worker may have finished something else while the files were sent.
        let found = self.store.index()?;
        let sent = (&self.content, self.keys.as_deref(), &[] as &[&str]);
        refuse_another(&self.address, found.as_ref(), sent)?;
        let to = self.recipients.map(|to| to.id().to_owned());
        let index = Index {
            manifests,
            keys: self.keys.clone(),
            ..Index::new(self.content.clone(), to, files, parts)
        };
        let place = self.store.write_index(&index)?;
        self.read_index_back(&index)?;
        Ok(place)
    }

    /// Reads the index back until the store returns what was written, or the index of another worker that has sent the same build:
    /// encrypting the same files again gives other bytes.
    fn read_index_back(&self, index: &Index) -> Result<()> {
        let wanted = Some(index.sha256()?);
        let mut found = self.stored_digest();
        for pause in PAUSES {
            if found.as_ref().is_ok_and(|found| *found == wanted) {
                break;
            }
            thread::sleep(pause);
            found = self.stored_digest();
        }
        let found = found.with_context(|| {
            let address = &self.address;
            format!("reading back the index that was written to {address}")
        })?;
        match found == wanted {
            true => Ok(()),
            false => Err(Kind::Verification.error(
                format!("{} does not have the index that was written", self.address),
                "run the command again, and let only one build at a time send to this address",
            )),
        }
    }

    /// Returns the digest of the index in the store, if it has one.
    fn stored_digest(&self) -> Result<Option<String>> {
        let found = self.store.index()?;
        found.map(|found| found.sha256()).transpose()
    }

    /// Sends one file unless the store has it; the result also says whether it had.
    fn send_file(&self, name: &str, progress: &dyn Progress) -> Result<(StoredFile, bool)> {
        let path = self.folder.join(name);
        let plain = Blob::of_file(&path)?;
        let record = |stored| StoredFile {
            name: name.to_owned(),
            plain: plain.clone(),
            stored,
        };
        let to = self.recipients.map(Recipients::id);
        let before = self.before.as_ref();
        if let Some(stored) = before.and_then(|index| index.stored(name, &plain, to))
            && self.has(stored)?
        {
            return Ok((record(stored.clone()), true));
        }
        let sent = self.recipients.and_then(|it| self.staging.sent(&plain, it));
        if let Some(stored) = sent
            && self.has(&stored)?
        {
            return Ok((record(stored), true));
        }
        let (sealed, stored) = match self.recipients {
            Some(recipients) => self.staging.seal(&path, &plain, recipients)?,
            None => (path, plain.clone()),
        };
        let was_there = self.has(&stored)?;
        if !was_there {
            let mut task = progress.task(&format!("sending {name}"), Some(stored.size));
            let journal = self.staging.journal(&stored);
            self.store.upload(&stored, &sealed, &journal, &mut *task)?;
            drop(task);
            self.read_back(&stored)?;
        }
        if let Some(recipients) = self.recipients {
            self.staging.forget(&plain, recipients, &stored)?;
        }
        Ok((record(stored), was_there))
    }

    /// Returns whether the store has a blob. What an earlier build, another writer or an interrupted run has left counts only if it is
    /// sound.
    fn has(&self, blob: &Blob) -> Result<bool> {
        Ok(self.store.has(blob)? && self.store.blob(blob, &mut std::io::sink())? == *blob)
    }

    /// Compares the bytes that the store returns with those that it was sent.
    fn read_back(&self, blob: &Blob) -> Result<()> {
        let found = self.store.blob(blob, &mut std::io::sink())?;
        match found == *blob {
            true => Ok(()),
            false => Err(found.unlike_sent(&self.store.place(blob))),
        }
    }
}
