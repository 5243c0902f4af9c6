//! The text of elements: `10.0.0.0/8`, `tcp:80`, `physdev:eth0`.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::str;

use ipnet::IpNet;

use super::icmp::{icmp_message, icmp_name};
use super::piece::{Flaw, Piece};
use super::value::{Carried, Medium, Sink, print_name};
use crate::Names;
use crate::ipset::model::element::only_family;
use crate::ipset::model::element::{Dimension, Span};
use crate::ipset::model::types::Definition;
use crate::ipset::{
    Addresses, AnyElement, Interface, Ipv4Range, MacAddress, Mark, Member, Neighbor, OptionalMac,
    Port, PortRange, SetName,
};
use crate::{Family, Protocol};

/// What reading an element depends on, in addition to its text.
pub(crate) struct Context<'a> {
    pub(crate) names: &'a dyn Names,
    /// The set's family, if the set is known.
    pub(crate) family: Option<Family>,
    /// Whether the entry has the option `wildcard`.
    pub(crate) wildcard: bool,
    /// The neighbor, if the entry has the option `before` or `after`.
    pub(crate) place: Option<Neighbor>,
}

/// The elements of an entry, separated by commas.
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

    /// Returns the next element, if there is one.
    #[inline]
    fn next(&mut self) -> Option<Piece<'a>> {
        self.taken += 1;
        let rest = self.rest?;
        let (part, rest) = match rest.split(b',') {
            Some((part, rest)) => (part, Some(rest)),
            None => (rest, None),
        };
        self.rest = rest;
        (!part.text.is_empty()).then_some(part)
    }

    /// Returns the whole rest, with its commas.
    fn all(&mut self) -> Option<Piece<'a>> {
        self.taken += 1;
        self.rest.take()
    }

    /// Returns true if nothing is left, not even a comma.
    fn at_end(&self) -> bool {
        self.rest.is_none()
    }

    /// Returns the next element, or an error if there is none.
    #[inline]
    pub(crate) fn expect(&mut self) -> Result<Piece<'a>, Flaw> {
        self.next().ok_or_else(|| {
            let which = ["No", "First", "Second", "Third"];
            let which = which.get(self.taken).unwrap_or(&"Another");
            let end = Piece {
                text: b"",
                at: self.whole.at + self.whole.text.len(),
            };
            end.flaw(format!(
                "{which} element is missing from {}.",
                self.whole.shown()
            ))
        })
    }

    /// Returns the error for a type with another number of elements than its definition.
    #[cold]
    pub(crate) fn miscounted(&self) -> Flaw {
        self.whole
            .flaw("this type of set has another number of elements")
    }

    /// Refuses further elements. Has to be called after the last element was read.
    pub(crate) fn finish(&self, definition: &Definition) -> Result<(), Flaw> {
        let Some(rest) = self.rest else {
            return Ok(());
        };
        let (text, name) = (self.whole.shown(), definition.name);
        Err(rest.flaw(match definition.dimensions.len() {
            1 => format!("Elem separator in {text}, but settype {name} supports none."),
            2 => format!("Two elem separators in {text}, but settype {name} supports one."),
            _ => format!("Three elem separators in {text}, but settype {name} supports two."),
        }))
    }
}

/// An element that has a text in the tool's syntax.
pub(crate) trait Text {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result;

    fn parse(parts: &mut Parts<'_>, dimension: &Dimension) -> Result<Self, Flaw>
    where
        Self: Sized;

    /// Returns true if the element has any text.
    fn is_present(&self) -> bool {
        true
    }

    /// Returns how the text represents the element. The syntax may not be able to represent an
    /// element that another program gave to the kernel.
    fn carried(&self, _: Medium) -> Carried {
        Carried::Plain
    }

    /// Returns true if the element has the option `wildcard`.
    fn is_wildcard(&self) -> bool {
        false
    }

    /// Returns the family, if the tool accepts the element only in sets of one family.
    fn family(&self) -> Option<Family> {
        None
    }
}

/// Writes an address as C's `inet_ntop` does: ::1.2.3.4, where Rust writes ::102:304.
pub(crate) fn print_address(address: IpAddr, out: &mut (impl fmt::Write + ?Sized)) -> fmt::Result {
    if let IpAddr::V6(address) = address {
        if (0x1_0000..=u32::MAX.into()).contains(&address.to_bits()) {
            return write!(out, "::{}", Ipv4Addr::from_bits(address.to_bits() as u32));
        }
    }
    write!(out, "{address}")
}

#[inline]
pub(crate) fn read_address(piece: Piece<'_>, context: &Context<'_>) -> Result<IpAddr, Flaw> {
    let name = piece.bare();
    match name.parse() {
        Some(address) => Ok(address),
        None => read_odd_address(name, context)
            .ok_or_else(|| piece.flaw(format!("cannot parse '{}' as an address", piece.shown()))),
    }
}

/// Reads a name of a host, or an address in an older form.
#[cold]
fn read_odd_address(piece: Piece<'_>, context: &Context<'_>) -> Option<IpAddr> {
    let host = str::from_utf8(piece.text).ok()?;
    let asked = is_host_name(host) || is_old_address(piece);
    asked.then(|| context.names.address(host, context.family))?
}

/// Returns true if the text can be the name of a host, rather than a malformed address.
fn is_host_name(host: &str) -> bool {
    let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let last = host.rsplit('.').next().unwrap_or_default();
    let is_number = last.starts_with(|c: char| c.is_ascii_digit())
        && (last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit()));
    !host.is_empty() && host.chars().all(is_name) && !is_number
}

