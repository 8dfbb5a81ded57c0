//! The desired state of one node: the rendered overlays of the recipe, then firmware settings, then the user's files.

use anyhow::{Context as _, Result, bail};

use super::context::values;
use super::inputs::NodeInputs;
use super::manifest::{
    AccountItem, EditItem, EditKind, FileItem, FolderItem, LinkItem, OverlayFile, PlaceItem,
};
use super::render::Renderer;
use super::tree::{Account, Change, DesiredPath, Edit, FileContent, FileTree, Owner};
use super::{archives, certificates, describe, extra_files, firmware, trust};
use crate::description::FileRole;
use crate::failure::{Kind, parse_toml};
use crate::inspect::{System, Volume};
use crate::pki::{self, NodeIdentity};
use crate::secret::Secret;
use crate::spec::Node;

/// Returns the desired state of one node.
pub fn tree(inputs: &NodeInputs<'_>, node: &Node) -> Result<FileTree> {
    let values = values(inputs, node)?;
    let renderer = Renderer::new(&values, inputs.overlays);
    let identity = inputs.identity(node)?;
    let mut entries = Vec::new();
    for name in &inputs.recipe.overlays {
        let overlay = Overlay {
            inputs,
            identity,
            renderer: &renderer,
            name,
        };
        overlay
            .add(&mut entries)
            .with_context(|| Kind::Usage.context(format!("reading overlay `{name}`"), "correct the overlay; the built-in ones show how: leave out `--overlays` to use them"))?;
    }
    for name in &inputs.recipe.firmware {
        entries.extend(firmware::entries(name, node.board)?);
    }
    entries.extend(certificates::entries(inputs, node)?);
    if inputs.cluster.pki.trust_ca {
        entries.extend(trust::entries(&pki::trusted(&inputs.certs.ca.pem)?));
    }
    entries.extend(firmware::own_entries(&inputs.cluster.firmware));
    entries.extend(extra_files::entries(inputs, node)?);
    let command_line = &inputs.recipe.command_line;
    let all = entries.iter_mut();
    for entry in all.filter(|it| it.volume == Volume::Boot && it.path == "/cmdline.txt") {
        entry.path.clone_from(command_line);
    }
    // The description lists no content of archives, which may be thousands of files.
    entries.push(describe::entry(inputs, node, &entries)?);
    entries.extend(archives::entries(inputs, node)?);
    Ok(FileTree {
        node: node.name.clone(),
        disk_id: match inputs.system {
            System::Root(_) => Some(identity.disk_id),
            System::Writable(_) | System::Seed(_) => None,
        },
        command_line: command_line.clone(),
        ends_before: inputs.appliance().data_start(),
        time: inputs.certs.time,
        fingerprints: inputs.certs.fingerprints.clone(),
        entries,
    })
}

/// One overlay directory while it is rendered for one node.
struct Overlay<'a> {
    inputs: &'a NodeInputs<'a>,
    identity: &'a NodeIdentity,
    renderer: &'a Renderer<'a>,
    name: &'a str,
}

