//! Refuses a build that would replace files of something else, such as its base, its own keys, or another cluster, or sign images of
//! somebody else.

use std::path::Path;

use anyhow::Result;

use crate::apply::OutputFolder;
use crate::cli::OutputOptions;
use crate::description::ClusterDescription;
use crate::failure::Kind;
use crate::file::{if_exists, real_path};
use crate::pki;
use crate::publication::{self, SigningKey};
use crate::report::{Manifest, NodeRecord, OTHER_KEYS, SUMS};
use crate::spec::{BaseChoice, Cluster, Node};

/// Fails if the images of these nodes would replace the base, or lie in the state directory or among another cluster's images.
pub(crate) fn refuse(
    cluster: &Cluster,
    nodes: &[&Node],
    state: &Path,
    output: &OutputOptions,
) -> Result<()> {
    OutputFolder::refuse_file(&output.out)?;
    refuse_base(cluster, nodes, output)?;
    refuse_overlap(state, &output.out)?;
    refuse_state_of_another(&cluster.name, state)?;
    refuse_images_of_another(cluster, state, &output.out)
}

/// Fails if the image of a node would get the path of the base, also through links.
fn refuse_base(cluster: &Cluster, nodes: &[&Node], output: &OutputOptions) -> Result<()> {
    let BaseChoice::Image(base) = &cluster.base else {
        return Ok(());
    };
    let formats = &output.formats;
    let images = nodes
        .iter()
        .flat_map(|node| formats.iter().map(move |format| (node, format)));
    for (node, format) in images {
        let image = output.out.join(format.file_name(&node.name));
        let real = |path: &Path| fs_err::canonicalize(path).ok();
        if real(base).is_some_and(|base| Some(base) == real(&image)) {
            return Err(Kind::Usage.error(
                format!(
                    "the image of node {} would replace the base: {}",
                    node.name,
                    base.display()
                ),
                "name another directory with `--out`, or rename the base",
            ));
        }
    }
    Ok(())
}

/// Fails if images would lie among the keys, or keys among the files for clients, also through links.
pub(crate) fn refuse_overlap(state: &Path, out: &Path) -> Result<()> {
    let (real_state, real_out) = (real_path(state)?, real_path(out)?);
    let what = if real_state == real_out {
        "are the same directory"
    } else if real_out.starts_with(&real_state) {
        "overlap: the first one lies in the second"
    } else if real_state.starts_with(real_out.join("client")) {
        "overlap: the second one lies in `client` of the first"
    } else {
        return Ok(());
    };
    let message = format!(
        "the output directory {} and the state directory {} {what}",
        out.display(),
        state.display()
    );
    Err(Kind::Usage.error(message, "name another directory with `--out`"))
}

/// Fails if the state directory has the keys of a cluster with another name: two clusters with one CA trust each other.
pub(crate) fn refuse_state_of_another(new: &str, state: &Path) -> Result<()> {
    // A build replaces a damaged description.
    let Some(found) = ClusterDescription::find(state).unwrap_or(None) else {
        return Ok(());
    };
    if found.cluster == new {
        return Ok(());
    }
    let (state, old) = (state.display(), &found.cluster);
    Err(Kind::Usage.error(
        format!("{state} is the state directory of cluster `{old}`, and this is cluster `{new}`"),
        format!(
            "for a second cluster, name directories of its own, as in `--state {new}-cluster --out {new}-images`; to rename \
             `{old}`, remove {state}/cluster.json first, which the build writes again"
        ),
    ))
}

/// Fails if the output directory has images of another cluster, also one of the same name, which another state directory keeps.
fn refuse_images_of_another(cluster: &Cluster, state: &Path, out: &Path) -> Result<()> {
    let Some(manifest) = Manifest::in_directory(out)? else {
        return Ok(());
    };
    if manifest.cluster == cluster.name && if_exists(fs_err::metadata(state))?.is_none() {
        // `refuse_missing_state` has another message for it.
        return Ok(());
    }
    let own = if_exists(fs_err::read_to_string(state.join("ca.crt")))?;
    let own = own.and_then(|pem| Some(pki::certificate(&pem).ok()?.fingerprint));
    let host_key = |node: &str| pki::public_host_key(state, node);
    manifest.must_be_of(&cluster.name, own.as_deref(), host_key, out)
}

