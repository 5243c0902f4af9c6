use std::net::IpAddr;

use super::Bits;
use crate::ipset::message::attr::{self, data};
use crate::wire::{Attribute, Attributes, Malformed};

/// The attributes of an entry's elements. A set type reads only the fields that it needs, so the
/// compiler removes the others where the type is known.
#[derive(Debug, Default)]
pub(crate) struct Fields<'a> {
    pub(crate) ip: Option<Bits>,
    pub(crate) ip_to: Option<Bits>,
    pub(crate) cidr: Option<u8>,
    pub(crate) ip2: Option<Bits>,
    pub(crate) ip2_to: Option<Bits>,
    pub(crate) cidr2: Option<u8>,
    pub(crate) port: Option<u16>,
    pub(crate) port_to: Option<u16>,
    pub(crate) proto: Option<u8>,
    pub(crate) mark: Option<u32>,
    pub(crate) ether: Option<[u8; 6]>,
    pub(crate) iface: Option<&'a [u8]>,
    pub(crate) name: Option<&'a [u8]>,
    pub(crate) nameref: Option<&'a [u8]>,
    pub(crate) flags: u32,
    /// Whether there are other attributes: options, a line number, padding, or attributes of later
    /// kernels.
    ///
    /// If so, the attributes are read a second time for the options. Most entries have no options,
    /// and seven more fields would cost as much time as reading an address.
    pub(crate) others: bool,
}

impl<'a> Fields<'a> {
    #[inline(always)]
    pub(crate) fn parse(entry: Attributes<'a>) -> Result<Self, Malformed> {
        let mut fields = Self::default();
        for attribute in entry {
            let attribute = attribute?;
            match attribute.kind() {
                data::IP => fields.ip = Some(bits(&attribute)?),
                data::IP_TO => fields.ip_to = Some(bits(&attribute)?),
                data::CIDR => fields.cidr = Some(attribute.u8()?),
                data::PORT => fields.port = Some(attribute.u16_be()?),
                data::PORT_TO => fields.port_to = Some(attribute.u16_be()?),
                data::PROTO => fields.proto = Some(attribute.u8()?),
                data::CADT_FLAGS => fields.flags = attribute.u32_flagged()?,
                data::MARK => fields.mark = Some(attribute.u32_flagged()?),
                data::ETHER => fields.ether = Some(attribute.array("6 bytes")?),
                data::NAME => fields.name = Some(attribute.c_string()),
                data::NAMEREF => fields.nameref = Some(attribute.c_string()),
                data::IP2 => fields.ip2 = Some(bits(&attribute)?),
                data::CIDR2 => fields.cidr2 = Some(attribute.u8()?),
                data::IP2_TO => fields.ip2_to = Some(bits(&attribute)?),
                data::IFACE => fields.iface = Some(attribute.c_string()),
                _ => fields.others = true,
            }
        }
        Ok(fields)
    }
}

/// Reads the address in a nest. It is in network byte order, with or without the flag for it.
#[inline(always)]
fn bits(nest: &Attribute<'_>) -> Result<Bits, Malformed> {
    let attribute = nest
        .nested()
        .next()
        .ok_or(Malformed::Missing("the address in an address nest"))??;
    match attribute.kind() {
        attr::address::IPV4 => Ok(Bits::V4(attribute.u32_be()?)),
        attr::address::IPV6 => {
            let bytes = attribute.array("16 bytes")?;
            Ok(Bits::V6(u128::from_be_bytes(bytes)))
        }
        kind => Err(Malformed::Value {
            what: "the kind of an address",
            value: kind.into(),
        }),
    }
}

/// Reads the address in a nest.
pub(crate) fn address(nest: &Attribute<'_>) -> Result<IpAddr, Malformed> {
    bits(nest).map(IpAddr::from)
}
