//! What a request for traffic tests comes to.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;

/// What came back: who answered, and whom they took the client for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The name of the server that answered.
    pub server: String,
    /// The client's address as the server saw it: behind a masquerade, not the client's own.
    pub client: SocketAddr,
}

/// Why nothing came back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Unanswered {
    /// Nobody said anything within the time.
    #[error("timed out")]
    TimedOut,
    /// The client's, or a router's, table has no route there, or nobody on the last network has the address.
    #[error("no route")]
    NoRoute,
    /// The host is there, but nobody listens on the port.
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

/// An answer on the wire: two lines, the server's name and the client's address.
pub(crate) fn encode(server: &str, client: SocketAddr) -> String {
    format!("{server}\n{client}\n")
}

/// The reverse of [`encode`].
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
