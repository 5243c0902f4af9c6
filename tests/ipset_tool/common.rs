//! What all kernel tests of sets share.

use std::error::Error;
use std::fmt::Debug;

pub(crate) type Result<T = (), E = Box<dyn Error + Send + Sync>> = std::result::Result<T, E>;

/// The types of sets that most kernels have; the running one has to do for tests of these.
pub(crate) const COMMON: &[&str] = &[
    "bitmap:ip",
    "bitmap:ip,mac",
    "bitmap:port",
    "hash:ip",
    "hash:ip,port",
    "hash:ip,port,ip",
    "hash:ip,port,net",
    "hash:net",
    "hash:net,port",
    "hash:net,iface",
    "list:set",
];

/// Asserts that two things are the same, as an error that a test can give.
#[track_caller]
pub(crate) fn same<T: PartialEq + Debug>(what: &str, found: T, expected: T) {
    assert!(
        found == expected,
        "{what}:\n   found {found:#?}\nexpected {expected:#?}"
    );
}
