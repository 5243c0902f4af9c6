//! Messages for programs that have a netlink connection of their own.

pub(crate) mod answer;
pub(crate) mod attr;
pub(crate) mod batch;
pub(crate) mod body;
mod bytes;
#[cfg(test)]
mod captured;
pub(crate) mod code;
mod codec;
pub(crate) mod counters;
pub(crate) mod encode;
mod encoded;
mod reply;
mod request;

pub use bytes::{EntryMessages, ListedEntries};
pub use encoded::EncodedEntries;
use netlink_packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};
pub use reply::Reply;
pub use request::{ListContent, Request};

use self::code::Command;
use crate::netlink::flag;
use crate::wire::{self, Buffer, Malformed, Writer};

/// An ipset message, for programs that have a netlink connection of their own.
///
/// The connection is one to the protocol `NETLINK_NETFILTER`, for example of `netlink-proto`.
/// Messages use version 7 of ipset's protocol (Linux 4.20 or later). A program that uses
/// [`IpSets`](crate::ipset::IpSets) does not need them.
///
/// ```
/// use ipvset::ipset::IpSet;
/// use ipvset::ipset::elements::tcp;
/// use ipvset::ipset::messages::{IpsetMessage, Request};
/// use ipvset::ipset::types::HashIpPort;
/// use netlink_packet_core::NetlinkMessage;
/// use std::net::Ipv4Addr;
///
/// let web = IpSet::<HashIpPort>::new("web")?;
/// let server = Ipv4Addr::new(10, 0, 0, 11);
/// // The netlink header has the flags that the request needs.
/// let mut message: NetlinkMessage<IpsetMessage> = Request::add(&web, (server, tcp(80)))?.into();
/// message.header.sequence_number = 1;
/// let mut bytes = vec![0; message.buffer_len()];
/// message.serialize(&mut bytes);
/// assert_eq!(NetlinkMessage::deserialize(&bytes)?, message);
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

    fn read(header: &NetlinkHeader, payload: &[u8]) -> Result<Option<Self>, Malformed> {
        let Some(command) = attr::command_of(header.message_type) else {
            return Ok(None);
        };
        let message = answer::attributes(payload)?;
        // A request and its reply have the same command.
        if header.flags & flag::REQUEST != 0 {
            let request = Request::read(command, header.flags, message)?;
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

impl From<Request> for NetlinkMessage<IpsetMessage> {
    /// Makes a message whose header has the flags that the request needs.
    fn from(request: Request) -> Self {
        let mut header = NetlinkHeader::default();
        header.flags = request.flags();
        let payload = NetlinkPayload::InnerMessage(request.into());
        let mut message = Self::new(header, payload);
        message.finalize();
        message
    }
}

impl NetlinkSerializable for IpsetMessage {
    fn message_type(&self) -> u16 {
        self.command().message()
    }

    fn buffer_len(&self) -> usize {
        wire::length_of(|writer| self.write(writer))
    }

    fn serialize(&self, buffer: &mut [u8]) {
        // The trait cannot return an error, so what does not fit into the buffer is left out.
        wire::fill(buffer, |writer| self.write(writer));
    }
}

impl NetlinkDeserializable for IpsetMessage {
    type Error = DecodeError;

    /// Reads a message: a [`Request`] if it has the flag `NLM_F_REQUEST`, and otherwise a
    /// [`Reply`].
    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let read = Self::read(header, payload);
        let read = read.map_err(|it| DecodeError::from(it.to_string()))?;
        read.ok_or_else(|| {
            let kind = header.message_type;
            DecodeError::from(format!("{kind:#06x} is not the type of an ipset message"))
        })
    }
}

impl From<IpsetMessage> for NetlinkPayload<IpsetMessage> {
    fn from(message: IpsetMessage) -> Self {
        Self::InnerMessage(message)
    }
}
