use std::borrow::Cow;
use std::fmt;
use std::io;

use nix::errno::Errno;

use crate::netlink::{ExtendedAck, Failure};
use crate::wire::{Malformed, Oversized};

/// The result type of this crate's fallible functions.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// An error of this crate.
///
/// A program branches on [`Error::kind`], on [`Error::missing`] or on the predicates, such as
/// [`Error::is_not_found`]. The text is for a person: it contains the operation, the object of
/// the operation and the reason.
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
    /// An addition to the reason.
    note: Option<String>,
}

/// The kinds of errors, by what a program can do about them.
///
/// [`Error::kind`] returns the kind of an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "snake_case"))]
pub enum ErrorKind {
    /// Something that the operation needs does not exist, such as a service, a server, a set, an
    /// entry or a scheduler. [`Error::missing`] returns which.
    NotFound,
    /// The object to be added exists already.
    AlreadyExists,
    /// The program lacks a capability in the network namespace, or may not open a file.
    PermissionDenied,
    /// The kernel lacks a feature, such as IPVS, ipset, a set type or an option.
    Unavailable,
    /// The handle uses IPVS's socket options, which cannot do this. Over netlink it is possible:
    /// see [`ControlInterface`](crate::ipvs::ControlInterface). Nothing was sent.
    NetlinkRequired,
    /// A value is invalid. Nothing was changed.
    InvalidInput,
    /// The object is in use.
    Busy,
    /// The set has no room left.
    Full,
    /// The kernel's reply is lost, so it is unknown what the kernel did. Either the receive
    /// buffer was full, or another process that shares the handle after a fork received the
    /// reply.
    RepliesLost,
    /// The data changed while it was read, so items may be missing or repeated.
    Inconsistent,
    /// The kernel's reply violates its protocol.
    MalformedReply,
    /// A system call failed.
    Io,
    /// The kernel refused the request for a reason that has no kind of its own (see
    /// [`Error::errno`]), or [`Ipvs::apply`](crate::ipvs::Ipvs::apply) did not remove the last
    /// servers of a service.
    Other,
}

/// The object whose absence made an operation fail.
///
/// [`Error::missing`] returns it.
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
    /// The real server; its service exists.
    Server,
    /// The scheduler; the kernel found no module for it either.
    Scheduler,
    /// The scheduler or the persistence engine; the kernel does not report which.
    SchedulerOrEngine,
    /// The sync daemon; no daemon of this role runs.
    Daemon,
    /// The network interface.
    Interface,
    /// The set. If the operation renames or swaps two sets, the error's text names the missing
    /// one.
    Set,
    /// The entry; its set exists.
    Entry,
    /// The set that the entry of a list set names.
    Member,
    /// The member of a list set before or after which an entry belongs.
    Neighbor,
    /// The network namespace.
    Namespace,
}

/// The reason for an error, without the operation and the object.
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
    #[error(
        "{0}. Its netlink interface can do this, but needs CAP_NET_ADMIN in the initial user \
         namespace"
    )]
    NetlinkRequired(&'static str),
    #[error("{0}")]
    Io(#[source] io::Error),
    #[error("the kernel dropped replies (ENOBUFS); read back what it did")]
    RepliesLost,
    #[error(
        "the kernel's reply is missing; read back what it did. Processes can't share a handle: \
         after a fork, open a new one"
    )]
    Unanswered,
    #[error("the data changed while it was read; read it again")]
    Inconsistent,
    #[error("the reply does not fit the receive buffer")]
    CutOff,
    #[error("the kernel's reply is malformed: {0}")]
    Malformed(#[source] Malformed),
    #[error("too large: {0}")]
    Oversized(#[source] Oversized),
    #[error("not carried out, because the service would have no server that gets connections")]
    LastServers,
}

/// The kernel's refusal of a request, interpreted for the request's protocol.
#[derive(Debug)]
pub(crate) struct Kernel {
    /// The errno or the protocol's own code. It is positive.
    pub(crate) code: i32,
    pub(crate) meaning: Meaning,
    pub(crate) extended: Option<ExtendedAck>,
}

/// The meaning of an error number for the request that it answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meaning {
    pub(crate) kind: ErrorKind,
    pub(crate) missing: Option<Missing>,
    /// An explanation, where the errno's own text is not clear enough.
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

/// A meaning without an explanation: the errno's own text is clear enough.
impl From<ErrorKind> for Meaning {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            missing: None,
            words: None,
        }
    }
}

