use crate::{Error, Result};

/// What became of many changes: which failed, and which were not tried.
///
/// `T` is what was given for each change: an [`Operation`](crate::ipvs::Operation) of IPVS, or an
/// [`Entry`](crate::ipset::Entry) of a set. An index counts what was given, from 0.
///
/// ```no_run
/// use ipvset::OnFailure;
/// use ipvset::ipvs::{Ipvs, Operations, RealServer, VirtualService};
///
/// let mut ipvs = Ipvs::connect()?;
/// let web = VirtualService::tcp("10.100.100.100:8080".parse()?);
/// let mut operations = Operations::new();
/// operations.add_service(&web);
/// operations.add_server(&web, &RealServer::new("10.0.0.11:8080".parse()?));
/// let outcome = ipvs.execute_all(operations, OnFailure::Continue);
/// for failed in outcome.failures() {
///     // "1: add server -t 10.100.100.100:8080 -r 10.0.0.11:8080: the service has …"
///     eprintln!("{}: {}", failed.index, failed.error);
/// }
/// if outcome.in_doubt().next().is_some() {
///     eprintln!("replies were lost; the table is now {:?}", ipvs.table()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "changes may have failed"]
pub struct Outcome<T> {
    pub(crate) applied: usize,
    pub(crate) failures: Vec<FailedChange<T>>,
    pub(crate) stopped: Option<Error>,
    pub(crate) untried_from: Option<usize>,
}

/// A change that failed, or of which it is unknown whether it was carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedChange<T> {
    /// The index of the change among those that were given, from 0.
    pub index: usize,
    /// What was given: the operation or the entry.
    pub input: T,
    /// The reason.
    pub error: Error,
    /// Whether the change may have been carried out.
    ///
    /// This is true if the kernel's reply was lost, or if the kernel had no memory to report which
    /// entry it refused (`ENOMEM`).
    pub in_doubt: bool,
}

impl<T> Outcome<T> {
    pub(crate) fn new() -> Self {
        Self {
            applied: 0,
            failures: Vec::new(),
            stopped: None,
            untried_from: None,
        }
    }

    /// Takes the error that ended everything.
    pub(crate) fn take_stopped(&mut self) -> Option<Error> {
        self.stopped.take()
    }

    /// Returns how many changes are known to be carried out.
    pub fn applied(&self) -> usize {
        self.applied
    }

    /// Returns the changes that failed or are in doubt, ordered by index.
    ///
    /// Unless a change is in doubt, nothing of it was carried out, with one exception: if an entry
    /// of a set is a range, its part before the element that the kernel refused stays applied.
    pub fn failures(&self) -> &[FailedChange<T>] {
        &self.failures
    }

    /// Returns the changes that failed or are in doubt, ordered by index, by value.
    pub fn into_failures(self) -> Vec<FailedChange<T>> {
        self.failures
    }

    /// Returns the failures that are [in doubt](FailedChange::in_doubt). To find out whether they
    /// were carried out, read the table or list the set.
    pub fn in_doubt(&self) -> impl Iterator<Item = &FailedChange<T>> {
        self.failures.iter().filter(|it| it.in_doubt)
    }

    /// Returns the error that ended everything, if it does not concern a single change.
    ///
    /// For example, the socket failed or the set does not exist any more.
    pub fn stopped(&self) -> Option<&Error> {
        self.stopped.as_ref()
    }

    /// Returns the index of the first change that was not tried. Those after it were not tried
    /// either. Returns `None` if all were tried.
    ///
    /// After a failure with [`OnFailure::Stop`](crate::OnFailure::Stop), this can be an index even
    /// if nothing was given after the failed change: the iterator is not asked for more once the
    /// failure is known.
    pub fn untried_from(&self) -> Option<usize> {
        self.untried_from
    }

    /// Returns the error of the change with this index, if it failed or was not tried because
    /// of an error.
    pub(crate) fn error(&self, index: usize) -> Option<&Error> {
        if self.untried_from.is_some_and(|first| index >= first) {
            return self.stopped.as_ref();
        }
        self.failure(index).map(|it| &it.error)
    }

    /// Returns the failure of the change with this index, if it was tried and failed.
    pub(crate) fn failure(&self, index: usize) -> Option<&FailedChange<T>> {
        let place = self.failures.binary_search_by_key(&index, |it| it.index);
        self.failures.get(place.ok()?)
    }

    /// Returns true if all changes were carried out.
    pub fn is_complete(&self) -> bool {
        self.failures.is_empty() && self.stopped.is_none() && self.untried_from.is_none()
    }

    /// Returns the number of changes if all were carried out, and otherwise the first error.
    ///
    /// # Errors
    /// That of the first change that failed. If no single change failed, the error that
    /// [`stopped`](Self::stopped) the others.
    pub fn into_result(self) -> Result<usize> {
        let first = self.failures.into_iter().next().map(|failed| failed.error);
        match first.or(self.stopped) {
            Some(error) => Err(error),
            None => Ok(self.applied),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ErrorKind;
    use crate::error::Cause;

    fn error(operation: &'static str) -> Error {
        Error::new(operation, Cause::RepliesLost)
    }

    /// The second change failed, and the fifth was not tried.
    fn outcome() -> Outcome<u8> {
        Outcome {
            applied: 3,
            failures: vec![FailedChange {
                index: 1,
                input: 1,
                error: error("add entry"),
                in_doubt: true,
            }],
            stopped: Some(error("send")),
            untried_from: Some(4),
        }
    }

    #[test]
    fn each_change_has_its_error() {
        let outcome = outcome();
        let operations = (0..6).map(|index| outcome.error(index).map(Error::operation));
        let expected = [
            None,
            Some("add entry"),
            None,
            None,
            Some("send"),
            Some("send"),
        ];
        assert_eq!(operations.collect::<Vec<_>>(), expected);
        assert_eq!(outcome.failure(1).map(|it| it.index), Some(1));
        assert!(outcome.failure(4).is_none(), "it was not tried");
    }

    #[test]
    fn an_outcome_is_complete_if_everything_was_tried_and_nothing_failed() {
        let complete = || Outcome::<u8> {
            applied: 3,
            ..Outcome::new()
        };
        assert!(complete().is_complete());
        assert_eq!(complete().into_result().unwrap(), 3);
        let failed = Outcome {
            failures: outcome().failures,
            ..complete()
        };
        assert!(!failed.is_complete());
        assert_eq!(failed.into_result().unwrap_err().operation(), "add entry");
        let stopped = Outcome {
            stopped: outcome().stopped,
            ..complete()
        };
        assert!(!stopped.is_complete());
        let error = stopped.into_result().unwrap_err();
        assert_eq!(
            (error.operation(), error.kind()),
            ("send", ErrorKind::RepliesLost)
        );
        let untried = Outcome {
            untried_from: Some(3),
            ..complete()
        };
        assert!(!untried.is_complete());
    }
}