impl Overlay<'_> {
    fn add(&self, entries: &mut Vec<DesiredPath>) -> Result<()> {
        let text = self.inputs.overlays.text(self.name, "overlay.toml")?;
        let manifest: OverlayFile = parse_toml(&text)
            .map_err(anyhow::Error::msg)
            .context("reading overlay.toml")?;
        entries.extend(manifest.accounts.into_iter().map(|item| self.account(item)));
        for item in manifest.needed {
            self.push(entries, item.when.as_deref(), &item.path, || {
                let line = item.line.as_deref();
                let line = line.map(|line| self.renderer.text(line)).transpose()?;
                let change = line.map_or(Change::Needed, |line| Change::NeededLine { line });
                let entry = self.entry(self.volume(item.place), &item.path, change, &item.why)?;
                Ok(DesiredPath {
                    origin: item.setting.clone(),
                    ..entry
                })
            })?;
        }
        for item in manifest.folders {
            self.push(entries, item.when.as_deref(), &item.path, || {
                self.folder(&item)
            })?;
        }
        for item in manifest.files {
            let sums = item.sums.then(|| self.sums(&item, entries)).transpose()?;
            self.push_all(entries, item.when.as_deref(), &item.path, || {
                self.files(&item, sums)
            })?;
        }
        for item in manifest.links {
            self.push(entries, item.when.as_deref(), &item.path, || {
                self.link(&item)
            })?;
        }
        for item in manifest.absent {
            self.push(entries, None, &item.path, || {
                self.entry(Volume::Root, &item.path, Change::Absent, &item.why)
            })?;
        }
        for item in manifest.edits {
            self.push(entries, item.when.as_deref(), &item.path, || {
                self.edit(&item)
            })?;
        }
        Ok(())
    }

    fn push(
        &self,
        entries: &mut Vec<DesiredPath>,
        when: Option<&str>,
        path: &str,
        make: impl FnOnce() -> Result<DesiredPath>,
    ) -> Result<()> {
        self.push_all(entries, when, path, || Ok(vec![make()?]))
    }

    fn push_all(
        &self,
        entries: &mut Vec<DesiredPath>,
        when: Option<&str>,
        path: &str,
        make: impl FnOnce() -> Result<Vec<DesiredPath>>,
    ) -> Result<()> {
        let holds = self.renderer.holds(when);
        let rendered = holds.and_then(|holds| if holds { make() } else { Ok(vec![]) });
        entries.extend(rendered.with_context(|| format!("rendering `{path}`"))?);
        Ok(())
    }

    fn entry(&self, volume: Volume, path: &str, change: Change, why: &str) -> Result<DesiredPath> {
        let path = self.renderer.text(path)?;
        Ok(DesiredPath::new(volume, path, change, why))
    }

    fn folder(&self, item: &FolderItem) -> Result<DesiredPath> {
        let mode = self.mode(item.mode.as_deref().unwrap_or("0755"))?;
        let owner = self.owner(item.owner.as_deref())?;
        self.entry(
            Volume::Root,
            &item.path,
            Change::Folder { mode, owner },
            &item.why,
        )
    }

    /// Returns the digests of the files among `entries` in the directory of this file.
    fn sums(&self, item: &FileItem, entries: &[DesiredPath]) -> Result<FileContent> {
        let path = self.renderer.text(&item.path)?;
        let (folder, _) = path.rsplit_once('/').unwrap_or_default();
        let line = |entry: &DesiredPath| match &entry.change {
            Change::File { content, .. } if entry.volume == self.volume(item.place) => {
                let name = entry.path.strip_prefix(folder)?.strip_prefix('/')?;
                Some(format!("{}  {name}\n", content.sha256()))
            }
            _ => None,
        };
        let lines: String = entries.iter().filter_map(line).collect();
        Ok(FileContent::Plain(lines.into_bytes().into()))
    }

    /// Returns the file, or the files of a list.
    fn files(&self, item: &FileItem, sums: Option<FileContent>) -> Result<Vec<DesiredPath>> {
        let Some(list) = &item.for_each else {
            return Ok(vec![self.file(item, sums)?]);
        };
        let renderers = self.renderer.for_each(list)?;
        let file = |renderer| Overlay { renderer, ..*self }.file(item, sums.clone());
        renderers.iter().map(file).collect()
    }

    fn file(&self, item: &FileItem, sums: Option<FileContent>) -> Result<DesiredPath> {
        let (role, content) = match (&item.template, &item.blob, sums) {
            (Some(template), None, None) => {
                let text = self
                    .renderer
                    .text(&self.inputs.overlays.text(self.name, template)?)?;
                let content = match item.secret {
                    true => FileContent::Secret(Secret::new(text)),
                    false => FileContent::Plain(text.into_bytes().into()),
                };
                (item.role, content)
            }
            (None, Some(blob), None) => self.blob(blob)?,
            (None, None, Some(sums)) => (None, sums),
            _ => bail!("a file needs exactly one of `template`, `blob` and `sums`"),
        };
        let mode = self.mode(item.mode.as_deref().unwrap_or("0644"))?;
        let change = Change::File {
            content,
            mode,
            owner: self.owner(item.owner.as_deref())?,
        };
        let entry = self.entry(self.volume(item.place), &item.path, change, &item.why)?;
        Ok(DesiredPath { role, ..entry })
    }

    fn link(&self, item: &LinkItem) -> Result<DesiredPath> {
        let target = self.renderer.text(&item.target)?;
        self.entry(
            Volume::Root,
            &item.path,
            Change::Symlink { target },
            &item.why,
        )
    }

    fn edit(&self, item: &EditItem) -> Result<DesiredPath> {
        let render = |list: &[String]| {
            list.iter()
                .map(|s| self.renderer.text(s))
                .collect::<Result<Vec<_>>>()
        };
        let edit = match item.kind {
            EditKind::DiskId => Edit::DiskId,
            EditKind::KernelArguments => Edit::KernelArguments {
                remove: render(&item.remove)?,
                add: render(&item.add)?,
            },
        };
        self.entry(
            self.volume(item.place),
            &item.path,
            Change::Edited(edit),
            &item.why,
        )
    }

    fn account(&self, item: AccountItem) -> DesiredPath {
        let (account, why) = match item {
            AccountItem::System {
                name,
                home,
                comment,
                why,
            } => (
                Account::System {
                    name,
                    home,
                    comment,
                },
                why,
            ),
            AccountItem::Login { why } => {
                let ssh = &self.inputs.cluster.ssh;
                let account = Account::Login {
                    name: ssh.user.clone(),
                    password_hash: ssh.password_hash.clone(),
                    groups: ["adm", "sudo", "systemd-journal"]
                        .map(str::to_owned)
                        .to_vec(),
                    required_groups: ssh.groups.clone(),
                };
                (account, why)
            }
        };
        let change = Change::Edited(Edit::Account(account));
        DesiredPath::new(Volume::Root, "/etc/passwd".to_owned(), change, &why)
    }

    fn volume(&self, item: PlaceItem) -> Volume {
        match item {
            PlaceItem::Boot => Volume::Boot,
            PlaceItem::Root => Volume::Root,
            PlaceItem::Base => Volume::Base,
            PlaceItem::Payload => self.inputs.system.node_location().volume,
        }
    }

    fn mode(&self, text: &str) -> Result<u16> {
        parse_mode(&self.renderer.text(text)?)
    }

    fn owner(&self, text: Option<&str>) -> Result<Owner> {
        match text {
            None => Ok(Owner::root()),
            Some(text) => Owner::parse(&self.renderer.text(text)?),
        }
    }

    /// Returns a named value of the node and its role. Every private key is a [`FileContent::Secret`].
    fn blob(&self, name: &str) -> Result<(Option<FileRole>, FileContent)> {
        let plain = |text: &str| FileContent::Plain(text.as_bytes().to_vec().into());
        let secret = |secret: &Secret| FileContent::Secret(secret.clone());
        let (etcd, identity) = (self.inputs.etcd, self.identity);
        let (server, peer) = (&identity.server, &identity.peer);
        let client = || {
            let user = self.inputs.cluster.ssh.etcdctl;
            let client = user.and_then(|user| identity.clients.get(user));
            client.context("the login user has no certificate")
        };
        let single = self.inputs.cluster.pki.layout.has_one_certificate();
        let (role, content) = match name {
            "etcd" => return Ok((None, FileContent::Plain(etcd.etcd.clone()))),
            "etcdctl" => return Ok((None, FileContent::Plain(etcd.etcdctl.clone()))),
            "etcdutl" => {
                let etcdutl = etcd.etcdutl.clone().context("this etcd has no etcdutl")?;
                return Ok((None, FileContent::Plain(etcdutl)));
            }
            "snapshot" => {
                let snapshot = self.inputs.snapshot.context("no snapshot is named")?;
                return Ok((None, FileContent::Secret(snapshot.bytes.clone())));
            }
            "ca.crt" => (FileRole::CaCertificate, plain(&self.inputs.certs.ca.pem)),
            "server.crt" if single => (FileRole::NodeCertificate, plain(&server.certificate.pem)),
            "server.crt" => (FileRole::ServerCertificate, plain(&server.certificate.pem)),
            "server.key" if single => (FileRole::NodeKey, secret(&server.key)),
            "server.key" => (FileRole::ServerKey, secret(&server.key)),
            "peer.crt" => (FileRole::PeerCertificate, plain(&peer.certificate.pem)),
            "peer.key" => (FileRole::PeerKey, secret(&peer.key)),
            "client-ca.crt" => return Ok((None, plain(&self.inputs.certs.ca.pem))),
            "client.crt" => (
                FileRole::ClientCertificate,
                plain(&client()?.certificate.pem),
            ),
            "client.key" => (FileRole::ClientKey, secret(&client()?.key)),
            "ssh_host_key" => (FileRole::HostKey, secret(&identity.ssh_host_key)),
            "ssh_host_key.pub" => {
                let public = plain(&format!("{}\n", identity.ssh_host_public));
                return Ok((None, public));
            }
            _ => bail!("unknown blob `{name}`"),
        };
        Ok((Some(role), content))
    }
}

fn parse_mode(text: &str) -> Result<u16> {
    let mode = u16::from_str_radix(text, 8).with_context(|| format!("reading mode `{text}`"))?;
    if mode > 0o7777 {
        bail!("mode `{text}` is larger than 7777");
    }
    Ok(mode)
}