/// The first code that is a protocol's own instead of an errno (`MAX_ERRNO` + 1,
/// include/linux/err.h).
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

    /// Returns the error for a value that this crate refuses without asking the kernel.
    pub(crate) fn refused(
        operation: impl Into<Cow<'static, str>>,
        why: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::new(operation, Cause::Refused(why.into()))
    }

    /// Sets the object of the operation.
    pub(crate) fn object(mut self, object: impl fmt::Display) -> Self {
        self.0.object = Some(object.to_string());
        self
    }

    /// Replaces the operation with the larger one that it is a part of.
    pub(crate) fn during(mut self, operation: &'static str) -> Self {
        self.0.operation = operation.into();
        self
    }

    /// Replaces the reason with one that this crate found.
    pub(crate) fn set_reason(&mut self, why: impl Into<Cow<'static, str>>) {
        self.0.cause = Cause::Refused(why.into());
    }

    /// Adds a note to the reason.
    pub(crate) fn note(mut self, note: impl Into<String>) -> Self {
        self.0.note = Some(note.into());
        self
    }

    /// Returns the kind of this error: what a program can do about it.
    pub fn kind(&self) -> ErrorKind {
        match &self.0.cause {
            Cause::Refused(_) | Cause::Text { .. } | Cause::Oversized(_) => ErrorKind::InvalidInput,
            Cause::Kernel(kernel) => kernel.meaning.kind,
            Cause::Unavailable(_) => ErrorKind::Unavailable,
            Cause::NetlinkRequired(_) => ErrorKind::NetlinkRequired,
            Cause::Io(error) => match error.kind() {
                io::ErrorKind::PermissionDenied => ErrorKind::PermissionDenied,
                io::ErrorKind::NotFound => ErrorKind::NotFound,
                _ => ErrorKind::Io,
            },
            Cause::RepliesLost | Cause::Unanswered => ErrorKind::RepliesLost,
            Cause::Inconsistent => ErrorKind::Inconsistent,
            Cause::LastServers => ErrorKind::Other,
            Cause::CutOff | Cause::Malformed(_) | Cause::Report { .. } => ErrorKind::MalformedReply,
        }
    }

    /// Returns true if a needed object does not exist ([`ErrorKind::NotFound`]).
    ///
    /// [`Error::missing`] returns which.
    pub fn is_not_found(&self) -> bool {
        self.kind() == ErrorKind::NotFound
    }

    /// Returns the object that does not exist, if this is why the operation failed and if it is
    /// known.
    pub fn missing(&self) -> Option<Missing> {
        match &self.0.cause {
            Cause::Kernel(kernel) => kernel.meaning.missing,
            _ => None,
        }
    }

    /// Returns true if the object to be added exists already ([`ErrorKind::AlreadyExists`]).
    pub fn is_already_exists(&self) -> bool {
        self.kind() == ErrorKind::AlreadyExists
    }

    /// Returns true if the program lacks a permission ([`ErrorKind::PermissionDenied`]).
    pub fn is_permission_denied(&self) -> bool {
        self.kind() == ErrorKind::PermissionDenied
    }

    /// Returns true if the kernel lacks a feature ([`ErrorKind::Unavailable`]).
    pub fn is_unavailable(&self) -> bool {
        self.kind() == ErrorKind::Unavailable
    }

    /// Returns true if only IPVS's netlink interface can do this, and the handle uses its socket
    /// options ([`ErrorKind::NetlinkRequired`]).
    pub fn is_netlink_required(&self) -> bool {
        self.kind() == ErrorKind::NetlinkRequired
    }

    /// Returns true if a value is invalid ([`ErrorKind::InvalidInput`]).
    ///
    /// This crate or the kernel refused it.
    pub fn is_invalid_input(&self) -> bool {
        self.kind() == ErrorKind::InvalidInput
    }

    /// Returns true if the object is in use ([`ErrorKind::Busy`]).
    pub fn is_busy(&self) -> bool {
        self.kind() == ErrorKind::Busy
    }

    /// Returns true if the set has no room left ([`ErrorKind::Full`]).
    pub fn is_full(&self) -> bool {
        self.kind() == ErrorKind::Full
    }

    /// Returns true if it is unknown what the kernel did ([`ErrorKind::RepliesLost`]).
    pub fn is_replies_lost(&self) -> bool {
        self.kind() == ErrorKind::RepliesLost
    }

    /// Returns true if the data changed while it was read ([`ErrorKind::Inconsistent`]).
    pub fn is_inconsistent(&self) -> bool {
        self.kind() == ErrorKind::Inconsistent
    }

    /// Returns the name of the operation that failed, such as `add service`.
    pub fn operation(&self) -> &str {
        &self.0.operation
    }

    /// Returns the object of the operation, such as a service, a set or an entry, in the syntax
    /// of `ipvsadm` and `ipset`.
    pub fn object_name(&self) -> Option<&str> {
        self.0.object.as_deref()
    }

    /// Returns the reason, without the operation and the object, and without the position if
    /// the error is in a text that was parsed.
    pub fn reason(&self) -> String {
        match &self.0.cause {
            Cause::Text { message, .. } => message.to_string(),
            cause => match &self.0.note {
                Some(note) => format!("{cause}; {note}"),
                None => cause.to_string(),
            },
        }
    }

    /// Returns the errno, if the kernel's reply or a system call contained one.
    pub fn errno(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Kernel(kernel) if kernel.code < FIRST_PRIVATE_CODE => Some(kernel.code),
            Cause::Io(error) => errno(error),
            _ => None,
        }
    }

    /// Returns ipset's own error code (`IPSET_ERR_*`, 4097 or more), if the kernel's reply
    /// contained one.
    pub fn ipset_code(&self) -> Option<i32> {
        match &self.0.cause {
            Cause::Kernel(kernel) if kernel.code >= FIRST_PRIVATE_CODE => Some(kernel.code),
            _ => None,
        }
    }

    /// Returns the kernel's explanation beside the error number.
    ///
    /// Linux 4.12 and later send one, but only with few errors.
    pub fn extended_ack(&self) -> Option<&ExtendedAck> {
        match &self.0.cause {
            Cause::Kernel(kernel) => kernel.extended.as_ref(),
            _ => None,
        }
    }

    /// Returns the line and the column of an error in a text, both counted from 1.
    ///
    /// The text is the one that was parsed, or the kernel's in a file of `/proc`.
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
            ErrorKind::Unavailable | ErrorKind::NetlinkRequired => io::ErrorKind::Unsupported,
            ErrorKind::InvalidInput => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}

