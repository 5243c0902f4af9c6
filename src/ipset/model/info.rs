use std::net::IpAddr;
use std::ops::Range;
use std::time::Duration;

use ipnet::Ipv4Net;

use super::element::address;
use super::options::number;
use crate::ipset::message::attr::{cadt_flag, create, data, top};
use crate::ipset::{AnySet, AnyType, CreateOptions, Ipv4Range, PortRange, SetName, SetRange};
use crate::wire::{ATTRIBUTE_HEADER, Attributes, Malformed};

/// What the kernel reports about a set, apart from its entries.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub struct SetInfo {
    /// The name of the set.
    pub name: SetName,
    /// The kernel's name for the set's type, such as `hash:ip`.
    pub type_name: String,
    /// The revision of the type that the set was created with.
    pub revision: u8,
    /// The number by which rules refer to the set. Needs Linux 4.20 or later.
    pub index: Option<u16>,
    /// How many rules and lists refer to the set.
    pub references: u32,
    /// The memory that the set takes, in bytes.
    pub memory: u32,
    /// How many entries the set has, or `None` if the kernel does not report it.
    pub entries: Option<u32>,
    /// The set's type and options, or `None` if this crate does not know the type.
    pub set: Option<AnySet>,
}

/// The parts of a `LIST` message. The first message of a set contains the set's header. Every
/// message may contain entries.
#[derive(Debug)]
pub(crate) struct Listed<'a> {
    pub(crate) name: SetName,
    /// The header, or `None` if an earlier message had it.
    pub(crate) header: Option<Header<'a>>,
    /// The position of the content of the `ADT` nest within the message's attributes.
    pub(crate) entries: Range<usize>,
}

/// The attributes that describe a set.
#[derive(Debug, Default)]
pub(crate) struct Header<'a> {
    pub(crate) type_name: &'a [u8],
    pub(crate) family: u8,
    pub(crate) revision: u8,
    index: Option<u16>,
    data: Attributes<'a>,
}

impl<'a> Listed<'a> {
    pub(crate) fn read(mut message: Attributes<'a>) -> Result<Self, Malformed> {
        let mut name = None;
        let mut type_name = None;
        let mut header = Header::default();
        let mut entries = 0..0;
        let length = message.rest().len();
        loop {
            let start = length - message.rest().len() + ATTRIBUTE_HEADER;
            let Some(attribute) = message.next().transpose()? else {
                break;
            };
            match attribute.kind() {
                top::SETNAME => name = Some(SetName::from_kernel(attribute.c_string())?),
                top::TYPENAME => type_name = Some(attribute.c_string()),
                top::FAMILY => header.family = attribute.u8()?,
                top::REVISION => header.revision = attribute.u8()?,
                top::INDEX => header.index = Some(attribute.u16_be()?),
                top::DATA => header.data = attribute.nested(),
                top::ADT => entries = start..start + attribute.payload().len(),
                _ => {}
            }
        }
        Ok(Self {
            name: name.ok_or(Malformed::Missing("the set's name"))?,
            header: type_name.map(|type_name| Header {
                type_name,
                ..header
            }),
            entries,
        })
    }
}

