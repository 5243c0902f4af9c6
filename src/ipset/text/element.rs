//! The text of elements: `10.0.0.0/8`, `tcp:80`, `physdev:eth0`.

use std::fmt::{self, Formatter};
use std::net::{IpAddr, Ipv4Addr};
use std::str;

use ipnet::IpNet;

use super::Names;
use super::names::{icmp_message, icmp_name, protocol_number};
use super::piece::{Flaw, Piece};
use crate::ipset::element::{Dimension, Span};
use crate::ipset::types::Definition;
use crate::ipset::{
    Addresses, AnyElement, Family, Interface, Ipv4Range, MacAddress, Mark, MaybeMac, Member, Place,
    Port, PortRange, Protocol, SetName,
};

/// What an element has to know beside its own text.
pub(crate) struct Context<'a> {
    pub(crate) names: &'a dyn Names,
    /// The set's family, if the set is known.
    pub(crate) family: Option<Family>,
    /// The entry has the option `wildcard`.
    pub(crate) wildcard: bool,
    /// The entry has the option `before` or `after`.
    pub(crate) place: Option<Place>,
}

/// The elements of an entry, which commas part.
pub(crate) struct Parts<'a> {
    whole: Piece<'a>,
    rest: Option<Piece<'a>>,
    taken: usize,
    pub(crate) context: &'a Context<'a>,
}

impl<'a> Parts<'a> {
    pub(crate) fn new(whole: Piece<'a>, context: &'a Context<'a>) -> Self {
        Self {
            whole,
            rest: Some(whole),
            taken: 0,
            context,
        }
    }

    /// The next element, unless it is left out.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Piece<'a>> {
        self.taken += 1;
        let rest = self.rest?;
        let (part, rest) = match rest.split(b',') {
            Some((part, rest)) => (part, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        (!part.text.is_empty()).then_some(part)
    }

    /// The next element, which has to be there.
    #[inline]
    pub(crate) fn expect(&mut self) -> Result<Piece<'a>, Flaw> {
        self.next().ok_or_else(|| {
            let which = ["No", "First", "Second", "Third"];
            let which = which.get(self.taken).unwrap_or(&"Another");
            let end = Piece {
                text: "",
                at: self.whole.at + self.whole.text.len(),
            };
            end.flaw(format!(
                "{which} element is missing from {}.",
                self.whole.text
            ))
        })
    }

    /// Where a type has another number of elements than its definition says.
    #[cold]
    pub(crate) fn miscounted(&self) -> Flaw {
        self.whole
            .flaw("this type of set has another number of elements")
    }

    /// To be called when everything that is meant to be there was taken.
    pub(crate) fn finish(&self, definition: &Definition) -> Result<(), Flaw> {
        let Some(rest) = self.rest else {
            return Ok(());
        };
        let (text, name) = (self.whole.text, definition.name);
        Err(rest.flaw(match definition.dimensions.len() {
            1 => format!("Elem separator in {text}, but settype {name} supports none."),
            2 => format!("Two elem separators in {text}, but settype {name} supports one."),
            _ => format!("Three elem separators in {text}, but settype {name} supports two."),
        }))
    }
}

/// An element in the syntax of the tool.
pub(crate) trait Text: Sized {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result;

    fn parse(parts: &mut Parts<'_>, dimension: &Dimension) -> Result<Self, Flaw>;

    /// Whether the text says just what the element is. What other programs gave to the kernel
    /// need not have one that does.
    fn is_plain(&self) -> bool {
        true
    }

    /// Whether the option `wildcard` belongs to it.
    fn is_wildcard(&self) -> bool {
        false
    }
}

/// As C's `inet_ntop` writes it: ::1.2.3.4 where Rust has ::102:304.
pub(crate) fn print_address(address: IpAddr, f: &mut Formatter<'_>) -> fmt::Result {
    if let IpAddr::V6(address) = address {
        if (0x1_0000..=u32::MAX.into()).contains(&address.to_bits()) {
            return write!(f, "::{}", Ipv4Addr::from_bits(address.to_bits() as u32));
        }
    }
    write!(f, "{address}")
}

#[inline]
fn read_address(piece: Piece<'_>, context: &Context<'_>) -> Result<IpAddr, Flaw> {
    let name = piece.bare();
    name.text.parse().or_else(|_| {
        context
            .names
            .address(name.text, context.family)
            .ok_or_else(|| piece.flaw(format!("cannot parse '{}' as an address", piece.text)))
    })
}

impl Text for IpAddr {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        print_address(*self, f)
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        read_address(parts.expect()?, parts.context)
    }
}