/// Returns true if C's `inet_aton` reads the text: numbers that are octal after a zero, the last of
/// which stands for all remaining bytes. The tool does not accept hexadecimal numbers.
fn is_old_address(piece: Piece<'_>) -> bool {
    let mut rest = piece;
    for place in 0..4 {
        let (part, behind) = match rest.split(b'.') {
            Some((part, behind)) => (part, Some(behind)),
            None => (rest, None),
        };
        let most = match behind {
            Some(_) => 0xff,
            None => u32::MAX >> (8 * place),
        };
        let digits = part.text.iter().all(u8::is_ascii_digit);
        if !digits || part.number(0, most.into()).is_err() {
            return false;
        }
        match behind {
            Some(behind) => rest = behind,
            None => return true,
        }
    }
    false
}

impl Text for IpAddr {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        print_address(*self, out)
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        read_address(parts.expect()?, parts.context)
    }

    fn family(&self) -> Option<Family> {
        Some(Family::of(*self))
    }
}

impl Text for Addresses {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        match self {
            Self::One(address) => print_address(*address, out),
            Self::Range(range) => write!(out, "{range}"),
            Self::Network(network) => {
                print_address(network.addr(), out)?;
                write!(out, "/{}", network.prefix_len())
            }
        }
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, dimension: &Dimension) -> Result<Self, Flaw> {
        let part = parts.expect()?;
        let single = matches!(dimension, Dimension::Ip(ip) if ip.span == Span::One);
        if single && (part.split(b'/').is_some() || part.split(b'-').is_some()) {
            let text = part.shown();
            return Err(part.flaw(format!("plain IP address must be supplied: {text}")));
        }
        read_addresses(part, parts.context)
    }

    fn family(&self) -> Option<Family> {
        Some(match self {
            Self::One(address) => Family::of(*address),
            Self::Range(_) => Family::Ipv4,
            Self::Network(network) => Family::of(network.addr()),
        })
    }
}

/// Reads an address, a network or a range.
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
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        write!(out, "{}:", self.protocol())?;
        let Some((kind, code)) = self.icmp() else {
            return write!(out, "{}", self.ports());
        };
        match icmp_name(self.protocol() == Protocol::ICMPV6, kind, code) {
            Some(name) => out.write_str(name),
            None => write!(out, "{kind}/{code}"),
        }
    }

    fn family(&self) -> Option<Family> {
        only_family(self.protocol())
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let part = parts.expect()?;
        let (protocol, port) = match part.split(b':') {
            Some((protocol, port)) => (self::protocol(protocol, parts.context)?, port),
            None => (Protocol::TCP, part),
        };
        if let (Some(needed), Some(family)) = (only_family(protocol), parts.context.family) {
            if needed != family {
                return Err(part.flaw(only_in(needed)));
            }
        }
        let ports = match protocol {
            Protocol::ICMP | Protocol::ICMPV6 => read_icmp(port, protocol == Protocol::ICMPV6)?,
            _ if protocol.has_ports() => read_ports(port, protocol, parts.context)?,
            _ if port.text == b"0" => 0.into(),
            _ => {
                return Err(port.flaw(format!(
                    "Protocol {protocol} can be used with pseudo port value 0 only."
                )));
            }
        };
        Self::from_parts(protocol, ports)
            .ok_or_else(|| part.flaw("a set contains protocols up to 255 only"))
    }
}