impl Header<'_> {
    pub(crate) fn info(&self, name: SetName) -> Result<SetInfo, Malformed> {
        let type_name = String::from_utf8_lossy(self.type_name).into_owned();
        let mut info = SetInfo {
            name,
            revision: self.revision,
            index: self.index,
            references: 0,
            memory: 0,
            entries: None,
            set: None,
            type_name,
        };
        let options = self.options(&mut info)?;
        info.set =
            AnyType::named(&info.type_name).map(|kind| AnySet::from_parts(name, kind, options));
        Ok(info)
    }

    fn options(&self, info: &mut SetInfo) -> Result<CreateOptions, Malformed> {
        let mut options = CreateOptions {
            family: number::family(self.family).unwrap_or_default(),
            ..Default::default()
        };
        let (mut first, mut last, mut prefix) = (None, None, None);
        let (mut first_port, mut last_port) = (None, None);
        for attribute in self.data {
            let attribute = attribute?;
            match attribute.kind() {
                data::IP => first = Some(address(&attribute)?),
                data::IP_TO => last = Some(address(&attribute)?),
                data::CIDR => prefix = Some(attribute.u8()?),
                data::PORT => first_port = Some(attribute.u16_be()?),
                data::PORT_TO => last_port = Some(attribute.u16_be()?),
                data::TIMEOUT => {
                    let seconds = attribute.u32_flagged()?;
                    options.timeout = Some(Duration::from_secs(seconds.into()));
                }
                data::CADT_FLAGS => set_flags(&mut options, attribute.u32_flagged()?),
                create::MARKMASK => options.markmask = Some(attribute.u32_flagged()?),
                create::BITMASK => options.bitmask = Some(address(&attribute)?),
                create::INITVAL => options.initval = Some(attribute.u32_flagged()?),
                create::HASHSIZE => options.hashsize = Some(attribute.u32_flagged()?),
                create::MAXELEM => options.maxelem = Some(attribute.u32_flagged()?),
                create::NETMASK => options.netmask = Some(attribute.u8()?),
                create::BUCKETSIZE => options.bucketsize = Some(attribute.u8()?),
                create::SIZE => options.size = Some(attribute.u32_flagged()?),
                create::ELEMENTS => info.entries = Some(attribute.u32_flagged()?),
                create::REFERENCES => info.references = attribute.u32_flagged()?,
                create::MEMSIZE => info.memory = attribute.u32_flagged()?,
                _ => {}
            }
        }
        options.range = match (first, last, first_port, last_port) {
            (Some(IpAddr::V4(first)), Some(IpAddr::V4(last)), ..) => {
                Some(Ipv4Range::new(first, last).into())
            }
            // A request may contain a network instead. The kernel never lists one.
            (Some(IpAddr::V4(first)), None, ..) => {
                let network = prefix.and_then(|prefix| Ipv4Net::new(first, prefix).ok());
                network.map(SetRange::from)
            }
            (.., Some(first), Some(last)) => Some(SetRange::Ports(PortRange::new(first, last))),
            _ => None,
        };
        Ok(options)
    }
}

fn set_flags(options: &mut CreateOptions, flags: u32) {
    options.counters = flags & cadt_flag::WITH_COUNTERS != 0;
    options.comment = flags & cadt_flag::WITH_COMMENT != 0;
    options.forceadd = flags & cadt_flag::WITH_FORCEADD != 0;
    options.skbinfo = flags & cadt_flag::WITH_SKBINFO != 0;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ipset::message::attr::address;
    use crate::wire::Writer;

    /// Returns what the kernel lists of a set, with the attributes of its `DATA` nest.
    fn info(type_name: &[u8], data: impl FnOnce(&mut Writer)) -> SetInfo {
        let mut writer = Writer::default();
        writer.c_string(top::SETNAME, b"web");
        writer.c_string(top::TYPENAME, type_name);
        writer.u8(top::FAMILY, 2);
        writer.u8(top::REVISION, 5);
        writer.u16_be(top::INDEX, 7);
        writer.nest(top::DATA, data);
        let listed = Listed::read(Attributes::new(writer.finish().unwrap())).unwrap();
        let info = listed.header.unwrap().info(listed.name);
        info.unwrap()
    }

    #[test]
    fn a_header_has_what_the_kernel_counts() {
        let info = info(b"hash:ip", |data| {
            data.u32_net(create::REFERENCES, 3);
            data.u32_net(create::MEMSIZE, 1000);
            data.u32_net(create::ELEMENTS, 9);
        });
        assert_eq!((info.revision, info.index), (5, Some(7)));
        assert_eq!((info.references, info.memory), (3, 1000));
        assert_eq!(info.entries, Some(9));
        assert_eq!(info.set.unwrap().to_string(), "web hash:ip family inet");
    }

    #[test]
    fn a_bitmap_has_a_range_or_a_network() {
        let ip = |data: &mut Writer, kind, bytes: [u8; 4]| {
            data.nest(kind, |it| it.attribute(address::IPV4, &bytes));
        };
        let range = info(b"bitmap:ip", |data| {
            ip(data, data::IP, [10, 0, 0, 1]);
            ip(data, data::IP_TO, [10, 0, 0, 9]);
        });
        let expected = "web bitmap:ip range 10.0.0.1-10.0.0.9";
        assert_eq!(range.set.unwrap().to_string(), expected);
        let network = info(b"bitmap:ip", |data| {
            ip(data, data::IP, [10, 0, 0, 0]);
            data.u8(data::CIDR, 24);
        });
        let expected = "web bitmap:ip range 10.0.0.0-10.0.0.255";
        assert_eq!(network.set.unwrap().to_string(), expected);
    }
}
