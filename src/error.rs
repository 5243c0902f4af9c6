use std::borrow::Cow;
use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::netlink::{ExtendedAck, Failure};
use crate::wire::{Malformed, Oversized};

/// What every fallible function of this crate gives.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// What went wrong, for a program to branch on ([`Error::kind`] and the predicates) and for a
/// person to read: the operation, the object it was for, and the reason.
///
/// ```
/// use ipvset::ipvs::{Scheduler, VirtualService};
///
/// let error = VirtualService::tcp("[fe80::1%2]:80".parse()?).validate().unwrap_err();
/// assert!(error.is_invalid_input());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Error(Box<Inner>);

struct Inner {
    operation: Cow<'static, str>,
    object: Option<String>,
    cause: Cause,
    /// What else has to be known.
    note: Option<String>,
}

/// The kinds of [`Error`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ErrorKind {
    /// What the operation was for does not exist: a service, a server, a set, an entry, a
    /// scheduler. [`Error::missing`] says which.
    NotFound,
    /// What was to be made exists.
    AlreadyExists,
    /// The kernel wants a capability that the program does not have there.
    PermissionDenied,
    /// The kernel does not have the feature: IPVS, ipset, a set type, an option.
    Unavailable,
    /// A value is not one that the kernel takes; nothing was changed.
    InvalidInput,
    /// The object is in use.
    Busy,
    /// The set has no room left.
    Full,
    /// The kernel's reply is lost, so that what it did is not known: it had no room for it, or
    /// another process that shares the handle after a fork received it.
    RepliesLost,
    /// What was read changed while it was read, so that it may miss or repeat things.
    Inconsistent,
    /// The kernel's reply is not what its protocol says.
    MalformedReply,
    /// A system call failed.
    Io,
    /// The kernel refused for a reason that has no kind of its own; see [`Error::errno`].
    Other,
}

/// What does not exist, where an operation failed for that: [`Error::missing`].
///
/// ```
/// use ipvset::{Error, Missing};
///
/// fn explain(error: &Error) -> &str {
///     match error.missing() {
///         Some(Missing::Service) => "another program removed the service",
///         Some(Missing::Scheduler) => "the scheduler's module is not installed",
///         _ => "see the error's text",
///     }
/// }
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum Missing {
    /// The virtual service.
    Service,
    /// The real server. Its service exists.
    Server,
    /// The scheduler: the kernel has none of the name, and no module with it.
    Scheduler,
    /// The scheduler or the persistence engine: the kernel does not say which.
    SchedulerOrEngine,
    /// The sync daemon: none of the role runs.
    Daemon,
    /// The network interface.
    Interface,
    /// The set. Of two sets that are renamed or swapped, the text says which.
    Set,
    /// The entry. Its set exists.
    Entry,
    /// The set that is to be a member of a list.
    Member,
    /// The member of a list that another one is to stand before or after.
    Neighbor,
    /// The network namespace.
    Namespace,
}

/// Why, before anybody says for what.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Cause {
    #[error("{0}")]
    Refused(Cow<'static, str>),
    #[error("line {line}, column {column}: {message}")]
    Text {
        line: usize,
        column: usize,
        message: Cow<'static, str>,
    },
    #[error("the kernel's table is malformed: line {line}, column {column}: {message}")]
    Report {
        line: usize,
        column: usize,
        message: Cow<'static, str>,
    },
    #[error(transparent)]
    Kernel(Kernel),
    #[error("{0}")]
    Unavailable(Cow<'static, str>),
    #[error("{0}")]
    Io(#[source] io::Error),
    #[error("the kernel dropped replies (ENOBUFS); read back what it did")]
    RepliesLost,
    #[error(
        "the kernel's reply is not there; read back what it did. A handle can't be shared with \
         another process: after a fork, open one there"
    )]
    Unanswered,
    #[error("it changed while it was read; read it again")]
    Inconsistent,
    #[error("the reply does not fit the receive buffer")]
    CutOff,
    #[error("the kernel's reply is malformed: {0}")]
    Malformed(#[source] Malformed),
    #[error("too large: {0}")]
    Oversized(#[source] Oversized),
}

/// A request that the kernel refused, in the terms of its protocol.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The errno or the protocol's own code, positive.
    pub(crate) code: i32,
    pub(crate) meaning: Meaning,
    pub(crate) extended: Option<ExtendedAck>,
}

/// What an error number means for the request that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: ErrorKind,
    pub(crate) missing: Option<Missing>,
    /// Where the plain text of the errno would not tell.
    pub(crate) words: Option<Cow<'static, str>>,
}

