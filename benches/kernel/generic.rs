//! Requests of IPVS as bytes.

use ipvset::ipvs::Operation;
use ipvset::ipvs::messages::IpvsMessage;
use netlink_packet_core::{Emitable, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_generic::ctrl::nlas::GenlCtrlAttrs;
use netlink_packet_generic::ctrl::{GenlCtrl, GenlCtrlCmd};
use netlink_packet_generic::{GenlFamily, GenlMessage};

use crate::Outcome;
use crate::floor::{Datagrams, Floor};

/// Returns the requests in datagrams as the crate sends them. Only the last message of each asks
/// for an ACK.
pub(crate) fn datagrams(operations: impl Iterator<Item = Operation>) -> Outcome<Vec<Vec<u8>>> {
    let family = family()?;
    let mut datagrams = Datagrams::default();
    for operation in operations {
        datagrams.push(&message(family, 0, operation.into()));
    }
    Ok(datagrams.finish())
}

pub(crate) fn message(family: u16, flags: u16, message: IpvsMessage) -> Vec<u8> {
    let mut message = GenlMessage::from_payload(message);
    message.set_resolved_family_id(family);
    bytes(message, flags)
}

fn bytes<F>(message: GenlMessage<F>, flags: u16) -> Vec<u8>
where
    F: GenlFamily + Emitable + Clone + std::fmt::Debug + PartialEq + Eq,
{
    let mut header = NetlinkHeader::default();
    header.flags = NLM_F_REQUEST | flags;
    let mut message = NetlinkMessage::new(header, NetlinkPayload::from(message));
    message.finalize();
    let mut bytes = vec![0; message.buffer_len()];
    message.serialize(&mut bytes);
    bytes
}

/// Resolves the number of the family IPVS.
pub(crate) fn family() -> Outcome<u16> {
    let mut floor = Floor::generic()?;
    let answer = floor.ask(&family_request())?;
    let answer = NetlinkMessage::<GenlMessage<GenlCtrl>>::deserialize(answer)?;
    let NetlinkPayload::InnerMessage(answer) = answer.payload else {
        return Err("the kernel has no IPVS".into());
    };
    let number = answer.payload.nlas.iter().find_map(|it| match it {
        GenlCtrlAttrs::FamilyId(number) => Some(*number),
        _ => None,
    });
    number.ok_or_else(|| "the family IPVS has no number".into())
}

pub(crate) fn family_request() -> Vec<u8> {
    let request = GenlCtrl {
        cmd: GenlCtrlCmd::GetFamily,
        nlas: vec![GenlCtrlAttrs::FamilyName("IPVS".to_owned())],
    };
    bytes(GenlMessage::from_payload(request), 0)
}