/// Returns the reason why ICMP is refused in a set of another family than the one that it needs.
#[cold]
pub(crate) fn only_in(family: Family) -> &'static str {
    match family {
        Family::Ipv4 => "Protocol ICMP can be used with family inet only",
        Family::Ipv6 => "Protocol ICMPv6 can be used with family inet6 only",
    }
}

#[inline]
fn protocol(piece: Piece<'_>, context: &Context<'_>) -> Result<Protocol, Flaw> {
    match piece.text {
        b"tcp" => Ok(Protocol::TCP),
        b"udp" => Ok(Protocol::UDP),
        _ => read_other_protocol(piece, context.names)
            .ok_or_else(|| piece.flaw(format!("cannot parse '{}' as a protocol", piece.shown()))),
    }
}

/// Reads the name or number of a protocol. The name may be one that only `names` knows.
fn read_other_protocol(piece: Piece<'_>, names: &dyn Names) -> Option<Protocol> {
    let name = str::from_utf8(piece.text).ok()?;
    let named = names.protocol(name).or_else(|| Protocol::from_name(name));
    let number = || piece.number(1, u8::MAX.into()).ok();
    named.or_else(|| number().map(|it| Protocol::from_number(it as u16)))
}

fn read_icmp(piece: Piece<'_>, version6: bool) -> Result<PortRange, Flaw> {
    let name = str::from_utf8(piece.bare().text).ok();
    let (kind, code) = match name.and_then(|name| icmp_message(version6, name)) {
        Some(message) => message,
        None => {
            let (kind, code) = piece.split(b'/').ok_or_else(|| {
                let version = if version6 { "v6" } else { "" };
                let text = piece.shown();
                piece.flaw(format!(
                    "Cannot parse {text} as an ICMP{version} type/code."
                ))
            })?;
            (kind.number(0, 255)? as u8, code.number(0, 255)? as u8)
        }
    };
    Ok(u16::from_be_bytes([kind, code]).into())
}

/// Reads a port, or two ports with a dash between them.
#[inline]
fn read_ports(
    piece: Piece<'_>,
    protocol: Protocol,
    context: &Context<'_>,
) -> Result<PortRange, Flaw> {
    match piece.split(b'-') {
        // This reports a negative number as out of range.
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
    let service = str::from_utf8(piece.bare().text).ok();
    let port = |service| context.names.port(service, protocol);
    service.and_then(port).ok_or(flaw)
}

impl Text for PortRange {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        read_plain_ports(parts.expect()?, parts.context)
    }
}

/// Reads ports of a set that does not store the protocol. A protocol only selects the meaning of a
/// service's name.
pub(crate) fn read_plain_ports(part: Piece<'_>, context: &Context<'_>) -> Result<PortRange, Flaw> {
    let (protocol, ports) = match part.split(b':') {
        None => (Protocol::TCP, part),
        Some((protocol, ports)) => match self::protocol(protocol, context)? {
            it @ (Protocol::TCP | Protocol::UDP) => (it, ports),
            _ => return Err(protocol.flaw("only the protocols tcp and udp are known here")),
        },
    };
    read_ports(ports, protocol, context)
}

impl Text for MacAddress {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        read_mac(parts.expect()?)
    }
}

fn read_mac(piece: Piece<'_>) -> Result<MacAddress, Flaw> {
    piece.parse().ok_or_else(|| {
        let text = piece.shown();
        piece.flaw(format!("cannot parse '{text}' as ethernet address"))
    })
}

impl Text for OptionalMac {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        match parts.at_end() {
            true => Ok(Self(None)),
            false => read_mac(parts.expect()?).map(Into::into),
        }
    }

    fn is_present(&self) -> bool {
        self.0.is_some()
    }
}

impl Text for Mark {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        write!(out, "{self}")
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let mark = parts.expect()?.number(0, u32::MAX.into())?;
        Ok(Self(mark as u32))
    }
}

/// The prefix of the name of a bridge's port.
const PHYSDEV: &[u8] = b"physdev:";

impl Text for Interface {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        if self.is_physdev() {
            out.bytes(PHYSDEV)?;
        }
        out.bytes(self.name())
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        let part = parts.expect()?;
        let (name, physdev) = match part.text.strip_prefix(PHYSDEV) {
            Some(name) => (name, true),
            None => (part.text, false),
        };
        let mut interface = Self::existing(name).map_err(|error| part.flaw(error.reason()))?;
        if physdev {
            interface = interface.physdev();
        }
        if parts.context.wildcard {
            interface = interface.wildcard();
        }
        Ok(interface)
    }

    fn carried(&self, medium: Medium) -> Carried {
        let name = self.name();
        let another = !self.is_physdev() && name.starts_with(PHYSDEV);
        match another || name.contains(&b',') {
            true => Carried::Not,
            false => Carried::word(name, medium),
        }
    }

    fn is_wildcard(&self) -> bool {
        Self::is_wildcard(self)
    }
}

