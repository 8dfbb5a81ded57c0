//! Turns the wanted state into steps: what each path needs, given its content in the base.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};

use super::accounts::{Accounts, accounts};
use super::demands::{needed, needed_line, refuse_folder, text_of};
use super::model::{Action, Plan, Step};
use super::steps::Steps;
use super::{edit, references, room};
use crate::config_txt::with_settings;
use crate::failure::{Kind, STOCK};
use crate::inspect::{Attributes, BaseFiles, Before, Layout, System, Volume};
use crate::overlay::{ACCOUNT_FILES, Change, DesiredPath, Edit, FileContent, FileTree, Owner};
use crate::refusals::Refusals;
use crate::secret::Secret;
use crate::spec::Invalid;

/// Returns every edit that turns the base into the node, or all reasons why there is no such plan. The same arguments give
/// the same plan.
pub(crate) fn plan(layout: &Layout, found: &BaseFiles, tree: &FileTree) -> Result<Plan> {
    let mut refusals = Refusals::default();
    refusals.check(room::check_size(layout, tree))?;
    let planner = Planner::new(layout, found, tree, &mut refusals);
    let mut planner = refusals.join(planner)?;
    planner.add_all(tree, &mut refusals)?;
    refusals.check(planner.add_accounts())?;
    let plan = planner.finish();
    refusals.check(room::check_room(layout, &plan))?;
    refusals.check(room::check_command_line(tree, &plan))?;
    let context = || format!("checking the plan of node {}", tree.node);
    refusals.check(references::check(layout, found, tree, &plan).with_context(context))?;
    refusals.settle()?;
    Ok(plan)
}

/// Attributes of parent directories directly below the root that nothing describes.
const PARENT: Attributes = Attributes {
    mode: 0o755,
    uid: 0,
    gid: 0,
};

struct Planner<'a> {
    found: &'a BaseFiles,
    tree: &'a FileTree,
    disk_id: (u32, u32),
    accounts: Accounts,
    steps: Steps,
    /// Paths that exist or already have a step.
    existing: BTreeSet<(Volume, String)>,
}

impl<'a> Planner<'a> {
    fn new(
        layout: &Layout,
        found: &'a BaseFiles,
        tree: &'a FileTree,
        refusals: &mut Refusals,
    ) -> Result<Self> {
        let exists = found
            .iter()
            .filter(|(_, before)| **before != Before::Missing);
        Ok(Self {
            found,
            tree,
            disk_id: (layout.disk_id, tree.disk_id.unwrap_or(layout.disk_id)),
            accounts: match layout.system {
                System::Root(_) => accounts(found, tree, refusals)?,
                System::Writable(_) | System::Seed(_) => Accounts::of_root_alone()?,
            },
            steps: Steps::default(),
            existing: exists.map(|(key, _)| key.clone()).collect(),
        })
    }

    /// Adds all entries. A mistake in an entry of the user's own is reported with its place.
    fn add_all(&mut self, tree: &FileTree, refusals: &mut Refusals) -> Result<()> {
        for entry in &tree.entries {
            let added = self.add(entry);
            let added = match &entry.origin {
                Some(origin) => added.map_err(|error| {
                    let complaints = vec![format!("{origin}: {error}")];
                    Invalid {
                        complaints,
                        advice: None,
                    }
                    .into()
                }),
                None => {
                    added.with_context(|| format!("planning {} of node {}", entry.path, tree.node))
                }
            };
            refusals.check(added)?;
        }
        Ok(())
    }

    fn add(&mut self, entry: &DesiredPath) -> Result<()> {
        let before = self.before(entry.volume, &entry.path);
        match &entry.change {
            Change::File {
                content,
                mode,
                owner,
            } => {
                let attributes = self.attributes(*mode, owner)?;
                self.write(entry, before, content.clone(), attributes)
            }
            Change::MissingFolder { .. } if matches!(before, Before::Folder { .. }) => Ok(()),
            Change::Folder { mode, owner } | Change::MissingFolder { mode, owner } => {
                let attributes = self.attributes(*mode, owner)?;
                self.folder(entry, before, attributes)
            }
            Change::Symlink { target } => self.symlink(entry, before, target),
            Change::NumberedLink { target } => self.numbered_link(entry, target),
            Change::Needed => needed(entry, &before),
            Change::NeededLine { line } => needed_line(entry, &before, line),
            Change::Absent => self.absent(entry, before),
            Change::Edited(Edit::Account(_)) => Ok(()), // `add_accounts` edits all of them at once.
            Change::Edited(Edit::Appended { text }) if before == Before::Missing => {
                let content = FileContent::Plain(text.clone().into_bytes().into());
                let attributes = self.attributes(0o644, &Owner::root())?;
                self.write(entry, before, content, attributes)
            }
            Change::Edited(edit) => self.edit(entry, before, edit),
        }
    }