/// Returns the errno of a system call's error, also if the error is wrapped in another.
fn errno(error: &io::Error) -> Option<i32> {
    error.raw_os_error().or_else(|| {
        let source = std::error::Error::source(error.get_ref()?)?;
        source.downcast_ref::<io::Error>()?.raw_os_error()
    })
}

impl Cause {
    /// Returns the cause for an object that does not exist, with the errno that stands for it.
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

    /// Converts the failure of an exchange. `interpret` returns what a rejection's error number
    /// means.
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
            Failure::NetlinkRequired(words) => Self::NetlinkRequired(words),
            Failure::CutOff => Self::CutOff,
            Failure::Malformed(malformed) => Self::Malformed(malformed),
            Failure::Oversized(oversized) => Self::Oversized(oversized),
            Failure::Interrupted => Self::Inconsistent,
        }
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;
    use crate::netlink::Rejection;

    fn of_kind(kind: ErrorKind, code: i32) -> Error {
        let kernel = Kernel {
            code,
            meaning: kind.into(),
            extended: None,
        };
        Error::new("test", Cause::Kernel(kernel))
    }

    #[test]
    fn each_kind_answers_its_question() {
        type Question = fn(&Error) -> bool;
        let questions: [(ErrorKind, Question); 10] = [
            (ErrorKind::NotFound, Error::is_not_found),
            (ErrorKind::AlreadyExists, Error::is_already_exists),
            (ErrorKind::PermissionDenied, Error::is_permission_denied),
            (ErrorKind::Unavailable, Error::is_unavailable),
            (ErrorKind::NetlinkRequired, Error::is_netlink_required),
            (ErrorKind::InvalidInput, Error::is_invalid_input),
            (ErrorKind::Busy, Error::is_busy),
            (ErrorKind::Full, Error::is_full),
            (ErrorKind::RepliesLost, Error::is_replies_lost),
            (ErrorKind::Inconsistent, Error::is_inconsistent),
        ];
        for (kind, _) in questions {
            let error = of_kind(kind, 5);
            for (asked, ask) in questions {
                assert_eq!(ask(&error), asked == kind, "{asked:?} of {kind:?}");
            }
        }
    }

    #[test]
    fn an_error_has_its_operation_its_object_and_its_reason() {
        let mut error = of_kind(ErrorKind::Busy, libc::EBUSY);
        assert_eq!((error.operation(), error.object_name()), ("test", None));
        error = error.object("web").during("replace set");
        assert_eq!(
            (error.operation(), error.object_name()),
            ("replace set", Some("web"))
        );
        error.set_reason("it is too large");
        assert_eq!(error.reason(), "it is too large");
        assert!(error.is_invalid_input());
    }

    #[test]
    fn a_code_of_the_protocol_is_not_taken_for_an_errno() {
        let text = |code| of_kind(ErrorKind::Other, code).to_string();
        assert!(text(4105).contains("ipset error 4105"), "{}", text(4105));
        assert!(text(libc::EIO).contains("os error 5"), "{}", text(5));
        let explained = |code| Kernel {
            code,
            meaning: Meaning::new(ErrorKind::Other, "the set is odd"),
            extended: None,
        };
        assert_eq!(
            explained(4105).to_string(),
            "the set is odd (ipset error 4105)"
        );
        let text = explained(libc::EIO).to_string();
        assert!(text.starts_with("the set is odd ("), "{text}");
        assert!(text.contains("os error 5"), "{text}");
    }

    #[test]
    fn an_io_error_has_the_kind_that_is_closest() {
        for (kind, expected) in [
            (ErrorKind::NotFound, io::ErrorKind::NotFound),
            (ErrorKind::AlreadyExists, io::ErrorKind::AlreadyExists),
            (ErrorKind::PermissionDenied, io::ErrorKind::PermissionDenied),
            (ErrorKind::Unavailable, io::ErrorKind::Unsupported),
            (ErrorKind::InvalidInput, io::ErrorKind::InvalidInput),
            (ErrorKind::Busy, io::ErrorKind::Other),
            (ErrorKind::Full, io::ErrorKind::Other),
        ] {
            let error = of_kind(kind, 5);
            assert_eq!(error.kind(), kind);
            let text = error.to_string();
            let error = io::Error::from(error);
            assert_eq!((error.kind(), error.to_string()), (expected, text));
        }
        let lack = Error::new("test", Cause::NetlinkRequired("it has no tunnels"));
        assert_eq!(io::Error::from(lack).kind(), io::ErrorKind::Unsupported);
    }

    #[test]
    fn a_systems_error_keeps_its_kind_and_its_number() {
        for (number, kind) in [
            (libc::EPERM, ErrorKind::PermissionDenied),
            (libc::ENOENT, ErrorKind::NotFound),
            (libc::EIO, ErrorKind::Io),
        ] {
            let cause = Cause::Io(io::Error::from_raw_os_error(number));
            let error = Error::new("test", cause);
            assert_eq!((error.kind(), error.errno()), (kind, Some(number)));
        }
    }

    #[test]
    fn an_error_has_what_the_kernel_says_beside_its_number() {
        let extended = ExtendedAck {
            message: Some("Unknown attribute type".into()),
            offset: Some(20),
            missing_attribute: None,
        };
        let rejection = Rejection {
            code: libc::EINVAL,
            extended: Some(extended.clone()),
            echo: Vec::new(),
        };
        let refuse = |rejection| {
            let cause = Cause::from_failure(Failure::Rejected(rejection), |_| {
                ErrorKind::InvalidInput.into()
            });
            Error::new("test", cause)
        };
        let error = refuse(rejection.clone());
        assert_eq!(error.extended_ack(), Some(&extended));
        let text = error.to_string();
        assert!(
            text.contains("; the kernel says: Unknown attribute type"),
            "{text}"
        );
        for extended in [None, Some(ExtendedAck::default())] {
            let error = refuse(Rejection {
                extended: extended.clone(),
                ..rejection.clone()
            });
            assert_eq!(error.extended_ack(), extended.as_ref());
            assert!(!error.to_string().contains("the kernel says"), "{error}");
        }
        assert_eq!(Error::new("test", Cause::CutOff).extended_ack(), None);
    }

    #[test]
    fn the_source_of_an_error_is_its_cause() {
        let error = Error::new("test", Cause::Io(io::Error::from_raw_os_error(libc::EIO)));
        let source = std::error::Error::source(&error).expect("a source");
        assert_eq!(
            source
                .downcast_ref::<io::Error>()
                .map(io::Error::raw_os_error),
            Some(Some(libc::EIO))
        );
        let error = Error::new("test", Cause::CutOff);
        assert!(std::error::Error::source(&error).is_none());
    }

    #[test]
    fn codes_from_4096_belong_to_the_protocol() {
        for (code, expected) in [(4095, None), (4096, Some(4096)), (4103, Some(4103))] {
            let rejection = Rejection {
                code,
                extended: None,
                echo: Vec::new(),
            };
            let cause =
                Cause::from_failure(Failure::Rejected(rejection), |_| ErrorKind::Other.into());
            let error = Error::new("test", cause);
            assert_eq!(error.ipset_code(), expected);
            assert_eq!(error.errno(), expected.is_none().then_some(code));
            assert_eq!(
                error.to_string().contains("ipset error"),
                expected.is_some()
            );
        }
    }
}
