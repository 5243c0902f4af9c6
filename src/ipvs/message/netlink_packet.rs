//! The traits of netlink-packet-core and netlink-packet-generic.

use netlink_packet_core::{DecodeError, Emitable, ParseableParametrized};
use netlink_packet_generic::{GenlFamily, GenlHeader};

use super::ipvs_message::IpvsMessage;
use crate::wire::{self, Attributes};

impl GenlFamily for IpvsMessage {
    fn family_name() -> &'static str {
        Self::FAMILY
    }

    fn command(&self) -> u8 {
        self.command()
    }

    fn version(&self) -> u8 {
        Self::VERSION
    }
}

impl Emitable for IpvsMessage {
    fn buffer_len(&self) -> usize {
        wire::length_of(|writer| self.write(writer))
    }

    fn emit(&self, buffer: &mut [u8]) {
        // The trait has no way to return an error. If the buffer is too short, the rest of the
        // message is left out.
        wire::fill(buffer, |writer| self.write(writer));
    }
}

impl ParseableParametrized<[u8], GenlHeader> for IpvsMessage {
    fn parse_with_param(payload: &[u8], header: GenlHeader) -> Result<Self, DecodeError> {
        let read = Self::read(header.cmd, Attributes::new(payload));
        read.map_err(|it| DecodeError::from(it.to_string()))
    }
}
