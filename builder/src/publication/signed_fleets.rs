//! The signatures of fleets and shards, and what exactly they cover.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::Result;

use super::signature::check_list;
use crate::hex;
use crate::report::{self, FLEET, FleetRecord, MANIFEST, Manifest, SUMS};

/// What allowed signers have signed. `merge` reads the files again after their signatures were checked, and somebody may have changed
/// them by then.
#[derive(Debug, Default)]
pub(crate) struct SignedFleets {
    signers: BTreeSet<String>,
    /// The digest of the record of each fleet or shard, by its directory.
    records: BTreeMap<PathBuf, String>,
    /// The digest of the manifest of each cluster, by its directory.
    manifests: BTreeMap<PathBuf, String>,
}

impl SignedFleets {
    /// Checks the signatures of a fleet or a shard: that of its record, and that of every cluster in the directory. Accepts a directory
    /// without a record, which has nothing to sign.
    pub(crate) fn add(&mut self, folder: &Path, allowed: &Path, now: i64) -> Result<()> {
        let Some((record, sha256)) = FleetRecord::read_with_digest(folder)? else {
            return Ok(());
        };
        let (signer, list) = check_list(folder, allowed, now)?;
        self.signers.insert(signer);
        for (cluster, listed) in record.listed_folders(folder, &sha256, &list)? {
            let (signer, list) = check_list(&cluster, allowed, now)?;
            if hex::sha256(&list) != listed {
                return Err(report::changed_meanwhile(&cluster.join(SUMS)));
            }
            self.signers.insert(signer);
            for manifest in report::listed_manifests(&cluster, &list)? {
                self.manifests.insert(cluster.clone(), digest(&manifest)?);
            }
        }
        self.records.insert(folder.to_owned(), record.checksum()?);
        Ok(())
    }

    /// Returns who signed.
    pub(crate) fn signers(&self) -> String {
        let signers: Vec<&str> = self.signers.iter().map(String::as_str).collect();
        signers.join(", ")
    }

    /// Fails unless this record is the one that was signed in the directory.
    pub(crate) fn must_have_record(&self, folder: &Path, record: &FleetRecord) -> Result<()> {
        match self.records.get(folder) {
            Some(signed) if *signed == record.checksum()? => Ok(()),
            _ => Err(report::changed_meanwhile(&folder.join(FLEET))),
        }
    }

    /// Fails unless this manifest is the one that was signed in the directory.
    pub(crate) fn must_have_manifest(&self, folder: &Path, manifest: &Manifest) -> Result<()> {
        match self.manifests.get(folder) {
            Some(signed) if *signed == digest(manifest)? => Ok(()),
            _ => Err(report::changed_meanwhile(&folder.join(MANIFEST))),
        }
    }
}

/// Returns a digest of everything that a manifest contains.
fn digest(manifest: &Manifest) -> Result<String> {
    Ok(hex::sha256(manifest.to_json()?))
}

#[cfg(test)]
mod tests {
    use ssh_key::{HashAlg, LineEnding, PrivateKey};

    use super::*;
    use crate::report::SIGNATURE;

    fn key() -> PrivateKey {
        let seed = ssh_key::private::Ed25519Keypair::from_seed(&[7; 32]);
        PrivateKey::from(seed)
    }

    fn manifest(cluster: &str) -> String {
        let manifest = serde_json::json!({
            "format": 1, "version": "1", "cluster": cluster, "certificates": [], "nodes": [], "members": [],
        });
        manifest.to_string()
    }

    /// Writes a signed digest list of these files of a directory.
    fn sign(folder: &Path, names: &[&str]) {
        let line = |name: &&str| {
            let digest = hex::sha256(fs_err::read(folder.join(name)).unwrap());
            format!("{digest}  {name}\n")
        };
        let list: String = names.iter().map(line).collect();
        let signature = key().sign("file", HashAlg::Sha512, list.as_bytes());
        let signature = signature.unwrap().to_pem(LineEnding::LF).unwrap();
        fs_err::write(folder.join(SUMS), list).unwrap();
        fs_err::write(folder.join(SIGNATURE), signature).unwrap();
    }

    /// Creates a signed fleet of one cluster, and a file of allowed signers.
    fn fleet() -> tempfile::TempDir {
        let folder = tempfile::TempDir::new().unwrap();
        let cluster = folder.path().join("home");
        fs_err::create_dir(&cluster).unwrap();
        fs_err::write(cluster.join(MANIFEST), manifest("home")).unwrap();
        sign(&cluster, &[MANIFEST]);
        let record = serde_json::json!({
            "format": 1, "version": "1", "clusters": [{"name": "home", "nodes": ["home-1"]}],
        });
        fs_err::write(folder.path().join(FLEET), record.to_string()).unwrap();
        sign(folder.path(), &[FLEET, "home/SHA256SUMS"]);
        let line = format!("ada@example {}", key().public_key().to_openssh().unwrap());
        fs_err::write(folder.path().join("allowed"), line).unwrap();
        folder
    }

    #[test]
    fn what_changes_after_its_signature_was_checked_is_refused() {
        let folder = fleet();
        let (folder, cluster) = (folder.path(), folder.path().join("home"));
        let mut signed = SignedFleets::default();
        signed.add(folder, &folder.join("allowed"), 0).unwrap();
        assert!(signed.signers().starts_with("ada@example (SHA256:"));
        let mut record = FleetRecord::read(folder).unwrap().unwrap();
        signed.must_have_record(folder, &record).unwrap();
        let parsed = |cluster: &str| Manifest::from_json(&manifest(cluster)).unwrap();
        signed
            .must_have_manifest(&cluster, &parsed("home"))
            .unwrap();

        record.clusters.clear();
        let refused = signed.must_have_record(folder, &record).unwrap_err();
        let why = "/fleet.json changed after its signature was checked";
        assert!(refused.to_string().ends_with(why), "{refused}");
        let refused = signed.must_have_manifest(&cluster, &parsed("west"));
        let why = "/home/manifest.json changed after its signature was checked";
        let refused = refused.unwrap_err();
        assert!(refused.to_string().ends_with(why), "{refused}");
        // Nobody has signed a cluster of another name.
        let other = signed.must_have_manifest(&folder.join("west"), &parsed("west"));
        other.unwrap_err();
    }

    #[test]
    fn a_list_that_the_list_of_the_fleet_does_not_have_is_refused() {
        let folder = fleet();
        let folder = folder.path();
        let cluster = folder.join("home");
        fs_err::write(cluster.join(MANIFEST), manifest("home") + "\n").unwrap();
        sign(&cluster, &[MANIFEST]);
        let added = SignedFleets::default().add(folder, &folder.join("allowed"), 0);
        let why = "SHA256SUMS is signed, but it is of another build";
        let refused = added.unwrap_err();
        assert!(refused.to_string().contains(why), "{refused}");
    }
}
