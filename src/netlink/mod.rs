//! Netlink as both protocols use it: messages, what the replies to a request mean, and the
//! sockets that carry them. It knows no protocol.
//!
//! From the inside out: [`message`] and [`reject`] read and write single messages, [`inbox`]
//! takes received datagrams apart, [`exchange`] says what a message means for the request that
//! waits for it; none of them does I/O. [`Connection`] drives the exchanges over a
//! [`Transport`]: the blocking [`Socket`], or tokio's.

mod connection;
mod exchange;
pub(crate) mod generic;
mod inbox;
pub(crate) mod message;
mod packet;
mod reject;
#[cfg(test)]
pub(crate) mod scripted;
mod socket;
#[cfg(feature = "tokio")]
mod tokio;

pub(crate) use connection::{Connection, DumpStep, Transport, ready};
pub(crate) use message::flag;
pub(crate) use packet::{Outcome, Packet};
pub use reject::ExtendedAck;
pub(crate) use reject::Rejection;
pub(crate) use socket::{Protocol, Socket};
#[cfg(feature = "tokio")]
pub(crate) use tokio::AsyncSocket;

use crate::wire::{Malformed, Oversized};

/// Why an exchange failed, before anybody knows what it was for; the handle that asked adds the
/// operation and the object and makes it an [`Error`](crate::Error).
#[derive(Debug)]
pub(crate) enum Failure {
    /// The kernel refused the request.
    Rejected(Rejection),
    /// The socket failed.
    Io(std::io::Error),
    /// The kernel dropped replies (`ENOBUFS`): what they would have said is unknown.
    RepliesLost,
    /// No reply is there, and so none comes: another process took it, say, that shares the socket.
    Unanswered,
    /// The part of the kernel that the requests are for is gone; what to do about it.
    Gone(&'static str),
    /// A reply did not fit the receive buffer.
    CutOff,
    /// The reply is not what the protocol says.
    Malformed(Malformed),
    /// The request is too large to be written down.
    Oversized(Oversized),
    /// The kernel says that what was being dumped changed meanwhile.
    Interrupted,
}

impl Failure {
    /// The same failure once more, for another request that it struck.
    pub(crate) fn again(&self) -> Self {
        match self {
            Self::Rejected(rejection) => Self::Rejected(rejection.clone()),
            Self::Io(error) => Self::Io(match error.raw_os_error() {
                Some(code) => std::io::Error::from_raw_os_error(code),
                None => std::io::Error::new(error.kind(), error.to_string()),
            }),
            Self::RepliesLost => Self::RepliesLost,
            Self::Unanswered => Self::Unanswered,
            Self::Gone(words) => Self::Gone(words),
            Self::CutOff => Self::CutOff,
            Self::Malformed(malformed) => Self::Malformed(malformed.clone()),
            Self::Oversized(oversized) => Self::Oversized(*oversized),
            Self::Interrupted => Self::Interrupted,
        }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Io(error)
    }
}

impl From<nix::Error> for Failure {
    fn from(error: nix::Error) -> Self {
        Self::Io(error.into())
    }
}

impl From<Malformed> for Failure {
    fn from(error: Malformed) -> Self {
        Self::Malformed(error)
    }
}

impl From<Oversized> for Failure {
    fn from(error: Oversized) -> Self {
        Self::Oversized(error)
    }
}
