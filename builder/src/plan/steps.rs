//! The steps of a plan while it is made, each of which is found by its path.

use std::collections::BTreeMap;

use super::model::Step;
use crate::inspect::Volume;

/// Steps in the order in which they were added; each path has at most one.
#[derive(Default)]
pub(super) struct Steps {
    steps: Vec<Step>,
    /// The position in `steps` of each path.
    positions: BTreeMap<(Volume, String), usize>,
}

impl Steps {
    /// Returns the step of a path.
    pub(super) fn get(&self, volume: Volume, path: &str) -> Option<&Step> {
        self.steps.get(self.position(volume, path)?)
    }

    /// Returns the step of a path, to be changed.
    pub(super) fn get_mut(&mut self, volume: Volume, path: &str) -> Option<&mut Step> {
        let position = self.position(volume, path)?;
        self.steps.get_mut(position)
    }

    /// Adds the step of a path that has none.
    pub(super) fn add(&mut self, step: Step) {
        let path = (step.volume, step.path.clone());
        self.positions.insert(path, self.steps.len());
        self.steps.push(step);
    }

    /// Returns all steps, those of the boot partition first.
    pub(super) fn sorted(mut self) -> Vec<Step> {
        self.steps.sort_by_key(|step| step.volume);
        self.steps
    }

    fn position(&self, volume: Volume, path: &str) -> Option<usize> {
        self.positions.get(&(volume, path.to_owned())).copied()
    }
}