/// Fails if a new CA would be created beside images of the cluster, or for only some of its nodes, because the directory with the CA of the
/// others does not exist.
pub(crate) fn refuse_missing_state(
    cluster: &Cluster,
    nodes: &[&Node],
    state: &Path,
    out: &Path,
) -> Result<()> {
    if if_exists(fs_err::metadata(state))?.is_some() {
        return Ok(());
    }
    if nodes.len() == cluster.nodes.len() {
        return refuse_other_keys(state, out);
    }
    Err(Kind::Usage.error(
        format!(
            "`--only` builds nodes of an existing cluster, and its state directory {} does not exist",
            state.display()
        ),
        "name the state directory of the cluster with `--state`; for a new cluster, build all nodes first",
    ))
}

/// Fails if the output directory has images, whose keys a new state directory does not have: they are those of another cluster, even if
/// its name is the same.
fn refuse_other_keys(state: &Path, out: &Path) -> Result<()> {
    let Some(manifest) = Manifest::in_directory(out)? else {
        return Ok(());
    };
    Err(Kind::Usage.error(
        format!(
            "{} contains images of cluster `{}`, and its state directory {} does not exist",
            out.display(),
            manifest.cluster,
            state.display()
        ),
        OTHER_KEYS,
    ))
}

/// Fails if the output directory has images of other nodes that the key has not signed: the list that it would sign has all images there.
pub(crate) fn refuse_unsigned(
    cluster: &Cluster,
    nodes: &[&Node],
    out: &Path,
    key: Option<&SigningKey>,
) -> Result<()> {
    let Some(manifest) = Manifest::in_directory(out)? else {
        return Ok(());
    };
    if publication::may_keep(out, &manifest, key)? {
        return Ok(());
    }
    let is_other = |image: &&NodeRecord| {
        let has = |node: &Node| node.name == image.name;
        cluster.nodes.iter().any(has)
            && !nodes.iter().any(|node| has(node))
            && out.join(&image.image).is_file()
    };
    let others = manifest.nodes.iter().filter(is_other);
    let others: Vec<&str> = others.map(|image| image.name.as_str()).collect();
    match others.is_empty() {
        true => Ok(()),
        false => Err(Kind::Usage.error(
            format!(
                "{} has images of {}, which {SUMS} would list, and this key has not signed them",
                out.display(),
                others.join(", ")
            ),
            "run `etcd-image build` for all nodes, without `--only`, or name another directory with `--out`",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::description::CLUSTER;

    fn message(refusal: Result<()>) -> (String, String) {
        let error = refusal.unwrap_err();
        let (kind, hint) = crate::failure::explain(&error);
        assert_eq!(kind, Kind::Usage);
        (error.to_string(), hint)
    }

    #[test]
    fn output_and_state_must_not_overlap() {
        let folder = tempfile::TempDir::new().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs_err::create_dir(at("state")).unwrap();
        std::os::unix::fs::symlink("state", at("link")).unwrap();
        let refused = |state: &str, out: &str| {
            let (message, _) = message(refuse_overlap(&at(state), &at(out)));
            message.replace(&format!("{}/", folder.path().display()), "")
        };
        assert_eq!(
            refused("state", "link"),
            "the output directory link and the state directory state are the same directory"
        );
        assert_eq!(
            refused("new", "new"),
            "the output directory new and the state directory new are the same directory"
        );
        assert_eq!(
            refused("state", "link/nodes/x"),
            "the output directory link/nodes/x and the state directory state overlap: the first one lies in the second"
        );
        assert_eq!(
            refused("images/client", "images"),
            "the output directory images and the state directory images/client overlap: the second one lies in `client` of \
             the first"
        );
        for (state, out) in [
            ("state", "images"),
            ("state", "."),
            ("state", "state-images"),
        ] {
            refuse_overlap(&at(state), &at(out)).unwrap();
        }
    }

    #[test]
    fn a_state_directory_belongs_to_one_cluster() {
        let folder = tempfile::TempDir::new().unwrap();
        refuse_state_of_another("lab", folder.path()).unwrap();
        let json = r#"{"format": 1, "cluster": "home", "user": "pi", "quota": 1, "members": []}"#;
        fs_err::write(folder.path().join(CLUSTER), json).unwrap();
        refuse_state_of_another("home", folder.path()).unwrap();
        let (message, hint) = message(refuse_state_of_another("lab", folder.path()));
        let own = |text: &str| text.replace(folder.path().to_str().unwrap(), "DIR");
        assert_eq!(
            own(&message),
            "DIR is the state directory of cluster `home`, and this is cluster `lab`"
        );
        assert_eq!(
            own(&hint),
            "for a second cluster, name directories of its own, as in `--state lab-cluster --out lab-images`; to rename \
             `home`, remove DIR/cluster.json first, which the build writes again"
        );
    }
}
