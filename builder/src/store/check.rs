//! Whether a store still has what its indexes list.

use std::fmt;

use anyhow::Result;
use serde::Serialize;

use super::Address;
use super::incoming::{OpenedIndex, present};
use super::open::open;
use crate::cli::StoreAccess;
use crate::count::count;
use crate::failure::Kind;
use crate::progress::Progress;

/// The result of reading every file in a store. The JSON format is stable; `format` is raised when a field changes or is removed.
#[derive(Debug, Serialize)]
pub(crate) struct StoreCheck {
    /// Version of this format.
    format: u32,
    /// The address.
    store: String,
    /// The number of files that are what the index says.
    sound: usize,
    /// Who signed the digest lists, with the fingerprints of the keys; `None` if no signature was required.
    pub(crate) signer: Option<String>,
    /// What is wrong.
    problems: Vec<String>,
}

/// Reads every file at an address, and at those of its parts, and compares the digests of the stored bytes. This needs no secret key.
pub(crate) fn check(
    address: &Address,
    access: &StoreAccess,
    progress: &dyn Progress,
) -> Result<StoreCheck> {
    let read = |address: &Address| -> Result<OpenedIndex> {
        Ok(OpenedIndex {
            address: address.clone(),
            index: present(&*open(address, access)?, address)?,
        })
    };
    let mut check = StoreCheck::new(address);
    let whole = read(address)?;
    check.compare(&whole, access, progress)?;
    for part in whole.index.parts_of(address) {
        check.compare(&read(&part)?, access, progress)?;
    }
    Ok(check)
}

/// Reads every file that the indexes of a build at an address list. The indexes are not read again: what the store has by now may be
/// another build than the one whose signature was checked.
pub(crate) fn check_opened(
    address: &Address,
    indexes: &[OpenedIndex],
    access: &StoreAccess,
    progress: &dyn Progress,
) -> Result<StoreCheck> {
    let mut check = StoreCheck::new(address);
    for index in indexes {
        check.compare(index, access, progress)?;
    }
    Ok(check)
}

impl StoreCheck {
    fn new(address: &Address) -> Self {
        Self {
            format: 1,
            store: address.to_string(),
            sound: 0,
            signer: None,
            problems: Vec::new(),
        }
    }

    /// Reads the files of one index.
    fn compare(
        &mut self,
        OpenedIndex { address, index }: &OpenedIndex,
        access: &StoreAccess,
        progress: &dyn Progress,
    ) -> Result<()> {
        let store = open(address, access)?;
        if index.files.is_empty() && index.parts.is_empty() {
            self.problems
                .push(format!("{address}: its index lists no file"));
        }
        for file in &index.files {
            let task = progress.task(&format!("reading {}", file.name), Some(file.stored.size));
            let name = format!("{address}/{}", file.name);
            if index.encrypted_to.is_none() && file.plain != file.stored {
                self.problems.push(format!(
                    "{name}: its index has another digest or size for the file than for its blob, which is not encrypted"
                ));
            }
            if !store.has(&file.stored)? {
                self.problems
                    .push(format!("{name}: its blob is missing or has another size"));
            } else if store.blob(&file.stored, &mut std::io::sink())? == file.stored {
                self.sound += 1;
            } else {
                self.problems
                    .push(format!("{name}: its blob has another SHA-256"));
            }
            drop(task);
        }
        Ok(())
    }

    /// Returns an error if something is wrong.
    pub(crate) fn verdict(&self) -> Result<()> {
        match self.problems.is_empty() {
            true => Ok(()),
            false => Err(Kind::Verification.error(
                format!("{} does not have what its index lists", self.store),
                "do not use these files; build into the store again",
            )),
        }
    }
}

impl fmt::Display for StoreCheck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = if self.problems.is_empty() {
            "ok"
        } else {
            "BAD"
        };
        write!(
            f,
            "{}: {state}, {}",
            self.store,
            count(self.sound, "sound file")
        )?;
        match &self.signer {
            Some(signer) => writeln!(f, ", signed by {signer}")?,
            None => writeln!(f)?,
        }
        self.problems
            .iter()
            .try_for_each(|it| writeln!(f, "  {it}"))
    }
}