    fn before(&self, volume: Volume, path: &str) -> Before {
        let before = self.found.get(&(volume, path.to_owned()));
        before.cloned().unwrap_or(Before::Missing)
    }

    fn attributes(&self, mode: u16, owner: &Owner) -> Result<Attributes> {
        let (uid, gid) = self.accounts.ids(owner)?;
        Ok(Attributes { mode, uid, gid })
    }

    /// Writes a file even if the base has the same content: it then gets the build's time, which may be the only purpose.
    fn write(
        &mut self,
        entry: &DesiredPath,
        before: Before,
        content: FileContent,
        attributes: Attributes,
    ) -> Result<()> {
        refuse_folder(entry, &before)?;
        let action = Action::WriteFile {
            content,
            attributes,
        };
        self.push_for(entry, before, action)
    }

    fn folder(
        &mut self,
        entry: &DesiredPath,
        before: Before,
        attributes: Attributes,
    ) -> Result<()> {
        match &before {
            Before::Folder { attributes: old } if *old == attributes => Ok(()),
            Before::Folder { .. } => {
                self.push_for(entry, before, Action::SetAttributes { attributes })
            }
            Before::Missing => self.push_for(entry, before, Action::MakeFolder { attributes }),
            _ => Err(Kind::Refused.error(
                format!(
                    "the base has a file where the directory {} must be",
                    entry.path
                ),
                STOCK,
            )),
        }
    }

    fn symlink(&mut self, entry: &DesiredPath, before: Before, target: &str) -> Result<()> {
        match &before {
            Before::Symlink { target: old } if old == target => return Ok(()),
            _ => refuse_folder(entry, &before)?,
        }
        let target = target.to_owned();
        self.push_for(entry, before, Action::MakeSymlink { target })
    }

    /// Adds a link with the first free number. The base keeps its own links.
    fn numbered_link(&mut self, entry: &DesiredPath, target: &str) -> Result<()> {
        for path in entry.numbered() {
            let before = self.before(entry.volume, &path);
            let is_same = matches!(&before, Before::Symlink { target: old } if old == target);
            if is_same || !self.existing.contains(&(entry.volume, path.clone())) {
                let entry = DesiredPath {
                    path,
                    ..entry.clone()
                };
                return self.symlink(&entry, before, target);
            }
        }
        Err(Kind::Refused.error(
            format!("the base has no free number for the link {}", entry.path),
            STOCK,
        ))
    }

    fn absent(&mut self, entry: &DesiredPath, before: Before) -> Result<()> {
        match before {
            Before::Missing => Ok(()),
            before => {
                refuse_folder(entry, &before)?;
                self.push_for(entry, before, Action::Remove)
            }
        }
    }

    /// Edits a file. Several edits of one file add up: each starts from the result of the previous one.
    fn edit(&mut self, entry: &DesiredPath, before: Before, edit: &Edit) -> Result<()> {
        let (volume, path) = (entry.volume, &entry.path);
        let base = text_of(entry, &before)?;
        let current = match self.steps.get(volume, path).map(|step| &step.action) {
            Some(Action::WriteFile { content, .. }) => {
                String::from_utf8_lossy(content.bytes()).into_owned()
            }
            _ => base.clone(),
        };
        let new = self.edited(&current, edit);
        if new == current {
            return Ok(());
        }
        let content = FileContent::Plain(new.into_bytes().into());
        let Before::File { attributes, .. } = before else {
            return Ok(());
        };
        let action = Action::WriteFile {
            content,
            attributes,
        };
        let Some(step) = self.steps.get_mut(volume, path) else {
            return self.push_for(entry, before, action);
        };
        step.action = action;
        step.why = format!("{}; {}", step.why, entry.why);
        Ok(())
    }

