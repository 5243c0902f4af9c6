//! Messages for programs that have a netlink connection of their own.

pub(crate) mod answer;
pub(crate) mod attr;
pub(crate) mod batch;
pub(crate) mod body;
mod bytes;
#[cfg(all(test, feature = "netlink-packet"))]
mod captured;
pub(crate) mod code;
mod codec;
pub(crate) mod counters;
pub(crate) mod encode;
mod encoded;
#[cfg(feature = "netlink-packet")]
mod netlink_packet;
mod reply;
mod request;
#[cfg(test)]
mod tests;

pub use bytes::{EntryMessages, ListedEntries};
pub use encoded::EncodedEntries;
pub use reply::Reply;
pub use request::{ListContent, Request};

use self::code::Command;
use crate::error::Cause;
use crate::netlink::flag;
use crate::wire::{Buffer, Malformed, Writer};
use crate::{Error, Result};

/// An ipset message, for programs that have a netlink connection of their own.
///
/// The connection is one to the protocol `NETLINK_NETFILTER`, for example of `netlink-proto`. With
/// the feature `netlink-packet`, this type implements the traits of the crate
/// `netlink-packet-core`, and a [`Request`] can be made a `NetlinkMessage` whose header has the
/// flags that the request needs. Messages use version 7 of ipset's protocol (Linux 4.20 or later).
/// A program that uses [`IpSets`](crate::ipset::IpSets) does not need them.
///
/// ```
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::messages::{IpsetMessage, Request};
/// use ipvset::ipset::types::HashIpPort;
/// use ipvset::ipset::IpSet;
/// use std::net::Ipv4Addr;
///
/// let web = IpSet::<HashIpPort>::new("web")?;
/// let server = Ipv4Addr::new(10, 0, 0, 11);
/// let request = Request::add(&web, (server, tcp(80)))?;
/// let flags = request.flags();
/// let message = IpsetMessage::from(request);
/// let payload = message.encode()?;
/// assert_eq!(IpsetMessage::decode(message.message_type(), flags, &payload)?, message);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum IpsetMessage {
    /// A request of a program.
    Request(Request),
    /// A reply of the kernel.
    Reply(Reply),
}

impl IpsetMessage {
    fn command(&self) -> Command {
        match self {
            Self::Request(request) => request.command(),
            Self::Reply(reply) => reply.command(),
        }
    }

    fn write(&self, writer: &mut Writer<impl Buffer>) {
        match self {
            Self::Request(request) => request.write(writer),
            Self::Reply(reply) => reply.write(writer),
        }
    }

    /// Returns the type in the netlink header.
    pub fn message_type(&self) -> u16 {
        self.command().message()
    }

    /// Returns the message without its netlink header.
    ///
    /// # Errors
    /// [`InvalidInput`](crate::ErrorKind::InvalidInput) if something is longer than a message can
    /// say.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut writer = Writer::default();
        self.write(&mut writer);
        let written = writer.finish().map(<[u8]>::to_vec);
        written.map_err(|it| Error::new("write message", Cause::Oversized(it)))
    }

    /// Reads a message from the type and the flags in its netlink header, and from what is behind
    /// the header.
    ///
    /// It is a [`Request`] if it has the flag `NLM_F_REQUEST`, and otherwise a [`Reply`].
    ///
    /// # Errors
    /// [`MalformedReply`](crate::ErrorKind::MalformedReply) if this is no message of ipset.
    pub fn decode(message_type: u16, flags: u16, payload: &[u8]) -> Result<Self> {
        let read = Self::read(message_type, flags, payload);
        read.and_then(|it| it.ok_or(Malformed::Missing("the type of an ipset message")))
            .map_err(|it| Error::new("read message", Cause::Malformed(it)))
    }

    fn read(message_type: u16, flags: u16, payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(command) = attr::command_of(message_type) else {
            return Ok(None);
        };
        let message = answer::attributes(payload)?;
        // A request and its reply have the same command.
        if flags & flag::REQUEST != 0 {
            let request = Request::read(command, flags, message)?;
            Ok(request.map(Self::Request))
        } else {
            Ok(Reply::read(command, message)?.map(Self::Reply))
        }
    }
}

impl From<Request> for IpsetMessage {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Reply> for IpsetMessage {
    fn from(reply: Reply) -> Self {
        Self::Reply(reply)
    }
}
