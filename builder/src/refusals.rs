//! Reasons against a build, collected over several stages, so that the user learns all of them at once.

use anyhow::Result;

use crate::failure::{Failure, Kind, Several, explain};

/// Reasons against a build, each with its kind and its next step. A failed disk or network is never among them.
#[derive(Clone, Debug, Default)]
pub struct Refusals(Vec<Failure>);

impl Refusals {
    /// Returns the value of a successful check. Keeps a refusal and returns `None`. Returns any other failure as it is,
    /// including that of a damaged base, which no further check can read.
    pub(crate) fn check<T>(&mut self, result: Result<T>) -> Result<Option<T>> {
        match result {
            Ok(value) => Ok(Some(value)),
            Err(error) if is_refusal(&error) && explain(&error).0 != Kind::Corrupt => {
                self.add(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    /// Returns the result, or its refusal together with those that were kept before. Another failure, such as that of a
    /// download, is returned only if nothing was refused before.
    pub(crate) fn join<T>(&self, result: Result<T>) -> Result<T> {
        result.map_err(|error| {
            let mut all = self.clone();
            if is_refusal(&error) {
                all.add(&error);
            }
            all.settle().err().unwrap_or(error)
        })
    }

    /// Adds every reason of another stage.
    pub(crate) fn extend(&mut self, others: Self) {
        others.0.into_iter().for_each(|other| self.push(other));
    }

    /// Puts the thing that was checked before each reason.
    #[must_use]
    pub(crate) fn about(mut self, thing: &str) -> Self {
        for reason in &mut self.0 {
            reason.message = format!("{thing}: {}", reason.message);
        }
        self
    }

    /// Returns whether nothing was refused.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns an error with all reasons, if there are any.
    pub(crate) fn settle(mut self) -> Result<()> {
        match (self.0.pop(), self.0.is_empty()) {
            (None, _) => Ok(()),
            (Some(only), true) => Err(only.into()),
            (Some(last), false) => {
                self.0.push(last);
                Err(Several(self.0).into())
            }
        }
    }

    fn add(&mut self, error: &anyhow::Error) {
        if let Some(Several(reasons)) = error.downcast_ref() {
            return self.extend(Self(reasons.clone()));
        }
        let (kind, hint) = explain(error);
        self.push(kind.context(format!("{error:#}"), hint));
    }

    fn push(&mut self, reason: Failure) {
        if self.0.iter().all(|known| known.message != reason.message) {
            self.0.push(reason);
        }
    }
}

fn is_refusal(error: &anyhow::Error) -> bool {
    match explain(error).0 {
        Kind::Usage | Kind::Unsupported | Kind::Corrupt | Kind::Refused => true,
        Kind::Verification | Kind::Storage | Kind::Unhealthy => false,
    }
}

#[cfg(test)]
mod tests {
    use anyhow::{Context as _, anyhow};

    use super::*;

    fn refused(what: &str, hint: &str) -> Result<()> {
        Err(Kind::Refused.error(what, hint))
    }

    #[test]
    fn the_only_reason_stays_as_it_is() {
        let mut refusals = Refusals::default();
        refusals.settle_is(None);
        assert_eq!(refusals.check(refused("a", "x")).unwrap(), None);
        refusals.settle_is(Some(("a", "x")));
    }

    #[test]
    fn several_reasons_are_one_error_with_their_next_steps() {
        let mut refusals = Refusals::default();
        for what in ["a", "b", "a"] {
            refusals.check(refused(what, "x")).unwrap();
        }
        let nested = refusals.clone().settle().context("planning c");
        let mut all = Refusals::default();
        all.check(refused("d", "y")).unwrap();
        all.check(nested).unwrap();
        let wanted = "3 reasons to refuse this build\n  d\n    hint: y\n  a\n  b\n    hint: x";
        let hint = "take the steps below the reasons, then run the command again";
        all.settle_is(Some((wanted, hint)));
    }

    #[test]
    fn a_next_step_that_all_reasons_share_is_the_hint() {
        let mut refusals = Refusals::default();
        for what in ["a", "b"] {
            refusals.check(refused(what, "x")).unwrap();
        }
        refusals.settle_is(Some(("2 reasons to refuse this build\n  a\n  b", "x")));
    }

    #[test]
    fn other_failures_are_not_collected() {
        let mut refusals = Refusals::default();
        let failed = || Err::<(), _>(anyhow!(std::io::Error::from(std::io::ErrorKind::NotFound)));
        assert!(refusals.check(failed()).is_err());
        assert_eq!(
            explain(&refusals.join(failed()).unwrap_err()).0,
            Kind::Storage
        );
        refusals.check(refused("a", "x")).unwrap();
        assert_eq!(refusals.join(failed()).unwrap_err().to_string(), "a");
    }

    impl Refusals {
        #[track_caller]
        fn settle_is(&self, wanted: Option<(&str, &str)>) {
            let error = self.clone().settle().err();
            let found = error.map(|error| (error.to_string(), explain(&error).1));
            let wanted = wanted.map(|(what, hint)| (what.to_owned(), hint.to_owned()));
            assert_eq!(found, wanted);
        }
    }
}