    fn edited(&self, text: &str, edit: &Edit) -> String {
        match edit {
            Edit::KernelArguments { remove, add } => edit::kernel_arguments(text, remove, add),
            Edit::FirmwareSettings { ensure } => with_settings(text, ensure),
            Edit::DiskId => references::with_disk_id(text, self.disk_id.0, self.disk_id.1),
            Edit::Appended { text: added } => edit::appended(text, added),
            Edit::Account(_) => text.to_owned(),
        }
    }

    fn push_for(&mut self, entry: &DesiredPath, before: Before, action: Action) -> Result<()> {
        self.push(Step {
            volume: entry.volume,
            path: entry.path.clone(),
            before,
            action,
            why: entry.why.clone(),
        })
    }

    /// Adds all account files from one value so that they agree; unchanged ones are not written.
    fn add_accounts(&mut self) -> Result<()> {
        let files = self.accounts.files();
        for (path, text) in ACCOUNT_FILES.into_iter().zip(files) {
            let (before, Some(text)) = (self.before(Volume::Root, path), text) else {
                continue;
            };
            let Before::File {
                attributes,
                content: Some(old),
                ..
            } = &before
            else {
                continue;
            };
            if **old == *text {
                continue;
            }
            // Shadow files hold password hashes: the plan shows them as fingerprints.
            let content = if path.ends_with("shadow") {
                FileContent::Secret(Secret::new(text))
            } else {
                FileContent::Plain(text.into())
            };
            let attributes = *attributes;
            self.push(Step {
                volume: Volume::Root,
                path: path.to_owned(),
                before,
                action: Action::WriteFile {
                    content,
                    attributes,
                },
                why: "users and groups".to_owned(),
            })?;
        }
        Ok(())
    }

    /// Returns the attributes of a directory that nothing describes: owner and mode of the nearest directory above it.
    fn inherited(&self, volume: Volume, path: &str) -> Attributes {
        let mut above = path;
        while let Some((parent, _)) = above.rsplit_once('/') {
            let planned = self.steps.get(volume, parent).map(|step| &step.action);
            match (planned, self.before(volume, parent)) {
                (
                    Some(Action::MakeFolder { attributes } | Action::SetAttributes { attributes }),
                    _,
                ) => return *attributes,
                (None, Before::Folder { attributes }) => {
                    return Attributes {
                        mode: attributes.mode & 0o777,
                        ..attributes
                    };
                }
                _ => above = parent,
            }
        }
        PARENT
    }

    /// Returns whether the node has a file at the path.
    fn is_file(&self, volume: Volume, path: &str) -> bool {
        let found = matches!(
            self.before(volume, path),
            Before::File { .. } | Before::Other
        );
        let planned = self.steps.get(volume, path).map(|step| &step.action);
        found || matches!(planned, Some(Action::WriteFile { .. }))
    }

    /// Adds the step, preceded by the directories that its path needs and the base lacks.
    fn push(&mut self, step: Step) -> Result<()> {
        if let Some(other) = self.steps.get(step.volume, &step.path) {
            return Err(Kind::Usage.error(
                format!(
                    "{} would be written twice: for \"{}\" and for \"{}\"",
                    step.path, other.why, step.why
                ),
                "remove one of them: a `[[file]]`, a `[[certificate]]` or a file of an overlay",
            ));
        }
        let ends = step.path.match_indices('/').map(|(at, _)| at).skip(1);
        for parent in ends.filter_map(|end| step.path.get(..end)) {
            if self.is_file(step.volume, parent) {
                return Err(Kind::Refused.error(
                    format!("{} cannot be below {parent}, which is a file", step.path),
                    STOCK,
                ));
            }
            if self.existing.insert((step.volume, parent.to_owned())) {
                let attributes = self.inherited(step.volume, parent);
                self.steps.add(Step {
                    volume: step.volume,
                    path: parent.to_owned(),
                    before: Before::Missing,
                    action: Action::MakeFolder { attributes },
                    why: format!("holds {}", step.path),
                });
            }
        }
        self.existing.insert((step.volume, step.path.clone()));
        self.steps.add(step);
        Ok(())
    }

    fn finish(self) -> Plan {
        Plan {
            node: self.tree.node.clone(),
            disk_id: self.disk_id,
            steps: self.steps.sorted(),
            time: self.tree.time,
            fingerprints: self.tree.fingerprints.clone(),
        }
    }
}
