//! Reports from dumps of IPVS, captured on a little-endian machine. On a big-endian machine they
//! are read as other numbers, and nothing else changes.

#[path = "../../src/captured.rs"]
#[allow(dead_code, reason = "the tool's requests and output are not used here")]
mod captured;

use ipvset::ipvs::messages::{IpvsMessage, Report};
use netlink_packet_core::ParseableParametrized;
use netlink_packet_generic::GenlHeader;

use crate::attributes::NESTED;

/// A message without its netlink header.
pub struct Reported {
    header: GenlHeader,
    pub attributes: Vec<u8>,
}

pub fn service() -> Reported {
    Reported::first(|report| matches!(report, Report::Service(_)))
}

pub fn server() -> Reported {
    Reported::first(|report| matches!(report, Report::Server(_)))
}

impl Reported {
    /// Returns the first captured report of a kind.
    fn first(wanted: impl Fn(&Report) -> bool) -> Self {
        let file = include_str!("../../src/ipvs/captured.txt");
        let answers = captured::runs("ipvsadm", file)
            .into_iter()
            .flat_map(|run| run.received);
        let mut reports = answers.map(|bytes| Self {
            header: GenlHeader {
                cmd: bytes[0],
                version: bytes[1],
            },
            attributes: with_flags(&bytes[4..], &[&[1, 2], &[10, 12]]),
        });
        let wanted = |it: &Self| matches!(it.read(), IpvsMessage::Report(it) if wanted(&it));
        reports.find(wanted).unwrap()
    }

    pub fn read(&self) -> IpvsMessage {
        IpvsMessage::parse_with_param(&self.attributes, self.header).unwrap()
    }
}

/// Sets the flag of nested attributes, which IPVS does not set, for contenders that do not know
/// which attributes are nested. `nests` contains their types for each level: the object of the
/// message, and both forms of the statistics.
fn with_flags(attributes: &[u8], nests: &[&[u16]]) -> Vec<u8> {
    let mut bytes = attributes.to_vec();
    let Some((here, inside)) = nests.split_first() else {
        return bytes;
    };
    let mut at = 0;
    while at < bytes.len() {
        let length = usize::from(u16::from_ne_bytes([bytes[at], bytes[at + 1]]));
        let kind = u16::from_ne_bytes([bytes[at + 2], bytes[at + 3]]);
        if here.contains(&kind) {
            bytes[at + 2..at + 4].copy_from_slice(&(kind | NESTED).to_ne_bytes());
            let content = with_flags(&bytes[at + 4..at + length], inside);
            bytes[at + 4..at + length].copy_from_slice(&content);
        }
        at += length.next_multiple_of(4);
    }
    bytes
}
