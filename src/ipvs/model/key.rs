use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZeroU32;
use std::str::FromStr;

use crate::{Error, Result};

/// An address family: IPv4 or IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "serde", serde(rename_all = "lowercase"))]
pub enum Family {
    /// IPv4.
    Ipv4,
    /// IPv6.
    Ipv6,
}

impl Family {
    /// Returns the family of an address. An IPv4-mapped IPv6 address is an IPv6 address.
    pub fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(_) => Self::Ipv4,
            IpAddr::V6(_) => Self::Ipv6,
        }
    }
}

impl fmt::Display for Family {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ipv4 => "IPv4",
            Self::Ipv6 => "IPv6",
        })
    }
}

/// A transport protocol, identified by its number.
///
/// IPVS balances TCP, UDP and SCTP. Its netlink interface also accepts and reports services of
/// other protocols, but no packet ever matches them:
/// [`VirtualService::warnings`](crate::ipvs::VirtualService::warnings) reports this.
///
/// `FromStr` accepts a name, in upper or lower case, or a number:
///
/// ```
/// use ipvset::ipvs::Protocol;
///
/// assert_eq!("TCP".parse::<Protocol>()?, Protocol::TCP);
/// assert_eq!("tcp".parse::<Protocol>()?, Protocol::TCP);
/// assert_eq!("132".parse::<Protocol>()?, Protocol::SCTP);
/// # Ok::<(), ipvset::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Protocol(u16);

impl Protocol {
    /// TCP.
    pub const TCP: Self = Self(6);
    /// UDP.
    pub const UDP: Self = Self(17);
    /// SCTP.
    pub const SCTP: Self = Self(132);

    /// Returns the protocol with this number. IPVS uses 16 bits for it.
    pub const fn from_number(number: u16) -> Self {
        Self(number)
    }

    /// Returns the protocol's number.
    pub const fn number(self) -> u16 {
        self.0
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::TCP => f.pad("TCP"),
            Self::UDP => f.pad("UDP"),
            Self::SCTP => f.pad("SCTP"),
            Self(number) => f.pad(&number.to_string()),
        }
    }
}

impl FromStr for Protocol {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        [Self::TCP, Self::UDP, Self::SCTP]
            .into_iter()
            .find(|it| it.to_string().eq_ignore_ascii_case(text))
            .or_else(|| text.parse().ok().map(Self::from_number))
            .ok_or_else(|| {
                let why = format!("{text:?} is not tcp, udp, sctp or a number up to 65535");
                Error::refused("read protocol", why)
            })
    }
}

impl fmt::Debug for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The identity of a virtual service: the part of its configuration that can't be changed.
///
/// Methods that need to know only which service is meant, for example to remove it or to add a
/// server to it, take a key. As text, a key has the form of `ipvsadm`'s options:
///
/// ```
/// use ipvset::ipvs::{ServiceKey, VirtualService};
///
/// let key = ServiceKey::tcp("10.100.100.100:8080".parse()?);
/// assert_eq!(key.to_string(), "-t 10.100.100.100:8080");
/// assert_eq!("-t 10.100.100.100:8080".parse::<ServiceKey>()?, key);
/// assert_eq!("-f 7 -6".parse::<ServiceKey>()?.family(), ipvset::ipvs::Family::Ipv6);
/// assert_eq!(ServiceKey::from(&VirtualService::new(key)), key);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ServiceKey {
    /// A protocol, an address and a port. Port 0 stands for every port of the address that has no
    /// service of its own. A service with port 0 needs persistence.
    #[non_exhaustive]
    Address {
        /// The transport protocol.
        protocol: Protocol,
        /// The virtual address and port.
        address: SocketAddr,
    },
    /// A mark that a firewall rule puts on packets. The same mark can have two services, one for
    /// each family.
    #[non_exhaustive]
    FirewallMark {
        /// The mark.
        mark: NonZeroU32,
        /// The family of the packets.
        family: Family,
    },
}

impl ServiceKey {
    /// Returns the key of a TCP service.
    pub const fn tcp(address: SocketAddr) -> Self {
        Self::address(Protocol::TCP, address)
    }

    /// Returns the key of a UDP service.
    pub const fn udp(address: SocketAddr) -> Self {
        Self::address(Protocol::UDP, address)
    }

    /// Returns the key of an SCTP service.
    pub const fn sctp(address: SocketAddr) -> Self {
        Self::address(Protocol::SCTP, address)
    }

    /// Returns the key of a service of any protocol.
    pub const fn address(protocol: Protocol, address: SocketAddr) -> Self {
        Self::Address { protocol, address }
    }

    /// Returns the key of the service for packets of a family that carry a firewall mark.
    pub const fn firewall_mark(mark: NonZeroU32, family: Family) -> Self {
        Self::FirewallMark { mark, family }
    }

    /// Returns the family of the packets that the service handles.
    pub fn family(&self) -> Family {
        match self {
            Self::Address { address, .. } => Family::of(address.ip()),
            Self::FirewallMark { family, .. } => *family,
        }
    }

    /// Returns the virtual address and port, or `None` for a firewall mark.
    pub fn socket_address(&self) -> Option<SocketAddr> {
        match self {
            Self::Address { address, .. } => Some(*address),
            Self::FirewallMark { .. } => None,
        }
    }

    /// Returns the transport protocol, or `None` for a firewall mark.
    pub fn protocol(&self) -> Option<Protocol> {
        match self {
            Self::Address { protocol, .. } => Some(*protocol),
            Self::FirewallMark { .. } => None,
        }
    }

    /// Checks the address. The error says why it is invalid.
    pub(in crate::ipvs) fn check(&self) -> Result<(), String> {
        match self {
            Self::Address { address, .. } => check_scope(address),
            Self::FirewallMark { .. } => Ok(()),
        }
    }
}

impl From<&ServiceKey> for ServiceKey {
    fn from(key: &ServiceKey) -> Self {
        *key
    }
}

/// Refuses an IPv6 address with a scope or flow. IPVS has no field for them, so they would be
/// lost.
pub(in crate::ipvs) fn check_scope(address: &SocketAddr) -> Result<(), String> {
    match address {
        SocketAddr::V6(v6) if v6.scope_id() != 0 || v6.flowinfo() != 0 => Err(format!(
            "{address} has a scope or flow, which IPVS can't keep"
        )),
        _ => Ok(()),
    }
}