fn read_member(piece: Piece<'_>) -> Result<SetName, Flaw> {
    SetName::existing(piece.text).map_err(|error| piece.flaw(error.reason()))
}

/// Returns true if commas are part of a name. For the tool, they are if one is the first or the
/// last character.
fn is_one_name(text: &[u8]) -> bool {
    text.starts_with(b",") || text.ends_with(b",") || !text.contains(&b',')
}

impl Text for Member {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        print_name(self.name().as_bytes(), out)?;
        let (word, other) = match self.place() {
            None => return Ok(()),
            Some(Neighbor::Before(other)) => (" before ", other),
            Some(Neighbor::After(other)) => (" after ", other),
        };
        out.write_str(word)?;
        print_name(other.as_bytes(), out)
    }

    fn parse(parts: &mut Parts<'_>, _: &Dimension) -> Result<Self, Flaw> {
        if is_one_name(parts.whole.text) {
            let name = parts.all().filter(|name| !name.text.is_empty());
            let name = name.ok_or_else(|| parts.whole.flaw("the member's name is missing"))?;
            return Ok(Self::from(read_member(name)?).with_neighbor(parts.context.place));
        }
        let member = Self::from(read_member(parts.expect()?)?);
        let word = parts.expect()?;
        if parts.context.place.is_some() {
            return Err(word.flaw("mixed syntax, before|after option already used"));
        }
        let place = match word.text {
            b"before" => Neighbor::Before,
            b"after" => Neighbor::After,
            _ => return Err(word.flaw("expected 'before' or 'after'")),
        };
        let other = read_member(parts.expect()?)?;
        Ok(member.with_neighbor(Some(place(other))))
    }

    /// Each name has its own quotes.
    fn carried(&self, medium: Medium) -> Carried {
        let name = self.name().as_bytes();
        let other = self
            .place()
            .map(|(Neighbor::Before(it) | Neighbor::After(it))| it.as_bytes());
        let mut names = std::iter::once(name).chain(other);
        match is_one_name(name) && names.all(|it| Carried::name(it, medium) != Carried::Not) {
            true => Carried::Plain,
            false => Carried::Not,
        }
    }
}

impl AnyElement {
    fn text(&self) -> &dyn Text {
        match self {
            Self::Addresses(addresses) => addresses,
            Self::Port(port) => port,
            Self::Ports(ports) => ports,
            Self::Mac(mac) => mac,
            Self::Mark(mark) => mark,
            Self::Interface(interface) => interface,
            Self::Member(member) => &**member,
        }
    }
}

impl Text for AnyElement {
    fn print(&self, out: &mut dyn Sink) -> fmt::Result {
        self.text().print(out)
    }

    #[inline]
    fn parse(parts: &mut Parts<'_>, dimension: &Dimension) -> Result<Self, Flaw> {
        Ok(match dimension {
            Dimension::Ip(_) => Self::Addresses(Text::parse(parts, dimension)?),
            Dimension::Port => Self::Port(Text::parse(parts, dimension)?),
            Dimension::Ports => Self::Ports(Text::parse(parts, dimension)?),
            Dimension::Mac => Self::Mac(MacAddress::parse(parts, dimension)?.into()),
            Dimension::OptionalMac => Self::Mac(Text::parse(parts, dimension)?),
            Dimension::Mark => Self::Mark(Text::parse(parts, dimension)?),
            Dimension::Interface => Self::Interface(Text::parse(parts, dimension)?),
            Dimension::Member => Self::Member(Box::new(Text::parse(parts, dimension)?)),
        })
    }

    fn is_present(&self) -> bool {
        self.text().is_present()
    }

    fn carried(&self, medium: Medium) -> Carried {
        self.text().carried(medium)
    }

    fn is_wildcard(&self) -> bool {
        self.text().is_wildcard()
    }

    fn family(&self) -> Option<Family> {
        self.text().family()
    }
}

/// Reads a port in the form in which it is displayed.
#[cfg(feature = "serde")]
pub(crate) fn read_whole_port(text: &str) -> Option<Port> {
    let context = Context {
        names: &(),
        family: None,
        wildcard: false,
        place: None,
    };
    let mut parts = Parts::new(Piece::line(text.as_bytes()), &context);
    let port = Port::parse(&mut parts, &Dimension::Port).ok()?;
    parts.rest.is_none().then_some(port)
}