impl Text for Addresses {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::One(address) => print_address(*address, f),
            Self::Range(range) => write!(f, "{range}"),
            Self::Network(network) => {
                print_address(network.addr(), f)?;
                write!(f, "/{}", network.prefix_len())
            }
        }
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, dimension: &Dimension) -> Result<Self, Flaw> {
        let part = parts.expect()?;
        let single = matches!(dimension, Dimension::Ip(ip) if ip.span == Span::One);
        if single && !part.text.starts_with('[') && part.text.contains(['/', '-']) {
            return Err(part.flaw(format!("plain IP address must be supplied: {}", part.text)));
        }
        read_addresses(part, parts.context)
    }
}

/// An address, a network or a range.
#[inline]
pub(crate) fn read_addresses(part: Piece<'_>, context: &Context<'_>) -> Result<Addresses, Flaw> {
    if let Some((address, prefix)) = part.split(b'/') {
        let address = read_address(address, context)?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let length = prefix.number(0, most)? as u8;
        let network = IpNet::new(address, length).map_err(|it| prefix.flaw(it.to_string()))?;
        return Ok(network.into());
    }
    let Some((first, last)) = part.split(b'-') else {
        return read_address(part, context).map(Into::into);
    };
    match (read_address(first, context)?, read_address(last, context)?) {
        (IpAddr::V4(first), IpAddr::V4(last)) => Ok(Ipv4Range::new(first, last).into()),
        _ => Err(part.flaw("a range can only be of IPv4 addresses")),
    }
}

impl Text for Port {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.protocol())?;
        let Some((kind, code)) = self.icmp() else {
            return write!(f, "{}", self.ports());
        };
        match icmp_name(self.protocol() == Protocol::ICMPV6, kind, code) {
            Some(name) => f.write_str(name),
            None => write!(f, "{kind}/{code}"),
        }
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let part = parts.expect()?;
        let (protocol, port) = match part.split(b':') {
            Some((protocol, port)) => (read_protocol(protocol)?, port),
            None => (Protocol::TCP, part),
        };
        let ports = match protocol {
            Protocol::ICMP | Protocol::ICMPV6 => read_icmp(port, protocol == Protocol::ICMPV6)?,
            _ if protocol.has_ports() => read_ports(port, protocol, parts.context)?,
            _ if port.text == "0" => 0.into(),
            _ => {
                return Err(port.flaw(format!(
                    "Protocol {protocol} can be used with pseudo port value 0 only."
                )));
            }
        };
        Ok(Self::from_parts(protocol, ports))
    }
}

#[inline]
pub(crate) fn read_protocol(piece: Piece<'_>) -> Result<Protocol, Flaw> {
    let number = match piece.text {
        "tcp" => Some(6),
        "udp" => Some(17),
        name => protocol_number(piece.bare().text)
            .or_else(|| name.parse().ok().filter(|number| *number != 0)),
    };
    number
        .map(Protocol)
        .ok_or_else(|| piece.flaw(format!("cannot parse '{}' as a protocol", piece.text)))
}

fn read_icmp(piece: Piece<'_>, version6: bool) -> Result<PortRange, Flaw> {
    let (kind, code) = match icmp_message(version6, piece.bare().text) {
        Some(message) => message,
        None => {
            let (kind, code) = piece.split(b'/').ok_or_else(|| {
                let version = if version6 { "v6" } else { "" };
                let text = piece.text;
                piece.flaw(format!(
                    "Cannot parse {text} as an ICMP{version} type/code."
                ))
            })?;
            (kind.number(0, 255)? as u8, code.number(0, 255)? as u8)
        }
    };
    Ok(u16::from_be_bytes([kind, code]).into())
}

/// A port, or one and another with a dash between them.
#[inline]
fn read_ports(
    piece: Piece<'_>,
    protocol: Protocol,
    context: &Context<'_>,
) -> Result<PortRange, Flaw> {
    match piece.split(b'-') {
        // A negative number is to be called out of range.
        Some((first, _)) if first.text.is_empty() => read_port(piece, protocol, context),
        None => read_port(piece, protocol, context),
        Some((first, last)) => {
            return Ok(PortRange::new(
                read_port(first, protocol, context)?,
                read_port(last, protocol, context)?,
            ));
        }
    }
    .map(Into::into)
}

#[inline]
fn read_port(piece: Piece<'_>, protocol: Protocol, context: &Context<'_>) -> Result<u16, Flaw> {
    let flaw = match piece.number(0, u16::MAX.into()) {
        Ok(port) => return Ok(port as u16),
        Err(flaw) => flaw,
    };
    let service = piece.bare().text;
    let known = context.names.port(service, &protocol.to_string());
    known.ok_or(flaw)
}

impl Text for PortRange {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        read_plain_ports(parts.expect()?, parts.context)
    }
}

