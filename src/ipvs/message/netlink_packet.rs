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

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    use crate::ipvs::messages::{Query, Report};
    use crate::ipvs::{Operation, SyncDaemon};

    #[test]
    fn a_message_is_emitted_with_its_command_and_read_back() {
        assert_eq!(IpvsMessage::family_name(), "IPVS");
        let service = "-t 10.0.0.1:80".parse().unwrap();
        let group = IpAddr::from([0xff02, 0, 0, 0, 0, 0, 0, 0x51]);
        let daemon = SyncDaemon::master("eth0").group(group).sync_id(3);
        for (message, command, is_dump) in [
            (
                IpvsMessage::from(Operation::RemoveService(service)),
                3,
                false,
            ),
            (IpvsMessage::from(Query::Servers(service)), 8, true),
            (IpvsMessage::from(Query::Timeouts), 13, false),
            (IpvsMessage::from(Report::Daemon(daemon)), 9, false),
        ] {
            assert_eq!(GenlFamily::command(&message), command);
            assert_eq!(message.version(), 1);
            assert_eq!(message.is_dump(), is_dump, "{message:?}");
            let length = message.buffer_len();
            let mut bytes = vec![0xff; length + 4];
            message.emit(&mut bytes[..length]);
            assert_eq!(&bytes[length..], [0xff; 4]);
            let header = GenlHeader {
                cmd: command,
                version: 1,
            };
            let read = IpvsMessage::parse_with_param(&bytes[..length], header);
            assert_eq!(read.unwrap(), message);
        }
    }
}
