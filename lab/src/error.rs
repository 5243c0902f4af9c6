//! What can go wrong in the lab. Every error says which operation failed on which object, because a kernel test that fails with "Operation not
//! permitted" alone sends its reader hunting.

use std::io;

/// What the lab's functions give back when something failed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused something, over a system call or over netlink.
    #[error("{operation} {object}: {source}")]
    System {
        /// What was tried, e.g. `mount` or `add the address`.
        operation: String,
        /// What it was tried on.
        object: String,
        /// The kernel's answer.
        source: io::Error,
    },

    /// A command-line tool is not on this machine.
    #[error("{program} is not installed; install it with: apt-get install {package}")]
    NotInstalled {
        /// The program that was looked for.
        program: String,
        /// The Debian package that holds it.
        package: String,
    },

    /// A command-line tool ran and failed.
    #[error("`{command}` (package {package}) ended with {status}: {stderr}")]
    Tool {
        /// The command line.
        command: String,
        /// The Debian package that the tool belongs to.
        package: String,
        /// How it ended, in words.
        status: String,
        /// What it said on standard error.
        stderr: String,
    },

    /// Something else, said in full.
    #[error("{0}")]
    Other(String),
}

impl Error {
    /// The kernel's errno, where the error carries one.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self {
            Error::System { source, .. } => source.raw_os_error(),
            _ => None,
        }
    }
}

/// A `Result` of the lab.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// For `map_err`: says what was tried on what.
pub(crate) fn failed<E: Into<io::Error>>(
    operation: impl Into<String>,
    object: impl Into<String>,
) -> impl FnOnce(E) -> Error {
    move |source| Error::System {
        operation: operation.into(),
        object: object.into(),
        source: source.into(),
    }
}
