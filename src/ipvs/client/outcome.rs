use crate::ipvs::model::operation::Operation;
use crate::{Error, Result};

/// The result of many operations: those that failed, and those that were not tried.
///
/// ```no_run
/// # use ipvset::OnFailure;
/// # use ipvset::ipvs::Ipvs;
/// # let mut ipvs = Ipvs::connect()?;
/// let mut batch = ipvs.batch();
/// batch.on_failure(OnFailure::Stop);
/// // … operations
/// let outcome = batch.send()?;
/// for failure in outcome.failures() {
///     // "operation 3: add server -t 10.0.0.1:80 -r 10.1.0.1:80: the service has …"
///     eprintln!("operation {}: {}", failure.index, failure.error);
/// }
/// if outcome.in_doubt().next().is_some() {
///     eprintln!("replies were lost; the table is now {:?}", ipvs.table()?);
/// }
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
#[must_use = "operations may have failed"]
pub struct Outcome {
    pub(in crate::ipvs) failures: Vec<FailedOperation>,
    pub(in crate::ipvs) untried_from: Option<usize>,
    pub(in crate::ipvs) untried: Option<Operation>,
}

/// An operation that failed, or of which it is unknown whether it was carried out.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedOperation {
    /// The index of the operation among those that were given, from 0.
    pub index: usize,
    /// The operation.
    pub operation: Operation,
    /// The reason. If [`Error::is_replies_lost`] is true, the kernel's reply was lost, and the
    /// operation may have been carried out.
    pub error: Error,
}

impl Outcome {
    /// Returns the operations that failed, in order. All others that were sent were carried out.
    pub fn failures(&self) -> &[FailedOperation] {
        &self.failures
    }

    /// Returns the operations that failed, in order, by value.
    pub fn into_failures(self) -> Vec<FailedOperation> {
        self.failures
    }

    /// Returns the failures whose operations may have been carried out, because the kernel's
    /// reply was lost. To find out, read the table.
    pub fn in_doubt(&self) -> impl Iterator<Item = &FailedOperation> {
        self.failures.iter().filter(|it| it.error.is_replies_lost())
    }

    /// Returns the index of the first operation that was not tried because of an earlier failure.
    /// Those after it were not tried either. Returns `None` if all operations were tried.
    ///
    /// After [`execute_all`](crate::ipvs::Ipvs::execute_all) stops, it does not check whether the
    /// iterator yields another operation, so there may be none at this index.
    pub fn untried_from(&self) -> Option<usize> {
        self.untried_from
    }

    /// Returns the operation at [`untried_from`](Self::untried_from) if it was already taken from
    /// the iterator. No later one was taken.
    pub fn untried(&self) -> Option<&Operation> {
        self.untried.as_ref()
    }

    /// Returns whether every operation was carried out.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.untried_from.is_none()
    }

    /// Converts the outcome into a `Result`.
    ///
    /// # Errors
    /// Returns the error of the first operation that failed.
    pub fn into_result(self) -> Result<()> {
        match self.failures.into_iter().next() {
            None => Ok(()),
            Some(failure) => Err(failure.error),
        }
    }
}
