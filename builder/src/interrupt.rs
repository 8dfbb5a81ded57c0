//! Ctrl-C: nothing incomplete is left behind, and what belongs together is written together.
//!
//! Without this module, the images of an interrupted build would stay in the output directory under temporary names, with the
//! private keys of the nodes in them, until the next build removes them; so would the decrypted images of a store.

use std::any::Any;
use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::{Mutex, MutexGuard, Once, PoisonError};

/// The exit code that shells show for a program that Ctrl-C has ended.
const EXIT_CODE: i32 = 130;

/// The steps that must not be cut off.
static STEPS: StepQueue = StepQueue::new();

/// The values that an interruption drops.
static KEPT: Mutex<BTreeMap<u64, Box<dyn Any + Send>>> = Mutex::new(BTreeMap::new());

/// What an interruption tells the user to do next.
static HINT: Mutex<&str> =
    Mutex::new("run the same command again; no incomplete image was left behind");

/// Handles Ctrl-C and requests to terminate from now on, unless the caller of the program has made it ignore them.
pub(crate) fn watch() {
    static ONCE: Once = Once::new();
    // Without a handler, an interruption ends the program at once, and the next build removes what it leaves.
    ONCE.call_once(|| drop(ctrlc::try_set_handler(stop)));
}

/// Handles interruptions from now on as [`watch`] does, and tells the user to do something else next.
#[cfg(target_os = "linux")]
pub(crate) fn watch_with(hint: &'static str) {
    *HINT.lock().unwrap_or_else(PoisonError::into_inner) = hint;
    watch();
}

thread_local! {
    /// Whether this thread is in a step.
    static IN_STEP: Cell<bool> = const { Cell::new(false) };
}

/// Delays interruptions until the result is dropped. The caller must not call this function again before that: it panics, since it would
/// wait for itself.
pub(crate) fn uninterrupted() -> UninterruptedStep {
    assert!(!IN_STEP.replace(true), "a step inside another one");
    UninterruptedStep {
        _guard: STEPS.begin(),
    }
}

/// A step that is not cut off as long as this exists.
#[derive(Debug)]
#[must_use]
pub(crate) struct UninterruptedStep {
    _guard: MutexGuard<'static, ()>,
}

impl Drop for UninterruptedStep {
    fn drop(&mut self) {
        IN_STEP.set(false);
    }
}

/// Steps of which one is done at a time. Each waits at `next` until it is the next one, and then for the step at work.
struct StepQueue {
    next: Mutex<()>,
    at_work: Mutex<()>,
}

impl StepQueue {
    const fn new() -> Self {
        Self {
            next: Mutex::new(()),
            at_work: Mutex::new(()),
        }
    }

    fn begin(&self) -> MutexGuard<'_, ()> {
        let [_next, step] = self.last();
        step
    }

    /// Begins a step after which no other one begins as long as the result exists. A mutex alone would let a thread with one
    /// short step after the other pass an interruption again and again.
    fn last(&self) -> [MutexGuard<'_, ()>; 2] {
        [&self.next, &self.at_work].map(|it| it.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A value whose destructor also runs if the program is interrupted. The destructor must not use another guard.
#[derive(Debug)]
pub(crate) struct InterruptGuard(u64);

impl InterruptGuard {
    /// Keeps a value until the result is dropped.
    pub(crate) fn new(value: impl Any + Send) -> Self {
        let mut kept = kept();
        let number = kept
            .last_key_value()
            .map_or(0, |(last, _)| last.wrapping_add(1));
        kept.insert(number, Box::new(value));
        Self(number)
    }
}

impl Drop for InterruptGuard {
    fn drop(&mut self) {
        // An interruption waits until the value is dropped; otherwise it would end the program in the middle.
        let mut kept = kept();
        drop(kept.remove(&self.0));
    }
}

fn kept() -> MutexGuard<'static, BTreeMap<u64, Box<dyn Any + Send>>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Ends the program. It runs on a thread of its own, which waits for a step that must not be cut off.
///
/// It drops the kept values while it holds all locks, so no other thread begins a step or ends the program before that.
#[expect(clippy::exit, reason = "the other threads cannot be stopped")]
fn stop() {
    let _steps = STEPS.last();
    let mut kept = kept();
    kept.clear();
    let mut stderr = io::stderr();
    let line = if stderr.is_terminal() { "\n" } else { "" };
    let hint = *HINT.lock().unwrap_or_else(PoisonError::into_inner);
    // Without standard error, only the exit code reports the interruption.
    let _ = writeln!(stderr, "{line}error: interrupted\nhint: {hint}");
    std::process::exit(EXIT_CODE);
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_step_inside_another_one_is_no_endless_wait() {
        thread::spawn(|| {
            let _outer = uninterrupted();
            let _inner = uninterrupted();
        })
        .join()
        .unwrap_err();
        // One after the other is possible, also in one thread.
        drop(uninterrupted());
        drop(uninterrupted());
    }

    #[test]
    fn no_step_begins_while_an_interruption_waits() {
        let (steps, order) = (StepQueue::new(), Mutex::new(Vec::new()));
        let step = steps.begin();
        thread::scope(|scope| {
            scope.spawn(|| {
                let _last = steps.last();
                order.lock().unwrap().push("interruption");
            });
            while steps.next.try_lock().is_ok() {
                thread::yield_now();
            }
            drop(step);
            let _step = steps.begin();
            order.lock().unwrap().push("step");
        });
        assert_eq!(order.into_inner().unwrap(), ["interruption", "step"]);
    }
}
