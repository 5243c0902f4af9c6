use crate::ipvs::model::operation::Operation;
use crate::{Error, Result};

/// What became of a batch.
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
///     eprintln!("replies were lost: this is what is there now: {:?}", ipvs.table()?);
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

/// An operation of a batch that was not carried out, or of which that is not known.
#[derive(Debug)]
#[non_exhaustive]
pub struct FailedOperation {
    /// Where it stands in the batch, from 0.
    pub index: usize,
    /// The operation.
    pub operation: Operation,
    /// Why. With [`Error::is_replies_lost`] the operation is in doubt: the kernel's answer to it
    /// was lost, if there was one.
    pub error: Error,
}

impl Outcome {
    /// The operations that failed, in order. Every other that was sent was carried out.
    pub fn failures(&self) -> &[FailedOperation] {
        &self.failures
    }

    /// The failures, owned.
    pub fn into_failures(self) -> Vec<FailedOperation> {
        self.failures
    }

    /// Those of the failures of which it is not known whether they were carried out, since the
    /// kernel dropped replies. Read back what is there.
    pub fn in_doubt(&self) -> impl Iterator<Item = &FailedOperation> {
        self.failures.iter().filter(|it| it.error.is_replies_lost())
    }

    /// From this index on nothing was sent, because it stopped before; `None` if everything was
    /// sent.
    ///
    /// [`execute_all`](crate::ipvs::Ipvs::execute_all) does not find out whether its source has any
    /// more, once it stops.
    pub fn untried_from(&self) -> Option<usize> {
        self.untried_from
    }

    /// The operation at [`untried_from`](Self::untried_from), if it was taken from the source
    /// before it was known that it would not be sent. No other was.
    pub fn untried(&self) -> Option<&Operation> {
        self.untried.as_ref()
    }

    /// Whether every operation was carried out.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.untried_from.is_none()
    }

    /// The first failure, for whom one is as bad as many.
    ///
    /// # Errors
    /// The error of the first operation that failed.
    pub fn into_result(self) -> Result<()> {
        match self.failures.into_iter().next() {
            None => Ok(()),
            Some(failure) => Err(failure.error),
        }
    }
}
