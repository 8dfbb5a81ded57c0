//! `etcd-image inspect`: what is in an image, read with the independent readers.

use std::fmt::{self, Display, Formatter};
use std::path::Path;

use anyhow::Result;
use diskimg::{Kind as FileKind, ReadFs};
use serde::Serialize;

use super::manifest::CertificateRecord;
use super::text::date;
use crate::inspect::{Home, Image, Part};
use crate::pki;

/// Folders whose files make a node: listed with mode, owner and size.
const FOLDERS: [&str; 5] = [
    "/etc/etcd",
    "/etc/etcd/pki",
    "/usr/local/bin",
    "/usr/local/lib/etcd-node",
    "/etc/NetworkManager/system-connections",
];
/// Single files that make a node.
const FILES: [&str; 9] = [
    "/etc/hostname",
    "/etc/hosts",
    "/etc/machine-id",
    "/etc/fstab",
    "/etc/systemd/system/etcd.service",
    "/etc/systemd/system/multi-user.target.wants/etcd.service",
    "/etc/ssh/ssh_host_ed25519_key",
    "/etc/ssh/ssh_host_ed25519_key.pub",
    "/etc/ssh/sshd_config.d/00-etcd-node.conf",
];

/// What an image holds.
#[derive(Debug, Serialize)]
pub struct Inspection {
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
    /// `/etc/machine-id`.
    pub machine_id: Option<String>,
    /// Certificates of the node and their CA.
    pub certificates: Vec<CertificateRecord>,
    /// Files that make the node.
    pub files: Vec<Listed>,
}

/// One listed path.
#[derive(Debug, Serialize)]
pub struct Listed {
    /// Absolute path in the root.
    pub path: String,
    /// `file`, `folder` or `link`.
    pub kind: &'static str,
    /// Permission bits, four octal digits.
    pub mode: String,
    /// Owner number.
    pub uid: u32,
    /// Group number.
    pub gid: u32,
    /// Size in bytes.
    pub size: u64,
}

/// Reads an image.
pub fn inspect(path: &Path) -> Result<Inspection> {
    let image = Image::open(path)?;
    let layout = image.layout();
    let home = layout.system.home();
    let mut all = image.files()?;
    let root = all.at(home.place)?;
    let (hostname, address, machine_id) = match home.payload {
        Some(payload) => named(root, payload)?,
        None => (
            line(root, "/etc/hostname")?,
            address(root)?,
            line(root, "/etc/machine-id")?,
        ),
    };
    Ok(Inspection {
        format: 1,
        image: path.display().to_string(),
        size: layout.size,
        disk_id: format!("{:08x}", layout.disk_id),
        release: layout.os.pretty_name.clone(),
        partitions: layout.parts().cloned().collect(),
        hostname,
        address,
        machine_id,
        certificates: certificates(&home, root)?,
        files: listed(&home, root)?,
    })
}

/// Host name and address of a node that its first boot installs; it draws its machine id itself.
fn named(
    fs: &mut dyn ReadFs,
    payload: &str,
) -> Result<(Option<String>, Option<String>, Option<String>)> {
    let path = format!("{payload}/manifest.json");
    if fs.metadata(&path)?.is_none() {
        return Ok((None, None, None));
    }
    // What somebody spoilt names nobody.
    let value: serde_json::Value = serde_json::from_slice(&fs.read(&path)?).unwrap_or_default();
    let text = |key: &str| value.get(key).and_then(|it| it.as_str()).map(printable);
    Ok((text("node"), text("address"), None))
}

/// A node's certificates, named by their file.
pub(super) fn certificates(home: &Home, root: &mut dyn ReadFs) -> Result<Vec<CertificateRecord>> {
    let mut found = Vec::new();
    for name in ["ca", "server", "peer"] {
        let path = format!("{}/{name}.crt", home.pki);
        if root.metadata(&path)?.is_some() {
            let certificate = pki::certificate(&String::from_utf8_lossy(&root.read(&path)?))?;
            found.push(CertificateRecord::new(name, &certificate));
        }
    }
    Ok(found)
}

fn listed(home: &Home, root: &mut dyn ReadFs) -> Result<Vec<Listed>> {
    let (mut paths, folders) = match home.payload {
        None => (
            FILES.map(str::to_owned).to_vec(),
            FOLDERS.map(str::to_owned).to_vec(),
        ),
        Some(payload) => (
            Vec::new(),
            ["", "/bin", "/lib", "/pki", "/ssh"]
                .map(|it| format!("{payload}{it}"))
                .to_vec(),
        ),
    };
    for folder in folders {
        if root.metadata(&folder)?.is_some() {
            paths.extend(
                root.read_dir(&folder)?
                    .into_iter()
                    .map(|name| format!("{folder}/{name}")),
            );
        }
    }
    paths.sort();
    let mut listed = Vec::new();
    for path in paths {
        if let Some(metadata) = root.metadata(&path)? {
            let kind = match metadata.kind {
                FileKind::File => "file",
                FileKind::Folder => "folder",
                FileKind::Symlink => "link",
                FileKind::Other => "other",
            };
            let mode = format!("{:04o}", metadata.mode);
            let (uid, gid, size) = (metadata.uid, metadata.gid, metadata.size);
            listed.push(Listed {
                path,
                kind,
                mode,
                uid,
                gid,
                size,
            });
        }
    }
    Ok(listed)
}

/// The static address of the keyfile this program writes (nm-settings-keyfile(5), `address1`).
fn address(root: &mut dyn ReadFs) -> Result<Option<String>> {
    let folder = "/etc/NetworkManager/system-connections";
    if root.metadata(folder)?.is_none() {
        return Ok(None);
    }
    for name in root.read_dir(folder)? {
        let path = format!("{folder}/{name}");
        if root
            .metadata(&path)?
            .is_none_or(|found| found.kind != FileKind::File)
        {
            continue;
        }
        let text = root.read(&path)?;
        let text = String::from_utf8_lossy(&text).into_owned();
        if let Some(value) = text.lines().find_map(|line| line.strip_prefix("address1=")) {
            return Ok(value.split(',').next().map(printable));
        }
    }
    Ok(None)
}

/// The first line of a file; a terminal must not be given what an image pleases.
fn line(root: &mut dyn ReadFs, path: &str) -> Result<Option<String>> {
    if root
        .metadata(path)?
        .is_none_or(|found| found.kind != FileKind::File)
    {
        return Ok(None);
    }
    let text = root.read(path)?;
    Ok(String::from_utf8_lossy(&text).lines().next().map(printable))
}

fn printable(text: &str) -> String {
    text.escape_debug().to_string()
}

impl Display for Inspection {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
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
        writeln!(f, "  host name  {}", shown(&self.hostname))?;
        writeln!(f, "  address    {}", shown(&self.address))?;
        writeln!(f, "  machine id {}", shown(&self.machine_id))?;
        for certificate in &self.certificates {
            let (name, end) = (&certificate.name, date(certificate.not_after));
            writeln!(
                f,
                "  certificate {name:<6} until {end}  {}",
                certificate.sans.join(" ")
            )?;
        }
        for file in &self.files {
            let Listed {
                path,
                kind,
                mode,
                uid,
                gid,
                size,
            } = file;
            writeln!(f, "  {mode} {uid:>4}:{gid:<4} {size:>10} {kind:<6} {path}")?;
        }
        Ok(())
    }
}
