//! A text by which `merge` compares whether two machines built a cluster from the same description.

use anyhow::Result;

use super::{Fleet, FleetCluster};
use crate::hex;
use crate::spec::{BaseChoice, Cluster, EtcdSource, ExtraContent, ExtraFile};

impl Fleet {
    /// Returns a text that is the same on two machines only if both describe a cluster in the same way, with the same keys and files.
    /// Comments are left out, and so are the paths of the base and of etcd if an option names them. The text may contain passwords.
    pub(crate) fn comparable_text(
        &self,
        member: &FleetCluster,
        cluster: &Cluster,
    ) -> Result<String> {
        let template = self.template.config.as_ref();
        let template = template.map(|file| file.text.as_str()).unwrap_or_default();
        let template: toml::Table = template.parse()?;
        let keys = (&cluster.ssh.authorized_keys, &cluster.ssh.trusted_user_ca);
        let files: Vec<_> = cluster.files.iter().map(file_inputs).collect();
        let all = (template, &member.row.text, names(cluster), keys, files);
        Ok(serde_json::to_string(&all)?)
    }
}

/// Returns the names of the base and of etcd. Files have none: their digests are in the manifests.
fn names(cluster: &Cluster) -> [&str; 2] {
    let base = match &cluster.base {
        BaseChoice::Recipe(name) => name,
        BaseChoice::Image(_) => "",
    };
    let etcd = match &cluster.etcd.source {
        EtcdSource::Version(version) => version,
        EtcdSource::Debian => "debian",
        EtcdSource::Paths(_) => "",
    };
    [base, etcd]
}

/// Returns everything by which a file differs from another.
fn file_inputs(file: &ExtraFile) -> (&str, u16, Option<&str>, String) {
    let content = match &file.content {
        ExtraContent::File(bytes) => hex::sha256(bytes),
        ExtraContent::Folder => "directory".to_owned(),
        ExtraContent::Link(target) => format!("link to {target}"),
    };
    (&file.path, file.mode, file.node.as_deref(), content)
}