/// Ports of a set that does not store the protocol: it only says what a service's name means.
pub(crate) fn read_plain_ports(part: Piece<'_>, context: &Context<'_>) -> Result<PortRange, Flaw> {
    let (protocol, ports) = match part.split(b':') {
        None => (Protocol::TCP, part),
        Some((protocol, ports)) => match read_protocol(protocol)? {
            it if it.has_ports() => (it, ports),
            _ => return Err(protocol.flaw("a port of this protocol is none of a number")),
        },
    };
    read_ports(ports, protocol, context)
}

impl Text for MacAddress {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        read_mac(parts.expect()?)
    }
}

fn read_mac(piece: Piece<'_>) -> Result<MacAddress, Flaw> {
    piece.text.parse().map_err(|_| {
        let text = piece.text;
        piece.flaw(format!("cannot parse '{text}' as ethernet address"))
    })
}

impl Text for MaybeMac {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        parts.next().map(read_mac).transpose().map(Self)
    }
}

impl Text for Mark {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let mark = parts.expect()?.number(0, u32::MAX.into())?;
        Ok(Self(mark as u32))
    }
}

impl Text for Interface {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let part = parts.expect()?;
        let (name, physdev) = match part.text.strip_prefix("physdev:") {
            Some(name) => (name, true),
            None => (part.text, false),
        };
        let mut interface = Self::new(name).map_err(|error| part.flaw(error.reason()))?;
        if physdev {
            interface = interface.physdev();
        }
        if parts.context.wildcard {
            interface = interface.wildcard();
        }
        Ok(interface)
    }

    fn is_plain(&self) -> bool {
        str::from_utf8(self.name())
            .is_ok_and(|name| Self::new(name).is_ok() && !name.starts_with("physdev:"))
    }

    fn is_wildcard(&self) -> bool {
        Self::is_wildcard(self)
    }
}

/// A member's name, which stands among commas without quotes.
fn read_member(piece: Piece<'_>) -> Result<SetName, Flaw> {
    SetName::new(piece.text).map_err(|error| piece.flaw(error.reason()))
}

impl Text for Member {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let member = Self::from(read_member(parts.expect()?)?);
        let place = match (parts.next(), parts.context.place) {
            (None, place) => place,
            (Some(word), None) => {
                let place = match word.text {
                    "before" => Place::Before,
                    "after" => Place::After,
                    _ => return Err(word.flaw("'before' or 'after' is meant")),
                };
                Some(place(read_member(parts.expect()?)?))
            }
            (Some(word), Some(_)) => {
                return Err(word.flaw("mixed syntax, before|after option already used"));
            }
        };
        Ok(member.with_place(place))
    }

    fn is_plain(&self) -> bool {
        let other = match self.place() {
            Some(Place::Before(other) | Place::After(other)) => Some(other),
            None => None,
        };
        [Some(self.name()), other]
            .into_iter()
            .flatten()
            .all(|name| {
                let name = name.as_bytes();
                str::from_utf8(name).is_ok_and(|name| SetName::new(name).is_ok())
            })
    }
}

impl Text for AnyElement {
    fn print(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::Addresses(addresses) => addresses.print(f),
            Self::Port(port) => port.print(f),
            Self::Ports(ports) => ports.print(f),
            Self::Mac(mac) => mac.print(f),
            Self::Mark(mark) => mark.print(f),
            Self::Interface(interface) => interface.print(f),
            Self::Member(member) => member.print(f),
        }
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, dimension: &Dimension) -> Result<Self, Flaw> {
        Ok(match dimension {
            Dimension::Ip(_) => Self::Addresses(Text::parse(parts, dimension)?),
            Dimension::Port => Self::Port(Text::parse(parts, dimension)?),
            Dimension::Ports => Self::Ports(Text::parse(parts, dimension)?),
            Dimension::Mac => Self::Mac(MacAddress::parse(parts, dimension)?.into()),
            Dimension::MaybeMac => Self::Mac(Text::parse(parts, dimension)?),
            Dimension::Mark => Self::Mark(Text::parse(parts, dimension)?),
            Dimension::Interface => Self::Interface(Text::parse(parts, dimension)?),
            Dimension::Member => Self::Member(Box::new(Text::parse(parts, dimension)?)),
        })
    }

    fn is_plain(&self) -> bool {
        match self {
            Self::Interface(interface) => interface.is_plain(),
            Self::Member(member) => member.is_plain(),
            _ => true,
        }
    }

    fn is_wildcard(&self) -> bool {
        matches!(self, Self::Interface(interface) if interface.is_wildcard())
    }
}

/// A port as it is displayed.
#[cfg(feature = "serde")]
pub(crate) fn read_whole_port(text: &str) -> Option<Port> {
    let context = Context {
        names: &(),
        family: None,
        wildcard: false,
        place: None,
    };
    let mut parts = Parts::new(Piece { text, at: 0 }, &context);
    let port = Port::parse(&mut parts, &Dimension::Port).ok()?;
    parts.rest.is_none().then_some(port)
}
