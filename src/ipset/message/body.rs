//! Writes the part of each request after the netlink header.

use super::attr::top;
use crate::ipset::model::options::number;
use crate::ipset::{IpSet, SetName, SetType};
use crate::wire::{Buffer, Writer};

/// `struct nfgenmsg` (include/uapi/linux/netfilter/nfnetlink.h). The kernel ignores its family.
pub(in crate::ipset) const NFGENMSG: [u8; 4] = [number::INET, 0, 0, 0];

/// The highest version of the protocol that this crate speaks.
pub(in crate::ipset) const PROTOCOL: u8 = 7;

/// Writes the beginning of every request: the fixed header and the protocol's version.
pub(in crate::ipset) fn begin(writer: &mut Writer<impl Buffer>, protocol: u8) {
    writer.raw(&NFGENMSG);
    writer.u8(top::PROTOCOL, protocol);
}

pub(in crate::ipset) fn name(writer: &mut Writer<impl Buffer>, kind: u16, name: &SetName) {
    writer.attribute(kind, name.with_zero());
}

/// Writes a request whose arguments are no name, one name or two names of sets.
pub(in crate::ipset) fn names(
    writer: &mut Writer<impl Buffer>,
    protocol: u8,
    first: Option<&SetName>,
    second: Option<&SetName>,
) {
    begin(writer, protocol);
    if let Some(first) = first {
        name(writer, top::SETNAME, first);
    }
    if let Some(second) = second {
        name(writer, top::SETNAME2, second);
    }
}

pub(in crate::ipset) fn create<T: SetType>(
    writer: &mut Writer<impl Buffer>,
    protocol: u8,
    set: &IpSet<T>,
    revision: u8,
) {
    begin(writer, protocol);
    name(writer, top::SETNAME, set.name());
    writer.string(top::TYPENAME, set.type_name());
    writer.u8(top::REVISION, revision);
    writer.u8(top::FAMILY, set.family_number());
    writer.nest(top::DATA, |writer| set.options().write(writer));
}

pub(in crate::ipset) fn list(
    writer: &mut Writer<impl Buffer>,
    protocol: u8,
    set: Option<&SetName>,
    flags: u32,
) {
    names(writer, protocol, set, None);
    if flags != 0 {
        writer.u32_net(top::FLAGS, flags);
    }
}

/// Writes a request for a single entry whose attributes are already encoded.
pub(in crate::ipset) fn entry(
    writer: &mut Writer<impl Buffer>,
    protocol: u8,
    set: &SetName,
    entry: &[u8],
) {
    names(writer, protocol, Some(set), None);
    writer.nest(top::DATA, |writer| writer.raw(entry));
}

pub(in crate::ipset) fn revisions(
    writer: &mut Writer<impl Buffer>,
    protocol: u8,
    type_name: &str,
    family: u8,
) {
    begin(writer, protocol);
    writer.string(top::TYPENAME, type_name);
    writer.u8(top::FAMILY, family);
}

pub(in crate::ipset) fn index(writer: &mut Writer<impl Buffer>, protocol: u8, index: u16) {
    begin(writer, protocol);
    writer.u16_net(top::INDEX, index);
}