impl Meaning {
    pub(crate) fn new(kind: ErrorKind, words: impl Into<Cow<'static, str>>) -> Self {
        Self {
            words: Some(words.into()),
            ..kind.into()
        }
    }

    pub(crate) fn missing(what: Missing, words: impl Into<Cow<'static, str>>) -> Self {
        Self {
            missing: Some(what),
            ..Self::new(ErrorKind::NotFound, words)
        }
    }

    pub(crate) fn exists(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::AlreadyExists, words)
    }

    pub(crate) fn invalid(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidInput, words)
    }

    pub(crate) fn busy(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Busy, words)
    }

    pub(crate) fn unavailable(words: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Unavailable, words)
    }
}

/// A kind for which the plain text of the errno will do.
impl From<ErrorKind> for Meaning {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            missing: None,
            words: None,
        }
    }
}

/// Codes from here on are a protocol's own and no errno (include/linux/err.h: `MAX_ERRNO`).
const FIRST_PRIVATE_CODE: i32 = 4096;

impl std::error::Error for Kernel {}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let private = self.code >= FIRST_PRIVATE_CODE;
        match &self.meaning.words {
            Some(words) if private => write!(f, "{words} (ipset error {})", self.code)?,
            Some(words) => write!(f, "{words} ({})", io::Error::from_raw_os_error(self.code))?,
            None if private => write!(f, "ipset error {}", self.code)?,
            None => write!(f, "{}", io::Error::from_raw_os_error(self.code))?,
        }
        if let Some(extended) = self
            .extended
            .as_ref()
            .filter(|it| **it != ExtendedAck::default())
        {
            write!(f, "; the kernel says: {extended}")?;
        }
        Ok(())
    }
}

impl Error {
    pub(crate) fn new(operation: impl Into<Cow<'static, str>>, cause: Cause) -> Self {
        Self(Box::new(Inner {
            operation: operation.into(),
            object: None,
            cause,
            note: None,
        }))
    }

    /// A value that is refused before the kernel is asked.
    pub(crate) fn refused(
        operation: impl Into<Cow<'static, str>>,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(operation, Cause::Refused(why.into()))
    }

    /// Says what the operation was for.
    pub(crate) fn object(mut self, object: impl fmt::Display) -> Self {
        self.0.object = Some(object.to_string());
        self
    }

