//! Errors of the lab. Every error names the operation that failed and its object, because "Operation not permitted" alone does not help the
//! reader of a failed kernel test.

use std::io;

/// An error of the lab.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel refused something, over a system call or over netlink.
    #[error("{operation} {object}: {source}")]
    System {
        /// The operation, e.g. `mount` or `add the address`.
        operation: String,
        /// The object of the operation.
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
        /// Its standard error.
        stderr: String,
    },

    /// Any other error, with its full message.
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

/// For `map_err`: adds the operation and its object.
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
