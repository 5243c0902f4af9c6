//! The outcome of a request in traffic tests.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// An answer: the server's name and the client's address as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name of the server that answered.
    pub server: String,
    /// The client's address as the server saw it. Behind a masquerade, it differs from the client's own.
    pub client: SocketAddr,
}

/// The reason why no answer arrived.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// No answer arrived within the timeout.
    #[error("timed out")]
    TimedOut,
    /// The client or a router has no route to the address, or no host on the last network has it.
    #[error("no route")]
    NoRoute,
    /// The host exists, but no program listens on the port.
    #[error("connection refused")]
    Refused,
    /// Anything else.
    #[error("{0}")]
    Other(String),
}

impl From<io::Error> for Unanswered {
    fn from(error: io::Error) -> Unanswered {
        match error.kind() {
            ErrorKind::TimedOut | ErrorKind::WouldBlock => Unanswered::TimedOut,
            ErrorKind::HostUnreachable | ErrorKind::NetworkUnreachable => Unanswered::NoRoute,
            ErrorKind::ConnectionRefused => Unanswered::Refused,
            _ => Unanswered::Other(error.to_string()),
        }
    }
}

/// Encodes an answer as two lines: the server's name and the client's address.
pub(crate) fn encode(server: &str, client: SocketAddr) -> String {
    format!("{server}\n{client}\n")
}

/// Decodes an answer.
pub(crate) fn decode(text: &str) -> Result<Answer, Unanswered> {
    let mut lines = text.lines();
    let answer = lines
        .next()
        .zip(lines.next().and_then(|line| line.parse().ok()));
    let answer = answer.map(|(server, client)| Answer {
        server: server.to_owned(),
        client,
    });
    answer.ok_or_else(|| Unanswered::Other(format!("the answer was {text:?}")))
}
