//! The traits of netlink-packet-core.

use netlink_packet_core::{
    DecodeError, NetlinkDeserializable, NetlinkHeader, NetlinkMessage, NetlinkPayload,
    NetlinkSerializable,
};

use super::{IpsetMessage, Request};
use crate::wire;

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
        self.message_type()
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
    /// [`Reply`](super::Reply).
    fn deserialize(header: &NetlinkHeader, payload: &[u8]) -> Result<Self, DecodeError> {
        let read = Self::read(header.message_type, header.flags, payload);
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
