//! `etcd-image inspect`: the content of an image, read with the independent readers.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::Result;
use diskimg::FileKind;
use serde::Serialize;

use super::certificate_record::CertificateRecord;
use crate::date::date;
use crate::description::{self, DescribedFile, NodeDescription};
use crate::inspect::{Files, Image, Part, Volume};
use crate::pki;
use crate::printable::printable;

/// The content of an image.
#[derive(Debug, Serialize)]
pub(crate) struct Inspection {
    /// Version of this format.
    pub format: u32,
    /// Path of the image.
    pub image: String,
    /// Its size in bytes.
    pub size: u64,
    /// MBR disk signature, eight hexadecimal digits.
    pub disk_id: String,
    /// `PRETTY_NAME` of the root.
    pub release: String,
    /// Boot and root partition.
    pub partitions: Vec<Part>,
    /// Host name; `None` in a base that is not a node.
    pub hostname: Option<String>,
    /// Address and prefix length of the node.
    pub address: Option<String>,
    /// `/etc/machine-id`; `None` if the node generates it at its first boot.
    pub machine_id: Option<String>,
    /// The description that the build wrote into the image; `None` in a base that is not a node.
    pub description: Option<NodeDescription>,
    /// Certificates of the node and their CA.
    pub certificates: Vec<InspectedCertificate>,
    /// The files of the description, as found.
    pub files: Vec<ListedPath>,
}

/// A certificate of a node.
#[derive(Debug, Serialize)]
pub(crate) struct InspectedCertificate {
    /// The same facts as in the manifest.
    #[serde(flatten)]
    record: CertificateRecord,
    /// Its common name; empty if it has none.
    common_name: String,
}

/// A listed path.
#[derive(Debug, Serialize)]
pub(crate) struct ListedPath {
    /// Which partition.
    pub partition: Volume,
    /// Absolute path in that partition's file system.
    pub path: String,
    /// `file`, `folder` or `link`.
    pub kind: &'static str,
    /// Permission bits, four octal digits.
    pub mode: String,
    /// User ID of the owner.
    pub uid: u32,
    /// Group ID.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
}

/// Reads an image.
pub(crate) fn inspect(path: &Path) -> Result<Inspection> {
    let image = Image::open(path)?;
    let layout = image.layout();
    let mut files = image.files()?;
    let description = description::read(&image, &mut files)?;
    let (certificates, listed) = match &description {
        Some(node) => (
            certificates(node, &mut files)?,
            listed_paths(node, &mut files)?,
        ),
        None => (Vec::new(), Vec::new()),
    };
    let node = description.as_ref();
    let network = node.map(|node| &node.network);
    Ok(Inspection {
        format: 1,
        image: path.display().to_string(),
        size: layout.size,
        disk_id: format!("{:08x}", layout.disk_id),
        release: layout.os.pretty_name.clone(),
        partitions: layout.parts().cloned().collect(),
        hostname: node.map(|node| node.node.clone()),
        address: network.map(|network| format!("{}/{}", network.address, network.prefix)),
        machine_id: node.and_then(|node| node.machine_id.clone()),
        description,
        certificates,
        files: listed,
    })
}

/// Returns the CA certificate and the node's certificates, as far as they exist.
fn certificates(node: &NodeDescription, files: &mut Files) -> Result<Vec<InspectedCertificate>> {
    let mut found = Vec::new();
    for certificate in node.certificates() {
        if let Some(pem) = described_text(certificate.certificate, files)? {
            let pem = pki::without_keys(&pem);
            let facts = pki::certificate(pem)?;
            found.push(InspectedCertificate {
                record: CertificateRecord::new(certificate.name, &facts),
                common_name: pki::common_name(pem)?,
            });
        }
    }
    Ok(found)
}

/// Returns the text of a file, if it exists.
pub(super) fn described_text(
    file: Option<&DescribedFile>,
    files: &mut Files,
) -> Result<Option<String>> {
    match file {
        Some(file) => Ok(files.at(file.partition)?.read_text(&file.path)?),
        None => Ok(None),
    }
}

fn listed_paths(node: &NodeDescription, files: &mut Files) -> Result<Vec<ListedPath>> {
    let mut listed = Vec::new();
    for file in &node.files {
        if let Some(found) = files.at(file.partition)?.metadata(&file.path)? {
            listed.push(ListedPath {
                partition: file.partition,
                path: file.path.clone(),
                kind: match found.kind {
                    FileKind::File => "file",
                    FileKind::Directory => "folder",
                    FileKind::Symlink => "link",
                    FileKind::Other => "other",
                },
                mode: format!("{:04o}", found.mode),
                uid: found.uid,
                gid: found.gid,
                size: found.size,
            });
        }
    }
    listed.sort_by(|a, b| (a.partition, &a.path).cmp(&(b.partition, &b.path)));
    Ok(listed)
}

impl Display for Inspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{}: {} bytes, disk id {}, {}",
            self.image, self.size, self.disk_id, self.release
        )?;
        for part in &self.partitions {
            let (number, kind, start, len) = (part.number, part.filesystem, part.start, part.len);
            writeln!(
                f,
                "  partition {number}: {kind:<4} at {start}, {len} bytes, {} free",
                part.free_bytes
            )?;
        }
        match &self.description {
            Some(node) => node_lines(f, node)?,
            None => writeln!(f, "  not a node of a cluster")?,
        }
        for certificate in &self.certificates {
            writeln!(f, "  certificate {certificate}")?;
        }
        for file in &self.files {
            let ListedPath {
                partition,
                path,
                kind,
                mode,
                uid,
                gid,
                size,
            } = file;
            writeln!(
                f,
                "  {mode} {uid:>4}:{gid:<4} {size:>10} {kind:<6} {} {path}",
                partition.name()
            )?;
        }
        Ok(())
    }
}

impl Display for InspectedCertificate {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let record = &self.record;
        write!(f, "{:<6} until {}", record.name, date(record.not_after))?;
        let names = [
            printable(&self.common_name),
            printable(&record.sans.join(" ")),
        ];
        let mut names = names.iter().filter(|names| !names.is_empty());
        names.try_for_each(|names| write!(f, "  {names}"))
    }
}

fn node_lines(f: &mut Formatter<'_>, node: &NodeDescription) -> fmt::Result {
    let machine_id = node.machine_id.as_deref();
    let members = node
        .members
        .iter()
        .map(|member| format!("{} {}", member.name, member.peer_url));
    let (network, base, etcd) = (&node.network, &node.base, &node.etcd);
    writeln!(f, "  host name  {}", node.node)?;
    let given = if network.dhcp {
        ", given by a DHCP server"
    } else {
        ""
    };
    writeln!(
        f,
        "  address    {}/{}{given}",
        network.address, network.prefix
    )?;
    writeln!(
        f,
        "  machine id {}",
        machine_id.unwrap_or("generated by the first boot")
    )?;
    writeln!(f, "  cluster    {}", node.cluster)?;
    writeln!(f, "  members    {}", members.collect::<Vec<_>>().join(", "))?;
    writeln!(
        f,
        "  base       {}, {}, sha256 {}",
        base.recipe, base.release, base.sha256
    )?;
    writeln!(f, "  etcd       {}, sha256 {}", etcd.version, etcd.sha256)?;
    match node.insecure {
        true => writeln!(
            f,
            "  insecure   etcd speaks plain HTTP: anybody who reaches its ports reads and writes everything"
        ),
        false => Ok(()),
    }
}
