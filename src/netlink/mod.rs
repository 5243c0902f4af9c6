//! The parts of netlink that IPVS and ipset share: messages, the meaning of the replies to a
//! request, and sockets. Nothing here depends on either protocol.
//!
//! [`message`] and [`reject`] read and write single messages. [`inbox`] splits received
//! datagrams into messages. [`exchange`] interprets a message for the request that waits for it.
//! None of these does I/O. [`Connection`] drives the exchanges over a [`Transport`]: the blocking
//! [`Socket`], or tokio's.

mod connection;
mod discard;
mod exchange;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;
pub(crate) mod generic;
mod inbox;
pub(crate) mod message;
mod packet;
mod reject;
#[cfg(any(test, fuzzing))]
pub(crate) mod scripted;
mod socket;
#[cfg(feature = "tokio")]
mod tokio;
#[cfg(feature = "tokio")]
mod turn;

pub(crate) use connection::{Connection, DumpStep, Transport, ready};
pub(crate) use message::flag;
pub(crate) use packet::{Outcome, Packet};
pub use reject::ExtendedAck;
pub(crate) use reject::Rejection;
pub(crate) use socket::{Protocol, Socket};
#[cfg(feature = "tokio")]
pub(crate) use tokio::AsyncSocket;

use crate::wire::{Malformed, Oversized};

/// The reason for the failure of an exchange, without its operation and object. The handle adds
/// these and converts it to an [`Error`](crate::Error).
#[derive(Debug)]
pub(crate) enum Failure {
    /// The kernel refused the request.
    Rejected(Rejection),
    /// The socket failed.
    Io(std::io::Error),
    /// The kernel dropped replies (`ENOBUFS`). Their content is unknown.
    RepliesLost,
    /// No reply is there, and none will come. For example, another process that shares the socket
    /// received it.
    Unanswered,
    /// The kernel's module was unloaded. The text says what to do.
    Gone(&'static str),
    /// IPVS's socket options cannot do this, and nothing was sent. The text says what they lack.
    NetlinkRequired(&'static str),
    /// A reply did not fit the receive buffer.
    CutOff,
    /// A reply violates the protocol.
    Malformed(Malformed),
    /// The request contains a length that does not fit its field.
    Oversized(Oversized),
    /// The data changed while the kernel dumped it.
    Interrupted,
}

impl Failure {
    /// Returns true if the request may have been carried out in spite of the failure.
    pub(crate) fn leaves_doubt(&self) -> bool {
        match self {
            Self::Rejected(_) | Self::Gone(_) | Self::NetlinkRequired(_) | Self::Oversized(_) => {
                false
            }
            Self::Io(_)
            | Self::RepliesLost
            | Self::Unanswered
            | Self::CutOff
            | Self::Malformed(_)
            | Self::Interrupted => true,
        }
    }

    /// Copies the failure for another request that failed for the same reason.
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
            Self::NetlinkRequired(words) => Self::NetlinkRequired(words),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_in_doubt_unless_the_kernel_refused_it_or_never_saw_it() {
        let rejected = Failure::Rejected(Rejection {
            code: 1,
            extended: None,
            echo: Vec::new(),
        });
        let malformed = Failure::Malformed(Malformed::Missing("an answer"));
        let io = Failure::Io(std::io::Error::from_raw_os_error(5));
        let settled = [
            rejected,
            Failure::Gone("gone"),
            Failure::NetlinkRequired("no"),
        ];
        let doubtful = [
            malformed,
            io,
            Failure::RepliesLost,
            Failure::Unanswered,
            Failure::CutOff,
            Failure::Interrupted,
        ];
        for (failures, in_doubt) in [(&settled[..], false), (&doubtful, true)] {
            for failure in failures {
                assert_eq!(failure.leaves_doubt(), in_doubt, "{failure:?}");
                assert_eq!(failure.again().leaves_doubt(), in_doubt, "{failure:?}");
            }
        }
    }
}
