//! Parallel work on several items, with the results in the order of the items.

use std::num::NonZeroUsize;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use anyhow::Result;

/// Applies `work` to every item on at most `jobs` threads. After a failure no further item is started, and the
/// failure of the earliest item is returned.
pub(crate) fn map<T: Sync, R: Send>(
    jobs: NonZeroUsize,
    items: &[T],
    work: impl Fn(&T) -> Result<R> + Sync,
) -> Result<Vec<R>> {
    let next = AtomicUsize::new(0);
    let results: Vec<Mutex<Option<Result<R>>>> = items.iter().map(|_| Mutex::new(None)).collect();
    let worker = || {
        while let Some((item, slot)) = take(&next, items, &results) {
            let result = work(item);
            if result.is_err() {
                next.store(items.len(), Ordering::Relaxed);
            }
            if let Ok(mut slot) = slot.lock() {
                *slot = Some(result);
            }
        }
    };
    thread::scope(|scope| {
        for _ in 0..jobs.get().min(items.len()) {
            scope.spawn(worker);
        }
    });
    // Items that were never started have no result; the failure that stopped them is among the others.
    results
        .into_iter()
        .filter_map(|slot| slot.into_inner().ok().flatten())
        .collect()
}

fn take<'a, T, S>(next: &AtomicUsize, items: &'a [T], slots: &'a [S]) -> Option<(&'a T, &'a S)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    Some((items.get(at)?, slots.get(at)?))
}

#[cfg(test)]
mod tests {
    use super::map;

    #[test]
    fn results_keep_the_order_of_the_items() {
        let doubled = map(3.try_into().unwrap(), &[1, 2, 3, 4, 5], |n| Ok(n * 2)).unwrap();
        assert_eq!(doubled, [2, 4, 6, 8, 10]);
    }

    #[test]
    fn the_first_failure_is_the_result() {
        let failed = map(1.try_into().unwrap(), &[1, 2, 3], |n| {
            anyhow::ensure!(*n < 2, "item {n}");
            Ok(())
        });
        assert_eq!(failed.unwrap_err().to_string(), "item 2");
    }
}
