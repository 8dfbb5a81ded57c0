//! Refuses to join shards in a directory that has something else.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::failure::Kind;
use crate::file::real_path;
use crate::report::{FleetRecord, Manifest};

/// Fails if joined files would lie in one of the shards, also through links.
pub(super) fn refuse_shards(folders: &[PathBuf], out: &Path, record: &FleetRecord) -> Result<()> {
    let clusters = record.clusters.iter().map(|it| out.join(&it.name));
    let mut places = Vec::new();
    for place in [out.to_owned()].into_iter().chain(clusters) {
        places.push((real_path(&place)?, place));
    }
    for folder in folders {
        let shard = real_path(folder)?;
        let inside = places.iter().find(|(real, _)| real.starts_with(&shard));
        if let Some((real, place)) = inside {
            let what = match *real == shard {
                true => "is one of the shards".to_owned(),
                false => format!("lies in the shard {}", folder.display()),
            };
            let message = format!("--out: {} {what}", place.display());
            return Err(Kind::Usage.error(message, "name another directory"));
        }
    }
    Ok(())
}

/// Fails if a directory has images of another cluster, as `build` does.
pub(super) fn refuse_images_of_another(joined: &Manifest, out: &Path) -> Result<()> {
    let Some(found) = Manifest::in_directory(out)? else {
        return Ok(());
    };
    let host_key = |node: &str| {
        let own = joined.nodes.iter().find(|own| own.name == node);
        anyhow::Ok(own.map(|own| own.ssh_host_key.clone()))
    };
    found.must_be_of(&joined.cluster, joined.ca(), host_key, out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_files_do_not_lie_in_a_shard() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        for name in ["shards/1", "shards/home"] {
            fs_err::create_dir_all(at(name)).unwrap();
        }
        std::os::unix::fs::symlink("shards/1", at("link")).unwrap();
        let record =
            r#"{"format": 1, "version": "1", "clusters": [{"name": "home", "nodes": ["home-1"]}]}"#;
        let record: FleetRecord = serde_json::from_str(record).unwrap();
        let folders = [at("shards/1"), at("shards/home")];
        let refused = |out: &str| {
            let refused = refuse_shards(&folders, &at(out), &record).err()?;
            let shown = format!("{}/", folder.path().display());
            Some(refused.to_string().replace(&shown, ""))
        };
        for (out, why) in [
            ("shards/1", "--out: shards/1 is one of the shards"),
            ("link", "--out: link is one of the shards"),
            ("link/new", "--out: link/new lies in the shard shards/1"),
            ("shards", "--out: shards/home is one of the shards"),
        ] {
            assert_eq!(refused(out).as_deref(), Some(why));
        }
        assert_eq!(refused("images"), None);
        assert_eq!(refused("shards/2"), None);
    }
}