    /// Says for which larger operation it was done.
    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.0.operation = operation.into();
        self
    }

    /// Gives it another reason, one that this crate found.
    pub(crate) fn set_reason(&mut self, why: impl Into<Cow<'static, str>>) {
        self.0.cause = Cause::Refused(why.into());
    }

    /// Adds what else has to be known.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.0.note = Some(note.into());
        self
    }

    /// What the program can do about it.
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Refused(_) | Cause::Text { .. } | Cause::Oversized(_) => ErrorKind::InvalidInput,
            Cause::Kernel(kernel) => kernel.meaning.kind,
            Cause::Unavailable(_) => ErrorKind::Unavailable,
            Cause::Io(error) => match error.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Io,
            },
            Cause::RepliesLost | Cause::Unanswered => ErrorKind::RepliesLost,
            Cause::Inconsistent => ErrorKind::Inconsistent,
            Cause::CutOff | Cause::Malformed(_) | Cause::Report { .. } => ErrorKind::MalformedReply,
        }
    }

    /// What the operation was for does not exist; [`Error::missing`] says what. See
    /// [`ErrorKind::NotFound`].
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// What does not exist, if the operation failed for that.
    pub fn missing(&self) -> Option<Missing> {
        match &self.0.cause {
            Cause::Kernel(kernel) => kernel.meaning.missing,
            _ => None,
        }
    }

    /// What was to be made exists. See [`ErrorKind::AlreadyExists`].
    pub fn is_already_exists(&self) -> bool {
        self.kind() == ErrorKind::AlreadyExists
    }

    /// A capability is missing. See [`ErrorKind::PermissionDenied`].
    pub fn is_permission_denied(&self) -> bool {
        self.kind() == ErrorKind::PermissionDenied
    }

    /// This kernel has no such feature. See [`ErrorKind::Unavailable`].
    pub fn is_unavailable(&self) -> bool {
        self.kind() == ErrorKind::Unavailable
    }

    /// A value is not acceptable, whether this crate or the kernel says so. See
    /// [`ErrorKind::InvalidInput`].
    pub fn is_invalid_input(&self) -> bool {
        self.kind() == ErrorKind::InvalidInput
    }

    /// The object is in use. See [`ErrorKind::Busy`].
    pub fn is_busy(&self) -> bool {
        self.kind() == ErrorKind::Busy
    }

    /// The set has no room left. See [`ErrorKind::Full`].
    pub fn is_full(&self) -> bool {
        self.kind() == ErrorKind::Full
    }

    /// What the kernel did is not known. See [`ErrorKind::RepliesLost`].
    pub fn is_replies_lost(&self) -> bool {
        self.kind() == ErrorKind::RepliesLost
    }

    /// What was read may miss or repeat things. See [`ErrorKind::Inconsistent`].
    pub fn is_inconsistent(&self) -> bool {
        self.kind() == ErrorKind::Inconsistent
    }

    /// What was being done, such as `add service`.
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// What it was for: a service, a set, an entry, in the syntax of the tools.
    pub fn object_name(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Why, without the operation, the object and the position in a text.
    pub fn reason(&self) -> String {
        match &self.0.cause {
            Cause::Text { message, .. } => message.to_string(),
            cause => match &self.0.note {
                Some(note) => format!("{cause}; {note}"),
                None => cause.to_string(),
            },
        }
    }

    /// The kernel's errno, where it or a system call gave one.
    pub fn errno(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Kernel(kernel) if kernel.code < FIRST_PRIVATE_CODE => Some(kernel.code),
            Cause::Io(error) => errno(error),
            _ => None,
        }
    }

    /// ipset's own error code (`IPSET_ERR_*`, 4097 or more), where the kernel gave one.
    pub fn ipset_code(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Kernel(kernel) if kernel.code >= FIRST_PRIVATE_CODE => Some(kernel.code),
            _ => None,
        }
    }

    /// What the kernel said beside the error number (Linux 4.12 or later, and seldom).
    pub fn extended_ack(&self) -> Option<&ExtendedAck> {
        match &self.0.cause {
            Cause::Kernel(kernel) => kernel.extended.as_ref(),
            _ => None,
        }
    }

    /// Line and column, both from 1, where the error is in a text: what was to be read, or what
    /// the kernel has in a file.
    pub fn position(&self) -> Option<(usize, usize)> {
        match self.0.cause {
            Cause::Text { line, column, .. } | Cause::Report { line, column, .. } => {
                Some((line, column))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.operation)?;
        if let Some(object) = &self.0.object {
            write!(f, " {object}")?;
        }
        write!(f, ": {}", self.0.cause)?;
        match &self.0.note {
            Some(note) => write!(f, "; {note}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind())
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        std::error::Error::source(&self.0.cause)
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> Self {
        let kind = match error.kind() {
            ErrorKind::NotFound => io::ErrorKind::NotFound,
            ErrorKind::AlreadyExists => io::ErrorKind::AlreadyExists,
            ErrorKind::PermissionDenied => io::ErrorKind::PermissionDenied,
            ErrorKind::Unavailable => io::ErrorKind::Unsupported,
            ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// The errno of a system call's error, also where words were put before it.
fn errno(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let source = std::error::Error::source(error.get_ref()?)?;
        source.downcast_ref::<io::Error>()?.raw_os_error()
    })
}

impl Cause {
    /// What the operation was for does not exist, and the kernel was not even asked for more.
    pub(crate) fn missing(
        what: Missing,
        words: impl Into<Cow<'static, str>>,
        errno: Errno,
    ) -> Self {
        Self::Kernel(Kernel {
            code: errno as i32,
            meaning: Meaning::missing(what, words),
            extended: None,
        })
    }

    /// A failed exchange; `interpret` puts a rejection into the terms of its protocol.
    pub(crate) fn from_failure(failure: Failure, interpret: impl FnOnce(i32) -> Meaning) -> Self {
        match failure {
            Failure::Rejected(rejection) => Self::Kernel(Kernel {
                code: rejection.code,
                meaning: interpret(rejection.code),
                extended: rejection.extended,
            }),
            Failure::Io(error) => Self::Io(error),
            Failure::RepliesLost => Self::RepliesLost,
            Failure::Unanswered => Self::Unanswered,
            Failure::Gone(words) => Self::Unavailable(words.into()),
            Failure::CutOff => Self::CutOff,
            Failure::Malformed(malformed) => Self::Malformed(malformed),
            Failure::Oversized(oversized) => Self::Oversized(oversized),
            Failure::Interrupted => Self::Inconsistent,
        }
    }
}
