//! Helpers of the tests.

use std::error::Error;
use std::fmt::Debug;

pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// Asserts that two values are equal.
#[track_caller]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) {
    assert!(
        found == expected,
        "{what}:\n   found {found:#?}\nexpected {expected:#?}"
    );
}
